// Backoff as the configuration file has it, for retries and for dead endpoints: `{kind: constant | jittered, …}`.

import { z } from 'zod';
import { type Backoff, constantBackoff, decorrelatedJitteredBackoff } from './backoff.js';
import type { Random } from './random.js';

export const backoffConfig = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('constant'),
    ms: z.int().min(0).default(0).describe('Every wait, in milliseconds.'),
  }),
  z
    .strictObject({
      kind: z.literal('jittered'),
      minMs: requiredMs('minMs').describe('Shortest wait, in milliseconds.'),
      maxMs: requiredMs('maxMs').describe('Longest wait, in milliseconds.'),
    })
    .refine(({ minMs, maxMs }) => minMs <= maxMs, { error: '`minMs` must not be above `maxMs`', path: ['minMs'] }),
]);

export type BackoffConfig = z.output<typeof backoffConfig>;

/**
 * The waits that `config` asks for. `jittered` is decorrelated jitter wherever it is written, for retries and for
 * `failureAccrual` alike: Linkerd has one class for both. Equal jitter is only what failure accrual does without a
 * `backoff` key.
 */
export function makeBackoff(config: BackoffConfig, random: Random): Backoff {
  return config.kind === 'constant'
    ? constantBackoff(config.ms)
    : decorrelatedJitteredBackoff(config.minMs, config.maxMs, random);
}

function requiredMs(key: string): z.ZodInt {
  // From 1: decorrelated jitter multiplies the last wait, so that from 0 it would never grow.
  return z.int({ error: (issue) => (issue.input === undefined ? `'${key}' must be specified` : undefined) }).min(1);
}
