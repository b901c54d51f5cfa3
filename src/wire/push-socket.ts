// Sockets that push: bytes read into a buffer of ours and handed on at once, and writes that tell what they still hold.
//
// Node reads into a new 64 KiB buffer each time; with the `onread` option it reads into one that it is given, which saves
// a quarter of a minimal proxy's own time on small messages. All sockets share one buffer, for whatever is read is used up
// before the next read; a long body gets buffers of its own, so that it can be written on without a copy.
// Measured reasons: docs/decisions/0002-own-http1-codec.md.

import { connect, Socket, type TcpNetConnectOpts } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Counter } from '../base/metrics.js';
import { readDirectly } from './direct-read.js';
import { writeDirectly } from './direct-write.js';
import { wordsOf } from './field-lines.js';
import { type Flushable, flushes } from './flush-queue.js';
import { latin1Slice } from './latin1.js';
import { streamWrap, type WriteRequest } from './stream-wrap.js';

/** Also the high-water mark of writes, so that `drain` follows whenever a chunk of at least this size is still held. */
export const HOLD_BYTES = 16 * 1024;
/** A read of a short message. */
const SHARED_BYTES = 64 * 1024;
/** A read of a long body. */
const BULK_BYTES = 128 * 1024;
/** TLS hands on one record at a time (RFC 8446 §5.1), and each that is held keeps its buffer. */
const RECORD_BYTES = 16 * 1024;
/** Up to this length text and bytes leave as one string: copying is cheaper than a second write. */
export const COALESCE_BYTES = 8 * 1024;

const EMPTY = Buffer.alloc(0);
const shared = Buffer.allocUnsafeSlow(SHARED_BYTES);
const sharedWords = wordsOf(shared);

/**
 * Takes what was read. `bytes` may be used only during the call, except what is passed to a sink that answers false: that
 * sink holds it, and `PushReads.handOver` must be called.
 */
export type ReadHandler = (bytes: Buffer) => void;

/** Where the next read of one socket goes. */
export class PushReads {
  /** Where the bytes lie that the handler is given. */
  #current: Buffer = shared;
  /** What the last read brought. Messages of one connection are often of one length, and then the view serves again. */
  #view: Buffer = EMPTY;
  /** Where the next read goes; undefined: where this one went. */
  #next: Buffer | undefined = shared;
  #handler: ReadHandler;

  readonly #bulkBytes: number;

  constructor(handler: ReadHandler, isTls = false) {
    this.#handler = handler;
    this.#bulkBytes = isTls ? RECORD_BYTES : BULK_BYTES;
  }

  /** From here on another one gets what is read. */
  handTo(handler: ReadHandler): void {
    this.#handler = handler;
  }

  /** True while bytes handed to the handler lie in the buffer that all sockets share. */
  get isShared(): boolean {
    return this.#current === shared;
  }

  /** Of what the handler was given, or of other bytes: with the same indexes, and perhaps more behind them. */
  wordsOf(bytes: Buffer): DataView {
    return bytes === this.#view && this.isShared ? sharedWords : wordsOf(bytes);
  }

