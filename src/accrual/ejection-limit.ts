// EjectionLimit: how many endpoints of one cluster may be out at once; deaths come in, and go out as allowed or refused.
//
// Asked at deaths and changes of the set only, which are rare, so it counts anew each time rather than keep a count that
// could drift from the truth.

import type { FailureAccrual } from './accrual.js';

/** An accrual that can be out: dead, due for a probe or being probed. */
export interface Ejectable extends FailureAccrual {
  readonly isOut: boolean;
  /** Makes it alive without a probe. */
  readmit(): void;
}

export class EjectionLimit {
  readonly #maxEjectedPercent: number;
  /** In the order in which they were made. */
  #members = new Set<Ejectable>();

  /** `maxEjectedPercent`: 0 to below 100. */
  constructor(maxEjectedPercent: number) {
    this.#maxEjectedPercent = maxEjectedPercent;
  }

  add(member: Ejectable): void {
    this.#members.add(member);
  }

  /** Forgets those that are not among `members`. If too many of the others are out now, some are let in again. */
  update(members: readonly FailureAccrual[]): void {
    const staying = new Set(members);
    this.#members = new Set([...this.#members].filter((member) => staying.has(member)));
    let surplus = this.#out() - this.#limit;
    for (const member of this.#members) {
      if (surplus <= 0) return;
      if (!member.isOut) continue;
      member.readmit();
      surplus -= 1;
    }
  }

  /** Whether `member`, alive so far, may die. One that left the set may: nobody is sent to it. */
  mayEject(member: Ejectable): boolean {
    return !this.#members.has(member) || this.#out() < this.#limit;
  }

  /** Rounded down, so that of a cluster of any size at least one endpoint stays. */
  get #limit(): number {
    return Math.floor((this.#members.size * this.#maxEjectedPercent) / 100);
  }

  #out(): number {
    let out = 0;
    for (const { isOut } of this.#members) if (isOut) out += 1;
    return out;
  }
}
