// SessionStream: the state of one stream (RFC 9113 §5.1); what its user says goes to the session.

import type { ReceiveWindow } from './flow-window.js';
import type { H2ErrorCode } from './h2-error.js';
import type { HeldBytes } from './held-bytes.js';
import type { H2Stream, H2StreamListener } from './session-contract.js';

/** The session, as its streams see it. */
export interface StreamSession {
  sendHeaders(
    stream: SessionStream,
    fields: readonly string[],
    endStream: boolean,
    sensitive: readonly string[] | undefined,
  ): void;
  sendData(stream: SessionStream, chunk: Buffer): boolean;
  sendEnd(stream: SessionStream, trailers: readonly string[] | undefined): void;
  resetStream(stream: SessionStream, code: H2ErrorCode): void;
  resumeStream(stream: SessionStream): void;
}

/** Its fields are the session's and the outbox's; users see an `H2Stream`. */
export class SessionStream implements H2Stream {
  readonly id: number;
  listener: H2StreamListener | undefined;
  contentLength = -1;
  sensitive: readonly string[] | undefined;
  isClosed = false;

  // ---- what comes in ----

  /** The peer's END_STREAM came. */
  isReceived = false;
  /** Client: the head of the response came, other than 1xx. Server: true. */
  hasHead: boolean;
  /** Client: 1xx that came. */
  interimResponses = 0;
  /** Undefined while the peer has sent no DATA. */
  window: ReceiveWindow | undefined;
  /** Octets of body that must still come; -1: any number may. */
  bodyLeft = -1;
  /** The listener holds what it got. */
  isHeld = false;
  /** Octets that came since, for which the stream's window is owed; and of those, what the connection's is owed for. */
  heldOctets = 0;
  heldBeyond = 0;

  // ---- what goes out ----

  /** Nothing more may be given to send. */
  isEnding = false;
  /** Our END_STREAM is written. */
  isSent = false;
  /** Octets that the peer allows. May be below 0 (RFC 9113 §6.9.2). */
  sendWindow: number;
  /** Waits for window or for the transport. Undefined: nothing does. */
  held: HeldBytes | undefined;
  /** They follow what is held. */
  trailers: readonly string[] | undefined;
  /** Where the flags of the last frame are in the output, as of which of its flushes, and what they are. */
  flagsAt = 0;
  flagsFlush = -1;
  flags = 0;
  /** Octets sent, and how many at the tick when that last changed, and its time. */
  sentOctets = 0;
  sentAtTick = -1;
  progressAt = 0;

  // ---- which messages ----

  /** CONNECT: the two ways are independent. */
  isConnect = false;
  /** Client: the request was HEAD, so that the response has no body whatever its fields say. */
  isHead = false;

  readonly #session: StreamSession;

  constructor(id: number, session: StreamSession, isServer: boolean, sendWindow: number) {
    this.id = id;
    this.#session = session;
    this.hasHead = isServer;
    this.sendWindow = sendWindow;
  }

  headers(fields: readonly string[], endStream: boolean, sensitive?: readonly string[]): void {
    if (!this.isEnding) this.#session.sendHeaders(this, fields, endStream, sensitive);
  }

  data(chunk: Buffer): boolean {
    return this.isEnding || this.#session.sendData(this, chunk);
  }

  end(trailers?: readonly string[]): void {
    if (!this.isEnding) this.#session.sendEnd(this, trailers);
  }

  reset(code: H2ErrorCode): void {
    if (!this.isClosed) this.#session.resetStream(this, code);
  }

  resume(): void {
    if (this.isHeld) this.#session.resumeStream(this);
  }
}