  /** From the next read on: a buffer of the socket's own. */
  startBulk(): void {
    if ((this.#next ?? this.#current) === shared) this.#next = Buffer.allocUnsafeSlow(this.#bulkBytes);
  }

  /** From the next read on: the shared buffer again. */
  endBulk(): void {
    if ((this.#next ?? this.#current) !== shared) this.#next = shared;
  }

  /** Someone still holds bytes of the current buffer: the next read must not touch them. */
  handOver(): void {
    if (!this.isShared) this.#next ??= Buffer.allocUnsafeSlow(this.#bulkBytes);
  }

  /** Bytes of a buffer that nobody else knows, from a socket without `onread`. */
  push(bytes: Buffer): void {
    this.#current = bytes;
    this.#handler(bytes);
  }

  /** The `onread` option of a socket. */
  onread(): { buffer: () => Uint8Array; callback: (read: number, buffer: Uint8Array) => boolean } {
    return {
      // Node asks after each read. The types want a buffer; no answer means the same one again.
      buffer: () => {
        const next = this.#next;
        if (next) this.#use(next);
        return next as Buffer;
      },
      callback: (read) => {
        this.#take(read);
        return true;
      },
    };
  }

  /** From here on without those callbacks, where that is possible. `socket` was made with `onread`. */
  readDirectly(socket: Socket): void {
    readDirectly(socket, (read) => {
      this.#take(read);
      const next = this.#next;
      if (next) this.#use(next);
      return next;
    });
  }

  #take(read: number): void {
    if (read !== this.#view.length) this.#view = this.#current.subarray(0, read);
    this.#handler(this.#view);
  }

  #use(buffer: Buffer): void {
    this.#view = EMPTY;
    this.#current = buffer;
    this.#next = undefined;
  }
}

/** A socket on its way to an address, pushing to `reads`. */
export function connectPushSocket(options: TcpNetConnectOpts, reads: PushReads): Socket {
  const own = { allowHalfOpen: true, onread: reads.onread(), highWaterMark: HOLD_BYTES };
  const socket = connect({ ...options, ...own });
  // Before that the handle may be exchanged for another, for the next address of a host.
  socket.once('connect', () => reads.readDirectly(socket));
  return socket;
}

/**
 * A socket that a `net.Server` with `pauseOnConnect` accepted, pushing to `reads`. Node offers `onread` only to outgoing
 * sockets; so the accepted handle is given to a socket made with it. Where a version of Node no longer has the handle
 * there, the socket is used as it is, which works and costs more.
 */
export function adoptPushSocket(accepted: Socket, reads: PushReads): Socket {
  const bearer = accepted as unknown as { _handle?: object | null };
  const handle = bearer._handle;
  if (typeof handle !== 'object' || handle === null) {
    accepted.on('data', (bytes: Buffer) => reads.push(bytes));
    accepted.resume();
    return accepted;
  }
  bearer._handle = null;
  const options = { handle, allowHalfOpen: true, onread: reads.onread(), highWaterMark: HOLD_BYTES };
  const socket = new Socket(options);
  reads.readDirectly(socket);
  return socket;
}

/** What Node keeps of a TCP connection. All of it may be missing in another version of Node. */
export interface TcpHandle {
  /** Given to libuv. */
  readonly bytesWritten?: unknown;
  /** Of those, not with the kernel yet. */
  readonly writeQueueSize?: unknown;
  /** Read from the kernel. */
  readonly bytesRead?: unknown;
  readonly readStop?: () => number;
  readonly readStart?: () => number;
  /** Closes with a reset. */
  readonly reset?: (this: TcpHandle, closed: () => void) => number;
  close?: (this: TcpHandle, closed: () => void) => void;
}

/** The TCP connection of a socket, also of one that speaks TLS: its own handle counts what is encrypted, not what is sent. */
export function tcpHandle(socket: Socket): TcpHandle | undefined {
  const { _handle: handle } = socket as unknown as { readonly _handle?: (TcpHandle & { _parent?: TcpHandle }) | null };
  return (socket instanceof TLSSocket ? handle?._parent : handle) ?? undefined;
}

/** Writes of one socket. */
export class PushWrites implements Flushable {
  /** Counts what is written. */
  sentBytes: Counter;
  readonly #socket: Socket;
  /**
   * TLS takes one write at a time, and Node aborts the process over a second one. It never says at once that it has taken one,
   * but with the next turn of the event loop. So while a write of ours is under way the stream is corked: its queue keeps the rest.
   */
  readonly #isTls: boolean;
  /** Set by who writes `bytes`: the kernel has all of a write that answered false. `drain` may say so instead. */
  onTaken: (() => void) | undefined;
  /** A write of ours is still with the kernel, which had no room for all of it. */
  #pending = false;
  /** Whoever gave those bytes waits until they are taken. */
  #isAwaited = false;
  #ending = false;
  #request: WriteRequest | undefined;
  /**
   * The stream may hold something, or not take anything: it has to be asked before the next write. Node's getters for that are
   * slow to find, so it is not asked while nothing has gone through its queue.
   */
  #mustAsk = true;
  /** Text that leaves with the next flush; nothing that was written before it is held. */
  #queued = '';
  readonly #done = (error?: Error | null): void => {
    this.#pending = false;
    if (error) {
      this.#socket.destroy(error);
      return;
    }
    if (this.#isTls) this.#socket.uncork();
    if (this.#ending) this.#socket.end();
    if (!this.#isAwaited) return;
    this.#isAwaited = false;
    this.onTaken?.();
  };

  constructor(socket: Socket, sentBytes: Counter) {
    this.#socket = socket;
    this.#isTls = socket instanceof TLSSocket;
    this.sentBytes = sentBytes;
  }

  /** Bytes of ours wait for the peer to take them. What the kernel has buffered does not count. */
  get isHeld(): boolean {
    return this.#queued !== '' || this.#pending || this.#socket.writableLength > 0;
  }

  /** So much is held that nothing should be added to it before `drain`. */
  get needsDrain(): boolean {
    return this.#mustAsk && this.#socket.writableNeedDrain;
  }

  /**
   * Bytes that the kernel has taken so far, for who watches whether the peer takes any: it grows by parts of a write,
   * which nothing public tells. Where a version of Node no longer says so, it grows by whole writes.
   */
  get takenBytes(): number {
    const handle = tcpHandle(this.#socket);
    if (typeof handle?.bytesWritten === 'number' && typeof handle.writeQueueSize === 'number') {
      return handle.bytesWritten - handle.writeQueueSize;
    }
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  /**
   * Writes text of one byte a character, with what else is written in this turn of the event loop (flush-queue.ts). False:
   * enough for now, `drain` will follow.
   */
  text(text: string): boolean {
    this.sentBytes.add(text.length);
    if (this.#queued !== '') {
      this.#queued += text;
      // A caller that pipelines and does not read has to be felt before it has filled the memory.
      if (this.#queued.length >= HOLD_BYTES) this.flush();
      return true;
    }
    if (!this.#isNext) return this.#socket.write(text, 'latin1');
    this.#queued = text;
    flushes.add(this);
    return true;
  }

  /** What is written now leaves at once: nothing is in front of it. */
  get #isNext(): boolean {
    if (this.#mustAsk) {
      const { connecting, writableLength, writable } = this.#socket;
      this.#mustAsk = connecting || writableLength > 0 || !writable;
    }
    // With a write under way it goes through the queue.
    if (this.#pending) this.#mustAsk = true;
    return !this.#mustAsk;
  }

  /** Text that waits for the end of this turn leaves now. Nearly always the kernel takes all of it at once. */
  flush(): void {
    const text = this.#queued;
    if (text === '') return;
    this.#queued = '';
    if (!this.#isTls && this.#writeDirectly(text)) return;
    const socket = this.#socket;
    if (!socket.writable) return;
    this.#pending = true;
    if (this.#isTls) socket.cork();
    socket._write(text, 'latin1', this.#done);
  }

  /** False: nothing was written. */
  #writeDirectly(text: string): boolean {
    const request = this.#request ?? streamWrap?.makeWriteRequest();
    if (!request) return false;
    const outcome = writeDirectly(this.#socket, text, request, this.#done);
    this.#request = outcome === 'taken' ? request : undefined;
    this.#pending = outcome === 'held';
    return outcome !== 'refused';
  }

  /** Writes bytes that nobody will touch again. False: enough for now, `onTaken` or `drain` will follow. */
  bytes(bytes: Buffer): boolean {
    this.flush();
    const socket = this.#socket;
    this.sentBytes.add(bytes.length);
    if (!this.#isNext) return socket.write(bytes);
    this.#pending = true;
    if (this.#isTls) socket.cork();
    socket._write(bytes, 'buffer' as BufferEncoding, this.#done);
    // Of TLS no answer yet does not mean that the kernel had no room.
    this.#isAwaited = this.#pending && (!this.#isTls || bytes.length >= HOLD_BYTES);
    return !this.#isAwaited;
  }

  /**
   * Writes `before`, `chunk` and `after` in one go. True: the chunk's bytes are no longer needed. False: they are still
   * held, and no more may be written until `drain`.
   */
  body(before: string, chunk: Buffer, after: string): boolean {
    if (chunk.length <= COALESCE_BYTES) return this.text(before + latin1Slice(chunk, 0, chunk.length) + after);
    this.flush();
    const socket = this.#socket;
    this.sentBytes.add(before.length + chunk.length + after.length);
    const held = chunk.length >= HOLD_BYTES;
    this.#mustAsk = true;
    socket.cork();
    if (before !== '') socket.write(before, 'latin1');
    const open = socket.write(held ? chunk : Buffer.from(chunk));
    if (after !== '') socket.write(after, 'latin1');
    socket.uncork();
    return held ? socket.writableLength === 0 : open;
  }

  /** Half-closes once the kernel has taken everything. Not before: libuv cannot reset a socket that waits to be shut down. */
  end(): void {
    this.flush();
    this.#mustAsk = true;
    if (this.#pending) this.#ending = true;
    else this.#socket.end();
  }

  /** Closes, and nothing that the kernel has not taken by then will be sent. */
  destroy(): void {
    this.flush();
    this.#socket.destroy();
  }

  /** Closes with a reset, or without one where the peer has, or will have, all that was written and an end. */
  reset(): void {
    this.flush();
    const socket = this.#socket;
    const isShuttingDown = socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
    if (isShuttingDown) socket.destroy();
    else socket.resetAndDestroy();
  }
}
