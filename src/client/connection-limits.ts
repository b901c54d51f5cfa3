// Connection limits: the keys of a client in, how long things may take on its connections out. The defaults are here.

import type { ConnectionLimits } from './client.js';

/** A head that has begun is never long in coming: 8 KiB in 30 s are 270 bytes a second. */
const RESPONSE_HEAD_MS = 30_000;
/** Long polls and event streams are silent for minutes; those that live send something within ten. */
const DEFAULT_RESPONSE_PAUSE_MS = 600_000;
/** As nginx's `proxy_send_timeout`. */
const DEFAULT_REQUEST_PAUSE_MS = 60_000;

/** Undefined: the default; for those of idle and life time that is for ever. A timeout of 0 is for ever too. */
export interface ConnectionLimitKeys {
  readonly readTimeoutMs?: number | undefined;
  readonly writeTimeoutMs?: number | undefined;
  readonly poolIdleMs?: number | undefined;
  readonly sessionIdleMs?: number | undefined;
  readonly sessionLifeMs?: number | undefined;
}

export function makeConnectionLimits(keys: ConnectionLimitKeys): ConnectionLimits {
  return {
    responseStartMs: timeout(keys.readTimeoutMs, Number.POSITIVE_INFINITY),
    responseHeadMs: RESPONSE_HEAD_MS,
    responsePauseMs: timeout(keys.readTimeoutMs, DEFAULT_RESPONSE_PAUSE_MS),
    requestPauseMs: timeout(keys.writeTimeoutMs, DEFAULT_REQUEST_PAUSE_MS),
    poolIdleMs: keys.poolIdleMs ?? Number.POSITIVE_INFINITY,
    sessionIdleMs: keys.sessionIdleMs ?? Number.POSITIVE_INFINITY,
    sessionLifeMs: keys.sessionLifeMs ?? Number.POSITIVE_INFINITY,
  };
}

function timeout(ms: number | undefined, byDefault: number): number {
  return ms === 0 ? Number.POSITIVE_INFINITY : (ms ?? byDefault);
}
