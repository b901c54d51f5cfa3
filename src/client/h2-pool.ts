// H2Pool: requests to one address in; each gets a stream of a connection that has room, or a place in the queue for one.
//
// One connection takes all requests while the upstream allows so many streams. Another is made when there is no room, up to
// `maxConnections`; the first with room is used, so that those behind it come to rest and can be closed.

import { showAddress } from '../base/addr.js';
import { GatewayError } from '../base/errors.js';
import type { Dispatched, ResponseSink } from '../service/exchange.js';
import { mayTunnel, type RequestHead } from '../service/message.js';
import type { RequestBody } from '../service/request-body.js';
import type { RouteHeaders } from '../service/route-headers.js';
import type { H2SessionOptions } from '../wire/h2/session-contract.js';
import { TlsResumption } from '../wire/upstream-socket.js';
import { Calm } from './calm.js';
import type { EndpointClient, EndpointClientOptions } from './client.js';
import { FailFast } from './fail-fast.js';
import { H2ClientConnection, type H2ConnectionOwner } from './h2-connection.js';
import { makePingTimes, type PingTimes } from './h2-keep-alive.js';
import { h2ClientSessionOptions } from './h2-options.js';
import { H2Request, type H2RequestQueue } from './h2-request.js';
import type { MadeConnection } from './http1-connection.js';
import { makeStallLimits, type StallLimits } from './stall-watch.js';

/** Takes over where the upstream does not agree to HTTP/2 in the handshake of TLS. */
export interface H2Alternative {
  /** A connection, and the client that gets the requests which waited for it. */
  takeOver(made: MadeConnection): EndpointClient;
}

/** What servers of gRPC say in a GOAWAY with ENHANCE_YOUR_CALM: it is about PINGs, and not about load. */
const TOO_MANY_PINGS = 'too_many_pings';

export class H2Pool implements EndpointClient, H2ConnectionOwner, H2RequestQueue {
  readonly options: EndpointClientOptions;
  readonly stallLimits: StallLimits;
  readonly sessionOptions: H2SessionOptions;
  readonly pingTimes: PingTimes;
  readonly alpn: readonly string[];
  readonly resumption = new TlsResumption();
  pingSlowness = 1;
  readonly #alternative: H2Alternative | undefined;
  /** Those that take requests, oldest first. */
  readonly #open: H2ClientConnection[] = [];
  readonly #connecting = new Set<H2ClientConnection>();
  readonly #waiters: H2Request[] = [];
  /** Not closed, those that are leaving among them. */
  readonly #connections = new Set<H2ClientConnection>();
  /** Streams that the connection opened last allowed: what one that is being made will take. */
  #streamsExpected = Number.POSITIVE_INFINITY;
  #closed = false;
  readonly #failFast: FailFast | undefined;
  readonly #calm: Calm;
  readonly #poolIdleTicks: number;
  readonly #sessionIdleTicks: number;
  readonly #sessionLifeTicks: number;

  /** With an `alternative` HTTP/1.1 is offered besides in the handshake of TLS. */
  constructor(options: EndpointClientOptions, alternative?: H2Alternative) {
    const { limits, ticker, failFast, clock, metrics } = options;
    this.options = options;
    this.#alternative = alternative;
    this.alpn = alternative ? ['h2', 'http/1.1'] : ['h2'];
    this.stallLimits = makeStallLimits(limits, ticker, metrics);
    this.sessionOptions = h2ClientSessionOptions(options);
    this.pingTimes = makePingTimes(ticker);
    this.#failFast = failFast && new FailFast(failFast, clock, () => this.#connectInBackground());
    this.#calm = new Calm(options.calmBackoff, clock);
    this.#poolIdleTicks = ticker.ticksOf(limits.poolIdleMs);
    this.#sessionIdleTicks = ticker.ticksOf(limits.sessionIdleMs);
    this.#sessionLifeTicks = ticker.ticksOf(limits.sessionLifeMs);
  }

