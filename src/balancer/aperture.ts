// Kind `aperture`: of two random endpoints of a subset the less loaded one; the subset is as large as the load needs.
//
// Finagle's load-band aperture. A gateway with little traffic keeps few endpoints busy instead of many nearly idle: fewer
// connections, all of them warm. Each gateway opens another random subset, so that together they use all endpoints.

import { z } from 'zod';
import { count } from '../../config/schema/scalars.js';
import { Ema } from '../base/ema.js';
import { defineKind } from '../base/kind.js';
import type { Random } from '../base/random.js';
import type { Balanced, BalancerContext, BalancerFactory } from './balancer.js';
import { enableProbation, maxEffort } from './balancer-config.js';
import { LeastLoaded } from './least-loaded.js';
import { MaxEffort } from './max-effort.js';
import { pickOfTwo } from './pick-of-two.js';
import type { Group, GroupPicker } from './weighted-groups.js';

/**
 * How often the load is measured and the aperture opened anew, at most. Both cost a look at each endpoint (microseconds at
 * 1,000), which is too much for each request; against a smoothing window of seconds nobody can tell the difference.
 */
const MEASURE_EVERY_MS = 10;

const loadBand = z.number().min(0);

export const aperture = defineKind({
  kind: 'aperture',
  description: 'Picks, of two random endpoints of a subset that grows with the load, the less loaded one.',
  config: z
    .strictObject({
      smoothWindowMs: count(1)
        .default(5000)
        .describe('Milliseconds over which the load is averaged before the subset follows it.'),
      lowLoad: loadBand.default(0.5).describe('The subset shrinks while its endpoints have fewer requests out each.'),
      highLoad: loadBand.default(2).describe('The subset grows while its endpoints have more requests out each.'),
      minAperture: count(1).default(1).describe('Endpoints that the subset has at least.'),
      maxEffort,
      enableProbation,
    })
    .refine(({ lowLoad, highLoad }) => lowLoad <= highLoad, {
      error: '`lowLoad` must not be above `highLoad`',
      path: ['lowLoad'],
    }),
  make: (config, { random }: BalancerContext): BalancerFactory => ({
    keepsRemoved: config.enableProbation,
    makeMeter: () => new LeastLoaded(),
    makeBalancer: () => new MaxEffort(config.maxEffort, random, () => new Aperture(config, random)),
  }),
});

interface LoadBand {
  readonly smoothWindowMs: number;
  readonly lowLoad: number;
  readonly highLoad: number;
  readonly minAperture: number;
}

/** The aperture of the endpoints of one weight. */
class Aperture<T extends Balanced> implements GroupPicker<T> {
  readonly #band: LoadBand;
  readonly #random: Random;
  readonly #load: Ema;
  /** Each member's place, drawn once: what is open changes at its edge only, so that connections stay warm. */
  #places: ReadonlyMap<T, number> = new Map();
  /** The members by place. */
  #order: readonly T[] = [];
  /** How many the load needs. */
  #width: number;
  /** The first `#width` members that are available. */
  #open: T[] = [];
  #measuredAt = Number.NEGATIVE_INFINITY;

  constructor(band: LoadBand, random: Random) {
    this.#band = band;
    this.#random = random;
    this.#load = new Ema(band.smoothWindowMs);
    this.#width = band.minAperture;
  }

  update(members: Group<T>): void {
    const places = new Map<T, number>();
    for (const member of members) places.set(member, this.#places.get(member) ?? this.#random());
    this.#places = places;
    this.#order = [...places].sort(([, a], [, b]) => a - b).map(([member]) => member);
    this.#open = this.#order.slice(0, this.#width);
    // Which of them are available is seen at the next pick.
    this.#measuredAt = Number.NEGATIVE_INFINITY;
  }

  pick(now: number): T {
    if (now - this.#measuredAt >= MEASURE_EVERY_MS) this.#measure(now);
    const picked = pickOfTwo(this.#open, now, this.#random);
    // One died since: the re-pick is among those that did not.
    if (!picked.isAvailable(now)) this.#reopen(now);
    return picked;
  }

  #measure(now: number): void {
    this.#measuredAt = now;
    let total = 0;
    for (const member of this.#open) total += member.meter.load(now);
    const load = this.#load.update(now, total);
    const { lowLoad, highLoad, minAperture } = this.#band;
    const max = this.#order.length;
    const min = Math.min(minAperture, max);
    let width = Math.min(Math.max(this.#width, min), max);
    while (width < max && load / width >= highLoad) width += 1;
    while (width > min && load / width <= lowLoad) width -= 1;
    this.#width = width;
    this.#reopen(now);
  }

  #reopen(now: number): void {
    const open = this.#open;
    open.length = 0;
    for (const member of this.#order) {
      if (open.length === this.#width) return;
      if (member.isAvailable(now)) open.push(member);
    }
    if (open.length === 0) this.#open = this.#order.slice(0, this.#width);
  }
}
