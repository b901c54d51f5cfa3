// H2Peer: an HTTP/2 peer that sends any frame, right or wrong, and keeps the frames that come; over memory or a socket.

import assert from 'node:assert/strict';
import { ByteBuffer } from '../../src/wire/h2/byte-buffer.js';
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
  PADDED,
  PING,
  PREFACE,
  PRIORITY,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from '../../src/wire/h2/frames.js';
import { H2_ERROR_CODES, type H2ErrorCode, h2ErrorCodeFromNumber } from '../../src/wire/h2/h2-error.js';
import { HpackDecoder } from '../../src/wire/h2/hpack-decoder.js';
import { HpackEncoder } from '../../src/wire/h2/hpack-encoder.js';

export interface PeerFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
  /** Of the HEADERS that a complete block began with. */
  fields?: string[];
}

export interface H2PeerOptions {
  /** What comes begins with the preface, since the other side is a client. Default false. */
  readonly expectsPreface?: boolean;
  /** SETTINGS and PING are acknowledged as they come, which only a socket allows. Default false. */
  readonly acknowledges?: boolean;
}

export interface HeadersOptions {
  /** Default false. */
  readonly endStream?: boolean;
  /** Default true. */
  readonly endHeaders?: boolean;
  /** Octets of padding; undefined: not padded. */
  readonly padding?: number;
  /** Stream that it depends on; undefined: no priority. */
  readonly dependsOn?: number;
}

export interface DataOptions {
  readonly endStream?: boolean;
  readonly padding?: number;
}

/** Pseudo-headers of a plain request. */
export const GET: readonly string[] = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'web.example'];
export const POST: readonly string[] = [
  ':method',
  'POST',
  ':scheme',
  'http',
  ':path',
  '/',
  ':authority',
  'web.example',
];

export class H2Peer {
  /** Frames that came and were not taken. */
  readonly frames: PeerFrame[] = [];
  readonly encoder = new HpackEncoder();
  readonly #acknowledges: boolean;
  readonly #send: (bytes: Buffer) => void;
  readonly #decoder = new HpackDecoder({ maxTableBytes: 4096, maxListBytes: 1 << 20 });
  #unread: Buffer = Buffer.alloc(0);
  /** What is sent, while it is not to leave yet. */
  #gathered: Buffer[] | undefined;
  #block: { readonly head: PeerFrame; bytes: Buffer } | undefined;
  /** A server's first bytes are no preface. */
  #prefaceLeft: number;

  constructor(send: (bytes: Buffer) => void, options: H2PeerOptions = {}) {
    this.#send = (bytes) => {
      if (this.#gathered) this.#gathered.push(bytes);
      else send(bytes);
    };
    this.#prefaceLeft = options.expectsPreface ? PREFACE.length : 0;
    this.#acknowledges = options.acknowledges ?? false;
  }

