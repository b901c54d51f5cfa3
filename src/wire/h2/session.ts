// H2Session: the bytes of one HTTP/2 connection in and out, its streams up and down (RFC 9113); server or client.
//
// A state machine, longer than other files because each frame may touch the connection, its streams and what they wait
// for. What goes out is the outbox's; what a field section must be is told by FieldsCheck; how many frames are too many,
// by FloodGuards. Nothing here is allocated for a frame, nor a clock read, but what the frame itself brings.

import { ClosedStreams } from './closed-streams.js';
import { FieldsCheck, isValidField } from './fields-check.js';
import { FloodGuards } from './flood-limits.js';
import { grownWindow } from './flow-window.js';
import {
  badField,
  badIncrement,
  badIncrementCode,
  badSize,
  DEPENDS_ON_ITSELF,
  lessThanStated,
  moreThanStated,
  onConnection,
  onIdle,
  onStream,
  tooMuchPadding,
} from './frame-errors.js';
import { FrameReader, type FrameSink, uint31, uint32 } from './frame-reader.js';
import {
  ACK,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frameName,
  GOAWAY,
  HAS_PRIORITY,
  HEADERS,
  INITIAL_WINDOW,
  isKnownFrame,
  MAX_STREAM_ID,
  PADDED,
  PING,
  PING_BYTES,
  PREFACE,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  writeFrameHeader,
  writeGoAway,
  writeRstStream,
  writeWindowUpdate,
} from './frames.js';
import { H2Error, type H2ErrorCode, h2ErrorCodeFromNumber } from './h2-error.js';
import { HeaderBlock, refuseLongPayload } from './header-block.js';
import { type DecodedBlock, HpackDecoder } from './hpack-decoder.js';
import { Inbound } from './inbound.js';
import { Outbox, type OutboxOwner } from './outbox.js';
import type { H2SessionOptions, H2SessionOwner, H2Stream, H2StreamListener, H2Transport } from './session-contract.js';
import { HEADER_TABLE_SIZE, PeerSettings, SETTING_BYTES, writeSettings } from './settings.js';
import { SessionStream, type StreamSession } from './stream.js';

/**
 * - `open`: streams may begin;
 * - `draining`: server, GOAWAY was sent, but of streams that the peer opened before it read that none is refused;
 * - `final`: none begins any more;
 * - `closed`: nothing is read or written.
 */
type Phase = 'open' | 'draining' | 'final' | 'closed';

/** First four octets of our PINGs: what their answer is for. */
const KEEP_ALIVE_PING = 1;
const GOAWAY_PING = 2;

/** A peer that does not answer the PING of a graceful GOAWAY has had this many ticks to learn of it. */
const GOAWAY_TICKS = 2;
/** What we tell of an error, and what we take of what the peer tells. */
const MAX_DEBUG_CHARS = 200;

const TOO_LARGE: readonly string[] = [':status', '431', 'content-length', '0'];

/** One for all: checking is synchronous. */
const check = new FieldsCheck();

export class H2Session implements FrameSink, StreamSession, OutboxOwner {
  readonly #options: H2SessionOptions;
  readonly #isServer: boolean;
  readonly #transport: H2Transport;
  readonly #owner: H2SessionOwner;
  readonly #reader = new FrameReader(this);
  readonly #decoder: HpackDecoder;
  readonly #outbox: Outbox;
  readonly #peer = new PeerSettings();
  readonly #streams = new Map<number, SessionStream>();
  readonly #closed: ClosedStreams;
  readonly #block: HeaderBlock;
  readonly #inbound: Inbound;
  #phase: Phase = 'open';
  /** Server: octets of the preface that have not come. */
  #prefaceLeft: number;
  #hasPeerSettings = false;
  /** Our SETTINGS are acknowledged: until then the peer may go by the initial values. */
  #isAcknowledged = false;
  /** `receive` is at work, and will flush. */
  #isReceiving = false;
  /** Of the DATA frame that is being read: its stream, if it still wants it; its octets; whether it had any data. */
  #dataStream: SessionStream | undefined;
  #dataOctets = 0;
  #hasData = false;
  #dataEndsStream = false;
  /** Server: streams that were answered before their request was complete. */
  #answeredEarly: SessionStream[] = [];
  /** Client: streams above this were not processed. */
  #peerLastId = MAX_STREAM_ID;
  #peerGoesAway = false;
  #drainTicks = 0;

  readonly #floods: FloodGuards;

