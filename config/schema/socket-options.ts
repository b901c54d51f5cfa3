// socketOptions: what is asked of the operating system for each socket of a listener or a client.

import { z } from 'zod';
import { count, flag } from './scalars.js';

/** @param readDefault @param writeDefault as they stand in the descriptions */
export function socketOptionsSchema(readDefault = 'never', writeDefault = 'never') {
  return z.strictObject({
    noDelay: flag.default(true).describe('Send small segments at once (TCP_NODELAY). Default true.'),
    reuseAddr: flag.default(true).describe('Bind although old connections linger (SO_REUSEADDR). Default true.'),
    reusePort: flag.default(false).describe('Let several processes listen on one port (SO_REUSEPORT). Default false.'),
    readTimeoutMs: count()
      .exactOptional()
      .describe(
        'Close a connection after so many milliseconds without a byte where some are waited for; 0: never. ' +
          `Default: ${readDefault}.`,
      ),
    writeTimeoutMs: count()
      .exactOptional()
      .describe(
        'Close a connection after so many milliseconds in which its peer takes no byte of a write; 0: never. ' +
          `Default: ${writeDefault}.`,
      ),
    keepAlive: flag.default(false).describe('Probe idle connections (SO_KEEPALIVE). Default false.'),
    backlog: count(1)
      .exactOptional()
      .describe('Connections that may wait to be accepted. Default: the operating system decides.'),
  });
}
