// FrameReader: bytes of one connection in, cut anywhere; frames out, DATA in pieces as they come.

import { tooMuchPadding } from './frame-errors.js';
import { DATA, HEADER_BYTES, isKnownFrame, PADDED } from './frames.js';
import { H2Error } from './h2-error.js';

/** Takes the frames of one connection, in order. Whatever it throws, `read` throws; nothing can be read afterwards. */
export interface FrameSink {
  /** A frame begins, of a type known or not: whoever wants no such frame now refuses it before its payload is read. */
  frameBegins(type: number, flags: number, id: number, length: number): void;
  /** `bytes[start, end)`, at least one, is part of the data of the DATA frame that began last. Without padding. */
  dataPiece(bytes: Buffer, start: number, end: number): void;
  /** All of that DATA frame came, padding too. */
  dataEnds(): void;
  /** The payload of any other frame of a known type, padding and all, is `bytes[start, end)`, during the call only. */
  frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void;
}

/**
 * - `head`: in the nine octets before a payload;
 * - `collect`: in a payload that is wanted as a whole;
 * - `data`: in a DATA frame;
 * - `skip`: in a frame of an unknown type.
 */
type Phase = 'head' | 'collect' | 'data' | 'skip';

const NO_BYTES: Buffer = Buffer.alloc(0);
/** A payload that comes in parts is collected in a buffer that grows with what came, not with what was promised. */
const FIRST_COLLECTED_BYTES = 512;

export class FrameReader {
  readonly #sink: FrameSink;
  #phase: Phase = 'head';
  #type = 0;
  #flags = 0;
  #id = 0;
  /** Octets of the payload that have not come. */
  #left = 0;
  /** Of them, those at the end that are padding. -1: the octet that says how many is due. DATA only. */
  #padding = 0;
  /** What has come of a head, or of a payload to be collected, in earlier reads. */
  #collected = NO_BYTES;
  #collectedBytes = 0;
  #isStopped = false;
  /** Heads that have begun. */
  #frames = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** A number of its own for the frame, other than DATA, that has begun and is not complete; 0: there is none. */
  get unfinished(): number {
    return this.#phase === 'data' || (this.#phase === 'head' && this.#collectedBytes === 0) ? 0 : this.#frames + 1;
  }

  /** Reads no further, not even the rest of the current `read`. */
  stop(): void {
    this.#isStopped = true;
    this.#collected = NO_BYTES;
  }

  read(bytes: Buffer): void {
    let at = 0;
    while (!this.#isStopped) {
      switch (this.#phase) {
        case 'head':
          at = this.#readHead(bytes, at);
          if (at < 0) return;
          break;
        case 'collect':
          at = this.#collect(bytes, at);
          if (at < 0) return;
          break;
        case 'data':
          at = this.#readData(bytes, at);
          if (this.#left > 0 || this.#isStopped) return;
          this.#phase = 'head';
          this.#sink.dataEnds();
          break;
        case 'skip': {
          const skipped = Math.min(this.#left, bytes.length - at);
          this.#left -= skipped;
          at += skipped;
          if (this.#left > 0) return;
          this.#phase = 'head';
          break;
        }
        default:
          this.#phase satisfies never;
      }
    }
  }

  /** Where the payload begins, or -1: more must come. */
  #readHead(bytes: Buffer, at: number): number {
    if (this.#collectedBytes === 0 && bytes.length - at >= HEADER_BYTES) {
      this.#begin(bytes, at);
      return at + HEADER_BYTES;
    }
    const wanted = HEADER_BYTES - this.#collectedBytes;
    const end = Math.min(bytes.length, at + wanted);
    this.#keep(bytes, at, end, HEADER_BYTES);
    if (end - at < wanted) return -1;
    const head = this.#release();
    this.#begin(head, 0);
    return end;
  }

  #begin(bytes: Buffer, at: number): void {
    const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    const type = bytes[at + 3] as number;
    const flags = bytes[at + 4] as number;
    // The reserved bit before a stream id is ignored (RFC 9113 §4.1).
    const id = uint31(bytes, at + 5);
    this.#type = type;
    this.#flags = flags;
    this.#id = id;
    this.#left = length;
    this.#frames += 1;
    this.#sink.frameBegins(type, flags, id, length);
    if (type === DATA) {
      this.#phase = 'data';
      this.#padding = (flags & PADDED) === 0 ? 0 : -1;
      if (this.#padding < 0 && length === 0)
        throw new H2Error('FRAME_SIZE_ERROR', 'DATA is said to be padded and is empty (RFC 9113 §6.1)');
    } else this.#phase = isKnownFrame(type) ? 'collect' : 'skip';
  }

  /** Where the next frame begins, or -1: more must come. */
  #collect(bytes: Buffer, at: number): number {
    const end = at + this.#left;
    if (this.#collectedBytes === 0 && end <= bytes.length) {
      this.#phase = 'head';
      this.#sink.frame(this.#type, this.#flags, this.#id, bytes, at, end);
      return end;
    }
    const stop = Math.min(bytes.length, end);
    this.#keep(bytes, at, stop, this.#collectedBytes + this.#left);
    this.#left -= stop - at;
    if (this.#left > 0) return -1;
    this.#phase = 'head';
    const length = this.#collectedBytes;
    const payload = this.#release();
    this.#sink.frame(this.#type, this.#flags, this.#id, payload, 0, length);
    return end;
  }

  /** `atMost`: all that will be collected for this head or payload. */
  #keep(bytes: Buffer, start: number, end: number, atMost: number): void {
    const length = this.#collectedBytes + end - start;
    if (length > this.#collected.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(atMost, Math.max(2 * length, FIRST_COLLECTED_BYTES)));
      this.#collected.copy(grown, 0, 0, this.#collectedBytes);
      this.#collected = grown;
    }
    bytes.copy(this.#collected, this.#collectedBytes, start, end);
    this.#collectedBytes = length;
  }

  #release(): Buffer {
    const collected = this.#collected;
    this.#collected = NO_BYTES;
    this.#collectedBytes = 0;
    return collected;
  }

  /** Where reading goes on: the frame is complete when `#left` is 0 then. */
  #readData(bytes: Buffer, start: number): number {
    let at = start;
    if (this.#padding < 0) {
      if (at === bytes.length) return at;
      const padding = bytes[at++] as number;
      this.#left -= 1;
      if (padding > this.#left) throw tooMuchPadding(DATA);
      this.#padding = padding;
    }
    const data = Math.min(this.#left - this.#padding, bytes.length - at);
    if (data > 0) {
      at += data;
      this.#left -= data;
      this.#sink.dataPiece(bytes, at - data, at);
    }
    if (this.#left > this.#padding) return at;
    const skipped = Math.min(this.#left, bytes.length - at);
    this.#left -= skipped;
    this.#padding -= skipped;
    return at + skipped;
  }
}

export function uint31(bytes: Buffer, at: number): number {
  return uint32(bytes, at) & 0x7fff_ffff;
}

export function uint32(bytes: Buffer, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}
