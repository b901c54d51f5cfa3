// Calm: an upstream's wishes for calm (ENHANCE_YOUR_CALM, RFC 9113 §7) in; until when no new connection is made to it out.

import type { Backoff, BackoffSequence } from '../base/backoff.js';
import type { Clock } from '../base/clock.js';

/** Who has not asked for so long starts over at the shortest wait. */
const FORGOTTEN_MS = 60_000;

export class Calm {
  readonly #backoff: Backoff;
  readonly #clock: Clock;
  #waits: BackoffSequence | undefined;
  /** 0: it never asked, or that is over. */
  #until = 0;

  constructor(backoff: Backoff, clock: Clock) {
    this.#backoff = backoff;
    this.#clock = clock;
  }

  asked(): void {
    const now = this.#clock.now();
    if (this.#until > 0 && now < this.#until) return;
    if (!this.#waits || now - this.#until > FORGOTTEN_MS) this.#waits = this.#backoff();
    this.#until = now + this.#waits.next();
  }

  /** 0: connections may be made. The clock is read only after it has asked. */
  get msLeft(): number {
    return this.#until === 0 ? 0 : Math.max(0, this.#until - this.#clock.now());
  }
}
