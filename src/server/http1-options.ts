// Options of an HTTP/1.1 listener.

import type { Clock } from '../base/clock.js';
import type { MetricsScope } from '../base/metrics.js';
import type { ServeExchange } from '../service/exchange.js';
import type { H2Settings } from '../wire/h2-settings.js';
import type { ListenerTls } from './listener-tls.js';
import type { Refuse } from './server.js';

export interface H2ListenerSettings extends H2Settings {
  readonly maxConcurrentStreamsPerConnection: number | undefined;
}

/** Times are in milliseconds; where Infinity is given there is no limit. */
export interface Http1ServerOptions {
  readonly ip: string;
  /** 0: any free port. */
  readonly port: number;
  readonly backlog?: number;
  readonly noDelay?: boolean;
  /** Callers speak TLS. Default: plain text. */
  readonly tls?: ListenerTls | undefined;
  /** Callers may speak HTTP/2 beside HTTP/1.1: by ALPN over TLS, else from the first byte on ("prior knowledge"). Default false. */
  readonly h2?: boolean;
  /** Callers must speak HTTP/2: HTTP/1.1 is refused. Default false. */
  readonly h2Only?: boolean;
  readonly h2Settings?: H2ListenerSettings | undefined;
  /** CONNECT is served: a tunnel to what its target is routed to. Default false: it is refused. */
  readonly proxy?: boolean;
  /** TCP keep-alive probes. */
  readonly keepAlive?: boolean;
  /** Connections open at a time. For one more the one that has been idle longest is closed; without any, it is itself. */
  readonly maxConnections: number;
  readonly maxInitialLineBytes: number;
  readonly maxHeaderBytes: number;
  /** From the first byte of a head to its last. Default 30,000 ms. */
  readonly headTimeoutMs?: number;
  /**
   * Without a byte from a caller that owes us some: within a head, a body or a tunnel. Does not run while it is we who do
   * not read, for an upstream that is slower, nor while the caller waits for a 100. Default 60,000 ms within a body, no
   * limit within a tunnel or a head (which `headTimeoutMs` limits).
   */
  readonly readTimeoutMs?: number;
  /** Without the caller taking a byte of those that are held for it. Default 60,000 ms. */
  readonly writeTimeoutMs?: number;
  /** Between requests, and before the first. Default 600,000 ms. */
  readonly idleTimeoutMs?: number;
  /** Without a byte through a tunnel, either way. Default 3,600,000 ms. */
  readonly tunnelIdleMs?: number;
  /**
   * After this a connection is closed when it is idle; the next response that begins says `Connection: close`. Default: no
   * limit.
   */
  readonly lifeTimeMs?: number;
  readonly serve: ServeExchange;
  readonly refuse: Refuse;
  readonly clock: Clock;
  /** `rt/<label>/server/<ip>/<port>`. */
  readonly metrics: MetricsScope;
}
