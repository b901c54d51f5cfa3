// Kind `io.l5d.consecutiveFailures`: an endpoint is dead after so many failures in a row.

import { z } from 'zod';
import { count } from '../../config/schema/scalars.js';
import { type Backoff, equalJitteredBackoff } from '../base/backoff.js';
import { backoffConfig, makeBackoff } from '../base/backoff-config.js';
import { defineKind } from '../base/kind.js';
import type { Random } from '../base/random.js';

import type { AccrualContext, AccrualFactory } from './accrual.js';
import { DeadAliveProbe, type DeathRule } from './dead-alive-probe.js';

const DEFAULT_FAILURES = 5;
const DEFAULT_BACKOFF_MIN_MS = 5_000;
const DEFAULT_BACKOFF_MAX_MS = 300_000;

export const consecutiveFailures = defineKind({
  kind: 'io.l5d.consecutiveFailures',
  description: 'Takes an endpoint out after a number of failures in a row.',
  config: z.strictObject({
    failures: count(1).describe('Failures in a row that make an endpoint dead.'),
    backoff: backoffConfig
      .exactOptional()
      .describe('How long it stays dead. Default: 5 s growing to 300 s, half of it random (equal jitter).'),
  }),
  make: (config, { random }: AccrualContext): AccrualFactory =>
    makeFactory(config.failures, config.backoff ? makeBackoff(config.backoff, random) : defaultBackoff(random)),
});

/** What a client without `failureAccrual` has: 5 failures in a row; dead for 5 s growing to 300 s, equal-jittered. */
export function makeDefaultAccrual(context: AccrualContext): AccrualFactory {
  return makeFactory(DEFAULT_FAILURES, defaultBackoff(context.random));
}

/** Dead times of every policy that is given no `backoff`: 5 s growing to 300 s, equal-jittered. */
export function defaultBackoff(random: Random): Backoff {
  return equalJitteredBackoff(DEFAULT_BACKOFF_MIN_MS, DEFAULT_BACKOFF_MAX_MS, random);
}

function makeFactory(failures: number, backoff: Backoff): AccrualFactory {
  return (listener) => new DeadAliveProbe(new ConsecutiveFailures(failures), backoff, listener);
}

class ConsecutiveFailures implements DeathRule {
  readonly #limit: number;
  #inARow = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  failed(): boolean {
    this.#inARow += 1;
    return this.#inARow >= this.#limit;
  }

  succeeded(): void {
    this.#inARow = 0;
  }

  revived(): void {
    this.#inARow = 0;
  }
}
