// Kind `p2c`, the default balancer: of two random endpoints the one with fewer outstanding requests.

import { z } from 'zod';
import { defineKind } from '../base/kind.js';
import type { BalancerContext, BalancerFactory } from './balancer.js';
import { enableProbation, maxEffort } from './balancer-config.js';
import { LeastLoaded } from './least-loaded.js';
import { MaxEffort } from './max-effort.js';
import { PickOfTwo } from './pick-of-two.js';

export const p2cLeastLoaded = defineKind({
  kind: 'p2c',
  description: 'Picks, of two random endpoints, the one with fewer outstanding requests.',
  config: z.strictObject({ maxEffort, enableProbation }),
  make: (config, { random }: BalancerContext): BalancerFactory => ({
    keepsRemoved: config.enableProbation,
    makeMeter: () => new LeastLoaded(),
    makeBalancer: () => new MaxEffort(config.maxEffort, random, () => new PickOfTwo(random)),
  }),
});