  /** Bytes from the other side. */
  feed(bytes: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    if (this.#prefaceLeft > 0) {
      if (this.#unread.length < PREFACE.length) return;
      assert.ok(this.#unread.subarray(0, PREFACE.length).equals(PREFACE), 'preface');
      this.#unread = this.#unread.subarray(PREFACE.length);
      this.#prefaceLeft = 0;
    }
    while (this.#unread.length >= 9) {
      const length = this.#unread.readUIntBE(0, 3);
      if (this.#unread.length < 9 + length) return;
      const frame: PeerFrame = {
        type: this.#unread[3] as number,
        flags: this.#unread[4] as number,
        id: this.#unread.readUInt32BE(5),
        payload: Buffer.from(this.#unread.subarray(9, 9 + length)),
      };
      this.#unread = this.#unread.subarray(9 + length);
      this.#came(frame);
    }
  }

  #came(frame: PeerFrame): void {
    if (frame.type === HEADERS) this.#block = { head: frame, bytes: Buffer.alloc(0) };
    if ((frame.type === HEADERS || frame.type === CONTINUATION) && this.#block) {
      const block = this.#block;
      block.bytes = Buffer.concat([block.bytes, frame.payload]);
      if ((frame.flags & END_HEADERS) !== 0) {
        block.head.fields = this.#decoder.decode(block.bytes, 0, block.bytes.length).fields;
        this.#block = undefined;
      }
    }
    this.frames.push(frame);
    if (!this.#acknowledges || (frame.flags & ACK) !== 0) return;
    if (frame.type === SETTINGS) this.frame(SETTINGS, ACK, 0, Buffer.alloc(0));
    if (frame.type === PING) this.frame(PING, ACK, 0, frame.payload);
  }

  // ---- what came ----

  /** The first frame that came of this type (and stream), which is then taken. Undefined when there is none. */
  take(type: number, id?: number): PeerFrame | undefined {
    const i = this.frames.findIndex((frame) => frame.type === type && (id === undefined || frame.id === id));
    return i < 0 ? undefined : this.frames.splice(i, 1)[0];
  }

  /** The same, and there must be one. */
  expect(type: number, id?: number): PeerFrame {
    const frame = this.take(type, id);
    assert.ok(frame, `no ${frameName(type)}${id === undefined ? '' : ` of stream ${id}`} came, but ${this.toString()}`);
    return frame;
  }

  /** Fields of the first HEADERS of the stream. */
  expectHeaders(id: number): string[] {
    return this.expect(HEADERS, id).fields ?? assert.fail('the field block is not complete');
  }

  expectReset(id: number): H2ErrorCode {
    return h2ErrorCodeFromNumber(this.expect(RST_STREAM, id).payload.readUInt32BE(0));
  }

  expectGoAway(): { lastId: number; code: H2ErrorCode; debug: string } {
    const { payload } = this.expect(GOAWAY);
    return {
      lastId: payload.readUInt32BE(0),
      code: h2ErrorCodeFromNumber(payload.readUInt32BE(4)),
      debug: payload.toString('latin1', 8),
    };
  }

  /** All DATA of the stream that came, joined, and taken. */
  takeData(id: number): Buffer {
    const parts: Buffer[] = [];
    for (let frame = this.take(DATA, id); frame; frame = this.take(DATA, id)) parts.push(frame.payload);
    return Buffer.concat(parts);
  }

  /** Frames that came and were not taken, in short. */
  toString(): string {
    return this.frames.map(({ type, id, flags }) => `${frameName(type)}(${id}, flags ${flags})`).join(' ') || 'nothing';
  }

  // ---- what is sent ----

  bytes(bytes: Buffer): void {
    this.#send(bytes);
  }

  /** What `frames` sends leaves as one. */
  together(frames: () => void): void {
    this.bytes(this.gather(frames));
  }

  /** What `frames` would send is not sent, but answered. */
  gather(frames: () => void): Buffer {
    const gathered: Buffer[] = [];
    this.#gathered = gathered;
    frames();
    this.#gathered = undefined;
    return Buffer.concat(gathered);
  }

  /** `length`: what the frame says, if not the truth. */
  frame(type: number, flags: number, id: number, payload: Buffer, length = payload.length): void {
    this.#send(frameBytes(type, flags, id, payload, length));
  }

  /** The preface of a client, and SETTINGS. */
  begin(settings: readonly (readonly [number, number])[] = []): void {
    this.#send(PREFACE);
    this.settings(settings);
  }

  settings(settings: readonly (readonly [number, number])[]): void {
    const payload = Buffer.alloc(6 * settings.length);
    settings.forEach(([setting, value], i) => {
      payload.writeUInt16BE(setting, 6 * i);
      payload.writeUInt32BE(value, 6 * i + 2);
    });
    this.frame(SETTINGS, 0, 0, payload);
  }

  /** HPACK; names and values as they are. */
  encode(fields: readonly string[]): Buffer {
    const out = new ByteBuffer();
    this.encoder.encode(fields, out);
    return out.take();
  }

  /** `fields`: or a field block as it is. */
  headers(id: number, fields: readonly string[] | Buffer, options: HeadersOptions = {}): void {
    const { endStream = false, endHeaders = true, padding, dependsOn } = options;
    const parts: Buffer[] = [Buffer.isBuffer(fields) ? fields : this.encode(fields)];
    let flags = (endStream ? END_STREAM : 0) | (endHeaders ? END_HEADERS : 0);
    if (dependsOn !== undefined) {
      flags |= HAS_PRIORITY;
      parts.unshift(priorityBytes(dependsOn));
    }
    if (padding !== undefined) {
      flags |= PADDED;
      parts.unshift(Buffer.from([padding]));
      parts.push(Buffer.alloc(padding));
    }
    this.frame(HEADERS, flags, id, Buffer.concat(parts));
  }

  continuation(id: number, block: Buffer, endHeaders: boolean): void {
    this.frame(CONTINUATION, endHeaders ? END_HEADERS : 0, id, block);
  }

  data(id: number, data: string | Buffer, options: DataOptions = {}): void {
    const { endStream = false, padding } = options;
    let payload = Buffer.isBuffer(data) ? data : Buffer.from(data, 'latin1');
    let flags = endStream ? END_STREAM : 0;
    if (padding !== undefined) {
      flags |= PADDED;
      payload = Buffer.concat([Buffer.from([padding]), payload, Buffer.alloc(padding)]);
    }
    this.frame(DATA, flags, id, payload);
  }

  reset(id: number, code: H2ErrorCode): void {
    this.frame(RST_STREAM, 0, id, uint32Bytes(H2_ERROR_CODES[code]));
  }

  ping(payload: Buffer, ack = false): void {
    this.frame(PING, ack ? ACK : 0, 0, payload);
  }

  goAway(lastId: number, code: H2ErrorCode, debug = ''): void {
    const payload = [uint32Bytes(lastId), uint32Bytes(H2_ERROR_CODES[code]), Buffer.from(debug, 'latin1')];
    this.frame(GOAWAY, 0, 0, Buffer.concat(payload));
  }

  windowUpdate(id: number, increment: number): void {
    this.frame(WINDOW_UPDATE, 0, id, uint32Bytes(increment));
  }

  priority(id: number, dependsOn: number): void {
    this.frame(PRIORITY, 0, id, priorityBytes(dependsOn));
  }
}

export function frameBytes(type: number, flags: number, id: number, payload: Buffer, length = payload.length): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

export function uint32Bytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function priorityBytes(dependsOn: number): Buffer {
  return Buffer.concat([uint32Bytes(dependsOn), Buffer.from([15])]);
}
