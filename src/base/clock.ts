// Time as an argument: this file alone reads the real clock. Tests pass test/support/manual-clock.ts.

// The global of this name is looked up by a getter, each time.
import { performance } from 'node:perf_hooks';

export interface TimerHandle {
  /** After this the callback is not called. Safe more than once. */
  cancel(): void;
}

export interface Clock {
  /** Monotonic milliseconds, with a fraction. Its zero has no meaning. */
  now(): number;
  /** Milliseconds since 1970. May jump. */
  epochMs(): number;
  /** Calls `callback` once, after `delayMs`. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): TimerHandle;
}

class RealTimer implements TimerHandle {
  readonly #timeout: NodeJS.Timeout;

  constructor(delayMs: number, callback: () => void) {
    this.#timeout = setTimeout(callback, delayMs);
    this.#timeout.unref();
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }
}

export const realClock: Clock = {
  now: () => performance.now(),
  epochMs: () => Date.now(),
  after: (delayMs, callback) => new RealTimer(delayMs, callback),
};
