// Weighted groups: the members of a balancer by weight; out comes one group, chosen by its share of the traffic.

import type { Random } from '../base/random.js';
import type { Balanced } from './balancer.js';

/** Never empty. */
export type Group<T> = readonly T[];

export class WeightedGroups<T extends Balanced> {
  #groups: readonly Group<T>[] = [];
  /** `#shares[i]` is the weight × size of group i and all before it; the last one is the total. */
  #shares: readonly number[] = [];

  /**
   * Replaces the members. Those of weight 0 are left out, so that an operator can drain an endpoint by its weight;
   * when all have weight 0 they share alike, because a service with endpoints must not answer "no hosts".
   */
  update(members: readonly T[]): void {
    const byWeight = new Map<number, T[]>();
    for (const member of members) {
      if (member.weight <= 0) continue;
      const group = byWeight.get(member.weight);
      if (group) group.push(member);
      else byWeight.set(member.weight, [member]);
    }
    if (byWeight.size === 0 && members.length > 0) byWeight.set(1, [...members]);

    let total = 0;
    this.#shares = Array.from(byWeight, ([weight, group]) => {
      total += weight * group.length;
      return total;
    });
    this.#groups = [...byWeight.values()];
  }

  /** A group, with probability weight × size / total; undefined when there are no members. Hot path. */
  choose(random: Random): Group<T> | undefined {
    const last = this.#groups.length - 1;
    if (last <= 0) return this.#groups[0];
    const at = random() * (this.#shares[last] as number);
    let i = 0;
    while (i < last && at >= (this.#shares[i] as number)) i += 1;
    return this.#groups[i];
  }
}
