// Power of two choices: two members taken at random, the better of them picked.
//
// Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001); as Finagle's P2C, availability counts
// before load.

import type { Random } from '../base/random.js';
import type { Balanced, Balancer } from './balancer.js';
import { type Group, WeightedGroups } from './weighted-groups.js';

export class P2c<T extends Balanced> implements Balancer<T> {
  effortExhausted = 0;
  readonly #groups = new WeightedGroups<T>();
  readonly #maxEffort: number;
  readonly #random: Random;

  /** `maxEffort`: re-picks while what was picked is unavailable. Each re-pick chooses the group anew. */
  constructor(maxEffort: number, random: Random) {
    this.#maxEffort = maxEffort;
    this.#random = random;
  }

  update(members: readonly T[]): void {
    this.#groups.update(members);
  }

  pick(now: number): T | undefined {
    let picked: T | undefined;
    for (let rePicks = 0; rePicks <= this.#maxEffort; rePicks++) {
      const group = this.#groups.choose(this.#random);
      if (group === undefined) return undefined;
      picked = pickOfTwo(group, now, this.#random);
      if (picked.isAvailable(now)) return picked;
    }
    this.effortExhausted += 1;
    return picked;
  }
}

function pickOfTwo<T extends Balanced>(group: Group<T>, now: number, random: Random): T {
  const size = group.length;
  if (size === 1) return group[0] as T;
  const i = Math.floor(random() * size);
  // Among the others, so that two distinct members are compared even in a group of two.
  const j = (i + 1 + Math.floor(random() * (size - 1))) % size;
  const a = group[i] as T;
  const b = group[j] as T;
  const aAvailable = a.isAvailable(now);
  if (aAvailable !== b.isAvailable(now)) return aAvailable ? a : b;
  return a.meter.load(now) <= b.meter.load(now) ? a : b;
}
