// Ticker: one timer for all that must not wait too long; ticks out to each of them while there are any.
//
// A member notes the tick at which it began to wait, which costs one stored number, and compares at each tick. Ticks are
// counted, not measured, so a process that stood still for a while finds nobody guilty of having been silent meanwhile.

import type { Clock } from './clock.js';

export interface Ticking {
  /** Called at each tick. May add and remove members. Must not throw. */
  tick(): void;
}

/** A tick is a quarter of the shortest limit, but no shorter or longer than these. */
const SHORTEST_TICK_MS = 10;
const LONGEST_TICK_MS = 1000;

export class Ticker {
  /** Grows by one at each tick, while there are members. */
  now = 0;
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #members = new Set<Ticking>();
  #isRunning = false;

  /** `limitsMs`: what members will measure, in ms. Infinity and 0 need no ticks. */
  constructor(clock: Clock, limitsMs: readonly number[]) {
    this.#clock = clock;
    const shortest = Math.min(...limitsMs.filter((ms) => ms > 0));
    this.#tickMs = Math.max(SHORTEST_TICK_MS, Math.min(LONGEST_TICK_MS, shortest / 4));
  }

  add(member: Ticking): void {
    this.#members.add(member);
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#schedule();
  }

  delete(member: Ticking): void {
    this.#members.delete(member);
  }

  /**
   * Whoever has waited for so many ticks has waited for at least `ms`, and for little more than a tick longer. 0 is no tick,
   * Infinity never.
   */
  ticksOf(ms: number): number {
    return ms === 0 ? 0 : Math.ceil(ms / this.#tickMs) + 1;
  }

  #schedule(): void {
    this.#clock.after(this.#tickMs, () => {
      this.now += 1;
      for (const member of this.#members) member.tick();
      if (this.#members.size > 0) this.#schedule();
      else this.#isRunning = false;
    });
  }
}
