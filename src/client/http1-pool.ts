// Http1Pool: requests to one address in; each gets an idle connection, a new one, or a place in the queue.

import { showAddress } from '../base/addr.js';
import { GatewayError } from '../base/errors.js';
import type { Dispatched, ResponseSink } from '../service/exchange.js';
import type { RequestHead } from '../service/message.js';
import type { RequestBody } from '../service/request-body.js';
import type { RouteHeaders } from '../service/route-headers.js';
import { TlsResumption } from '../wire/upstream-socket.js';
import type { EndpointClient, EndpointClientOptions } from './client.js';
import { FailFast } from './fail-fast.js';
import { Http1ClientConnection, type Http1ConnectionOwner, type MadeConnection } from './http1-connection.js';
import { makeStallLimits, type StallLimits } from './stall-watch.js';

export class Http1Pool implements EndpointClient, Http1ConnectionOwner {
  readonly options: EndpointClientOptions;
  readonly stallLimits: StallLimits;
  readonly resumption = new TlsResumption();
  /** Most recently used last: the others grow idle and can be closed. */
  readonly #idle: Http1ClientConnection[] = [];
  readonly #waiters: Waiter[] = [];
  #connections = 0;
  #closed = false;
  readonly #failFast: FailFast | undefined;
  /** Connects without a request, to see whether the endpoint is up again. */
  #probe: Http1ClientConnection | undefined;
  readonly #poolIdleTicks: number;
  readonly #sessionIdleTicks: number;
  readonly #sessionLifeTicks: number;

  constructor(options: EndpointClientOptions) {
    const { limits, ticker, failFast, clock, metrics } = options;
    this.options = options;
    this.stallLimits = makeStallLimits(limits, ticker, metrics);
    this.#failFast = failFast && new FailFast(failFast, clock, () => this.#connectInBackground());
    this.#poolIdleTicks = ticker.ticksOf(limits.poolIdleMs);
    this.#sessionIdleTicks = ticker.ticksOf(limits.sessionIdleMs);
    this.#sessionLifeTicks = ticker.ticksOf(limits.sessionLifeMs);
  }

  get isAvailable(): boolean {
    return this.#failFast === undefined || this.#failFast.isUp;
  }

  dispatch(request: RequestHead, route: RouteHeaders, body: RequestBody | undefined, sink: ResponseSink): Dispatched {
    const now = this.options.metrics.now;
    // A tunnel begins with a connection that nobody has spoken on.
    const idle = request.method === 'CONNECT' ? undefined : this.#idle.pop();
    if (idle) {
      now.idle -= 1;
      idle.send(request, route, body, sink);
      return idle;
    }
    if (this.#connections < this.options.maxConnections) {
      const connection = this.#connect();
      connection.send(request, route, body, sink);
      return connection;
    }
    const waiter = new Waiter(this, request, route, body, sink);
    if (this.#waiters.length >= this.options.maxWaiters) {
      this.options.metrics.poolTooManyWaiters.inc();
      const message = `all ${this.#connections} connections to ${showAddress(this.options.address)} are busy and ${this.#waiters.length} requests wait`;
      sink.fail(new GatewayError('too-many-waiters', message, { resend: 'safe' }));
      return waiter;
    }
    this.options.metrics.poolWaited.inc();
    now.waiters += 1;
    this.#waiters.push(waiter);
    return waiter;
  }

  /** Takes a connection that another client has made. */
  adopt(made: MadeConnection): void {
    this.#connections += 1;
    new Http1ClientConnection(this, made).onConnect();
  }

  /** There is a connection, or one is being made. */
  get isConnected(): boolean {
    return this.#connections > 0;
  }

  close(): void {
    this.#closed = true;
    this.#failFast?.close();
    this.#probe?.destroy();
    for (const connection of this.#idle.splice(0)) {
      this.options.metrics.now.idle -= 1;
      connection.destroy();
    }
  }

