// Weighted groups: the members of a balancer by weight; out comes the picker of one group, chosen by its share of traffic.

import type { Random } from '../base/random.js';
import type { Balanced } from './balancer.js';

/** Never empty. */
export type Group<T> = readonly T[];

/** Picks within one group. Lives through changes of the set, as long as there are members of that weight. */
export interface GroupPicker<T extends Balanced> {
  /** Replaces the members. Never called from within `pick`. */
  update(members: Group<T>): void;
  /** Called after a first `update`. Available or not: the balancer asks. Hot path. */
  pick(now: number): T;
}

export class WeightedGroups<T extends Balanced> {
  /** Those that get requests: without those of weight 0. */
  members: readonly T[] = [];
  readonly #makePicker: () => GroupPicker<T>;
  #byWeight: ReadonlyMap<number, GroupPicker<T>> = new Map();
  #pickers: readonly GroupPicker<T>[] = [];
  /** `#shares[i]` is the weight × size of group i and all before it; the last one is the total. */
  #shares: readonly number[] = [];

  constructor(makePicker: () => GroupPicker<T>) {
    this.#makePicker = makePicker;
  }

  /**
   * Replaces the members. Those of weight 0 are left out, so that an operator can drain an endpoint by its weight;
   * when all have weight 0 they share alike, because a service with endpoints must not answer "no hosts".
   */
  update(members: readonly T[]): void {
    const groups = new Map<number, T[]>();
    for (const member of members) {
      if (member.weight <= 0) continue;
      const group = groups.get(member.weight);
      if (group) group.push(member);
      else groups.set(member.weight, [member]);
    }
    if (groups.size === 0 && members.length > 0) groups.set(1, [...members]);

    let total = 0;
    const byWeight = new Map<number, GroupPicker<T>>();
    this.#shares = Array.from(groups, ([weight, group]) => {
      const picker = this.#byWeight.get(weight) ?? this.#makePicker();
      picker.update(group);
      byWeight.set(weight, picker);
      total += weight * group.length;
      return total;
    });
    this.#byWeight = byWeight;
    this.#pickers = [...byWeight.values()];
    this.members = [...groups.values()].flat();
  }

  /** A group's picker, with probability weight × size / total; undefined when there are no members. Hot path. */
  choose(random: Random): GroupPicker<T> | undefined {
    const last = this.#pickers.length - 1;
    if (last <= 0) return this.#pickers[0];
    const at = random() * (this.#shares[last] as number);
    let i = 0;
    while (i < last && at >= (this.#shares[i] as number)) i += 1;
    return this.#pickers[i];
  }
}
