// HTTP/2 settings of a listener or of clients: what Linkerd's h2 routers let be set of them.

import { z } from 'zod';
import { count } from './scalars.js';

const MAX_WINDOW_BYTES = 2 ** 31 - 1;
/** RFC 9113 §4.2. */
const LEAST_FRAME_BYTES = 2 ** 14;
const MOST_FRAME_BYTES = 2 ** 24 - 1;

/** Keys to spread into an object. None has a default: what is not said is left to who runs the connections. */
export const h2SettingsKeys = {
  windowUpdateRatio: z
    .number()
    .gt(0, 'a number between 0 and 1 is wanted, exclusive')
    .lt(1, 'a number between 0 and 1 is wanted, exclusive')
    .exactOptional()
    .describe('Accepted, without effect: windows are opened again as bodies are passed on.'),
  headerTableBytes: count()
    .max(65_536)
    .exactOptional()
    .describe('Bytes of the table that the peer may compress headers with. Default 4096.'),
  initialStreamWindowBytes: count(1)
    .max(MAX_WINDOW_BYTES)
    .exactOptional()
    .describe('Bytes of one stream that the peer may send before they have been passed on. Default 65535.'),
  maxFrameBytes: count(LEAST_FRAME_BYTES)
    .max(MOST_FRAME_BYTES)
    .exactOptional()
    .describe('Longest frame that the peer may send. Default 16384, which is also the least.'),
  maxHeaderListBytes: count(1)
    .exactOptional()
    .describe('Largest head of a message, with 32 bytes for each field (RFC 9113 §6.5.2). Default 12288.'),
};
