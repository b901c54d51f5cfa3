// Frames of HTTP/2 by number (RFC 9113 §4.1, §6), and their writers: one frame in, its bytes at the end of a ByteBuffer.

import type { ByteBuffer } from './byte-buffer.js';
import { H2_ERROR_CODES, type H2ErrorCode } from './h2-error.js';

/** What a client sends first (RFC 9113 §3.4). */
export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export const HEADER_BYTES = 9;
/** Every peer takes frames of this payload (RFC 9113 §4.2); we send no longer ones. */
export const MAX_SENT_BYTES = 16_384;
/** Windows until SETTINGS and WINDOW_UPDATE say otherwise (RFC 9113 §6.9.2), and their maximum. */
export const INITIAL_WINDOW = 65_535;
export const MAX_WINDOW = 0x7fff_ffff;
export const MAX_STREAM_ID = 0x7fff_ffff;

export const DATA = 0x0;
export const HEADERS = 0x1;
export const PRIORITY = 0x2;
export const RST_STREAM = 0x3;
export const SETTINGS = 0x4;
export const PUSH_PROMISE = 0x5;
export const PING = 0x6;
export const GOAWAY = 0x7;
export const WINDOW_UPDATE = 0x8;
export const CONTINUATION = 0x9;

const NAMES = [
  'DATA',
  'HEADERS',
  'PRIORITY',
  'RST_STREAM',
  'SETTINGS',
  'PUSH_PROMISE',
  'PING',
  'GOAWAY',
  'WINDOW_UPDATE',
  'CONTINUATION',
] as const;

export const END_STREAM = 0x1;
/** Of SETTINGS and PING. */
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
/** Of HEADERS: five octets of a priority come first. */
export const HAS_PRIORITY = 0x20;

export const PING_BYTES = 8;

/** For messages. */
export function frameName(type: number): string {
  return NAMES[type] ?? `frame of type ${type}`;
}

/** Types that mean nothing to us are read past (RFC 9113 §4.1). */
export function isKnownFrame(type: number): boolean {
  return type <= CONTINUATION;
}

export function writeFrameHeader(out: ByteBuffer, length: number, type: number, flags: number, id: number): void {
  out.u32((length << 8) | type);
  out.u8(flags);
  out.u32(id);
}

export function writeRstStream(out: ByteBuffer, id: number, code: H2ErrorCode): void {
  writeFrameHeader(out, 4, RST_STREAM, 0, id);
  out.u32(H2_ERROR_CODES[code]);
}

/** `id` 0: of the connection. */
export function writeWindowUpdate(out: ByteBuffer, id: number, increment: number): void {
  writeFrameHeader(out, 4, WINDOW_UPDATE, 0, id);
  out.u32(increment);
}

/** `purpose` tells its answer from that of others: it comes back in the first four of the eight octets. */
export function writePing(out: ByteBuffer, purpose: number): void {
  writeFrameHeader(out, PING_BYTES, PING, 0, 0);
  out.u32(purpose);
  out.u32(0);
}

/** `debug` is latin-1 text for whoever looks into the peer's log. */
export function writeGoAway(out: ByteBuffer, lastStreamId: number, code: H2ErrorCode, debug: string): void {
  writeFrameHeader(out, 8 + debug.length, GOAWAY, 0, 0);
  out.u32(lastStreamId);
  out.u32(H2_ERROR_CODES[code]);
  out.latin1(debug);
}
