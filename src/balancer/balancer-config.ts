// The keys that balancer kinds share, as the configuration file has them.

import { z } from 'zod';
import { count } from '../../config/schema/scalars.js';

export const maxEffort = count()
  .default(5)
  .describe('How many more endpoints are tried when the one picked is unavailable, before an unavailable one is used.');

export const enableProbation = z
  .literal(false, {
    error: (issue) =>
      issue.input === true
        ? '`enableProbation: true` is not supported: endpoints that leave the set get no new requests'
        : undefined,
  })
  .default(false)
  .describe('Keeping endpoints that left the set while they answer. Only false is supported.');
