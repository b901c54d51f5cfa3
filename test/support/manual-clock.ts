// ManualClock: time that moves only when a test says so.

import type { Clock, TimerHandle } from '../../src/base/clock.js';

interface Timer {
  readonly dueAt: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  #now = 0;
  readonly #epochStart: number;
  readonly #timers = new Set<Timer>();

  /** `epochStart` is what `epochMs` answers at the start. */
  constructor(epochStart = 1_700_000_000_000) {
    this.#epochStart = epochStart;
  }

  now(): number {
    return this.#now;
  }

  epochMs(): number {
    return this.#epochStart + this.#now;
  }

  after(delayMs: number, callback: () => void): TimerHandle {
    const timer: Timer = { dueAt: this.#now + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** Timers that have neither fired nor been cancelled. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Moves on by `ms`; what falls due on the way is called in order of time, each seeing `now()` as its own time. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (let timer = this.#nextDue(until); timer; timer = this.#nextDue(until)) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.dueAt);
      timer.callback();
    }
    this.#now = until;
  }

  /** Moves on by `ms` in which no timer runs, as when the event loop is held up: `advance` calls those that are late first. */
  stall(ms: number): void {
    this.#now += ms;
  }

  #nextDue(until: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (timer.dueAt <= until && (!next || timer.dueAt < next.dueAt)) next = timer;
    return next;
  }
}
