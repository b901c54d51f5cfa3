// TunnelWatch: how many bytes have gone through a tunnel, asked once a sweep, in; what is counted of them, and whether none
// did for too long, out.

import { isOver, type SweepTime } from './connection-limits.js';
import type { ConnectionMetrics } from './connection-metrics.js';

/** Bytes of one tunnel so far; both only go up. */
export interface TunnelBytes {
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export class TunnelWatch {
  #received: number;
  #sent: number;
  /** `now` of the sweep that last saw a byte go either way. */
  #movedAt: number;

  constructor({ bytesRead, bytesWritten }: TunnelBytes, { now }: SweepTime) {
    this.#received = bytesRead;
    this.#sent = bytesWritten;
    this.#movedAt = now;
  }

  /** Counts what has gone through since the last time. */
  count({ bytesRead, bytesWritten }: TunnelBytes, metrics: ConnectionMetrics, { now }: SweepTime): void {
    if (bytesRead === this.#received && bytesWritten === this.#sent) return;
    metrics.tunnelReceived.add(bytesRead - this.#received);
    metrics.tunnelSent.add(bytesWritten - this.#sent);
    this.#received = bytesRead;
    this.#sent = bytesWritten;
    this.#movedAt = now;
  }

  isIdle(time: SweepTime): boolean {
    return isOver(time, this.#movedAt, time.limits.tunnelIdleMs);
  }
}
