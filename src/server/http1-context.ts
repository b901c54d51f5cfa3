// Http1Context: the options of a listener in, what all of its connections share out; changed as a whole by a reload.

import type { Socket } from 'node:net';
import type { HeadLimits } from '../wire/head-reader.js';
import { CallerSocket } from './caller-socket.js';
import { type ConnectionLimits, connectionLimits } from './connection-limits.js';
import { type ConnectionMetrics, connectionMetrics } from './connection-metrics.js';
import { H2Connection, type H2ConnectionContext } from './h2-connection.js';
import { type H2ServerOptions, h2ServerOptions } from './h2-options.js';
import { Http1Connection, type Http1ConnectionContext } from './http1-connection.js';
import type { Http1ServerOptions } from './http1-options.js';
import { IdleOrder } from './idle-order.js';
import type { ServerConnection } from './server-connection.js';
import { handshakeOptions, TlsHandshake, type TlsHandshakeContext } from './tls-handshake.js';

export class Http1Context implements Http1ConnectionContext, H2ConnectionContext, TlsHandshakeContext {
  readonly connections = new Set<ServerConnection>();
  draining = false;
  tunnels = 0;
  now = 0;
  readonly idle = new IdleOrder<ServerConnection>();
  /** One object for good, as the readers of heads keep it. */
  readonly headLimits: { -readonly [K in keyof HeadLimits]: HeadLimits[K] };
  readonly closed: (connection: ServerConnection) => void;
  #options: Http1ServerOptions;
  #limits: ConnectionLimits;
  #metrics: ConnectionMetrics;
  #h2: H2ServerOptions;

  constructor(options: Http1ServerOptions, forget: (connection: ServerConnection) => void) {
    this.#options = options;
    this.#limits = connectionLimits(options);
    this.#metrics = connectionMetrics(options.metrics);
    this.#h2 = h2ServerOptions(options, this.#limits);
    this.headLimits = {
      maxInitialLineBytes: options.maxInitialLineBytes,
      maxHeaderBytes: options.maxHeaderBytes,
      lineTooLong: 'request-line-too-long',
      headersTooLarge: 'headers-too-large',
      what: 'request',
    };
    this.closed = (connection) => {
      this.#metrics.closes.inc();
      this.#metrics.durationMs.add(this.#options.clock.now() - connection.openedAt);
      this.idle.remove(connection);
      forget(connection);
    };
  }

  get options(): Http1ServerOptions {
    return this.#options;
  }

  get limits(): ConnectionLimits {
    return this.#limits;
  }

  get metrics(): ConnectionMetrics {
    return this.#metrics;
  }

  get h2(): H2ServerOptions {
    return this.#h2;
  }

  /** A new connection of a caller. */
  accept(socket: Socket, connectionId: number): void {
    const { tls, h2 = false, clock } = this.#options;
    const caller = new CallerSocket({
      socket,
      connectionId,
      openedAt: clock.now(),
      sentBytes: this.#metrics.bytesSent,
      tls: tls && handshakeOptions(tls, h2),
    });
    const secured = caller.tls;
    this.connections.add(secured ? new TlsHandshake(caller, secured, this) : new Http1Connection(caller, this));
  }

  begin(handshake: TlsHandshake, caller: CallerSocket, protocol: 'h2' | 'http/1.1'): void {
    if (protocol === 'h2') this.#replace(handshake, new H2Connection(caller, this)).begin();
    else this.#replace(handshake, new Http1Connection(caller, this));
  }

  beginH2(connection: Http1Connection, caller: CallerSocket, rest: Buffer): void {
    this.#replace(connection, new H2Connection(caller, this)).begin(rest);
  }

  #replace<T extends ServerConnection>(before: ServerConnection, after: T): T {
    this.connections.delete(before);
    this.idle.remove(before);
    this.connections.add(after);
    return after;
  }

  configure(options: Http1ServerOptions): void {
    this.#options = options;
    this.#limits = connectionLimits(options);
    this.#metrics = connectionMetrics(options.metrics);
    this.#h2 = h2ServerOptions(options, this.#limits);
    this.headLimits.maxInitialLineBytes = options.maxInitialLineBytes;
    this.headLimits.maxHeaderBytes = options.maxHeaderBytes;
  }
}
