// HeaderBlock: the payloads of HEADERS and of the CONTINUATIONs behind it in, one field block out, bounded.

import { HEADERS } from './frames.js';
import { H2Error } from './h2-error.js';

const NO_BYTES: Buffer = Buffer.alloc(0);

/** Of one connection, which has one open block at most: nothing else may come before its end (RFC 9113 §6.10). */
export class HeaderBlock {
  /** Stream of the block that is open; 0: none is. */
  id = 0;
  /** Of the HEADERS frame that opened it. */
  endStream = false;
  isSelfDependent = false;
  readonly #maxFrames: number;
  readonly #maxBytes: number;
  #bytes = NO_BYTES;
  #length = 0;
  #frames = 0;

  constructor(maxFrames: number, maxBytes: number) {
    this.#maxFrames = maxFrames;
    this.#maxBytes = maxBytes;
  }

  open(id: number, endStream: boolean, isSelfDependent: boolean): void {
    this.id = id;
    this.endStream = endStream;
    this.isSelfDependent = isSelfDependent;
    this.#frames = 0;
  }

  /**
   * Appends a copy. Throws `H2Error('ENHANCE_YOUR_CALM')` past the bounds: the block cannot be skipped, since the state of
   * HPACK depends on it.
   */
  add(bytes: Buffer, start: number, end: number): void {
    this.#frames += 1;
    if (this.#frames > this.#maxFrames)
      throw new H2Error(
        'ENHANCE_YOUR_CALM',
        `A field block comes in more than ${this.#maxFrames} frames, want at most that many`,
      );
    const length = this.#length + end - start;
    if (length > this.#maxBytes) throw tooLong(this.#maxBytes);
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#maxBytes, 2 * length));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    bytes.copy(this.#bytes, this.#length, start, end);
    this.#length = length;
  }

  /** The block is complete: its bytes, which nobody else has, from here on. */
  close(): Buffer {
    const block = this.#bytes.subarray(0, this.#length);
    this.#bytes = NO_BYTES;
    this.#length = 0;
    this.id = 0;
    return block;
  }
}

/** HEADERS alone may be too long already, with a `maxFrameBytes` that allows it. */
export function refuseLongPayload(type: number, length: number, maxBytes: number): void {
  if (length <= maxBytes) return;
  if (type === HEADERS) throw tooLong(maxBytes);
  throw new H2Error('ENHANCE_YOUR_CALM', `A frame of type ${type} has ${length} octets, want at most ${maxBytes}`);
}

function tooLong(maxBytes: number): H2Error {
  return new H2Error('ENHANCE_YOUR_CALM', `A field block has more than ${maxBytes} octets, want at most that many`);
}
