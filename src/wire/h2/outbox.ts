// Outbox: what the streams of a session send in, as the peer's windows and the transport allow; few writes out.

import { ByteBuffer } from './byte-buffer.js';
import {
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  HEADER_BYTES,
  HEADERS,
  INITIAL_WINDOW,
  MAX_SENT_BYTES,
  writeFrameHeader,
} from './frames.js';
import { HeldBytes } from './held-bytes.js';
import { HpackEncoder } from './hpack-encoder.js';
import type { H2Transport } from './session-contract.js';
import type { SessionStream } from './stream.js';

/** Output leaves before the end of a burst when there is this much: the peer can begin with it. */
const FLUSH_BYTES = 64 * 1024;
/** Of its header, a frame's flags. */
const FLAGS_AT = 4;

export interface OutboxOwner {
  /** All of the stream's side is written. */
  streamSent(stream: SessionStream): void;
  /** A frame of its data is written. */
  dataSent(): void;
}

export class Outbox {
  /** Frames to go. Whoever writes here writes whole frames. */
  readonly out = new ByteBuffer();
  readonly encoder = new HpackEncoder();
  /** Octets of DATA that the peer allows, of all streams. */
  window = INITIAL_WINDOW;
  /** The transport has enough for now. */
  isBlocked = false;
  /** Streams that hold something. */
  holding = 0;
  readonly #transport: H2Transport;
  readonly #owner: OutboxOwner;
  /** Counts flushes: a place in the output means something until the next. */
  #flushes = 0;
  /**
   * Streams that hold data and have window themselves, in the order in which they get their turn. While there are any the
   * transport is blocked, or the connection's window used up, or `#pump` is at work.
   */
  readonly #waiting = new Set<SessionStream>();
  #isPumping = false;

  constructor(transport: H2Transport, owner: OutboxOwner) {
    this.#transport = transport;
    this.#owner = owner;
  }

  /** What is written leaves, if the transport takes it. */
  flush(): void {
    if (this.isBlocked || this.out.length === 0) return;
    this.#flushes += 1;
    if (!this.#transport.write(this.out.take())) this.isBlocked = true;
  }

  /** The same whatever the transport says: nothing comes behind it. */
  flushLast(): void {
    this.isBlocked = false;
    this.flush();
    this.shut();
  }

  /** The transport gets nothing more. */
  shut(): void {
    this.isBlocked = true;
  }

  drained(): void {
    this.isBlocked = false;
    this.flush();
    this.#pump();
  }

  headers(
    stream: SessionStream,
    fields: readonly string[],
    endStream: boolean,
    sensitive: readonly string[] | undefined,
  ): void {
    const { out } = this;
    const at = out.length;
    const flags = endStream ? END_HEADERS | END_STREAM : END_HEADERS;
    writeFrameHeader(out, 0, HEADERS, flags, stream.id);
    this.encoder.encode(fields, out, sensitive);
    const length = out.length - at - HEADER_BYTES;
    stream.flagsFlush = this.#flushes;
    stream.flagsAt = at + FLAGS_AT;
    stream.flags = flags;
    if (length <= MAX_SENT_BYTES) out.setU24(at, length);
    else this.#split(stream, at);
    if (endStream) this.#sent(stream);
  }

  /** The block from `at` on needs more frames (RFC 9113 §6.10). */
  #split(stream: SessionStream, at: number): void {
    const { out } = this;
    const block = out.cut(at + HEADER_BYTES);
    stream.flags &= ~END_HEADERS;
    out.setU8(stream.flagsAt, stream.flags);
    out.setU24(at, MAX_SENT_BYTES);
    out.bytes(block.subarray(0, MAX_SENT_BYTES));
    for (let from = MAX_SENT_BYTES; from < block.length; from += MAX_SENT_BYTES) {
      const to = Math.min(from + MAX_SENT_BYTES, block.length);
      writeFrameHeader(out, to - from, CONTINUATION, to === block.length ? END_HEADERS : 0, stream.id);
      out.bytes(block.subarray(from, to));
    }
  }

  /** As `H2Stream.data`. */
  data(stream: SessionStream, chunk: Buffer): boolean {
    if (stream.held) {
      stream.held.add(chunk);
      return false;
    }
    const sent = this.#waiting.size === 0 ? this.#write(stream, chunk, chunk.length) : 0;
    if (sent === chunk.length) return true;
    stream.held = new HeldBytes();
    stream.held.add(sent === 0 ? chunk : chunk.subarray(sent));
    this.holding += 1;
    if (stream.sendWindow > 0) this.#waiting.add(stream);
    return false;
  }

  /** As `H2Stream.end`. */
  end(stream: SessionStream, trailers: readonly string[] | undefined): void {
    if (stream.held) {
      stream.trailers = trailers;
      return;
    }
    if (trailers && trailers.length > 0) {
      this.headers(stream, trailers, true, undefined);
      return;
    }
    // The stream's last frame may not have left yet: then it is the one that ends it.
    if (stream.flagsFlush === this.#flushes) this.out.setU8(stream.flagsAt, stream.flags | END_STREAM);
    else writeFrameHeader(this.out, 0, DATA, END_STREAM, stream.id);
    this.#sent(stream);
  }

  #sent(stream: SessionStream): void {
    stream.isSent = true;
    this.#owner.streamSent(stream);
  }

  /** The stream is gone. */
  drop(stream: SessionStream): void {
    if (!stream.held) return;
    stream.held = undefined;
    this.holding -= 1;
    this.#waiting.delete(stream);
  }

  /** The peer has given window: to the stream, or to all of them. */
  windowGrew(stream: SessionStream | undefined): void {
    if (stream) {
      if (!stream.held || stream.sendWindow <= 0) return;
      this.#waiting.add(stream);
    }
    this.#pump();
  }

  /** Each stream in turn one frame, until there is nothing to send or no way to send it. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    // What a stream's turn puts at the end of the set again is visited again.
    for (const stream of this.#waiting) {
      if (this.isBlocked || this.window <= 0) break;
      this.#waiting.delete(stream);
      this.#sendHeld(stream);
    }
    this.#isPumping = false;
  }

  #sendHeld(stream: SessionStream): void {
    const held = stream.held;
    if (!held) return;
    held.use(this.#write(stream, held.first, MAX_SENT_BYTES));
    if (held.first.length > 0) {
      if (stream.sendWindow > 0) this.#waiting.add(stream);
      return;
    }
    stream.held = undefined;
    this.holding -= 1;
    if (stream.isEnding) this.end(stream, stream.trailers);
    else stream.listener?.writable();
  }

  /** Writes up to `most` bytes of `chunk`, as far as windows and transport allow. How many it was. */
  #write(stream: SessionStream, chunk: Buffer, most: number): number {
    const { out } = this;
    const end = Math.min(most, chunk.length);
    let at = 0;
    while (at < end && !this.isBlocked) {
      const size = Math.min(end - at, MAX_SENT_BYTES, stream.sendWindow, this.window);
      if (size <= 0) break;
      stream.flagsFlush = this.#flushes;
      stream.flagsAt = out.length + FLAGS_AT;
      stream.flags = 0;
      writeFrameHeader(out, size, DATA, 0, stream.id);
      out.bytes(size === chunk.length ? chunk : chunk.subarray(at, at + size));
      stream.sendWindow -= size;
      stream.sentOctets += size;
      this.window -= size;
      at += size;
      this.#owner.dataSent();
      if (out.length >= FLUSH_BYTES) this.flush();
    }
    return at;
  }
}
