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
  };
}