  get isAvailable(): boolean {
    return (this.#failFast === undefined || this.#failFast.isUp) && this.#calm.msLeft === 0;
  }

  dispatch(head: RequestHead, route: RouteHeaders, body: RequestBody | undefined, sink: ResponseSink): Dispatched {
    const request = new H2Request(this, head, route, body, sink);
    if (mayTunnel(head) && !request.isWebSocket) {
      request.refuse(this.#noTunnels(head));
      return request;
    }
    const connection = this.#withRoom();
    if (connection) connection.send(request);
    else this.#enqueue(request);
    return request;
  }

  close(): void {
    this.#closed = true;
    this.#failFast?.close();
    // Those that requests wait for are needed still.
    if (this.#waiters.length > 0) return;
    for (const connection of [...this.#connections]) connection.leave();
  }

  #withRoom(): H2ClientConnection | undefined {
    for (const connection of this.#open) if (connection.capacity > 0) return connection;
    return undefined;
  }

  // ---- the queue ----

  #enqueue(request: H2Request): void {
    const { metrics, maxWaiters, address } = this.options;
    const where = showAddress(address);
    this.#waiters.push(request);
    metrics.now.waiters += 1;
    this.#connectMore();
    if (this.#waiters.length === 0) return;
    const unserved = this.#waiters.length - this.#roomExpected;
    if (unserved <= 0) return;
    if (unserved <= maxWaiters) {
      metrics.poolWaited.inc();
      return;
    }
    metrics.poolTooManyWaiters.inc();
    this.forget(request);
    const message = `all ${this.#size} connections to ${where} have as many requests as they take, and ${this.#waiters.length} requests wait`;
    request.refuse(new GatewayError('too-many-waiters', message, { resend: 'safe' }));
  }

  forget(request: H2Request): void {
    const i = this.#waiters.indexOf(request);
    if (i < 0) return;
    this.#waiters.splice(i, 1);
    this.options.metrics.now.waiters -= 1;
  }

  #nextWaiter(): H2Request | undefined {
    const waiter = this.#waiters.shift();
    if (waiter) this.options.metrics.now.waiters -= 1;
    return waiter;
  }

  #serveWaiters(connection: H2ClientConnection): void {
    while (this.#waiters.length > 0 && connection.capacity > 0) connection.send(this.#nextWaiter() as H2Request);
  }

  #refuseWaiters(error: GatewayError): void {
    // Those that are sent again to this endpoint wait anew.
    for (const waiter of this.#waiters.splice(0)) {
      this.options.metrics.now.waiters -= 1;
      waiter.refuse(error);
    }
  }

  // ---- connections ----

  /** As many as those that wait will need, and may be made. */
  #connectMore(): void {
    while (
      this.#waiters.length > this.#roomExpected &&
      this.#size < this.options.maxConnections &&
      this.#calm.msLeft === 0
    )
      this.#connect();
    if (this.#waiters.length > 0 && this.#size === 0) this.#refuseWaiters(this.#calmError());
  }

  /** Nothing will come for those that wait before it is over, which may be long. */
  #calmError(): GatewayError {
    const where = showAddress(this.options.address);
    const ms = Math.ceil(this.#calm.msLeft);
    const message = `Unable to establish connection to ${where}: it asked for calm (ENHANCE_YOUR_CALM), and is left alone for ${ms} ms more`;
    return new GatewayError('connect-failed', message, { resend: 'safe' });
  }

  /** Requests that connections which are being made will take. */
  get #roomExpected(): number {
    return this.#connecting.size === 0 ? 0 : this.#connecting.size * this.#streamsExpected;
  }

  /** Connections without those that are leaving: what they still have to do may take for ever. */
  get #size(): number {
    return this.#open.length + this.#connecting.size;
  }

  #connect(): void {
    const connection = new H2ClientConnection(this);
    this.#connections.add(connection);
    this.#connecting.add(connection);
  }

  /** For `failFast`. False: not now. */
  #connectInBackground(): boolean {
    if (this.#open.length > 0) {
      this.#failFast?.connected();
      return true;
    }
    if (this.#connecting.size > 0) return true;
    if (this.#size >= this.options.maxConnections || this.#calm.msLeft > 0) return false;
    this.#connect();
    return true;
  }

  // ---- H2ConnectionOwner ----

  takeOver(made: MadeConnection): boolean {
    if (!this.#alternative) return false;
    this.#failFast?.connected();
    const client = this.#alternative.takeOver(made);
    for (let waiter = this.#nextWaiter(); waiter; waiter = this.#nextWaiter()) waiter.sendThrough(client);
    return true;
  }

  opened(connection: H2ClientConnection): void {
    this.#connecting.delete(connection);
    this.#failFast?.connected();
    this.#open.push(connection);
    this.#streamsExpected = connection.capacity;
    this.#serveWaiters(connection);
    this.#connectMore();
    this.#rest(connection);
  }

  connectFailed(error: GatewayError): void {
    if (!this.#closed) this.#failFast?.connectFailed();
    // Others may serve them, or be tried at the next tick.
    if (this.#open.length === 0 && this.#connecting.size === 0) this.#refuseWaiters(error);
  }

  roomGrew(connection: H2ClientConnection): void {
    this.#serveWaiters(connection);
    this.#rest(connection);
  }

  ticked(connection: H2ClientConnection): void {
    const { ticker, metrics, minConnections } = this.options;
    if (ticker.now - connection.openedAt >= this.#sessionLifeTicks) {
      metrics.expiredLifetime.inc();
      connection.leave();
    } else if (!connection.isIdle) {
      this.#connectMore();
    } else if (connection.capacity === 0) {
      // Its stream ids are used up, or the upstream has thought better of it.
      connection.leave();
    } else if (connection.idleTicks >= this.#sessionIdleTicks) {
      metrics.expiredIdle.inc();
      connection.leave();
    } else if (connection.idleTicks >= this.#poolIdleTicks && this.#size > minConnections) {
      connection.leave();
    }
  }

  left(connection: H2ClientConnection): void {
    this.#remove(connection);
    this.#connectMore();
  }

  calmAsked(message: string): void {
    this.options.metrics.h2.calmAsked.inc();
    if (message.includes(TOO_MANY_PINGS)) this.pingSlowness *= 2;
    else this.#calm.asked();
  }

  closed(connection: H2ClientConnection): void {
    const isConnecting = this.#connecting.delete(connection);
    this.#connections.delete(connection);
    this.#remove(connection);
    // One that could not be made says first why.
    if (!isConnecting) this.#connectMore();
  }

  /** It has nothing to do: gone at once where no time at all is given, or where there will be no more requests. */
  #rest(connection: H2ClientConnection): void {
    if (!connection.isIdle) return;
    if (this.#closed || (this.#poolIdleTicks === 0 && this.#size > this.options.minConnections)) connection.leave();
  }

  #remove(connection: H2ClientConnection): void {
    const i = this.#open.indexOf(connection);
    if (i >= 0) this.#open.splice(i, 1);
  }

  /** Streams carry WebSockets alone (extended CONNECT, RFC 8441). */
  #noTunnels({ upgrade, method }: RequestHead): GatewayError {
    const what = upgrade === undefined ? method : `an upgrade to ${upgrade}`;
    const message = `${what} is refused: ${showAddress(this.options.address)} is spoken to in HTTP/2, want protocol: http1`;
    return new GatewayError('upgrade-refused', message);
  }
}
