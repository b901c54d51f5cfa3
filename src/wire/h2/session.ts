// H2Session: the bytes of one HTTP/2 connection in and out, its streams up and down (RFC 9113); server or client.
//
//   receive ─▶ FrameReceiver ─▶ HeaderFrames ─▶ Messages ──▶ owner, listeners
//                            ─▶ DataFrames, SettingsFrames, GoingAway
//   H2Stream ─▶ SessionStreams ─▶ Outbox ─▶ transport
//
// Nothing is allocated for a frame, nor a clock read, but for what the frame itself brings.

import { FrameReceiver, KEEP_ALIVE_PING } from './frame-receiver.js';
import { INITIAL_WINDOW, MAX_STREAM_ID, PREFACE, writeGoAway, writePing, writeWindowUpdate } from './frames.js';
import { GoingAway, MAX_DEBUG_CHARS } from './going-away.js';
import { H2Error, type H2ErrorCode } from './h2-error.js';
import type { H2SessionOptions, H2SessionOwner, H2Stream, H2StreamListener, H2Transport } from './session-contract.js';
import { type Flushes, SessionStreams } from './session-streams.js';
import { writeSettings } from './settings.js';

export class H2Session implements Flushes {
  readonly #options: H2SessionOptions;
  readonly #isServer: boolean;
  readonly #transport: H2Transport;
  readonly #owner: H2SessionOwner;
  readonly #streams: SessionStreams;
  readonly #goingAway: GoingAway;
  readonly #receiver: FrameReceiver;
  /** `receive` is at work, and will flush. */
  #isReceiving = false;

  constructor(options: H2SessionOptions, transport: H2Transport, owner: H2SessionOwner) {
    this.#options = options;
    this.#isServer = options.role === 'server';
    this.#transport = transport;
    this.#owner = owner;
    this.#streams = new SessionStreams(options, transport, owner, this);
    this.#goingAway = new GoingAway(this.#streams);
    this.#receiver = new FrameReceiver(this.#streams, this.#goingAway);
  }

  // ---- bytes ----

