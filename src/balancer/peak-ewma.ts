// Peak EWMA: the load of an endpoint is what one more request would cost there, latency × requests waiting.
//
// Finagle's PeakEwma. The average is sensitive to peaks: a higher sample replaces it at once, lower ones pull it down
// only with time, so an endpoint that stalls is left alone within one response and is trusted again slowly. While
// nothing is observed the average decays towards 0, so that an endpoint avoided for an old peak is tried again.

import type { LoadMeter } from './balancer.js';

/**
 * Load of an endpoint of which no latency is known and which has a request out already. An endpoint without history
 * costs nothing while it is idle, so it gets its first request at once and no second before it has answered: one
 * that never answers must not swallow all traffic.
 */
const PENALTY = Number.MAX_VALUE / 2;

export class PeakEwma implements LoadMeter {
  readonly #decayTimeMs: number;
  #averageMs = 0;
  #updatedAt: number;
  #outstanding = 0;

  /** `decayTimeMs`: after this long without a sample, 1/e of the average is left. `now` is `clock.now()`. */
  constructor(decayTimeMs: number, now: number) {
    this.#decayTimeMs = decayTimeMs;
    this.#updatedAt = now;
  }

  load(now: number): number {
    this.#observe(0, now);
    // Adding the outstanding requests to the penalty would be lost in rounding: the double is too large.
    if (this.#averageMs === 0) return this.#outstanding === 0 ? 0 : PENALTY;
    return this.#averageMs * (this.#outstanding + 1);
  }

  start(): void {
    this.#outstanding += 1;
  }

  finish(now: number, startedAt: number): void {
    this.#outstanding -= 1;
    this.#observe(Math.max(0, now - startedAt), now);
  }

  #observe(latencyMs: number, now: number): void {
    const elapsed = Math.max(0, now - this.#updatedAt);
    this.#updatedAt = now;
    if (latencyMs > this.#averageMs) {
      this.#averageMs = latencyMs;
    } else if (elapsed > 0) {
      const kept = Math.exp(-elapsed / this.#decayTimeMs);
      this.#averageMs = this.#averageMs * kept + latencyMs * (1 - kept);
    }
  }
}
