// SessionStreams: the streams of one session, from the frame that opens them to the last that may name them; what they send in.

import { ClosedStreams } from './closed-streams.js';
import { FloodGuards } from './flood-limits.js';
import { onIdle } from './frame-errors.js';
import { frameName, writeRstStream } from './frames.js';
import { H2Error, type H2ErrorCode } from './h2-error.js';
import { Inbound } from './inbound.js';
import { Outbox, type OutboxOwner } from './outbox.js';
import type { H2SessionOptions, H2SessionOwner, H2Transport } from './session-contract.js';
import { PeerSettings } from './settings.js';
import { SessionStream, type StreamSession } from './stream.js';

/** The session, as its streams see it. */
export interface Flushes {
  /** What is written leaves, unless more is being read that may write more. */
  flush(): void;
}

/** Shared by all that reads the frames of a session: whatever a frame does, it does to streams. */
export class SessionStreams implements StreamSession, OutboxOwner {
  readonly options: H2SessionOptions;
  readonly isServer: boolean;
  readonly owner: H2SessionOwner;
  readonly outbox: Outbox;
  readonly inbound: Inbound;
  readonly floods: FloodGuards;
  readonly peer = new PeerSettings();
  readonly open = new Map<number, SessionStream>();
  readonly closed: ClosedStreams;
  readonly #session: Flushes;
  /** Server: streams that were answered before their request was complete. */
  #answeredEarly: SessionStream[] = [];

  constructor(options: H2SessionOptions, transport: H2Transport, owner: H2SessionOwner, session: Flushes) {
    this.options = options;
    this.isServer = options.role === 'server';
    this.owner = owner;
    this.outbox = new Outbox(transport, this);
    this.inbound = new Inbound(options, this.outbox.out);
    this.floods = new FloodGuards(options.limits, options.clock);
    this.closed = new ClosedStreams(options.maxConcurrentStreams);
    this.#session = session;
  }

  // ---- their beginning and their end ----

  add(id: number): SessionStream {
    const stream = new SessionStream(id, this, this.isServer, this.peer.initialWindow);
    this.closed.opened(id);
    this.open.set(id, stream);
    return stream;
  }

  /** The peer's side of the stream is complete. */
  markReceived(stream: SessionStream): void {
    stream.isReceived = true;
    if (stream.isSent) this.#endWell(stream);
  }