  /** Sends our SETTINGS (client: behind the preface) and flushes. Once, before anything else. */
  start(): void {
    const { outbox } = this.#streams;
    if (!this.#isServer) outbox.out.bytes(PREFACE);
    writeSettings(outbox.out, this.#options);
    const more = this.#options.connectionWindow - INITIAL_WINDOW;
    if (more > 0) writeWindowUpdate(outbox.out, 0, more);
    outbox.flush();
  }

  /** `bytes` are used during the call only, but for what listeners hold. Server: from the preface on. Flushes. Never throws. */
  receive(bytes: Buffer): void {
    if (this.#isClosed) return;
    this.#isReceiving = true;
    try {
      this.#receiver.read(bytes);
    } catch (error) {
      this.#fail(error);
    }
    this.#isReceiving = false;
    this.flush();
  }

  /** What `headers`, `data` and `end` have written leaves in one write. During `receive` nothing is done: it flushes itself. */
  flush(): void {
    if (this.#isReceiving || this.#isClosed) return;
    const { outbox } = this.#streams;
    this.#streams.stopAnsweredEarly();
    outbox.flush();
    if (outbox.isBlocked && outbox.out.length > this.#options.limits.maxQueuedBytes) this.#giveUp();
    else if (this.#goingAway.isDone) this.#endInOrder();
  }

  /** The transport takes more after its `write` had answered false. */
  drained(): void {
    if (this.#isClosed) return;
    this.#streams.outbox.drained();
    this.flush();
  }

  /** The peer half-closed. Server: requests that are complete are answered, others end. Client: as `lost`. */
  peerEnded(): void {
    if (this.#isClosed) return;
    if (!this.#isServer) {
      this.lost(undefined);
      return;
    }
    this.#goingAway.phase = 'final';
    for (const stream of this.#streams.open.values()) {
      if (stream.isReceived) continue;
      this.#streams.forget(stream);
      stream.listener?.reset('CANCEL', false, 'the peer closed the connection before its request was complete');
    }
    this.flush();
  }

  /** The socket is closed: streams are told, then the owner. Nothing is written. */
  lost(error: Error | undefined): void {
    if (this.#isClosed) return;
    const message = error ? error.message : 'the peer closed it';
    this.#shut('INTERNAL_ERROR', `the connection is lost: ${message}`);
    this.#owner.closed(error);
  }

  // ---- streams ----

  /**
   * Client: sends a request. Undefined when no stream can be opened (`capacity` 0), and then nothing is sent. `fields` begin
   * with the pseudo-headers; `sensitive` names those that are never indexed. Does not flush.
   */
  open(
    fields: readonly string[],
    endStream: boolean,
    listener: H2StreamListener,
    sensitive?: readonly string[],
  ): H2Stream | undefined {
    if (this.capacity === 0) return undefined;
    const { lastId } = this.#streams.closed;
    const stream = this.#streams.add(lastId === 0 ? 1 : lastId + 2);
    stream.listener = listener;
    for (let i = 0; i < fields.length && (fields[i] as string).startsWith(':'); i += 2) {
      if (fields[i] !== ':method') continue;
      stream.isHead = fields[i + 1] === 'HEAD';
      stream.isConnect = fields[i + 1] === 'CONNECT';
    }
    this.#streams.sendHeaders(stream, fields, endStream, sensitive);
    return stream;
  }

  /** Client: streams that can be opened now. */
  get capacity(): number {
    const { phase, peerGoesAway } = this.#goingAway;
    if (this.#isServer || phase !== 'open' || peerGoesAway) return 0;
    const { peer, open, closed } = this.#streams;
    const allowed = Math.min(peer.maxConcurrentStreams, this.#options.maxConcurrentStreams);
    const ids = (MAX_STREAM_ID - closed.lastId) >>> 1;
    return Math.max(0, Math.min(allowed - open.size, ids));
  }

  /** Under way. */
  get streams(): number {
    return this.#streams.open.size;
  }

  /**
   * What the peer has begun and not completed, a frame other than DATA or a field block: a number that is the same for as
   * long as that is so. 0: nothing. For who watches how long it takes.
   */
  get unfinished(): number {
    return this.#receiver.unfinished;
  }

  /** Client: the server takes extended CONNECT (RFC 8441), as far as it has said. */
  get peerTakesExtendedConnect(): boolean {
    return this.#streams.peer.extendedConnect;
  }

  // ---- life ----

  /** Asks for `owner.pong`. Flushes. */
  ping(): void {
    if (this.#isClosed) return;
    writePing(this.#streams.outbox.out, KEEP_ALIVE_PING);
    this.flush();
  }

  /**
   * From a sweep, once a second or so; `now` is `clock.now()`. Resets streams that get no window (`limits.windowStallMs`);
   * closes when SETTINGS are not said or not acknowledged (`limits.settingsTimeoutMs`).
   */
  tick(now: number): void {
    if (this.#isClosed) return;
    this.#goingAway.tick();
    this.#streams.endStalled(now);
    try {
      this.#receiver.settings.tick(now);
    } catch (error) {
      this.#fail(error);
    }
    this.flush();
  }

  /**
   * Streams under way go on, no more begin, and the session closes after the last. Server: GOAWAY that allows all streams,
   * and a PING; with its answer, or two ticks later, GOAWAY with the last stream that was taken (RFC 9113 §6.8). Flushes.
   */
  goAway(): void {
    if (this.#goingAway.phase !== 'open') return;
    this.#goingAway.begin();
    this.flush();
  }

  /** At once: GOAWAY is sent, the transport ended; streams are told, then the owner. Without `error` it is in order. */
  close(error?: H2Error): void {
    if (this.#isClosed) return;
    const { outbox, closed } = this.#streams;
    const code = error?.code ?? 'NO_ERROR';
    const lastId = this.#isServer ? closed.lastId : 0;
    writeGoAway(outbox.out, lastId, code, error ? error.message.slice(0, MAX_DEBUG_CHARS) : '');
    // Streams that are told below may still want to write: there is nothing to write to.
    this.#goingAway.phase = 'closed';
    outbox.flushLast();
    this.#transport.end();
    this.#shut(code, error?.message ?? 'the connection is closed');
    this.#owner.closed(error);
  }

  get #isClosed(): boolean {
    return this.#goingAway.phase === 'closed';
  }

  #fail(error: unknown): void {
    if (error instanceof H2Error) this.close(error);
    else {
      const defect = new H2Error('INTERNAL_ERROR', 'a defect of ours');
      defect.cause = error;
      this.close(defect);
    }
  }

  /** The peer reads nothing of what it has us write. */
  #giveUp(): void {
    const error = new H2Error(
      'ENHANCE_YOUR_CALM',
      `The peer has not read the last ${this.#options.limits.maxQueuedBytes} bytes or more`,
    );
    this.#goingAway.phase = 'closed';
    this.#transport.destroy();
    this.#shut(error.code, error.message);
    this.#owner.closed(error);
  }

  /** There are no streams to be told. */
  #endInOrder(): void {
    this.#goingAway.phase = 'closed';
    this.#receiver.stop();
    this.#transport.end();
    this.#owner.closed(undefined);
  }

  /** Streams are told. */
  #shut(code: H2ErrorCode, why: string): void {
    this.#goingAway.phase = 'closed';
    this.#receiver.stop();
    this.#streams.outbox.shut();
    this.#streams.endAll(code, why);
  }
}
