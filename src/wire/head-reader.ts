// HeadReader: bytes of a connection in, at any split; the text of one message head out, within its limits.

import { type ErrorCode, GatewayError } from '../base/errors.js';
import { type HeadText, wordsOf } from './field-lines.js';
import { latin1Slice } from './latin1.js';

const CR = 13;
const LF = 10;
const NO_BYTES = new Uint8Array();
const NO_WORDS = wordsOf(NO_BYTES);

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
export class HeadReader implements HeadText {
  /** The head without its empty line, its last line ended by CRLF. Valid after `read` answered an index. */
  text = '';
  /** Valid until the bytes that were read are written over. */
  bytes: Uint8Array = NO_BYTES;
  words: DataView = NO_WORDS;
  offset = 0;
  readonly #limits: HeadLimits;
  #partial = '';
  /** How much of CR LF CR LF the partial text ends with. */
  #matched = 0;
  #lineEnd = -1;
  #emptyLineSkipped = false;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /** True when some bytes of a head have arrived and not all. */
  get started(): boolean {
    return this.#partial.length > 0;
  }

  /**
   * Reads on from `start`. Answers the index after the empty line, or -1 when the head is not complete yet. One empty
   * line before a head is skipped (RFC 9112 §2.2). Throws when a limit is passed or a line ends in a bare LF. `words`: see HeadText.
   */
  read(bytes: Buffer, start: number, words = wordsOf(bytes)): number {
    let from = start;
    if (!this.#emptyLineSkipped && (bytes[from] === CR || this.#partial === '\r'))
      from = this.#skipEmptyLine(bytes, from);
    if (this.#partial.length > 0) return this.#readOn(bytes, from);
    const end = endOfHead(bytes, from);
    if (end < 0) return this.#readOn(bytes, from);
    this.text = latin1Slice(bytes, from, end + 2);
    this.bytes = bytes;
    this.words = words;
    this.offset = from;
    this.#checkLimits(this.text, -1);
    this.#emptyLineSkipped = false;
    return end + 4;
  }

  /** One only: a caller that sends empty lines for ever would never be seen to start a head, nor to be idle. */
  #skipEmptyLine(bytes: Buffer, start: number): number {
    const lf = this.#partial.length > 0 ? start : start + 1;
    if (bytes[lf] !== LF) return start;
    this.#reset();
    this.#emptyLineSkipped = true;
    return lf + 1;
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
    const lineEnd = this.#lineEnd;
    // What is matched beyond the CRLF of the last line belongs to the empty line.
    this.text = matched > 2 ? this.#partial.slice(0, 2 - matched) : this.#partial;
    this.#checkLimits(this.text, lineEnd);
    if (matched < 4) return -1;
    this.bytes = Buffer.from(this.text, 'latin1');
    this.words = wordsOf(this.bytes);
    this.offset = 0;
    this.#reset();
    return i;
  }

  /** The head has been parsed: an idle connection should not keep it. */
  forget(): void {
    this.text = '';
    this.bytes = NO_BYTES;
    this.words = NO_WORDS;
  }

  #reset(): void {
    this.#partial = '';
    this.#matched = 0;
    this.#lineEnd = -1;
    this.#emptyLineSkipped = false;
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

/**
 * Index of the first CR LF CR LF at or after `from`, or -1. Looks at every fourth byte (Horspool's search): for heads of the
 * usual size less work than a call of `indexOf` costs.
 */
function endOfHead(bytes: Uint8Array, from: number): number {
  for (let last = from + 3; last < bytes.length; ) {
    const c = bytes[last];
    if (c === LF) {
      if (bytes[last - 1] === CR && bytes[last - 2] === LF && bytes[last - 3] === CR) return last - 3;
      last += 2;
    } else {
      last += c === CR ? 1 : 4;
    }
  }
  return -1;
}
