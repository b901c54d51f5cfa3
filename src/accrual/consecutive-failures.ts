// Kind `io.l5d.consecutiveFailures`: an endpoint is dead after so many failures in a row.

import { z } from 'zod';
import { count } from '../../config/schema/scalars.js';
import { defineKind } from '../base/kind.js';
import type { AccrualContext, AccrualFactory } from './accrual.js';
import { accrualKeys, makeAccrualFactory } from './accrual-config.js';
import type { DeathRule } from './dead-alive-probe.js';

export const consecutiveFailures = defineKind({
  kind: 'io.l5d.consecutiveFailures',
  description: 'Takes an endpoint out after a number of failures in a row.',
  config: z.strictObject({
    failures: count(1).describe('Failures in a row that make an endpoint dead.'),
    ...accrualKeys,
  }),
  make: (config, { random }: AccrualContext): AccrualFactory =>
    makeAccrualFactory(config, random, () => new ConsecutiveFailures(config.failures)),
});

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
