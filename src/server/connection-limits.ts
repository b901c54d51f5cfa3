// Connection limits: options of a listener in, the times that its connections are held to out.

import type { Http1ServerOptions } from './http1-options.js';

const DEFAULT_HEAD_TIMEOUT_MS = 30_000;
const DEFAULT_BODY_TIMEOUT_MS = 60_000;
const DEFAULT_WRITE_TIMEOUT_MS = 60_000;
const DEFAULT_IDLE_TIMEOUT_MS = 600_000;
const DEFAULT_TUNNEL_IDLE_MS = 3_600_000;
/** For a caller to close its side after our last byte, so that a reset does not overtake the response. */
const LINGER_MS = 1000;

const MOST_SWEEP_MS = 1000;
/** Below this a sweep of many connections would be felt. */
const LEAST_SWEEP_MS = 10;

/** In milliseconds; Infinity: no limit. */
export interface ConnectionLimits {
  /** From the first byte of a head to its last. */
  readonly headMs: number;
  /** Without a byte, within a head. */
  readonly headReadMs: number;
  /** Without a byte, within a body. */
  readonly bodyReadMs: number;
  /** Without a byte from the caller, through a tunnel. */
  readonly tunnelReadMs: number;
  /** Without a byte either way, through a tunnel. */
  readonly tunnelIdleMs: number;
  /** Without a byte of ours taken by the caller. */
  readonly writeMs: number;
  /** Between requests. */
  readonly idleMs: number;
  /** From our last byte to the caller's. */
  readonly lingerMs: number;
  /** From accept to the end of a TLS handshake. */
  readonly handshakeMs: number;
  /** From accept to the last request. */
  readonly lifeMs: number;
  /** Between two sweeps. What is measured is as coarse: a limit is kept to within one more of these, and never early. */
  readonly sweepMs: number;
  /** Connections open at a time. */
  readonly maxConnections: number;
}

/** What connections measure their waiting with. */
export interface SweepTime {
  /** Milliseconds, as of the last sweep; its zero has no meaning. */
  readonly now: number;
  readonly limits: ConnectionLimits;
}

/** `since` may be as old as the sweep before it was noted, so one sweep is added: no limit ends early. */
export function isOver({ now, limits }: SweepTime, since: number, limitMs: number): boolean {
  return now - since >= limitMs + limits.sweepMs;
}

export function connectionLimits(options: Http1ServerOptions): ConnectionLimits {
  const { readTimeoutMs = Number.POSITIVE_INFINITY, lifeTimeMs = Number.POSITIVE_INFINITY } = options;
  const timeouts = {
    headMs: options.headTimeoutMs ?? DEFAULT_HEAD_TIMEOUT_MS,
    headReadMs: readTimeoutMs,
    bodyReadMs: options.readTimeoutMs ?? DEFAULT_BODY_TIMEOUT_MS,
    tunnelReadMs: readTimeoutMs,
    tunnelIdleMs: options.tunnelIdleMs ?? DEFAULT_TUNNEL_IDLE_MS,
    writeMs: options.writeTimeoutMs ?? DEFAULT_WRITE_TIMEOUT_MS,
    idleMs: options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS,
    lifeMs: lifeTimeMs,
    handshakeMs: options.tls?.handshakeTimeoutMs ?? Number.POSITIVE_INFINITY,
  };
  const quarterMs = Math.floor(Math.min(...Object.values(timeouts)) / 4);
  return {
    ...timeouts,
    lingerMs: LINGER_MS,
    sweepMs: Math.min(MOST_SWEEP_MS, Math.max(LEAST_SWEEP_MS, quarterMs)),
    maxConnections: options.maxConnections,
  };
}