  #endWell(stream: SessionStream): void {
    this.floods.resets.pay(1);
    this.forget(stream);
  }

  /** Its listener is told by whoever calls this, if at all. */
  forget(stream: SessionStream): void {
    if (stream.isClosed) return;
    stream.isClosed = true;
    stream.isEnding = true;
    this.open.delete(stream.id);
    this.outbox.drop(stream);
    this.inbound.dropped(stream);
    this.owner.streamClosed?.();
  }

  /** Resets a stream for what we found, and tells its listener. */
  end(stream: SessionStream, code: H2ErrorCode, why: string): void {
    this.#reset(stream, code);
    stream.listener?.reset(code, false, why);
    this.owner.streamError?.(stream.id, code, why);
  }

  /** A stream error (RFC 9113 §5.4.2), which is the peer's. */
  refuse(stream: SessionStream, code: H2ErrorCode, why: string): void {
    this.end(stream, code, why);
    this.floods.resets.count();
  }

  /** The same of a stream that is not open, or not yet. */
  refuseId(id: number, code: H2ErrorCode, why: string): void {
    writeRstStream(this.outbox.out, id, code);
    this.closed.resetByUs(id);
    this.owner.streamError?.(id, code, why);
  }

  /** All of them end with the connection. */
  endAll(code: H2ErrorCode, why: string): void {
    for (const stream of this.open.values()) {
      this.forget(stream);
      stream.listener?.reset(code, false, why);
    }
  }

  /** Sends nothing further to streams, and takes nothing, but says so to the peer. */
  #reset(stream: SessionStream, code: H2ErrorCode): void {
    writeRstStream(this.outbox.out, stream.id, code);
    this.closed.resetByUs(stream.id);
    this.forget(stream);
  }

  // ---- ids that name no open stream ----

  /** Nobody has used the stream yet (RFC 9113 §5.1 `idle`). We push nothing, and are pushed nothing: even ids stay idle. */
  isIdle(id: number): boolean {
    return (id & 1) === 0 || id > this.closed.lastId;
  }

  /** A frame came on a stream that is not open: DATA, or HEADERS that open none. */
  frameOnClosed(type: number, id: number): void {
    if (this.isIdle(id)) throw onIdle(type, id);
    switch (this.closed.endOf(id)) {
      case 'reset-by-us':
        this.floods.ignored.count();
        return;
      case 'reset-by-peer':
        this.refuseId(id, 'STREAM_CLOSED', `${frameName(type)} came on a stream that the peer had reset`);
        this.floods.resets.count();
        return;
      case 'skipped':
        throw new H2Error(
          'PROTOCOL_ERROR',
          `${frameName(type)} names stream ${id}, want one above ${this.closed.lastId} (RFC 9113 §5.1.1)`,
        );
      case 'ended':
        throw new H2Error('STREAM_CLOSED', `${frameName(type)} came on stream ${id}, which had ended (RFC 9113 §5.1)`);
    }
  }

  // ---- StreamSession: what they send ----

  sendHeaders(
    stream: SessionStream,
    fields: readonly string[],
    endStream: boolean,
    sensitive: readonly string[] | undefined,
  ): void {
    if (endStream) stream.isEnding = true;
    // CONNECT that is refused opens no tunnel, whose two ways would end one by one.
    if (stream.isConnect && this.isServer && (fields[1] as string) >= '300') stream.isConnect = false;
    this.outbox.headers(stream, fields, endStream, sensitive);
  }

  sendData(stream: SessionStream, chunk: Buffer): boolean {
    return chunk.length === 0 || this.outbox.data(stream, chunk);
  }

  sendEnd(stream: SessionStream, trailers: readonly string[] | undefined): void {
    stream.isEnding = true;
    this.outbox.end(stream, trailers);
  }

  resetStream(stream: SessionStream, code: H2ErrorCode): void {
    this.#reset(stream, code);
    this.#session.flush();
  }

  resumeStream(stream: SessionStream): void {
    this.inbound.resumed(stream);
    this.#session.flush();
  }

  // ---- OutboxOwner ----

  streamSent(stream: SessionStream): void {
    if (stream.isReceived) this.#endWell(stream);
    else if (this.isServer && !stream.isConnect) this.#answeredEarly.push(stream);
  }

  dataSent(): void {
    this.floods.windowUpdates.pay(2);
  }

  /** The rest of a request that is answered is of no use to anyone (RFC 9113 §8.1). */
  stopAnsweredEarly(): void {
    if (this.#answeredEarly.length === 0) return;
    const streams = this.#answeredEarly;
    this.#answeredEarly = [];
    for (const stream of streams) if (!stream.isClosed && !stream.isReceived) this.#reset(stream, 'NO_ERROR');
  }

  // ---- windows that stay at zero ----

  /** Resets streams that have had data to send and no window for `limits.windowStallMs`. `now`: the clock's. */
  endStalled(now: number): void {
    if (this.outbox.holding === 0) return;
    for (const stream of this.open.values()) if (stream.held) this.#watch(stream, now);
  }

  #watch(stream: SessionStream, now: number): void {
    const { windowStallMs } = this.options.limits;
    // While the transport takes nothing it is not the windows that keep the stream; who owns the socket watches that.
    if (this.outbox.isBlocked || stream.sentOctets !== stream.sentAtTick) {
      stream.sentAtTick = stream.sentOctets;
      stream.progressAt = now;
    } else if (now - stream.progressAt >= windowStallMs) {
      this.end(stream, 'CANCEL', `the peer gave no window for ${windowStallMs} ms`);
    }
  }
}
