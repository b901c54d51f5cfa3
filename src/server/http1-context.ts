// Http1Context: the options of a listener in, what all of its connections share out; changed as a whole by a reload.

import type { HeadLimits } from '../wire/head-reader.js';
import type { CallerSocket } from './caller-socket.js';
import { type ConnectionLimits, connectionLimits } from './connection-limits.js';
import { type ConnectionMetrics, connectionMetrics } from './connection-metrics.js';
import { FlushQueue } from './flush-queue.js';
import { H2Connection, type H2ConnectionContext } from './h2-connection.js';
import { type H2ServerOptions, h2ServerOptions } from './h2-options.js';
import type { Http1Connection, Http1ConnectionContext } from './http1-connection.js';
import type { Http1ServerOptions } from './http1-options.js';
import { IdleOrder } from './idle-order.js';
import type { ServerConnection } from './server-connection.js';

export class Http1Context implements Http1ConnectionContext, H2ConnectionContext {
  readonly connections = new Set<ServerConnection>();
  draining = false;
  now = 0;
  readonly idle = new IdleOrder<ServerConnection>();
  /** One object for good, as the readers of heads keep it. */
  readonly headLimits: { -readonly [K in keyof HeadLimits]: HeadLimits[K] };
  readonly flushes = new FlushQueue();
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

  beginH2(connection: Http1Connection, caller: CallerSocket, rest: Buffer): void {
    this.connections.delete(connection);
    this.idle.remove(connection);
    const h2 = new H2Connection(caller, this);
    this.connections.add(h2);
    h2.begin(rest);
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
