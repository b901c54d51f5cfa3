// Kind `ewma`: of two random endpoints the one where a request is expected to take less time.

import { z } from 'zod';
import { count } from '../../config/schema/scalars.js';
import { defineKind } from '../base/kind.js';
import type { BalancerContext, BalancerFactory } from './balancer.js';
import { enableProbation, maxEffort } from './balancer-config.js';
import { MaxEffort } from './max-effort.js';
import { PeakEwma } from './peak-ewma.js';
import { PickOfTwo } from './pick-of-two.js';

export const p2cPeakEwma = defineKind({
  kind: 'ewma',
  description: 'Picks, of two random endpoints, the one with the lower peak-sensitive average latency × load.',
  config: z.strictObject({
    maxEffort,
    decayTimeMs: count(1)
      .default(10_000)
      .describe('Milliseconds after which a latency peak has decayed to 1/e of its height.'),
    enableProbation,
  }),
  make: (config, { random }: BalancerContext): BalancerFactory => ({
    keepsRemoved: config.enableProbation,
    makeMeter: (now) => new PeakEwma(config.decayTimeMs, now),
    makeBalancer: () => new MaxEffort(config.maxEffort, random, () => new PickOfTwo(random)),
  }),
});
