// Options of an HTTP/1.1 listener.

import type { Clock } from '../base/clock.js';
import type { MetricsScope } from '../base/metrics.js';
import type { ServeExchange } from '../service/exchange.js';
import type { Refuse } from './server.js';

export interface Http1ServerOptions {
  readonly ip: string;
  /** 0: any free port. */
  readonly port: number;
  readonly backlog?: number;
  readonly noDelay?: boolean;
  /** TCP keep-alive probes. */
  readonly keepAlive?: boolean;
  readonly maxInitialLineBytes: number;
  readonly maxHeaderBytes: number;
  /** From the first byte of a head to its last. Default 30,000 ms. */
  readonly headTimeoutMs?: number;
  /** Between requests. Default 600,000 ms. */
  readonly idleTimeoutMs?: number;
  readonly serve: ServeExchange;
  readonly refuse: Refuse;
  readonly clock: Clock;
  /** `rt/<label>/server/<ip>/<port>`. */
  readonly metrics: MetricsScope;
}
