// FailFast: outcomes of connects to one endpoint in; whether it may be chosen out (Finagle's FailFastFactory).
//
//   up ── a connect fails ──▶ down, for 1 s ── a connect in the background ── fails ──▶ down, for 2, 4, 8, 16, 32, 32 … s
//   ▲                                               │
//   └────────────────── succeeds ───────────────────┘
//
// Connects of requests count too: with all endpoints down requests go out all the same, and the first to get through
// brings its endpoint back.

import type { Backoff, BackoffSequence } from '../base/backoff.js';
import type { Clock, TimerHandle } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { DownEndpoint, FailFastOptions } from './client.js';

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 32_000;
/** So that a fleet of gateways does not come back all at once. */
const JITTER = 0.1;

export class FailFast implements DownEndpoint {
  tries = 0;
  downSince = 0;
  readonly #options: FailFastOptions;
  readonly #clock: Clock;
  readonly #connect: () => boolean;
  /** Undefined while up. */
  #waits: BackoffSequence | undefined;
  #timer: TimerHandle | undefined;

  /** `connect` begins a connect in the background, whose outcome comes back as any other's; false: it could not begin. */
  constructor(options: FailFastOptions, clock: Clock, connect: () => boolean) {
    this.#options = options;
    this.#clock = clock;
    this.#connect = connect;
  }

  get isUp(): boolean {
    return this.#waits === undefined;
  }

  connectFailed(): void {
    if (!this.#waits) {
      const { backoff, metrics } = this.#options;
      this.#waits = backoff();
      this.tries = 0;
      this.downSince = this.#clock.now();
      metrics.markedDead.inc();
      metrics.down.add(this);
    } else if (this.#timer) {
      // Of a request that was sent although it is down: the next try is set already.
      return;
    } else {
      this.tries += 1;
    }
    this.#tryLater(this.#waits);
  }

  connected(): void {
    if (!this.#waits) return;
    this.#options.metrics.markedAvailable.inc();
    this.close();
  }

  /** No more tries. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waits = undefined;
    this.#options.metrics.down.delete(this);
  }

  #tryLater(waits: BackoffSequence): void {
    this.#timer = this.#clock.after(waits.next(), () => {
      this.#timer = undefined;
      if (!this.#connect()) this.#tryLater(waits);
    });
  }
}

/** Finagle's waits: 1, 2, 4, 8, 16, then 32 s each, with up to a tenth more. */
export function failFastBackoff(random: Random): Backoff {
  return () => {
    let wait = FIRST_WAIT_MS;
    return {
      next: () => {
        const ms = wait * (1 + random() * JITTER);
        wait = Math.min(LONGEST_WAIT_MS, wait * 2);
        return ms;
      },
    };
  };
}
