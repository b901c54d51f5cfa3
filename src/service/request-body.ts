// RequestBody: the chunks of a request on their way from the server codec to whichever upstream attempt reads them.
//
// It holds what arrives before an upstream is there, pushes back when that is too much, and keeps a short body so that it
// can be sent again to another endpoint.

import type { BodySink } from './body-sink.js';
import type { Headers } from './headers.js';

/** Bytes kept for sending again, and for waiting while no upstream is attached. */
export const DEFAULT_RETAIN_BYTES = 64 * 1024;

/** Whoever allows a body so many bytes. */
export interface BodyLimiter {
  /** Called once, at the first byte that is too many. Nothing more of the body is passed on. */
  bodyTooLong(): void;
}

export class RequestBody {
  /** Set by the server codec: called when `push` had answered false and more is welcome. */
  onResume: (() => void) | undefined;
  /** Set by the server codec: called when nobody will ever take the rest of a tunnel. */
  onAbandoned: (() => void) | undefined;

  #sink: BodySink | undefined;
  #retained: Buffer[] | undefined = [];
  #retainedBytes = 0;
  #retainLimit: number;
  #blocked = false;
  #finished = false;
  #discarding = false;
  #trailers: Headers | undefined;
  #limiter: BodyLimiter | undefined;
  /** Bytes that may still come, where there is a limiter. */
  #allowed = 0;
  #error: Error | undefined;

  constructor(retainLimit = DEFAULT_RETAIN_BYTES) {
    this.#retainLimit = retainLimit;
  }

  // ---- the server codec's side ----

  /** False: the chunk is held, stop reading until `onResume`. */
  push(chunk: Buffer): boolean {
    if (this.#discarding || (this.#limiter !== undefined && this.#isTooLong(chunk.length))) return true;
    const sink = this.#sink;
    if (!sink) {
      // Nothing is lost while no upstream is attached: an over-long body only stops being read.
      this.#retained?.push(Buffer.from(chunk));
      this.#retainedBytes += chunk.length;
      this.#blocked = this.#retainedBytes >= this.#retainLimit;
      return !this.#blocked;
    }
    if (this.#retained) {
      this.#retainedBytes += chunk.length;
      if (this.#retainedBytes > this.#retainLimit) this.#retained = undefined;
      else this.#retained.push(Buffer.from(chunk));
    }
    this.#blocked = !sink.data(chunk);
    return !this.#blocked;
  }

  finish(trailers: Headers | undefined): void {
    this.#finished = true;
    this.#trailers = trailers;
    this.#sink?.end(trailers);
  }

  fail(error: Error): void {
    this.#error = error;
    this.#sink?.fail(error);
  }

  // ---- the router's side ----

  /** Keeps up to `bytes`, from the next chunk on. Before the first attempt is attached. */
  retainUpTo(bytes: number): void {
    this.#retainLimit = bytes;
    if (!this.#sink && this.#retainedBytes < bytes) this.resume();
  }

  /** From here on `bytes` may come, as the caller has not said how many will. */
  limitTo(bytes: number, limiter: BodyLimiter): void {
    this.#allowed = bytes;
    this.#limiter = limiter;
  }

  /** What comes now are the bytes of a tunnel. */
  unlimit(): void {
    this.#limiter = undefined;
  }

  // ---- the upstream attempt's side ----

  /** True while every byte so far is kept: another attempt can be attached from the start. */
  get replayable(): boolean {
    return this.#retained !== undefined;
  }

  /** The whole body has arrived from the caller. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Sends `sink` what has arrived and all that follows. Only while `replayable`. */
  attach(sink: BodySink): void {
    if (!this.#retained) throw new Error('request body cannot be sent again: its beginning was not kept');
    this.#sink = sink;
    let open = true;
    for (const chunk of this.#retained) open = sink.data(chunk);
    if (this.#retainedBytes > this.#retainLimit) this.#retained = undefined;
    if (this.#error) sink.fail(this.#error);
    else if (this.#finished) sink.end(this.#trailers);
    else if (open) this.resume();
  }

  /** The attempt is over; what arrives from now on waits for the next one. */
  detach(): void {
    this.#sink = undefined;
  }

  /** No attempt will follow: nothing need be kept any longer. */
  release(): void {
    if (this.#sink) this.#retained = undefined;
  }

  /** Nobody wants the rest: it is read and dropped, so that the next request on the connection can be read. */
  discard(): void {
    this.#discarding = true;
    this.#sink = undefined;
    this.#retained = undefined;
    this.resume();
  }

  /** The upstream half of a tunnel broke after its response had ended, so that no sink is left to tell the caller. */
  abandon(): void {
    this.discard();
    this.onAbandoned?.();
  }

  /** The attached sink takes more. */
  resume(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.onResume?.();
  }

  #isTooLong(bytes: number): boolean {
    this.#allowed -= bytes;
    if (this.#allowed >= 0) return false;
    const limiter = this.#limiter as BodyLimiter;
    this.discard();
    limiter.bodyTooLong();
    return true;
  }
}
