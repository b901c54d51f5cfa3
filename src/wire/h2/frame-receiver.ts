// FrameReceiver: the bytes of a connection in; each frame to what it is about, if it may come now (RFC 9113 §3.4, §4, §6).

import { DataFrames } from './data-frames.js';
import { grownWindow } from './flow-window.js';
import {
  badIncrement,
  badIncrementCode,
  badSize,
  DEPENDS_ON_ITSELF,
  onConnection,
  onIdle,
  onStream,
} from './frame-errors.js';
import { FrameReader, type FrameSink, uint31, uint32 } from './frame-reader.js';
import {
  ACK,
  CONTINUATION,
  DATA,
  frameName,
  GOAWAY,
  HEADERS,
  isKnownFrame,
  PING,
  PING_BYTES,
  PREFACE,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  writeFrameHeader,
} from './frames.js';
import { GOAWAY_PING, type GoingAway } from './going-away.js';
import { H2Error, h2ErrorCodeFromNumber } from './h2-error.js';
import { refuseLongPayload } from './header-block.js';
import { HeaderFrames } from './header-frames.js';
import { Messages } from './messages.js';
import type { SessionStreams } from './session-streams.js';
import { SettingsFrames } from './settings-frames.js';

/** First four octets of the PINGs that `owner.pong` is for. */
export const KEEP_ALIVE_PING = 1;

export class FrameReceiver implements FrameSink {
  readonly settings: SettingsFrames;
  readonly #streams: SessionStreams;
  readonly #goingAway: GoingAway;
  readonly #reader = new FrameReader(this);
  readonly #data: DataFrames;
  readonly #headers: HeaderFrames;
  /** Server: octets of the preface that have not come. */
  #prefaceLeft: number;

  constructor(streams: SessionStreams, goingAway: GoingAway) {
    this.#streams = streams;
    this.#goingAway = goingAway;
    this.#data = new DataFrames(streams);
    this.#headers = new HeaderFrames(streams, new Messages(streams, goingAway));
    this.settings = new SettingsFrames(streams, this.#headers.decoder);
    this.#prefaceLeft = streams.isServer ? PREFACE.length : 0;
  }

  /** Throws what ends the connection; nothing can be read afterwards. */
  read(bytes: Buffer): void {
    if (this.#prefaceLeft === 0) this.#reader.read(bytes);
    else this.#readPreface(bytes);
  }

  /** As `H2Session.unfinished`. */
  get unfinished(): number {
    const { block } = this.#headers;
    return block.id === 0 ? this.#reader.unfinished : -block.id;
  }

  /** Reads no further, not even the rest of the current `read`. */
  stop(): void {
    this.#reader.stop();
  }

  #readPreface(bytes: Buffer): void {
    const from = PREFACE.length - this.#prefaceLeft;
    const count = Math.min(this.#prefaceLeft, bytes.length);
    if (PREFACE.compare(bytes, 0, count, from, from + count) !== 0)
      throw new H2Error('PROTOCOL_ERROR', 'The connection does not begin with the preface of HTTP/2 (RFC 9113 §3.4)');
    this.#prefaceLeft -= count;
    if (count < bytes.length) this.#reader.read(bytes.subarray(count));
  }

  // ---- FrameSink ----

  frameBegins(type: number, flags: number, id: number, length: number): void {
    const { options, floods } = this.#streams;
    if (length > options.maxFrameBytes)
      throw new H2Error(
        'FRAME_SIZE_ERROR',
        `${frameName(type)} has ${length} octets, want at most ${options.maxFrameBytes} (RFC 9113 §4.2)`,
      );
    if (!this.settings.hasPeers && (type !== SETTINGS || (flags & ACK) !== 0))
      throw new H2Error('PROTOCOL_ERROR', `${frameName(type)} comes before SETTINGS (RFC 9113 §3.4)`);
    const blockId = this.#headers.block.id;
    if (blockId !== 0 && (type !== CONTINUATION || id !== blockId))
      throw new H2Error(
        'PROTOCOL_ERROR',
        `${frameName(type)} of stream ${id} comes within the field block of stream ${blockId} (RFC 9113 §6.10)`,
      );
    if (type === DATA) this.#data.begins(flags, id, length);
    else if (!isKnownFrame(type)) floods.priorities.count();
    else refuseLongPayload(type, length, options.limits.maxBlockBytes);
  }

  dataPiece(bytes: Buffer, start: number, end: number): void {
    this.#data.piece(bytes, start, end);
  }

  dataEnds(): void {
    this.#data.end();
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case HEADERS:
        this.#headers.headers(flags, id, bytes, start, end);
        return;
      case PRIORITY:
        this.#onPriority(id, bytes, start, end);
        return;
      case RST_STREAM:
        this.#onRstStream(id, bytes, start, end);
        return;
      case SETTINGS:
        this.settings.settings(flags, id, bytes, start, end);
        return;
      case PUSH_PROMISE:
        throw new H2Error('PROTOCOL_ERROR', 'PUSH_PROMISE came, and we take no pushes (RFC 9113 §8.4)');
      case PING:
        this.#onPing(flags, id, bytes, start, end);
        return;
      case GOAWAY:
        this.#goingAway.goAway(id, bytes, start, end);
        return;
      case WINDOW_UPDATE:
        this.#onWindowUpdate(id, bytes, start, end);
        return;
      case CONTINUATION:
        this.#headers.continuation(flags, bytes, start, end);
    }
  }

  // ---- frames that need no more than this ----

  /** RFC 9113 §6.3. What it says is deprecated and has no effect, but a stream cannot depend on itself (RFC 7540 §5.3.1). */
  #onPriority(id: number, bytes: Buffer, start: number, end: number): void {
    const streams = this.#streams;
    streams.floods.priorities.count();
    if (id === 0) throw onConnection(PRIORITY);
    const stream = streams.open.get(id);
    if (end - start !== 5) {
      if (stream) streams.refuse(stream, 'FRAME_SIZE_ERROR', `PRIORITY has ${end - start} octets, want 5`);
      else throw badSize(PRIORITY, end - start);
    } else if (uint31(bytes, start) === id) {
      if (stream) streams.refuse(stream, 'PROTOCOL_ERROR', DEPENDS_ON_ITSELF);
      else throw new H2Error('PROTOCOL_ERROR', `PRIORITY: ${DEPENDS_ON_ITSELF}`);
    }
  }

