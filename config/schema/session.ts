// clientSession and serverSession: how long one connection is used.

import { z } from 'zod';
import { count } from './scalars.js';

export function sessionSchema() {
  return z.strictObject({
    lifeTimeMs: count().exactOptional().describe('Milliseconds after which a connection is closed. Default: never.'),
    idleTimeMs: count()
      .exactOptional()
      .describe('Milliseconds without a request after which a connection is closed. Default: never.'),
  });
}
