// What an HTTP/2 session needs and offers: the contract between H2Session and the codecs of server and client.
//
//   socket ── receive ──▶ H2Session ── request, headers, data, end, reset ──▶ owner and listeners
//   socket ◀── H2Transport.write ── H2Session ◀── headers, data, end, reset ── H2Stream
//
// All calls are synchronous; a call made during another is allowed. Field sections are `[name, value, name, value …]`:
// names in lower case, pseudo-headers first, values latin-1 text (one character a byte).

import type { Clock } from '../../base/clock.js';
import type { H2Limits } from './flood-limits.js';
import type { H2ErrorCode } from './h2-error.js';

/** The socket, as its session sees it. */
export interface H2Transport {
  /** Writes all of `bytes`, which the session will not touch again. False: enough for now, `session.drained()` follows. */
  write(bytes: Buffer): boolean;
  /** Half-closes after what was written. The adapter sees to it that a peer which goes on sending is cut off in the end. */
  end(): void;
  /** Closes at once, with a reset. */
  destroy(): void;
}

export interface H2SessionOptions {
  readonly role: 'server' | 'client';
  /** Server: what callers may have open at a time (announced; more are refused). Client: ours, besides the peer's. 1000. */
  readonly maxConcurrentStreams: number;
  /** Bytes of one stream that we take before its listener has (announced). 65535 by default, 2^31 - 1 at most. */
  readonly initialStreamWindow: number;
  /** Bytes of all streams on their way to us. 1 MiB by default, 65535 at least. */
  readonly connectionWindow: number;
  /** Longest frame payload that we take (announced). 16384, which is also the least. What we send is never longer. */
  readonly maxFrameBytes: number;
  /** Names, values and 32 bytes for each field of one head (announced): RFC 9113 §6.5.2. Larger requests get a 431. */
  readonly maxListBytes: number;
  /** Of the peer's dynamic table (announced). 4096. */
  readonly headerTableBytes: number;
  /** Server: extended CONNECT is offered (RFC 8441). Default false. */
  readonly extendedConnect?: boolean;
  readonly limits: H2Limits;
  /** Read when a flood is suspected, not otherwise. */
  readonly clock: Clock;
}

/** Whoever made the session. */
export interface H2SessionOwner {
  /**
   * Server: the head of a request, which keeps the rules of RFC 9113 §8. Sets `stream.listener`, or the rest of the request
   * is dropped. `endStream`: it has neither body nor trailers; the listener's `end` is then not called.
   */
  request(stream: H2Stream, fields: string[], endStream: boolean): void;
  /**
   * Once: the session does nothing any more. `error` is undefined when it ended in an orderly way. All streams have been
   * told before. The transport has been ended or destroyed, unless it was the transport that closed.
   */
  closed(error: Error | undefined): void;
  /**
   * The peer sent GOAWAY. Client: streams above `lastStreamId` have been told before (`reset` with `refused`), those up to
   * it go on, and no more can be opened. `message` is what the peer said, up to 200 characters, which may be anything.
   */
  goingAway(lastStreamId: number, code: H2ErrorCode, message: string): void;
  /** The peer's SETTINGS arrived: `capacity` may differ now. */
  settingsChanged?(): void;
  /** Answer to `ping()`. */
  pong?(): void;
  /** A stream ended: `capacity` is larger, or the session idle (`streams === 0`). Its listener may be told right after. */
  streamClosed?(): void;
  /** We reset a stream since what came on it breaks the protocol, or since it came to nothing: for logs and counters. */
  streamError?(streamId: number, code: H2ErrorCode, why: string): void;
}

/**
 * One request and its response. After it has closed late calls do nothing. What `headers`, `data` and `end` write leaves
 * with `session.flush()`, or at the end of the `receive` in which they were called.
 */
export interface H2Stream {
  readonly id: number;
  /** Gets what comes on the stream. Set in `owner.request`, or given to `open`. */
  listener: H2StreamListener | undefined;
  /** Of the head that came, in bytes; -1 when it has none. What DATA brings is held to it. */
  readonly contentLength: number;
  /** Names of fields of the section that came last which must be sent on "never indexed" (RFC 7541 §6.2.3), if any. */
  readonly sensitive: readonly string[] | undefined;
  /** Nothing more goes out or comes in. */
  readonly isClosed: boolean;
  /** We have written all of our side: nothing of it is held. */
  readonly isSent: boolean;
  /** The peer has sent all of its side. */
  readonly isReceived: boolean;
  /**
   * Sends a field section. Server: any number of 1xx, then the response. `sensitive`: names to send never indexed.
   * Trailers go by `end`. `endStream`: neither `data` nor `end` follow.
   */
  headers(fields: readonly string[], endStream: boolean, sensitive?: readonly string[]): void;
  /**
   * True: the chunk's bytes have been copied. False: they may still be held, and the producer leaves them alone and stops
   * (after the rest of what it has read already) until the listener's `writable`.
   */
  data(chunk: Buffer): boolean;
  /**
   * Our side is complete, after what is still held. Server: should the request not be complete by the end of the
   * `receive` or `flush` that follows, the peer is told to stop sending it (RST_STREAM with NO_ERROR, RFC 9113 §8.1),
   * and the listener hears no more; not so on CONNECT, whose ways end one by one.
   */
  end(trailers?: readonly string[]): void;
  /** Ends the stream in both directions at once; what is held is dropped. The listener hears no more. Flushes. */
  reset(code: H2ErrorCode): void;
  /** The listener takes more after its `data` had answered false: the peer gets window for what it has taken. Flushes. */
  resume(): void;
}

/** Takes what comes on one stream. Nothing is called after `reset`. */
export interface H2StreamListener {
  /**
   * Client: 1xx heads, the response's head, trailers. Server: trailers. `endStream`: it was the last call, `end` does not
   * follow; always so of trailers.
   */
  headers(fields: string[], endStream: boolean): void;
  /**
   * A piece of the body: never empty, a part of what `receive` was given, so valid during the call only. True: it has been
   * used or copied. False: it is held (whoever calls `receive` keeps those bytes from being overwritten), and the peer
   * gets no more window until `resume`; what it may send in the window that it has still comes, up to that many bytes.
   */
  data(chunk: Buffer): boolean;
  /** The peer's side is complete, without trailers. */
  end(): void;
  /**
   * The stream ended otherwise. May follow `end` while our side is not complete. `refused`: the peer has not processed the
   * request at all (RFC 9113 §8.7), so it may be sent again. `why`: undefined when the peer reset the stream, else what
   * was wrong with it or its connection.
   */
  reset(code: H2ErrorCode, refused: boolean, why: string | undefined): void;
  /** More is welcome after `stream.data` had answered false: everything held has been written. */
  writable(): void;
}
