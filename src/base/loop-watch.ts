// LoopWatch: turns of the event loop in; how long what is read now may have waited before it was read out.
//
// A turn reads from every socket that has something, and runs timers when it has done so. When each of a thousand requests
// takes a millisecond, the turn takes a second: the next one reads what has waited for as long, and timeouts that begin with the
// reading end late by as much. The kernel does not tell when bytes came; but they came no earlier than the turn before.

import type { Clock } from './clock.js';

const TICK_MS = 20;
/** The shortest that timers have: the next turn. */
const NEXT_TURN_MS = 1;
/** Ticks this far apart, or the last this long ago: the loop is held up. Short pauses, of the collector above all, are not meant. */
const HELD_UP_MS = 50;

/** Costs two comparisons a question, and a timer while questions come. */
export class LoopWatch {
  readonly #clock: Clock;
  /** Begin of this turn's reads, as near as ticks tell, and of those of the turn before. */
  #turnAt = 0;
  #turnBefore = 0;
  #isRunning = false;
  #isAsked = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long a request that was read at `now` may have waited, in ms: 0 as long as the loop is not held up. */
  waitedMs(now: number): number {
    this.#isAsked = true;
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#turnAt = now;
      this.#turnBefore = now;
      this.#schedule(TICK_MS);
      return 0;
    }
    const isHeldUp = now - this.#turnAt >= HELD_UP_MS || this.#turnAt - this.#turnBefore >= HELD_UP_MS;
    return isHeldUp ? now - this.#turnBefore : 0;
  }

  #schedule(ms: number): void {
    this.#clock.after(ms, () => {
      this.#turnBefore = this.#turnAt;
      this.#turnAt = this.#clock.now();
      this.#isRunning = this.#isAsked;
      this.#isAsked = false;
      // After a long turn the next one is measured by itself: what it reads may have come just now.
      if (this.#isRunning) this.#schedule(this.#turnAt - this.#turnBefore >= HELD_UP_MS ? NEXT_TURN_MS : TICK_MS);
    });
  }
}
