// Request ids: chance in, a new value of X-Request-Id at each call out.

import type { Random } from '../base/random.js';

/** Made many at a time: encoding one costs nearly as much as encoding sixty. */
const BATCH = 64;
const BYTES = 16;
const CHARS = 2 * BYTES;

export class RequestIds {
  readonly #random: Random;
  readonly #bytes = Buffer.alloc(BATCH * BYTES);
  #ids = '';
  #next = BATCH;

  constructor(random: Random) {
    this.#random = random;
  }

  /** 32 hexadecimal digits. */
  next(): string {
    if (this.#next === BATCH) this.#makeMore();
    const at = this.#next * CHARS;
    this.#next += 1;
    return this.#ids.substring(at, at + CHARS);
  }

  #makeMore(): void {
    for (let at = 0; at < this.#bytes.length; at += 4) this.#bytes.writeUInt32BE((this.#random() * 2 ** 32) >>> 0, at);
    this.#ids = this.#bytes.toString('hex');
    this.#next = 0;
  }
}
