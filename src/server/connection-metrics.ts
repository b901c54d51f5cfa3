// Connection metrics: the scope of a listener in, what is counted of its connections out.

import type { Counter, MetricsScope, Stat } from '../base/metrics.js';

export interface ConnectionMetrics {
  readonly connects: Counter;
  readonly closes: Counter;
  readonly durationMs: Stat;
  readonly bytesReceived: Counter;
  readonly bytesSent: Counter;
  /** Closed as they were accepted: there were `maxConnections`, and none of them was idle. */
  readonly refused: Counter;
  /** Closed while idle, for a new one, at `maxConnections`. */
  readonly evicted: Counter;
  /** Closed for sending too slowly. */
  readonly readTimeouts: Counter;
  /** Closed for not taking what was sent to them. */
  readonly writeTimeouts: Counter;
  /** Of `connects`, those that turned out to speak HTTP/2. */
  readonly h2Connects: Counter;
  /** Closed for `idleTimeoutMs` and `lifeTimeMs`, under Finagle's names. */
  readonly idleExpired: Counter;
  readonly lifeExpired: Counter;
  /** What went through tunnels, and those closed since nothing did for `tunnelIdleMs`. */
  readonly tunnelReceived: Counter;
  readonly tunnelSent: Counter;
  readonly tunnelExpired: Counter;
  /** Of TLS: done; of those the ones that took up an earlier session; come to nothing, for whatever reason. */
  readonly tlsHandshakes: Counter;
  readonly tlsResumed: Counter;
  readonly tlsHandshakeErrors: Counter;
  /** Of the latter: not done in time; with a certificate of the caller that does not hold. */
  readonly tlsHandshakeTimeouts: Counter;
  readonly tlsBadCertificates: Counter;
}

export function connectionMetrics(scope: MetricsScope): ConnectionMetrics {
  return {
    connects: scope.counter('connects'),
    closes: scope.counter('closes'),
    durationMs: scope.stat('connection_duration'),
    bytesReceived: scope.counter('received_bytes'),
    bytesSent: scope.counter('sent_bytes'),
    refused: scope.counter('connections_refused'),
    evicted: scope.counter('connections_evicted'),
    readTimeouts: scope.counter('read_timeout'),
    writeTimeouts: scope.counter('write_timeout'),
    h2Connects: scope.counter('h2', 'connects'),
    idleExpired: scope.counter('expired', 'idle'),
    lifeExpired: scope.counter('expired', 'lifetime'),
    tlsHandshakes: scope.counter('tls', 'handshakes'),
    tlsResumed: scope.counter('tls', 'resumed'),
    tlsHandshakeErrors: scope.counter('tls', 'handshake_errors'),
    tlsHandshakeTimeouts: scope.counter('tls', 'handshake_timeouts'),
    tlsBadCertificates: scope.counter('tls', 'client_certificate_errors'),
    tunnelReceived: scope.counter('tunnels', 'received_bytes'),
    tunnelSent: scope.counter('tunnels', 'sent_bytes'),
    tunnelExpired: scope.counter('expired', 'tunnel'),
  };
}
