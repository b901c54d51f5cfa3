// Kind `io.l5d.successRate`: an endpoint is dead when too few of its last requests succeeded.

import { z } from 'zod';
import { count } from '../../config/schema/scalars.js';
import { Ema } from '../base/ema.js';
import { defineKind } from '../base/kind.js';
import type { AccrualContext, AccrualFactory } from './accrual.js';
import { accrualKeys, makeAccrualFactory } from './accrual-config.js';
import type { DeathRule } from './dead-alive-probe.js';

/** Key of both kinds that go by a success rate. */
export const requiredSuccessRate = z
  .number()
  .min(0)
  .max(1)
  .describe('Share of requests, from 0 to 1, that must succeed: below it the endpoint is dead.');

export const successRate = defineKind({
  kind: 'io.l5d.successRate',
  description: 'Takes an endpoint out while too few of its last requests succeed.',
  config: z.strictObject({
    successRate: requiredSuccessRate,
    requests: count(1).describe('Requests over which the rate is averaged, and that must have ended before it counts.'),
    ...accrualKeys,
  }),
  make: (config, { random }: AccrualContext): AccrualFactory =>
    makeAccrualFactory(config, random, () => new SuccessRate(config.successRate, config.requests)),
});

/** Finagle's FailureAccrualPolicy.successRate: stamps of the average are numbers of requests. */
class SuccessRate implements DeathRule {
  readonly #required: number;
  readonly #requests: number;
  readonly #rate: Ema;
  #ended = 0;

  constructor(required: number, requests: number) {
    this.#required = required;
    this.#requests = requests;
    this.#rate = new Ema(requests);
  }

  failed(): boolean {
    this.#ended += 1;
    return this.#rate.update(this.#ended, 0) < this.#required && this.#ended >= this.#requests;
  }

  succeeded(): void {
    this.#ended += 1;
    this.#rate.update(this.#ended, 1);
  }

  revived(): void {
    this.#ended = 0;
    this.#rate.reset();
  }
}
