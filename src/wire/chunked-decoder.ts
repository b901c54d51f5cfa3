// Chunked bodies (RFC 9112 §7.1): bytes in at any split, data chunks and trailers out. Strict: see request-head.ts.

import { GatewayError } from '../base/errors.js';
import { Headers } from '../service/headers.js';
import { headText, quote, readFieldLines } from './field-lines.js';
import { mayBeTrailer } from './trailer-fields.js';

const CR = 13;
const LF = 10;
const SEMICOLON = 59;

/** More digits than this cannot be a size that is exact as a number. */
const MAX_SIZE_DIGITS = 12;
/** Extensions have no known use; a long one is an attack (CVE-2023-39326 and its like). Bytes per chunk. */
const MAX_EXTENSION_BYTES = 256;

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const QUOTED = String.raw`"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"`;
const EXTENSION = `${TOKEN}(?:=(?:${TOKEN}|${QUOTED}))?`;
/**
 * What follows the first `;` (RFC 9112 §7.1.1), without the white space that the grammar tolerates and senders must not
 * write: parsers differ in where such an extension ends, and some in where the line ends (CVE-2025-55315).
 */
const EXTENSIONS = new RegExp(`^${EXTENSION}(?:;${EXTENSION})*$`);

type State = 'size' | 'extension' | 'sizeLf' | 'data' | 'dataCr' | 'dataLf' | 'trailers' | 'done';

export interface ChunkedSink {
  data(chunk: Buffer): void;
  end(trailers: Headers | undefined): void;
}

/** One body. Feed it bytes until `done`. */
export class ChunkedDecoder {
  #state: State = 'size';
  #size = 0;
  #digits = 0;
  #extension = '';
  #trailerText = '';
  /** Bytes of the current trailer line so far, and the last of them: a line may end in another buffer than it began. */
  #lineBytes = 0;
  #lastByte = 0;
  readonly #maxTrailerBytes: number;

  constructor(maxTrailerBytes: number) {
    this.#maxTrailerBytes = maxTrailerBytes;
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  /**
   * Reads `bytes` from `start`, calls `sink`, and answers the index after what it used: less than the length only when
   * the body is done. Throws `GatewayError('bad-request')` at the first byte that is not right.
   */
  decode(bytes: Buffer, start: number, sink: ChunkedSink): number {
    let i = start;
    while (i < bytes.length && this.#state !== 'done') {
      switch (this.#state) {
        case 'size':
          i = this.#readSize(bytes, i);
          break;
        case 'extension':
          i = this.#skipExtension(bytes, i);
          break;
        case 'sizeLf':
          expectByte(bytes, i, LF, 'a chunk size line');
          i += 1;
          this.#digits = 0;
          this.#state = this.#size === 0 ? 'trailers' : 'data';
          break;
        case 'data': {
          const end = Math.min(bytes.length, i + this.#size);
          this.#size -= end - i;
          if (this.#size === 0) this.#state = 'dataCr';
          sink.data(bytes.subarray(i, end));
          i = end;
          break;
        }
        case 'dataCr':
          expectByte(bytes, i, CR, 'chunk data');
          i += 1;
          this.#state = 'dataLf';
          break;
        case 'dataLf':
          expectByte(bytes, i, LF, 'chunk data');
          i += 1;
          this.#state = 'size';
          break;
        case 'trailers':
          i = this.#readTrailers(bytes, i, sink);
          break;
        default:
          this.#state satisfies never;
      }
    }
    return i;
  }

  #readSize(bytes: Buffer, start: number): number {
    for (let i = start; i < bytes.length; i++) {
      const c = bytes[i] as number;
      const value = hexValue(c);
      if (value >= 0) {
        this.#digits += 1;
        if (this.#digits > MAX_SIZE_DIGITS) throw new GatewayError('bad-request', 'chunk size has too many digits');
        this.#size = this.#size * 16 + value;
        continue;
      }
      if (this.#digits === 0 || (c !== CR && c !== SEMICOLON)) {
        throw new GatewayError('bad-request', `byte 0x${c.toString(16)} in a chunk size, want hexadecimal digits`);
      }
      this.#extension = '';
      this.#state = c === CR ? 'sizeLf' : 'extension';
      return i + 1;
    }
    return bytes.length;
  }

  #skipExtension(bytes: Buffer, start: number): number {
    const cr = bytes.indexOf(CR, start);
    const end = cr < 0 ? bytes.length : cr;
    if (this.#extension.length + end - start > MAX_EXTENSION_BYTES) {
      throw new GatewayError('bad-request', `chunk extension longer than ${MAX_EXTENSION_BYTES} bytes`);
    }
    this.#extension += bytes.toString('latin1', start, end);
    if (cr < 0) return end;
    if (!EXTENSIONS.test(this.#extension)) {
      throw new GatewayError('bad-request', `malformed chunk extension ${quote(this.#extension)}`);
    }
    this.#state = 'sizeLf';
    return cr + 1;
  }

  #readTrailers(bytes: Buffer, start: number, sink: ChunkedSink): number {
    let i = start;
    while (i < bytes.length) {
      const lf = bytes.indexOf(LF, i);
      const end = lf < 0 ? bytes.length : lf + 1;
      const beforeLf = lf > i ? bytes[lf - 1] : this.#lastByte;
      this.#lastByte = bytes[end - 1] as number;
      this.#lineBytes += end - i;
      this.#trailerText += bytes.toString('latin1', i, end);
      i = end;
      if (this.#trailerText.length > this.#maxTrailerBytes + 2) {
        throw new GatewayError('bad-request', `trailers larger than ${this.#maxTrailerBytes} bytes`);
      }
      if (lf < 0) break;
      if (beforeLf !== CR) throw new GatewayError('bad-request', 'bare line feed in the trailers');
      if (this.#lineBytes === 2) {
        this.#state = 'done';
        sink.end(parseTrailers(this.#trailerText));
        break;
      }
      this.#lineBytes = 0;
    }
    return i;
  }
}

function expectByte(bytes: Buffer, at: number, want: number, after: string): void {
  if (bytes[at] !== want) {
    throw new GatewayError('bad-request', `byte 0x${(bytes[at] as number).toString(16)} after ${after}, want CRLF`);
  }
}

function hexValue(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  if (c >= 97 && c <= 102) return c - 87;
  return c >= 65 && c <= 70 ? c - 55 : -1;
}

function parseTrailers(text: string): Headers | undefined {
  const end = text.length - 2;
  if (end <= 0) return undefined;
  const lines = readFieldLines(headText(text), 0, end, ({ role, spelling }) => {
    if (role === 'length' || role === 'coding') {
      throw new GatewayError('bad-request', `${spelling} in the trailers: the body has been framed already`);
    }
    return role !== 'host';
  });
  const trailers = Headers.fromLines(lines, undefined);
  trailers.removeIf((lower) => !mayBeTrailer(lower));
  return trailers.size === 0 ? undefined : trailers;
}
