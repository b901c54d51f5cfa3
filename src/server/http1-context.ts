// Http1Context: the options of a listener in, what all of its connections share out; changed as a whole by a reload.

import type { HeadLimits } from '../wire/head-reader.js';
import { type ConnectionLimits, connectionLimits } from './connection-limits.js';
import { type ConnectionMetrics, connectionMetrics } from './connection-metrics.js';
import type { Http1Connection, Http1ConnectionContext } from './http1-connection.js';
import type { Http1ServerOptions } from './http1-options.js';
import { IdleOrder } from './idle-order.js';

export class Http1Context implements Http1ConnectionContext {
  draining = false;
  now = 0;
  readonly idle = new IdleOrder<Http1Connection>();
  /** One object for good, as the readers of heads keep it. */
  readonly headLimits: { -readonly [K in keyof HeadLimits]: HeadLimits[K] };
  readonly closed: (connection: Http1Connection) => void;
  #options: Http1ServerOptions;
  #limits: ConnectionLimits;
  #metrics: ConnectionMetrics;

  constructor(options: Http1ServerOptions, forget: (connection: Http1Connection) => void) {
    this.#options = options;
    this.#limits = connectionLimits(options);
    this.#metrics = connectionMetrics(options.metrics);
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

  configure(options: Http1ServerOptions): void {
    this.#options = options;
    this.#limits = connectionLimits(options);
    this.#metrics = connectionMetrics(options.metrics);
    this.headLimits.maxInitialLineBytes = options.maxInitialLineBytes;
    this.headLimits.maxHeaderBytes = options.maxHeaderBytes;
  }
}