  #connect(): Http1ClientConnection {
    this.#connections += 1;
    return new Http1ClientConnection(this);
  }

  /** For `failFast`. False: not now. */
  #connectInBackground(): boolean {
    if (this.#connections < this.options.maxConnections) {
      this.#probe = this.#connect();
      return true;
    }
    // Full of connections that nobody uses since it is down: they are as good as a new one.
    if (this.#idle.length === 0) return false;
    this.#failFast?.connected();
    return true;
  }

  // ---- Http1ConnectionOwner ----

  connected(connection: Http1ClientConnection): void {
    if (connection === this.#probe) this.#probe = undefined;
    this.#failFast?.connected();
  }

  connectFailed(connection: Http1ClientConnection): void {
    if (connection === this.#probe) this.#probe = undefined;
    if (!this.#closed) this.#failFast?.connectFailed();
  }

  released(connection: Http1ClientConnection): void {
    if (this.#closed && this.#waiters.length === 0) {
      connection.destroy();
      return;
    }
    if (this.#closeIfOld(connection)) return;
    if (this.#waiters[0]?.isForTunnel) {
      // In its place there will be a new one.
      connection.destroy();
      return;
    }
    const waiter = this.#nextWaiter();
    if (waiter) {
      waiter.sendOn(connection);
      return;
    }
    this.#idle.push(connection);
    this.options.metrics.now.idle += 1;
    // At once, where no time at all is given.
    if (this.#poolIdleTicks === 0) this.idled(connection);
  }

  idled(connection: Http1ClientConnection): void {
    if (this.#closeIfOld(connection)) return;
    const { metrics, minConnections } = this.options;
    if (connection.silentTicks >= this.#sessionIdleTicks) {
      metrics.expiredIdle.inc();
      connection.destroy();
    } else if (connection.silentTicks >= this.#poolIdleTicks && this.#connections > minConnections) {
      connection.destroy();
    }
  }

  lost(connection: Http1ClientConnection): void {
    this.#connections -= 1;
    const i = this.#idle.indexOf(connection);
    if (i >= 0) {
      this.#idle.splice(i, 1);
      this.options.metrics.now.idle -= 1;
    }
    const waiter = this.#nextWaiter();
    if (waiter) waiter.sendOn(this.#connect());
  }

  /** A waiting request was cancelled. */
  forget(waiter: Waiter): void {
    const i = this.#waiters.indexOf(waiter);
    if (i < 0) return;
    this.#waiters.splice(i, 1);
    this.options.metrics.now.waiters -= 1;
  }

  #nextWaiter(): Waiter | undefined {
    const waiter = this.#waiters.shift();
    if (waiter) this.options.metrics.now.waiters -= 1;
    return waiter;
  }

  #closeIfOld(connection: Http1ClientConnection): boolean {
    const { ticker, metrics } = this.options;
    if (ticker.now - connection.openedAt < this.#sessionLifeTicks) return false;
    metrics.expiredLifetime.inc();
    connection.destroy();
    return true;
  }
}

/** A request that waits for a connection: passes on what its owner asks for once it has one. */
class Waiter implements Dispatched {
  readonly #pool: Http1Pool;
  readonly #request: RequestHead;
  readonly #route: RouteHeaders;
  readonly #body: RequestBody | undefined;
  readonly #sink: ResponseSink;
  #connection: Http1ClientConnection | undefined;

  constructor(
    pool: Http1Pool,
    request: RequestHead,
    route: RouteHeaders,
    body: RequestBody | undefined,
    sink: ResponseSink,
  ) {
    this.#pool = pool;
    this.#request = request;
    this.#route = route;
    this.#body = body;
    this.#sink = sink;
  }

  /** It needs a new connection. */
  get isForTunnel(): boolean {
    return this.#request.method === 'CONNECT';
  }

  sendOn(connection: Http1ClientConnection): void {
    this.#connection = connection;
    connection.send(this.#request, this.#route, this.#body, this.#sink);
  }

  cancel(error: Error): void {
    if (this.#connection) this.#connection.cancel(error);
    else this.#pool.forget(this);
  }

  resume(): void {
    this.#connection?.resume();
  }
}
