// Backoff: endless sequences of waits, in milliseconds.

import type { Random } from './random.js';

/** A wait for each failure in a row. Immutable: `at(0)` follows the first failure. */
export type Backoff = () => BackoffSequence;

/** One run through a backoff; a new run starts over. */
export interface BackoffSequence {
  /** The next wait in milliseconds. */
  next(): number;
}

export function constantBackoff(ms: number): Backoff {
  return () => ({ next: () => ms });
}

/**
 * Finagle's `Backoff.equalJittered(start, maximum)`: half of the exponential value plus a random part of the other
 * half, so at least `minMs / 2 … minMs` first and never above `maxMs`.
 */
export function equalJitteredBackoff(minMs: number, maxMs: number, random: Random): Backoff {
  return () => {
    let attempt = 0;
    return {
      next: () => {
        const base = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 52));
        attempt += 1;
        const half = base / 2;
        // The first wait is exactly `minMs`, as Finagle's stream begins with `start`.
        return attempt === 1 ? minMs : Math.min(maxMs, half + random() * half);
      },
    };
  };
}

/** Finagle's `Backoff.decorrelatedJittered(start, maximum)`: random between `minMs` and three times the last wait. */
export function decorrelatedJitteredBackoff(minMs: number, maxMs: number, random: Random): Backoff {
  return () => {
    let last = minMs;
    return {
      next: () => {
        last = Math.min(maxMs, minMs + random() * Math.max(0, last * 3 - minMs));
        return last;
      },
    };
  };
}
