// Http1Pool: requests to one address in; each gets an idle connection, a new one, or a place in the queue.

import { showAddress } from '../base/addr.js';
import type { TimerHandle } from '../base/clock.js';
import { GatewayError } from '../base/errors.js';
import type { Dispatched, ResponseSink } from '../service/exchange.js';
import type { RequestHead } from '../service/message.js';
import type { RequestBody } from '../service/request-body.js';
import type { RouteHeaders } from '../service/route-headers.js';
import type { EndpointClient, EndpointClientOptions } from './client.js';
import { Http1ClientConnection, type Http1ConnectionOwner } from './http1-connection.js';

export class Http1Pool implements EndpointClient, Http1ConnectionOwner {
  readonly options: EndpointClientOptions;
  /** Most recently used last: the others grow idle and can be closed. */
  readonly #idle: Http1ClientConnection[] = [];
  readonly #waiters: Waiter[] = [];
  #connections = 0;
  #closed = false;
  #reaper: TimerHandle | undefined;

  constructor(options: EndpointClientOptions) {
    this.options = options;
  }

  dispatch(request: RequestHead, route: RouteHeaders, body: RequestBody | undefined, sink: ResponseSink): Dispatched {
    const now = this.options.metrics.now;
    const idle = this.#idle.pop();
    if (idle) {
      now.idle -= 1;
      idle.send(request, route, body, sink);
      return idle;
    }
    if (this.#connections < this.options.maxConnections) {
      this.#connections += 1;
      return new Http1ClientConnection(this, request, route, body, sink);
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

  close(): void {
    this.#closed = true;
    this.#reaper?.cancel();
    for (const connection of this.#idle.splice(0)) {
      this.options.metrics.now.idle -= 1;
      connection.destroy();
    }
  }

  // ---- Http1ConnectionOwner ----

  released(connection: Http1ClientConnection): void {
    if (this.#closed && this.#waiters.length === 0) {
      connection.destroy();
      return;
    }
    const waiter = this.#nextWaiter();
    if (waiter) {
      waiter.sendOn(connection);
      return;
    }
    connection.idleSince = this.options.idleTimeoutMs === Number.POSITIVE_INFINITY ? 0 : this.options.clock.now();
    this.#idle.push(connection);
    this.options.metrics.now.idle += 1;
    this.#scheduleReaper();
  }

  lost(connection: Http1ClientConnection): void {
    this.#connections -= 1;
    const i = this.#idle.indexOf(connection);
    if (i >= 0) {
      this.#idle.splice(i, 1);
      this.options.metrics.now.idle -= 1;
    }
    const waiter = this.#nextWaiter();
    if (!waiter) return;
    this.#connections += 1;
    waiter.sendOn(undefined);
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

  #scheduleReaper(): void {
    const { idleTimeoutMs, clock } = this.options;
    if (idleTimeoutMs === Number.POSITIVE_INFINITY || this.#reaper || this.#closed) return;
    const oldest = this.#idle[0];
    if (!oldest) return;
    this.#reaper = clock.after(Math.max(1, oldest.idleSince + idleTimeoutMs - clock.now()), () => {
      this.#reaper = undefined;
      const before = clock.now() - idleTimeoutMs;
      // Destroying takes a connection out of the list, by way of `lost`.
      for (const connection of this.#idle.filter((c) => c.idleSince <= before)) connection.destroy();
      this.#scheduleReaper();
    });
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

  sendOn(connection: Http1ClientConnection | undefined): void {
    if (connection) {
      this.#connection = connection;
      connection.send(this.#request, this.#route, this.#body, this.#sink);
    } else {
      this.#connection = new Http1ClientConnection(this.#pool, this.#request, this.#route, this.#body, this.#sink);
    }
  }

  cancel(error: Error): void {
    if (this.#connection) this.#connection.cancel(error);
    else this.#pool.forget(this);
  }

  resume(): void {
    this.#connection?.resume();
  }
}