  /** RFC 9113 §6.4. */
  #onRstStream(id: number, bytes: Buffer, start: number, end: number): void {
    const streams = this.#streams;
    if (id === 0) throw onConnection(RST_STREAM);
    if (end - start !== 4) throw badSize(RST_STREAM, end - start);
    if (streams.isIdle(id)) throw onIdle(RST_STREAM, id);
    const stream = streams.open.get(id);
    if (!stream) {
      streams.floods.ignored.count();
      return;
    }
    const code = h2ErrorCodeFromNumber(uint32(bytes, start));
    streams.closed.resetByPeer(id);
    streams.forget(stream);
    stream.listener?.reset(code, code === 'REFUSED_STREAM', undefined);
    if (streams.isServer) streams.floods.resets.count();
  }

  /** RFC 9113 §6.7. */
  #onPing(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw onStream(PING, id);
    if (end - start !== PING_BYTES) throw badSize(PING, end - start);
    const { floods, outbox, owner } = this.#streams;
    floods.pings.count();
    const purpose = uint32(bytes, start);
    if ((flags & ACK) === 0) {
      writeFrameHeader(outbox.out, PING_BYTES, PING, ACK, 0);
      outbox.out.u32(purpose);
      outbox.out.u32(uint32(bytes, start + 4));
    } else if (purpose === KEEP_ALIVE_PING) owner.pong?.();
    else if (purpose === GOAWAY_PING) this.#goingAway.pingAnswered();
  }

  /** RFC 9113 §6.9. */
  #onWindowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    const streams = this.#streams;
    const { outbox } = streams;
    if (end - start !== 4) throw badSize(WINDOW_UPDATE, end - start);
    streams.floods.windowUpdates.count();
    const increment = uint31(bytes, start);
    if (id === 0) {
      const window = increment === 0 ? undefined : grownWindow(outbox.window, increment);
      if (window === undefined) throw new H2Error(badIncrementCode(increment), badIncrement(increment));
      outbox.window = window;
      outbox.windowGrew(undefined);
      return;
    }
    if (streams.isIdle(id)) throw onIdle(WINDOW_UPDATE, id);
    const stream = streams.open.get(id);
    if (!stream) return;
    const window = increment === 0 ? undefined : grownWindow(stream.sendWindow, increment);
    if (window === undefined) {
      streams.refuse(stream, badIncrementCode(increment), badIncrement(increment));
      return;
    }
    stream.sendWindow = window;
    outbox.windowGrew(stream);
  }
}
