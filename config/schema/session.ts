// clientSession and serverSession: how long one connection is used.

import { z } from 'zod';
import { count } from './scalars.js';

/** @param idleDefault as it stands in the description */
export function sessionSchema(idleDefault = 'never') {
  return z.strictObject({
    lifeTimeMs: count(1)
      .exactOptional()
      .describe('Milliseconds after which a connection takes no further request. Default: unlimited.'),
    idleTimeMs: count(1)
      .exactOptional()
      .describe(`Milliseconds without a request after which a connection is closed. Default: ${idleDefault}.`),
  });
}
