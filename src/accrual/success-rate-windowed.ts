// Kind `io.l5d.successRateWindowed`: an endpoint is dead when too few requests of the last seconds succeeded.

import { z } from 'zod';
import { count } from '../../config/schema/scalars.js';
import { Ema } from '../base/ema.js';
import { defineKind } from '../base/kind.js';
import type { AccrualContext, AccrualFactory } from './accrual.js';
import { accrualKeys, makeAccrualFactory } from './accrual-config.js';
import type { DeathRule } from './dead-alive-probe.js';
import { requiredSuccessRate } from './success-rate.js';

/** Fewer requests in the window say nothing of the endpoint (Finagle's DefaultMinimumRequestThreshold). */
const MIN_REQUESTS = 5;

export const successRateWindowed = defineKind({
  kind: 'io.l5d.successRateWindowed',
  description: 'Takes an endpoint out while too few requests of the last seconds succeed.',
  config: z.strictObject({
    successRate: requiredSuccessRate,
    window: count(1).describe(
      'Seconds over which the rate is averaged, and that must have passed since the first request before it counts.',
    ),
    ...accrualKeys,
  }),
  make: (config, { random }: AccrualContext): AccrualFactory =>
    makeAccrualFactory(config, random, () => new SuccessRateWindowed(config.successRate, config.window * 1000)),
});

/** Finagle's FailureAccrualPolicy.successRateWithinDuration: stamps of the average are milliseconds. */
class SuccessRateWindowed implements DeathRule {
  readonly #required: number;
  readonly #windowMs: number;
  readonly #rate: Ema;
  /** When the last requests ended, a ring: the one to be replaced next is the oldest. */
  readonly #endedAt = new Float64Array(MIN_REQUESTS).fill(Number.NEGATIVE_INFINITY);
  #oldest = 0;
  /** A window must have passed since: the outcome of the very first requests is not yet a rate. */
  #since: number | undefined;

  constructor(required: number, windowMs: number) {
    this.#required = required;
    this.#windowMs = windowMs;
    this.#rate = new Ema(windowMs);
  }

  failed(now: number): boolean {
    const rate = this.#ended(now, 0);
    return rate < this.#required && this.#hasEnough(now);
  }

  succeeded(now: number): void {
    this.#ended(now, 1);
  }

  revived(now: number): void {
    this.#since = now;
    this.#endedAt.fill(Number.NEGATIVE_INFINITY);
    this.#rate.reset();
  }

  #ended(now: number, success: 0 | 1): number {
    this.#since ??= now;
    this.#endedAt[this.#oldest] = now;
    this.#oldest = (this.#oldest + 1) % MIN_REQUESTS;
    return this.#rate.update(now, success);
  }

  #hasEnough(now: number): boolean {
    const since = now - this.#windowMs;
    return (this.#since as number) <= since && (this.#endedAt[this.#oldest] as number) >= since;
  }
}
