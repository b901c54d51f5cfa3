// ServerConnection: a connection of a caller as its server sees it, whatever it speaks.

import type { IdleEntry } from './idle-order.js';

export interface ServerConnection extends IdleEntry<ServerConnection> {
  /** `clock.now()` when it was accepted. */
  readonly openedAt: number;
  /** Requests under way on one connection of HTTP/2; 0 on others. */
  readonly streams: number;
  /** Takes no more requests, and closes when those under way are answered. */
  drain(): void;
  /** Closes now. */
  destroy(): void;
  /** The context counts elsewhere from now on. */
  countAnew(): void;
  /** Called again and again: closes what has waited for too long, or was opened up to `bornBefore` and is idle. */
  sweep(bornBefore: number): void;
}
