// A kind table in which nothing can be made: kinds of the first version with schemas like theirs, and some to try rules.

import { z } from 'zod';
import type { KindTable } from '../../../config/schema/plugins.js';
import { backoffConfig } from '../../../src/base/backoff-config.js';
import type { AnyKind } from '../../../src/base/kind.js';

export function fakeKind(kind: string, config: z.ZodObject = z.strictObject({}), experimental = false): AnyKind {
  return { kind, config, experimental, description: `The fake ${kind}.` };
}

export const FAKE_KINDS: KindTable = {
  namer: [
    fakeKind('io.l5d.fs', z.strictObject({ rootDir: z.string().min(1).describe('Directory of the files.') })),
    fakeKind(
      'test.registry',
      z.strictObject({
        host: z.string().default('localhost').describe('Host.'),
        port: z.int().min(1).max(65535).default(8500).describe('Port.'),
        token: z.string().exactOptional().describe('Token.'),
        zone: z
          .string()
          .refine((zone) => zone !== 'b', 'want a zone other than b')
          .exactOptional()
          .describe('Zone.'),
        size: z
          .int()
          .refine((size) => size !== 13, '13 brings bad luck')
          .exactOptional()
          .describe('Size.'),
        mode: z.enum(['default', 'stale']).default('default').describe('Mode.'),
        weights: z
          .array(z.strictObject({ tag: z.string().describe('Tag.'), weight: z.number().describe('Weight.') }))
          .default([])
          .describe('Weights.'),
      }),
    ),
    fakeKind('test.new', z.strictObject({ size: z.int().default(1).describe('Size.') }), true),
  ],
  interpreter: [fakeKind('default'), fakeKind('test.new', z.strictObject({}), true)],
  transformer: [fakeKind('io.l5d.port', z.strictObject({ port: z.int().describe('Port.') }))],
  identifier: [
    fakeKind('io.l5d.header.token', z.strictObject({ header: z.string().default('Host').describe('Header.') })),
    fakeKind('io.l5d.header', z.strictObject({ header: z.string().default('l5d-name').describe('Header.') })),
    fakeKind('io.l5d.path', z.strictObject({ segments: z.int().min(1).default(1).describe('Segments.') })),
  ],
  balancer: [
    fakeKind('p2c', z.strictObject({ maxEffort: z.int().default(5).describe('Re-picks.') })),
    fakeKind('ewma', z.strictObject({ decayTimeMs: z.int().default(10_000).describe('Decay.') })),
  ],
  accrual: [
    fakeKind(
      'io.l5d.consecutiveFailures',
      z.strictObject({
        failures: z.int().min(1).describe('Failures.'),
        backoff: backoffConfig.exactOptional().describe('Backoff.'),
      }),
    ),
    fakeKind('none'),
  ],
  classifier: [
    fakeKind('io.l5d.http.nonRetryable5XX'),
    fakeKind('io.l5d.http.allSuccessful'),
    fakeKind('io.l5d.h2.nonRetryable5XX'),
  ],
  telemeter: [
    fakeKind('io.l5d.prometheus', z.strictObject({ prefix: z.string().default('').describe('Prefix.') })),
    fakeKind('test.new', z.strictObject({}), true),
  ],
  announcer: [],
  requestAuthorizer: [],
};
