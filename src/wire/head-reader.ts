// HeadReader: bytes of a connection in, at any split; the text of one message head out, within its limits.

import { type ErrorCode, GatewayError } from '../base/errors.js';

const CR = 13;
const LF = 10;
const END_OF_HEAD = Buffer.from('\r\n\r\n', 'latin1');

export interface HeadLimits {
  /** Bytes of the request or status line, without CRLF. */
  readonly maxInitialLineBytes: number;
  /** Bytes of all header lines. */
  readonly maxHeaderBytes: number;
  readonly lineTooLong: ErrorCode;
  readonly headersTooLarge: ErrorCode;
  /** What to call the head in messages: `request` or `response`. */
  readonly what: string;
}

/** One per connection; reads one head after the other. Every byte is looked at once. */
export class HeadReader {
  /** The head without its empty line, its last line ended by CRLF. Valid after `read` answered an index. */
  text = '';
  readonly #limits: HeadLimits;
  #partial = '';
  /** How much of CR LF CR LF the partial text ends with. */
  #matched = 0;
  #lineEnd = -1;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /** True when some bytes of a head have arrived and not all. */
  get started(): boolean {
    return this.#partial.length > 0;
  }

  /**
   * Reads on from `start`. Answers the index after the empty line, or -1 when the head is not complete yet. One empty
   * line before a head is skipped (RFC 9112 §2.2). Throws when a limit is passed or a line ends in a bare LF.
   */
  read(bytes: Buffer, start: number): number {
    if (this.#partial.length > 0) return this.#readOn(bytes, start);
    let from = start;
    if (bytes[from] === CR && bytes[from + 1] === LF) from += 2;
    const end = bytes.indexOf(END_OF_HEAD, from);
    if (end < 0) return this.#readOn(bytes, from);
    this.text = bytes.toString('latin1', from, end + 2);
    this.#checkLimits(this.text, -1);
    return end + 4;
  }

  /** The slow way, for a head that comes in pieces: byte by byte, remembering where it is between calls. */
  #readOn(bytes: Buffer, start: number): number {
    let matched = this.#matched;
    let i = start;
    while (i < bytes.length && matched < 4) {
      const c = bytes[i] as number;
      if (c === LF) {
        if (matched !== 1 && matched !== 3) {
          throw new GatewayError('bad-request', `bare line feed in the ${this.#limits.what} head`);
        }
        matched += 1;
        if (this.#lineEnd < 0) this.#lineEnd = this.#partial.length + i - start - 1;
      } else if (c === CR) {
        matched = matched === 2 ? 3 : 1;
      } else {
        matched = 0;
      }
      i += 1;
    }
    this.#matched = matched;
    this.#partial += bytes.toString('latin1', start, i);
    if (this.#partial === '\r\n') {
      this.#reset();
      return i < bytes.length ? this.#readOn(bytes, i) : -1;
    }
    const lineEnd = this.#lineEnd;
    // What is matched beyond the CRLF of the last line belongs to the empty line.
    this.text = matched > 2 ? this.#partial.slice(0, 2 - matched) : this.#partial;
    this.#checkLimits(this.text, lineEnd);
    if (matched < 4) return -1;
    this.#reset();
    return i;
  }

  #reset(): void {
    this.#partial = '';
    this.#matched = 0;
    this.#lineEnd = -1;
  }

  #checkLimits(text: string, knownLineEnd: number): void {
    const { maxInitialLineBytes, maxHeaderBytes, lineTooLong, headersTooLarge, what } = this.#limits;
    if (text.length <= maxInitialLineBytes && text.length <= maxHeaderBytes) return;
    const lineEnd = knownLineEnd >= 0 ? knownLineEnd : text.indexOf('\r\n');
    if (lineEnd > maxInitialLineBytes || (lineEnd < 0 && text.length > maxInitialLineBytes + 1)) {
      throw new GatewayError(lineTooLong, `first line of the ${what} is longer than ${maxInitialLineBytes} bytes`);
    }
    if (lineEnd >= 0 && text.length - lineEnd - 2 > maxHeaderBytes) {
      throw new GatewayError(headersTooLarge, `headers of the ${what} are larger than ${maxHeaderBytes} bytes`);
    }
  }
}
