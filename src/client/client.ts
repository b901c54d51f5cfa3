// EndpointClient: the contract of what sends requests to one address, whatever the wire.

import type { Address } from '../base/addr.js';
import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { Counter, Stat } from '../base/metrics.js';
import type { Dispatched, ResponseSink } from '../service/exchange.js';
import type { RequestHead } from '../service/message.js';
import type { RequestBody } from '../service/request-body.js';
import type { RouteHeaders } from '../service/route-headers.js';

/** One address of one bound name, with its connections. */
export interface EndpointClient extends Closable {
  /**
   * Sends a request. `sink` gets its response or `fail` with a `GatewayError`, possibly before this returns. Until then
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
  /** Open connections and requests waiting for one, kept by the pools, read by gauges. */
  readonly now: { connections: number; idle: number; waiters: number };
}

export interface EndpointClientOptions {
  readonly address: Address;
  /** 1000 ms in Linkerd, where it cannot be set. */
  readonly connectTimeoutMs: number;
  /** `hostConnectionPool`: most connections, Infinity by default. */
  readonly maxConnections: number;
  /** `hostConnectionPool`: requests that wait for a connection beyond those, Infinity by default. */
  readonly maxWaiters: number;
  /** Idle connections are closed after this; Infinity by default. */
  readonly idleTimeoutMs: number;
  readonly maxInitialLineBytes: number;
  readonly maxHeaderBytes: number;
  readonly noDelay: boolean;
  /** TCP keep-alive probes. */
  readonly keepAlive: boolean;
  readonly clock: Clock;
  readonly metrics: ClientMetrics;
}

export type MakeEndpointClient = (options: EndpointClientOptions) => EndpointClient;
