// Ticket keys: the clock in, the key that session tickets are sealed with out; a new one each day.
//
// Whoever gets the key can read what was sent over TLS 1.2 sessions that were resumed with it, so none lasts: the price of a
// change is a full handshake for each caller that comes back.

import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.js';

const LIFE_MS = 24 * 60 * 60 * 1000;
/** Node's: 16 bytes each of name, HMAC key and AES key. */
const KEY_BYTES = 48;

export class TicketKeys {
  readonly #clock: Clock;
  #key = randomBytes(KEY_BYTES);
  #madeAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#madeAt = clock.now();
  }

  get current(): Buffer {
    const now = this.#clock.now();
    if (now - this.#madeAt >= LIFE_MS) {
      this.#madeAt = now;
      this.#key = randomBytes(KEY_BYTES);
    }
    return this.#key;
  }

  close(): void {}
}
