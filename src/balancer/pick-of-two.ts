// Power of two choices: two members taken at random, the better of them picked.
//
// Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001); as Finagle's P2C, availability counts
// before load.

import type { Random } from '../base/random.js';
import type { Balanced } from './balancer.js';
import type { Group, GroupPicker } from './weighted-groups.js';

export class PickOfTwo<T extends Balanced> implements GroupPicker<T> {
  readonly #random: Random;
  #members: Group<T> = [];

  constructor(random: Random) {
    this.#random = random;
  }

  update(members: Group<T>): void {
    this.#members = members;
  }

  pick(now: number): T {
    return pickOfTwo(this.#members, now, this.#random);
  }
}

export function pickOfTwo<T extends Balanced>(group: Group<T>, now: number, random: Random): T {
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
