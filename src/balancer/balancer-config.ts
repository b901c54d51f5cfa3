// The keys that balancer kinds share, as the configuration file has them.

import { count, flag } from '../../config/schema/scalars.js';

export const maxEffort = count()
  .default(5)
  .describe('How many more endpoints are tried when the one picked is unavailable, before an unavailable one is used.');

export const enableProbation = flag
  .default(false)
  .describe('Whether endpoints that leave the set go on getting requests while they are healthy.');
