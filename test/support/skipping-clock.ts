// SkippingClock: real time that a test can skip some of, so that a linger of ten seconds takes none.

import type { Clock, TimerHandle } from '../../src/base/clock.js';
import { realClock } from '../../src/base/clock.js';

interface Timer {
  readonly dueAt: number;
  readonly callback: () => void;
  handle: TimerHandle;
}

export class SkippingClock implements Clock {
  #skipped = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return realClock.now() + this.#skipped;
  }

  epochMs(): number {
    return realClock.epochMs() + this.#skipped;
  }

  after(delayMs: number, callback: () => void): TimerHandle {
    const timer: Timer = { dueAt: this.now() + Math.max(0, delayMs), callback, handle: NO_TIMER };
    this.#timers.add(timer);
    this.#arm(timer);
    return {
      cancel: () => {
        timer.handle.cancel();
        this.#timers.delete(timer);
      },
    };
  }

  /** It is `ms` later: what has fallen due is called now, in order of time; the rest comes that much earlier. */
  skip(ms: number): void {
    this.#skipped += ms;
    const now = this.now();
    const waiting = [...this.#timers].sort((a, b) => a.dueAt - b.dueAt);
    for (const timer of waiting) {
      // One that was called before it may have cancelled it.
      if (!this.#timers.has(timer)) continue;
      timer.handle.cancel();
      if (timer.dueAt <= now) this.#fire(timer);
      else this.#arm(timer);
    }
  }

  #arm(timer: Timer): void {
    timer.handle = realClock.after(timer.dueAt - this.now(), () => this.#fire(timer));
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer);
    timer.callback();
  }
}

const NO_TIMER: TimerHandle = { cancel: () => {} };
