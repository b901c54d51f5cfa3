// MaxEffort: a balancer that picks again, `maxEffort` times, while what a group's picker picked is unavailable.

import type { Random } from '../base/random.js';
import type { Balanced, Balancer } from './balancer.js';
import { type GroupPicker, WeightedGroups } from './weighted-groups.js';

export class MaxEffort<T extends Balanced> implements Balancer<T> {
  effortExhausted = 0;
  readonly #groups: WeightedGroups<T>;
  readonly #maxEffort: number;
  readonly #random: Random;

  /** `maxEffort`: re-picks. Each chooses the group anew, as all of one weight may be down. */
  constructor(maxEffort: number, random: Random, makePicker: () => GroupPicker<T>) {
    this.#maxEffort = maxEffort;
    this.#random = random;
    this.#groups = new WeightedGroups(makePicker);
  }

  update(members: readonly T[]): void {
    this.#groups.update(members);
  }

  pick(now: number): T | undefined {
    let picked: T | undefined;
    for (let rePicks = 0; rePicks <= this.#maxEffort; rePicks++) {
      picked = this.#groups.choose(this.#random)?.pick(now);
      if (picked === undefined || picked.isAvailable(now)) return picked;
    }
    this.effortExhausted += 1;
    return picked;
  }
}