  constructor(options: H2SessionOptions, transport: H2Transport, owner: H2SessionOwner) {
    const { limits, clock } = options;
    this.#options = options;
    this.#isServer = options.role === 'server';
    this.#transport = transport;
    this.#owner = owner;
    this.#outbox = new Outbox(transport, this);
    this.#decoder = new HpackDecoder({
      maxTableBytes: options.headerTableBytes,
      maxListBytes: options.maxListBytes,
      isValid: isValidField,
    });
    this.#closed = new ClosedStreams(options.maxConcurrentStreams);
    this.#block = new HeaderBlock(limits.maxBlockFrames, limits.maxBlockBytes);
    this.#inbound = new Inbound(options, this.#outbox.out);
    this.#prefaceLeft = this.#isServer ? PREFACE.length : 0;
    this.#floods = new FloodGuards(limits, clock);
  }

  // ---- the adapter's side ----

  /** Sends our SETTINGS (client: behind the preface) and flushes. Once, before anything else. */
  start(): void {
    const { out } = this.#outbox;
    if (!this.#isServer) out.bytes(PREFACE);
    writeSettings(out, this.#options);
    const more = this.#options.connectionWindow - INITIAL_WINDOW;
    if (more > 0) writeWindowUpdate(out, 0, more);
    this.#outbox.flush();
  }

  /** `bytes` are used during the call only, but for what listeners hold. Server: from the preface on. Flushes. Never throws. */
  receive(bytes: Buffer): void {
    if (this.#phase === 'closed') return;
    this.#isReceiving = true;
    try {
      if (this.#prefaceLeft === 0) this.#reader.read(bytes);
      else this.#readPreface(bytes);
    } catch (error) {
      this.#fail(error);
    }
    this.#isReceiving = false;
    this.flush();
  }

  /** What `headers`, `data` and `end` have written leaves in one write. During `receive` nothing is done: it flushes itself. */
  flush(): void {
    if (this.#isReceiving || this.#phase === 'closed') return;
    if (this.#answeredEarly.length > 0) this.#stopAnsweredEarly();
    this.#outbox.flush();
    if (this.#outbox.isBlocked && this.#outbox.out.length > this.#options.limits.maxQueuedBytes) this.#giveUp();
    else if (this.#phase === 'final' || this.#peerGoesAway) this.#endIfDone();
  }

  /** The transport takes more after its `write` had answered false. */
  drained(): void {
    if (this.#phase === 'closed') return;
    this.#outbox.drained();
    this.flush();
  }

  /** The peer half-closed. Server: requests that are complete are answered, others end. Client: as `lost`. */
  peerEnded(): void {
    if (this.#phase === 'closed') return;
    if (!this.#isServer) {
      this.lost(undefined);
      return;
    }
    this.#phase = 'final';
    for (const stream of this.#streams.values()) {
      if (stream.isReceived) continue;
      this.#forget(stream);
      stream.listener?.reset('CANCEL', false, 'the peer closed the connection before its request was complete');
    }
    this.flush();
  }

  /** The socket is closed: streams are told, then the owner. Nothing is written. */
  lost(error: Error | undefined): void {
    if (this.#phase === 'closed') return;
    const message = error ? error.message : 'the peer closed it';
    this.#finish('INTERNAL_ERROR', `the connection is lost: ${message}`);
    this.#owner.closed(error);
  }

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
    const id = this.#closed.lastId === 0 ? 1 : this.#closed.lastId + 2;
    const stream = this.#add(id);
    stream.listener = listener;
    for (let i = 0; i < fields.length && (fields[i] as string).startsWith(':'); i += 2) {
      if (fields[i] !== ':method') continue;
      stream.isHead = fields[i + 1] === 'HEAD';
      stream.isConnect = fields[i + 1] === 'CONNECT';
    }
    this.sendHeaders(stream, fields, endStream, sensitive);
    return stream;
  }

  /** Client: streams that can be opened now. */
  get capacity(): number {
    if (this.#isServer || this.#phase !== 'open' || this.#peerGoesAway) return 0;
    const allowed = Math.min(this.#peer.maxConcurrentStreams, this.#options.maxConcurrentStreams);
    const ids = (MAX_STREAM_ID - this.#closed.lastId) >>> 1;
    return Math.max(0, Math.min(allowed - this.#streams.size, ids));
  }

  /** Under way. */
  get streams(): number {
    return this.#streams.size;
  }

  /**
   * What the peer has begun and not completed, a frame other than DATA or a field block: a number that is the same for as
   * long as that is so. 0: nothing. For who watches how long it takes.
   */
  get unfinished(): number {
    return this.#block.id === 0 ? this.#reader.unfinished : -this.#block.id;
  }

  /** Client: the server takes extended CONNECT (RFC 8441), as far as it has said. */
  get peerTakesExtendedConnect(): boolean {
    return this.#peer.extendedConnect;
  }

  /** Asks for `owner.pong`. Flushes. */
  ping(): void {
    if (this.#phase === 'closed') return;
    this.#writePing(KEEP_ALIVE_PING);
    this.flush();
  }

  /**
   * Streams under way go on, no more begin, and the session closes after the last. Server: GOAWAY that allows all streams,
   * and a PING; with its answer, or two ticks later, GOAWAY with the last stream that was taken (RFC 9113 §6.8). Flushes.
   */
  goAway(): void {
    if (this.#phase !== 'open') return;
    if (this.#isServer) {
      this.#phase = 'draining';
      writeGoAway(this.#outbox.out, MAX_STREAM_ID, 'NO_ERROR', '');
      this.#writePing(GOAWAY_PING);
    } else {
      this.#phase = 'final';
      writeGoAway(this.#outbox.out, 0, 'NO_ERROR', '');
    }
    this.flush();
  }

  /** At once: GOAWAY is sent, the transport ended; streams are told, then the owner. Without `error` it is in order. */
  close(error?: H2Error): void {
    if (this.#phase === 'closed') return;
    const code = error?.code ?? 'NO_ERROR';
    const why = error?.message ?? 'the connection is closed';
    const lastId = this.#isServer ? this.#closed.lastId : 0;
    writeGoAway(this.#outbox.out, lastId, code, error ? error.message.slice(0, MAX_DEBUG_CHARS) : '');
    // Streams that are told now may still want to write: there is nothing to write to.
    this.#phase = 'closed';
    this.#outbox.flushLast();
    this.#transport.end();
    this.#finish(code, why);
    this.#owner.closed(error);
  }

  /** From a sweep, once a second or so; `now` is `clock.now()`. Resets streams that get no window (`limits.windowStallMs`). */
  tick(now: number): void {
    if (this.#phase === 'closed') return;
    if (this.#phase === 'draining') {
      this.#drainTicks += 1;
      if (this.#drainTicks >= GOAWAY_TICKS) this.#goAwayForGood();
    }
    if (this.#outbox.holding > 0)
      for (const stream of this.#streams.values()) if (stream.held) this.#watch(stream, now);
    this.flush();
  }

  #watch(stream: SessionStream, now: number): void {
    const { windowStallMs } = this.#options.limits;
    // While the transport takes nothing it is not the windows that keep the stream; who owns the socket watches that.
    if (this.#outbox.isBlocked || stream.sentOctets !== stream.sentAtTick) {
      stream.sentAtTick = stream.sentOctets;
      stream.progressAt = now;
    } else if (now - stream.progressAt >= windowStallMs) {
      this.#endStream(stream, 'CANCEL', `the peer gave no window for ${windowStallMs} ms`);
    }
  }

  // ---- StreamSession: what streams send ----

  sendHeaders(
    stream: SessionStream,
    fields: readonly string[],
    endStream: boolean,
    sensitive: readonly string[] | undefined,
  ): void {
    if (endStream) stream.isEnding = true;
    this.#outbox.headers(stream, fields, endStream, sensitive);
  }

  sendData(stream: SessionStream, chunk: Buffer): boolean {
    return chunk.length === 0 || this.#outbox.data(stream, chunk);
  }

  sendEnd(stream: SessionStream, trailers: readonly string[] | undefined): void {
    stream.isEnding = true;
    this.#outbox.end(stream, trailers);
  }

  resetStream(stream: SessionStream, code: H2ErrorCode): void {
    writeRstStream(this.#outbox.out, stream.id, code);
    this.#closed.resetByUs(stream.id);
    this.#forget(stream);
    this.flush();
  }

  resumeStream(stream: SessionStream): void {
    this.#inbound.resumed(stream);
    this.flush();
  }

  // ---- OutboxOwner ----

  streamSent(stream: SessionStream): void {
    if (stream.isReceived) {
      this.#floods.resets.pay(1);
      this.#forget(stream);
    } else if (this.#isServer && !stream.isConnect) this.#answeredEarly.push(stream);
  }

  dataSent(): void {
    this.#floods.windowUpdates.pay(2);
  }

  /** The rest of a request that is answered is of no use to anyone (RFC 9113 §8.1). */
  #stopAnsweredEarly(): void {
    const streams = this.#answeredEarly;
    this.#answeredEarly = [];
    for (const stream of streams) {
      if (stream.isClosed || stream.isReceived) continue;
      writeRstStream(this.#outbox.out, stream.id, 'NO_ERROR');
      this.#closed.resetByUs(stream.id);
      this.#forget(stream);
    }
  }

  // ---- streams ----

  #add(id: number): SessionStream {
    const stream = new SessionStream(id, this, this.#isServer, this.#peer.initialWindow);
    this.#closed.opened(id);
    this.#streams.set(id, stream);
    return stream;
  }

  /** Its listener is told by whoever calls this, if at all. */
  #forget(stream: SessionStream): void {
    if (stream.isClosed) return;
    stream.isClosed = true;
    stream.isEnding = true;
    this.#streams.delete(stream.id);
    this.#outbox.drop(stream);
    this.#inbound.dropped(stream);
    if (this.#dataStream === stream) this.#dataStream = undefined;
    this.#owner.streamClosed?.();
  }

  /** Resets a stream for what we found, and tells its listener. */
  #endStream(stream: SessionStream, code: H2ErrorCode, why: string): void {
    writeRstStream(this.#outbox.out, stream.id, code);
    this.#closed.resetByUs(stream.id);
    this.#forget(stream);
    stream.listener?.reset(code, false, why);
    this.#owner.streamError?.(stream.id, code, why);
  }

  /** A stream error (RFC 9113 §5.4.2), which is the peer's. */
  #refuse(stream: SessionStream, code: H2ErrorCode, why: string): void {
    this.#endStream(stream, code, why);
    this.#floods.resets.count();
  }

  /** The same of a stream that is not open, or not yet. */
  #refuseId(id: number, code: H2ErrorCode, why: string): void {
    writeRstStream(this.#outbox.out, id, code);
    this.#closed.resetByUs(id);
    this.#owner.streamError?.(id, code, why);
  }

  /** Nobody has used the stream yet (RFC 9113 §5.1 `idle`). We push nothing, and are pushed nothing: even ids stay idle. */
  #isIdle(id: number): boolean {
    return (id & 1) === 0 || id > this.#closed.lastId;
  }

  /** A frame came on a stream that is not open: DATA, or HEADERS that open none. */
  #frameOnClosed(type: number, id: number): void {
    if (this.#isIdle(id)) throw onIdle(type, id);
    switch (this.#closed.endOf(id)) {
      case 'reset-by-us':
        this.#floods.ignored.count();
        return;
      case 'reset-by-peer':
        this.#refuseId(id, 'STREAM_CLOSED', `${frameName(type)} came on a stream that the peer had reset`);
        this.#floods.resets.count();
        return;
      case 'skipped':
        throw new H2Error(
          'PROTOCOL_ERROR',
          `${frameName(type)} names stream ${id}, want one above ${this.#closed.lastId} (RFC 9113 §5.1.1)`,
        );
      case 'ended':
        throw new H2Error('STREAM_CLOSED', `${frameName(type)} came on stream ${id}, which had ended (RFC 9113 §5.1)`);
    }
  }

  // ---- FrameSink: what comes in ----

  #readPreface(bytes: Buffer): void {
    const from = PREFACE.length - this.#prefaceLeft;
    const count = Math.min(this.#prefaceLeft, bytes.length);
    if (PREFACE.compare(bytes, 0, count, from, from + count) !== 0)
      throw new H2Error('PROTOCOL_ERROR', 'The connection does not begin with the preface of HTTP/2 (RFC 9113 §3.4)');
    this.#prefaceLeft -= count;
    if (count < bytes.length) this.#reader.read(bytes.subarray(count));
  }

  frameBegins(type: number, flags: number, id: number, length: number): void {
    const { maxFrameBytes, limits } = this.#options;
    if (length > maxFrameBytes)
      throw new H2Error(
        'FRAME_SIZE_ERROR',
        `${frameName(type)} has ${length} octets, want at most ${maxFrameBytes} (RFC 9113 §4.2)`,
      );
    if (!this.#hasPeerSettings && (type !== SETTINGS || (flags & ACK) !== 0))
      throw new H2Error('PROTOCOL_ERROR', `${frameName(type)} comes before SETTINGS (RFC 9113 §3.4)`);
    const blockId = this.#block.id;
    if (blockId !== 0 && (type !== CONTINUATION || id !== blockId))
      throw new H2Error(
        'PROTOCOL_ERROR',
        `${frameName(type)} of stream ${id} comes within the field block of stream ${blockId} (RFC 9113 §6.10)`,
      );
    if (type === DATA) this.#beginData(flags, id, length);
    else if (!isKnownFrame(type)) this.#floods.priorities.count();
    else refuseLongPayload(type, length, limits.maxBlockBytes);
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case HEADERS:
        this.#onHeaders(flags, id, bytes, start, end);
        return;
      case PRIORITY:
        this.#onPriority(id, bytes, start, end);
        return;
      case RST_STREAM:
        this.#onRstStream(id, bytes, start, end);
        return;
      case SETTINGS:
        this.#onSettings(flags, id, bytes, start, end);
        return;
      case PUSH_PROMISE:
        throw new H2Error('PROTOCOL_ERROR', 'PUSH_PROMISE came, and we take no pushes (RFC 9113 §8.4)');
      case PING:
        this.#onPing(flags, id, bytes, start, end);
        return;
      case GOAWAY:
        this.#onGoAway(id, bytes, start, end);
        return;
      case WINDOW_UPDATE:
        this.#onWindowUpdate(id, bytes, start, end);
        return;
      case CONTINUATION:
        this.#onContinuation(flags, bytes, start, end);
    }
  }

  // ---- DATA (RFC 9113 §6.1) ----

  #beginData(flags: number, id: number, length: number): void {
    if (id === 0) throw onConnection(DATA);
    this.#dataOctets = length;
    this.#hasData = false;
    this.#dataEndsStream = (flags & END_STREAM) !== 0;
    // The connection's window counts what comes on closed streams too (RFC 9113 §5.1).
    if (!this.#inbound.take(length))
      throw new H2Error('FLOW_CONTROL_ERROR', 'DATA goes past the window of the connection (RFC 9113 §6.9.1)');
    const stream = this.#streams.get(id);
    this.#dataStream = stream;
    if (!stream) this.#frameOnClosed(DATA, id);
    else if (stream.isReceived) this.#refuse(stream, 'STREAM_CLOSED', 'DATA came behind the end of the stream');
    else if (!stream.hasHead) this.#refuse(stream, 'PROTOCOL_ERROR', 'DATA came before the head of the response');
    else {
      if (this.#inbound.takeFor(stream, length)) return;
      this.#refuse(stream, 'FLOW_CONTROL_ERROR', 'DATA goes past the window of the stream (RFC 9113 §6.9.1)');
    }
  }

  dataPiece(bytes: Buffer, start: number, end: number): void {
    this.#hasData = true;
    const stream = this.#dataStream;
    if (!stream) return;
    if (stream.bodyLeft >= 0) {
      stream.bodyLeft -= end - start;
      if (stream.bodyLeft < 0) {
        this.#refuse(stream, 'PROTOCOL_ERROR', moreThanStated(stream));
        return;
      }
    }
    const { listener } = stream;
    if (!listener) return;
    const piece = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
    if (!listener.data(piece)) stream.isHeld = true;
  }

  dataEnds(): void {
    const octets = this.#dataOctets;
    const stream = this.#dataStream;
    this.#dataStream = undefined;
    if (!this.#hasData && !this.#dataEndsStream) this.#floods.emptyData.count();
    if (!stream) {
      this.#inbound.passed(octets);
      return;
    }
    this.#inbound.handedOn(stream, octets, this.#dataEndsStream);
    if (this.#dataEndsStream) this.#received(stream);
  }

  /** END_STREAM came with DATA. */
  #received(stream: SessionStream): void {
    if (stream.bodyLeft > 0) {
      this.#refuse(stream, 'PROTOCOL_ERROR', lessThanStated(stream));
      return;
    }
    this.#markReceived(stream);
    stream.listener?.end();
  }

  #markReceived(stream: SessionStream): void {
    stream.isReceived = true;
    if (!stream.isSent) return;
    this.#floods.resets.pay(1);
    this.#forget(stream);
  }

  // ---- HEADERS, CONTINUATION (RFC 9113 §6.2, §6.10) ----

  #onHeaders(flags: number, id: number, bytes: Buffer, payloadStart: number, payloadEnd: number): void {
    if (id === 0) throw onConnection(HEADERS);
    if (this.#isIdle(id) && !(this.#isServer && (id & 1) === 1)) throw onIdle(HEADERS, id);
    let start = payloadStart;
    let end = payloadEnd;
    const isPadded = (flags & PADDED) !== 0;
    const hasPriority = (flags & HAS_PRIORITY) !== 0;
    if (end - start < (isPadded ? 1 : 0) + (hasPriority ? 5 : 0)) throw badSize(HEADERS, end - start);
    if (isPadded) {
      const padding = bytes[start] as number;
      start += 1;
      end -= padding;
      if (end < start + (hasPriority ? 5 : 0)) throw tooMuchPadding(HEADERS);
    }
    let isSelfDependent = false;
    if (hasPriority) {
      isSelfDependent = uint31(bytes, start) === id;
      start += 5;
    }
    const endStream = (flags & END_STREAM) !== 0;
    if ((flags & END_HEADERS) !== 0) {
      this.#onBlock(id, endStream, isSelfDependent, this.#decoder.decode(bytes, start, end));
      return;
    }
    this.#block.open(id, endStream, isSelfDependent);
    this.#block.add(bytes, start, end);
  }

  #onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const block = this.#block;
    const { id } = block;
    if (id === 0) throw new H2Error('PROTOCOL_ERROR', 'CONTINUATION comes without HEADERS (RFC 9113 §6.10)');
    block.add(bytes, start, end);
    if ((flags & END_HEADERS) === 0) return;
    const whole = block.close();
    this.#onBlock(id, block.endStream, block.isSelfDependent, this.#decoder.decode(whole, 0, whole.length));
  }

  #onBlock(id: number, endStream: boolean, isSelfDependent: boolean, decoded: DecodedBlock): void {
    const stream = this.#streams.get(id);
    if (!stream) {
      if (this.#isServer && id > this.#closed.lastId) this.#onRequest(id, endStream, isSelfDependent, decoded);
      else this.#frameOnClosed(HEADERS, id);
      return;
    }
    if (stream.isReceived) this.#refuse(stream, 'STREAM_CLOSED', 'HEADERS came behind the end of the stream');
    else if (isSelfDependent) this.#refuse(stream, 'PROTOCOL_ERROR', DEPENDS_ON_ITSELF);
    else if (decoded.invalid !== undefined) this.#refuse(stream, 'PROTOCOL_ERROR', badField(decoded.invalid));
    else if (decoded.tooLarge) this.#refuse(stream, 'ENHANCE_YOUR_CALM', this.#tooLarge());
    else {
      stream.sensitive = decoded.sensitive;
      if (stream.hasHead) this.#onTrailers(stream, endStream, decoded.fields);
      else this.#onResponse(stream, endStream, decoded.fields);
    }
  }

  #onRequest(id: number, endStream: boolean, isSelfDependent: boolean, decoded: DecodedBlock): void {
    if (this.#phase === 'final') {
      this.#decline(id, 'the connection is going away');
      return;
    }
    if (this.#streams.size >= this.#options.maxConcurrentStreams) {
      this.#decline(id, `${this.#streams.size} streams are open, which is all that we take`);
      return;
    }
    let wrong: string | undefined;
    if (isSelfDependent) wrong = DEPENDS_ON_ITSELF;
    else if (decoded.invalid !== undefined) wrong = badField(decoded.invalid);
    else if (decoded.tooLarge) {
      this.#answerTooLarge(id, endStream);
      return;
    } else wrong = check.request(decoded.fields, this.#options.extendedConnect === true);
    if (wrong === undefined && endStream && check.contentLength > 0 && !check.isConnect)
      wrong = `content-length is ${check.contentLength}, and the request has no body`;
    if (wrong !== undefined) {
      this.#closed.opened(id);
      this.#refuseId(id, 'PROTOCOL_ERROR', wrong);
      this.#floods.resets.count();
      return;
    }
    const stream = this.#add(id);
    stream.sensitive = decoded.sensitive;
    stream.contentLength = check.contentLength;
    stream.isConnect = check.isConnect;
    if (!check.isConnect) stream.bodyLeft = check.contentLength;
    stream.isReceived = endStream;
    this.#owner.request(stream, decoded.fields, endStream);
  }

  /** Nothing was done for the stream: its request may be sent again. */
  #decline(id: number, why: string): void {
    this.#closed.opened(id);
    this.#refuseId(id, 'REFUSED_STREAM', why);
    this.#floods.ignored.count();
  }

  #answerTooLarge(id: number, endStream: boolean): void {
    const stream = this.#add(id);
    stream.isReceived = endStream;
    stream.headers(TOO_LARGE, true);
    this.#owner.streamError?.(id, 'NO_ERROR', this.#tooLarge());
  }

  #tooLarge(): string {
    return `a field section has more than ${this.#options.maxListBytes} octets (SETTINGS_MAX_HEADER_LIST_SIZE)`;
  }

  #onTrailers(stream: SessionStream, endStream: boolean, fields: string[]): void {
    let wrong = check.trailers(fields);
    if (!endStream) wrong = 'a second head came, or trailers that do not end the stream (RFC 9113 §8.1)';
    else if (stream.bodyLeft > 0) wrong = lessThanStated(stream);
    if (wrong !== undefined) {
      this.#refuse(stream, 'PROTOCOL_ERROR', wrong);
      return;
    }
    this.#markReceived(stream);
    stream.listener?.headers(fields, true);
  }

  #onResponse(stream: SessionStream, endStream: boolean, fields: string[]): void {
    let wrong = check.response(fields);
    const isInterim = check.status < 200;
    if (wrong === undefined && isInterim && endStream)
      wrong = `a response with :status ${check.status} ends the stream`;
    if (wrong !== undefined) {
      this.#refuse(stream, 'PROTOCOL_ERROR', wrong);
      return;
    }
    if (!isInterim) {
      stream.hasHead = true;
      stream.contentLength = check.contentLength;
      stream.bodyLeft = bodyOf(stream, check.status, check.contentLength);
      if (endStream) {
        if (stream.bodyLeft > 0) {
          this.#refuse(stream, 'PROTOCOL_ERROR', lessThanStated(stream));
          return;
        }
        this.#markReceived(stream);
      }
    }
    stream.listener?.headers(fields, endStream);
  }

  // ---- other frames ----

  /** RFC 9113 §6.3. What it says is deprecated and has no effect, but a stream cannot depend on itself (RFC 7540 §5.3.1). */
  #onPriority(id: number, bytes: Buffer, start: number, end: number): void {
    this.#floods.priorities.count();
    if (id === 0) throw onConnection(PRIORITY);
    const stream = this.#streams.get(id);
    if (end - start !== 5) {
      if (stream) this.#refuse(stream, 'FRAME_SIZE_ERROR', `PRIORITY has ${end - start} octets, want 5`);
      else throw badSize(PRIORITY, end - start);
    } else if (uint31(bytes, start) === id) {
      if (stream) this.#refuse(stream, 'PROTOCOL_ERROR', DEPENDS_ON_ITSELF);
      else throw new H2Error('PROTOCOL_ERROR', `PRIORITY: ${DEPENDS_ON_ITSELF}`);
    }
  }

  /** RFC 9113 §6.4. */
  #onRstStream(id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw onConnection(RST_STREAM);
    if (end - start !== 4) throw badSize(RST_STREAM, end - start);
    if (this.#isIdle(id)) throw onIdle(RST_STREAM, id);
    const stream = this.#streams.get(id);
    if (!stream) {
      this.#floods.ignored.count();
      return;
    }
    const code = h2ErrorCodeFromNumber(uint32(bytes, start));
    this.#closed.resetByPeer(id);
    this.#forget(stream);
    stream.listener?.reset(code, code === 'REFUSED_STREAM', undefined);
    if (this.#isServer) this.#floods.resets.count();
  }

  /** RFC 9113 §6.5. */
  #onSettings(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw onStream(SETTINGS, id);
    if ((flags & ACK) !== 0) {
      if (end !== start) throw badSize(SETTINGS, end - start);
      this.#onSettingsAcknowledged();
      return;
    }
    if ((end - start) % SETTING_BYTES !== 0) throw badSize(SETTINGS, end - start);
    this.#floods.settings.count();
    const peer = this.#peer;
    if (!this.#hasPeerSettings) peer.maxConcurrentStreams = Number.POSITIVE_INFINITY;
    this.#hasPeerSettings = true;
    const window = peer.initialWindow;
    for (let at = start; at < end; at += SETTING_BYTES) {
      const setting = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      peer.apply(setting, uint32(bytes, at + 2), !this.#isServer);
      if (setting === HEADER_TABLE_SIZE) this.#outbox.encoder.limitTable(peer.headerTableBytes);
    }
    writeFrameHeader(this.#outbox.out, 0, SETTINGS, ACK, 0);
    if (peer.initialWindow !== window) this.#moveWindows(peer.initialWindow - window);
    this.#owner.settingsChanged?.();
  }

  /** RFC 9113 §6.9.2. */
  #moveWindows(change: number): void {
    for (const stream of this.#streams.values()) {
      const window = grownWindow(stream.sendWindow, change);
      if (window === undefined)
        throw new H2Error(
          'FLOW_CONTROL_ERROR',
          `SETTINGS_INITIAL_WINDOW_SIZE takes the window of stream ${stream.id} past 2^31 - 1`,
        );
      stream.sendWindow = window;
    }
    if (change > 0) for (const stream of this.#streams.values()) this.#outbox.windowGrew(stream);
  }

  #onSettingsAcknowledged(): void {
    if (this.#isAcknowledged) {
      this.#floods.settings.count();
      return;
    }
    this.#isAcknowledged = true;
    this.#decoder.limitAcknowledged();
    this.#inbound.acknowledged(this.#streams.values());
  }

  /** RFC 9113 §6.7. */
  #onPing(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw onStream(PING, id);
    if (end - start !== PING_BYTES) throw badSize(PING, end - start);
    this.#floods.pings.count();
    if ((flags & ACK) === 0) {
      const { out } = this.#outbox;
      writeFrameHeader(out, PING_BYTES, PING, ACK, 0);
      out.u32(uint32(bytes, start));
      out.u32(uint32(bytes, start + 4));
      return;
    }
    const purpose = uint32(bytes, start);
    if (purpose === KEEP_ALIVE_PING) this.#owner.pong?.();
    else if (purpose === GOAWAY_PING && this.#phase === 'draining') this.#goAwayForGood();
  }

  #writePing(purpose: number): void {
    const { out } = this.#outbox;
    writeFrameHeader(out, PING_BYTES, PING, 0, 0);
    out.u32(purpose);
    out.u32(0);
  }

  /** RFC 9113 §6.8. */
  #onGoAway(id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw onStream(GOAWAY, id);
    if (end - start < 8) throw badSize(GOAWAY, end - start);
    this.#floods.settings.count();
    const lastId = uint31(bytes, start);
    const code = h2ErrorCodeFromNumber(uint32(bytes, start + 4));
    const message = bytes.toString('latin1', start + 8, Math.min(end, start + 8 + MAX_DEBUG_CHARS));
    this.#peerGoesAway = true;
    if (!this.#isServer && lastId < this.#peerLastId) {
      this.#peerLastId = lastId;
      for (const stream of this.#streams.values()) {
        if (stream.id <= lastId) continue;
        this.#closed.resetByUs(stream.id);
        this.#forget(stream);
        stream.listener?.reset('REFUSED_STREAM', true, undefined);
      }
    }
    this.#owner.goingAway(lastId, code, message);
  }

  /** RFC 9113 §6.9. */
  #onWindowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw badSize(WINDOW_UPDATE, end - start);
    this.#floods.windowUpdates.count();
    const increment = uint31(bytes, start);
    const outbox = this.#outbox;
    if (id === 0) {
      const window = increment === 0 ? undefined : grownWindow(outbox.window, increment);
      if (window === undefined) throw new H2Error(badIncrementCode(increment), badIncrement(increment));
      outbox.window = window;
      outbox.windowGrew(undefined);
      return;
    }
    if (this.#isIdle(id)) throw onIdle(WINDOW_UPDATE, id);
    const stream = this.#streams.get(id);
    if (!stream) return;
    const window = increment === 0 ? undefined : grownWindow(stream.sendWindow, increment);
    if (window === undefined) {
      this.#refuse(stream, badIncrementCode(increment), badIncrement(increment));
      return;
    }
    stream.sendWindow = window;
    outbox.windowGrew(stream);
  }

  // ---- the end ----

  #goAwayForGood(): void {
    this.#phase = 'final';
    writeGoAway(this.#outbox.out, this.#closed.lastId, 'NO_ERROR', '');
  }

  /** Nothing is under way, and nothing more can begin. */
  #endIfDone(): void {
    if (this.#streams.size > 0 || this.#outbox.out.length > 0) return;
    // A client that goes away closes when it has its answers.
    if (this.#isServer && this.#phase !== 'final') return;
    this.#phase = 'closed';
    this.#reader.stop();
    this.#transport.end();
    this.#owner.closed(undefined);
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
    this.#phase = 'closed';
    this.#transport.destroy();
    this.#finish(error.code, error.message);
    this.#owner.closed(error);
  }

  /** Streams are told. */
  #finish(code: H2ErrorCode, why: string): void {
    this.#phase = 'closed';
    this.#reader.stop();
    this.#outbox.shut();
    for (const stream of this.#streams.values()) {
      this.#forget(stream);
      stream.listener?.reset(code, false, why);
    }
  }
}

/** Octets of body that the response's fields promise; -1: any number (RFC 9110 §6.4.1). */
function bodyOf(stream: SessionStream, status: number, contentLength: number): number {
  if (stream.isHead || status === 204 || status === 304) return 0;
  return stream.isConnect && status < 300 ? -1 : contentLength;
}
