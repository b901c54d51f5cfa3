// Circuit breakers: when requests of a logical service are refused, and where they go instead. New; Linkerd has none.

import { z } from 'zod';
import { count, flag, path } from './scalars.js';

/** A timer cannot wait for more than 24 days; nobody wants to wait for an hour. */
const HOUR_MS = 3_600_000;

export function circuitBreakerSchema() {
  return z.strictObject({
    enabled: flag.default(true).describe('False exempts what a wider prefix has given one. Default true.'),
    errorPercent: count(1)
      .max(100)
      .default(50)
      .describe('Opens when this share of the requests of the window failed. 1 to 100, default 50.'),
    windowMs: count(100)
      .max(HOUR_MS)
      .default(10_000)
      .describe('Milliseconds for which an ended request counts. 100 to 3600000, default 10000.'),
    volumeThreshold: count(1)
      .default(20)
      .describe('Does not open while fewer requests than this ended within the window. Default 20.'),
    resetTimeoutMs: count(1)
      .max(HOUR_MS)
      .default(30_000)
      .describe('Milliseconds that it is open before one request may try the service. 1 to 3600000, default 30000.'),
    capacity: count(1)
      .exactOptional()
      .describe('Most requests under way at a time, in whatever state it is. Default: unlimited.'),
    fallback: path()
      .exactOptional()
      .describe(
        'Name that refused requests go to, through the dtab, such as /svc/backup. Default: they are answered with 503.',
      ),
  });
}

export type CircuitBreakerConfig = Readonly<z.output<ReturnType<typeof circuitBreakerSchema>>>;
