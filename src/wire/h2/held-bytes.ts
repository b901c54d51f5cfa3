// HeldBytes: chunks in that cannot be sent yet, the same bytes out later, without keeping much more memory than they are.

import { HOLD_BYTES } from '../push-socket.js';

/** Room for short chunks. */
const BLOCK_BYTES = 4096;

/**
 * Chunks of `HOLD_BYTES` and more are kept as they are, so the producer must leave them alone. Shorter ones are copied
 * into blocks of ours: each might be a few bytes of a large buffer, or one of ten thousand of a single byte.
 */
export class HeldBytes {
  readonly #chunks: Buffer[] = [];
  /** Of the first chunk, what has been used up. */
  #used = 0;
  /** The last chunk is ours, and has so many bytes filled. -1: it is not. */
  #filled = -1;

  /** The next bytes to send; empty: nothing is held. */
  get first(): Buffer {
    const chunk = this.#chunks[0];
    if (!chunk) return EMPTY;
    return chunk.subarray(this.#used, this.#chunks.length === 1 && this.#filled >= 0 ? this.#filled : chunk.length);
  }

  add(chunk: Buffer): void {
    if (chunk.length >= HOLD_BYTES) {
      this.#seal();
      this.#chunks.push(chunk);
      return;
    }
    let block = this.#filled >= 0 ? (this.#chunks.at(-1) as Buffer) : EMPTY;
    if (this.#filled < 0 || block.length - this.#filled < chunk.length) {
      this.#seal();
      block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, chunk.length));
      this.#chunks.push(block);
      this.#filled = 0;
    }
    chunk.copy(block, this.#filled);
    this.#filled += chunk.length;
  }

  /** `count` bytes of `first` have been sent. */
  use(count: number): void {
    const left = this.first.length - count;
    if (left > 0) {
      this.#used += count;
      return;
    }
    if (this.#chunks.length === 1) this.#filled = -1;
    this.#chunks.shift();
    this.#used = 0;
  }

  /** No more goes into the last block. */
  #seal(): void {
    const last = this.#chunks.length - 1;
    if (this.#filled >= 0) this.#chunks[last] = (this.#chunks[last] as Buffer).subarray(0, this.#filled);
    this.#filled = -1;
  }
}

const EMPTY: Buffer = Buffer.alloc(0);
