// EndpointClient: the contract of what sends requests to one address, whatever the wire.

import type { Address } from '../base/addr.js';
import type { Backoff } from '../base/backoff.js';
import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { Counter, Stat } from '../base/metrics.js';
import type { Ticker } from '../base/ticker.js';
import type { Dispatched, ResponseSink } from '../service/exchange.js';
import type { RequestHead } from '../service/message.js';
import type { RequestBody } from '../service/request-body.js';
import type { RouteHeaders } from '../service/route-headers.js';
import type { H2Settings } from '../wire/h2-settings.js';
import type { UpstreamTls } from '../wire/upstream-socket.js';

/** One address of one bound name, with its connections. */
export interface EndpointClient extends Closable {
  /** False while `failFast` keeps it out. Asked at each pick. */
  readonly isAvailable: boolean;
  /**
   * Sends a request; of CONNECT nothing is sent, but a tunnel opened to the address. `sink` gets its response or `fail` with a `GatewayError`, possibly before this returns. Until then
   * the caller may use the result; afterwards it must not, for the connection may be serving another request.
   */
  dispatch(request: RequestHead, route: RouteHeaders, body: RequestBody | undefined, sink: ResponseSink): Dispatched;
  /** Idle connections are closed, busy ones as their exchange ends. Nothing is dispatched afterwards. */
  close(): void;
}

/** Counters of the bound name, shared by its endpoints (`client/<id>/…`). */
export interface ClientMetrics {
  readonly connects: Counter;
  readonly closes: Counter;
  readonly connectLatencyMs: Stat;
  readonly failedConnectLatencyMs: Stat;
  readonly sentBytes: Counter;
  readonly receivedBytes: Counter;
  readonly poolWaited: Counter;
  readonly poolTooManyWaiters: Counter;
  /** Exchanges that ended since the upstream sent, or took, no byte for too long. */
  readonly readTimeouts: Counter;
  readonly writeTimeouts: Counter;
  /** Connections closed by `clientSession`. */
  readonly expiredIdle: Counter;
  readonly expiredLifetime: Counter;
  /** Open connections and requests waiting for one, kept by the pools, read by gauges. */
  readonly now: { connections: number; idle: number; waiters: number };
  /** Made when the first client of the name that speaks HTTP/2 asks for them. */
  readonly h2: H2ClientMetrics;
}

/** `client/<id>/h2/…`, shared by the endpoints of the name. */
export interface H2ClientMetrics {
  /** GOAWAYs that came. */
  readonly goAways: Counter;
  /** Requests that the upstream says it has not processed: REFUSED_STREAM, or above the last stream of a GOAWAY. */
  readonly refused: Counter;
  /** Times that it asked for calm: ENHANCE_YOUR_CALM in a GOAWAY. */
  readonly calmAsked: Counter;
  readonly pings: Counter;
  /** Connections that were given up since a PING had no answer. */
  readonly pingTimeouts: Counter;
  /** Requests under way, read by a gauge. */
  readonly now: { streams: number };
  /** Counts a connection, or one stream, on which the upstream broke the protocol. */
  connectionError(code: string): void;
  streamError(code: string): void;
}

/**
 * How endpoints are spoken to:
 * - `auto`: what ALPN picks where there is TLS, HTTP/1.1 in plain text;
 * - `http1`: HTTP/1.1;
 * - `h2`: HTTP/2, which TLS has to agree on by ALPN; in plain text with prior knowledge;
 * - `h2c`: HTTP/2 with prior knowledge, in plain text.
 */
export type ClientProtocol = 'auto' | 'http1' | 'h2' | 'h2c';

/**
 * How long things may take on a connection, in ms; Infinity for ever. Counted in ticks: never cut short, and passed by two of
 * them at most, which are a quarter of the shortest limit each, or a second if that is less.
 */
export interface ConnectionLimits {
  /** Without a byte, once the request is sent, until its response begins. Infinity by default. */
  readonly responseStartMs: number;
  /** From the first byte of a response's head to the last. 30 s. */
  readonly responseHeadMs: number;
  /** Without a byte of a response that has begun, while we take them. 10 min by default. Tunnels have no such limit. */
  readonly responsePauseMs: number;
  /** Without a byte of the request taken by the upstream. 60 s by default. */
  readonly requestPauseMs: number;
  /** `hostConnectionPool.idleTimeMs`, for connections beyond `minConnections`. Infinity by default. */
  readonly poolIdleMs: number;
  /** `clientSession.idleTimeMs`, for all. Infinity by default. */
  readonly sessionIdleMs: number;
  /** `clientSession.lifeTimeMs`: what is older gets no more requests. Infinity by default. */
  readonly sessionLifeMs: number;
}

export interface EndpointClientOptions {
  readonly address: Address;
  readonly protocol: ClientProtocol;
  /** Undefined: plain text. */
  readonly tls: UpstreamTls | undefined;
  /** HTTP/2: waits before new connections to an endpoint that has asked for calm. */
  readonly calmBackoff: Backoff;
  readonly h2Settings?: H2Settings | undefined;
  /** 1000 ms in Linkerd, where it cannot be set. */
  readonly connectTimeoutMs: number;
  /** `hostConnectionPool`: connections that are not closed for `poolIdleMs`, 0 by default. */
  readonly minConnections: number;
  /** `hostConnectionPool`: most connections, Infinity by default. */
  readonly maxConnections: number;
  /** `hostConnectionPool`: requests that wait for a connection beyond those, Infinity by default. */
  readonly maxWaiters: number;
  readonly limits: ConnectionLimits;
  /** Of all endpoints of the name; made for `limits`. */
  readonly ticker: Ticker;
  readonly maxInitialLineBytes: number;
  readonly maxHeaderBytes: number;
  readonly noDelay: boolean;
  /** TCP keep-alive probes. */
  readonly keepAlive: boolean;
  /** Undefined: a failed connect says nothing of the next. */
  readonly failFast: FailFastOptions | undefined;
  readonly clock: Clock;
  readonly metrics: ClientMetrics;
}

export interface FailFastOptions {
  /** Waits before the connects of an endpoint that is down. */
  readonly backoff: Backoff;
  readonly metrics: FailFastMetrics;
}

/** `client/<id>/failfast/…`, shared by the endpoints of the name. */
export interface FailFastMetrics {
  readonly markedDead: Counter;
  readonly markedAvailable: Counter;
  /** Endpoints that are down now, read by gauges. */
  readonly down: Set<DownEndpoint>;
}

export interface DownEndpoint {
  /** `clock.now()` of the connect that failed first. */
  readonly downSince: number;
  /** Connects that have failed since. */
  readonly tries: number;
}

export type MakeEndpointClient = (options: EndpointClientOptions) => EndpointClient;
