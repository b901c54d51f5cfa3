// What a peer may do that costs us more than it: counts of cheap events in, an error for the peer that makes too many.

import type { Clock } from '../../base/clock.js';
import { MAX_INTERIM_RESPONSES } from '../response-head.js';
import { H2Error } from './h2-error.js';

/** So many at once, and so many a second for ever. */
export interface FloodLimit {
  readonly burst: number;
  readonly perSecond: number;
}

/** Past any of them the connection is closed, with ENHANCE_YOUR_CALM unless another code is said. */
export interface H2Limits {
  /**
   * Streams that the peer reset before their response was complete, and those that we reset for its errors: each has made
   * us work for nothing (rapid reset, CVE-2023-44487; made-you-reset, CVE-2025-8671). Each stream that ends well makes
   * good for one.
   */
  readonly resets: FloodLimit;
  readonly settings: FloodLimit;
  readonly pings: FloodLimit;
  /** PRIORITY frames, and frames of types that we do not know. */
  readonly priorities: FloodLimit;
  /** DATA frames without data that do not end their stream. */
  readonly emptyData: FloodLimit;
  /** WINDOW_UPDATE frames. Each DATA frame that we send makes good for two. */
  readonly windowUpdates: FloodLimit;
  /** Frames on streams that we have reset or refused, which RFC 9113 §5.1 has us ignore; and streams refused. */
  readonly ignored: FloodLimit;
  /** HEADERS and CONTINUATION frames of one field block. */
  readonly maxBlockFrames: number;
  /** Bytes of one field block as they come, not decoded. */
  readonly maxBlockBytes: number;
  /** Bytes of frames that wait for a peer which takes none. Closed without a word, since it does not listen. */
  readonly maxQueuedBytes: number;
  /** Body bytes that listeners hold, of all streams, past which the connection's window is no longer given back. */
  readonly maxHeldBytes: number;
  /** Milliseconds that a stream may wait for window with data to send. The stream is reset with CANCEL. */
  readonly windowStallMs: number;
  /**
   * Milliseconds for the peer to say its SETTINGS and to acknowledge ours. Closed with SETTINGS_TIMEOUT: until then a peer
   * may go by the initial values, which we must allow for (RFC 9113 §6.5.3).
   */
  readonly settingsTimeoutMs: number;
  /** Client: 1xx responses to one request. The stream is reset with ENHANCE_YOUR_CALM. */
  readonly maxInterimResponses: number;
}

export const DEFAULT_H2_LIMITS: H2Limits = {
  resets: { burst: 200, perSecond: 100 },
  settings: { burst: 100, perSecond: 10 },
  pings: { burst: 1000, perSecond: 500 },
  priorities: { burst: 2000, perSecond: 1000 },
  emptyData: { burst: 100, perSecond: 100 },
  windowUpdates: { burst: 20_000, perSecond: 10_000 },
  ignored: { burst: 10_000, perSecond: 1000 },
  maxBlockFrames: 32,
  maxBlockBytes: 128 * 1024,
  maxQueuedBytes: 1024 * 1024,
  maxHeldBytes: 4 * 1024 * 1024,
  windowStallMs: 60_000,
  settingsTimeoutMs: 30_000,
  maxInterimResponses: MAX_INTERIM_RESPONSES,
};

/** One kind of event of one connection. The clock is read only when more than a burst have come. */
export class FloodGuard {
  readonly #limit: FloodLimit;
  readonly #what: string;
  readonly #clock: Clock;
  #count = 0;
  #since: number;

  /** `what` ends the sentence "The peer sent more than … ". */
  constructor(what: string, limit: FloodLimit, clock: Clock, now: number) {
    this.#what = what;
    this.#limit = limit;
    this.#clock = clock;
    this.#since = now;
  }

  /** One more. Throws `H2Error('ENHANCE_YOUR_CALM')` when that is too many. */
  count(): void {
    this.#count += 1;
    if (this.#count > this.#limit.burst) this.#forgive();
  }

  /** `count` of them are made good for. */
  pay(count: number): void {
    if (this.#count > 0) this.#count = Math.max(0, this.#count - count);
  }

  #forgive(): void {
    const { burst, perSecond } = this.#limit;
    const now = this.#clock.now();
    this.#count = Math.max(0, this.#count - ((now - this.#since) / 1000) * perSecond);
    this.#since = now;
    if (this.#count <= burst) return;
    throw new H2Error(
      'ENHANCE_YOUR_CALM',
      `The peer sent more than ${burst} ${this.#what} at once and ${perSecond} a second`,
    );
  }
}

/** Those of one connection. */
export class FloodGuards {
  readonly resets: FloodGuard;
  readonly settings: FloodGuard;
  readonly pings: FloodGuard;
  readonly priorities: FloodGuard;
  readonly emptyData: FloodGuard;
  readonly windowUpdates: FloodGuard;
  readonly ignored: FloodGuard;

  constructor(limits: H2Limits, clock: Clock) {
    const now = clock.now();
    this.resets = new FloodGuard('streams that came to nothing', limits.resets, clock, now);
    this.settings = new FloodGuard('SETTINGS or GOAWAYs', limits.settings, clock, now);
    this.pings = new FloodGuard('PINGs', limits.pings, clock, now);
    this.priorities = new FloodGuard('frames that mean nothing', limits.priorities, clock, now);
    this.emptyData = new FloodGuard('DATA frames without data', limits.emptyData, clock, now);
    this.windowUpdates = new FloodGuard('WINDOW_UPDATEs', limits.windowUpdates, clock, now);
    this.ignored = new FloodGuard('frames on streams that are closed', limits.ignored, clock, now);
  }
}
