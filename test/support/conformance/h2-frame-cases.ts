// Frames that RFC 9113 §3 to §6 and RFC 7541 forbid a client, and frames that only seem to be: by section, for a server in
// memory and for a whole gateway.

import {
  ACK,
  DATA,
  END_HEADERS,
  GOAWAY,
  HAS_PRIORITY,
  HEADERS,
  PADDED,
  PING,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from '../../../src/wire/h2/frames.js';
import type { H2ErrorCode } from '../../../src/wire/h2/h2-error.js';
import {
  ENABLE_CONNECT_PROTOCOL,
  ENABLE_PUSH,
  INITIAL_WINDOW_SIZE,
  MAX_CONCURRENT_STREAMS,
  MAX_FRAME_SIZE,
  MAX_HEADER_LIST_SIZE,
  NO_RFC7540_PRIORITIES,
} from '../../../src/wire/h2/settings.js';
import { GET, type H2Peer, POST, uint32Bytes } from '../h2-peer.js';

const NONE: Buffer = Buffer.alloc(0);
const MAX_INCREMENT = 2 ** 31 - 1;

/** The server under test: a session in memory, or a gateway. */
export interface Server {
  /** The request on the stream is complete: it is answered with 200, and the answer has come. */
  answers(id: number): void | Promise<void>;
}

/** What a caller does to a server with which the connection is open. */
export interface FrameCase {
  /** Of RFC 9113 unless another is named. */
  readonly section: string;
  readonly what: string;
  readonly send: (peer: H2Peer, server: Server) => void | Promise<void>;
}

export interface FrameError extends FrameCase {
  readonly code: H2ErrorCode;
}

function error(section: string, code: H2ErrorCode, what: string, send: FrameCase['send']): FrameError {
  return { section, code, what, send };
}

function allowed(section: string, what: string, send: FrameCase['send']): FrameCase {
  return { section, what, send };
}

/** Stream 1 is open. */
export function opened(peer: H2Peer): void {
  peer.headers(1, POST);
}

/** Of stream 1 the request is complete, the response is not. */
export function halfClosed(peer: H2Peer): void {
  peer.headers(1, GET, { endStream: true });
}

/** Of stream 1 both are complete. */
async function ended(peer: H2Peer, server: Server): Promise<void> {
  halfClosed(peer);
  await server.answers(1);
}

function resetByPeer(peer: H2Peer): void {
  opened(peer);
  peer.reset(1, 'CANCEL');
}

/** After any of these the connection is closed, with this code. */
export const CONNECTION_ERRORS: readonly FrameError[] = [
  // ---- §4.2, §4.3 ----
  error('4.2', 'FRAME_SIZE_ERROR', 'DATA longer than SETTINGS_MAX_FRAME_SIZE', (peer) => {
    opened(peer);
    peer.data(1, Buffer.alloc(16_385));
  }),
  error('4.2', 'FRAME_SIZE_ERROR', 'HEADERS longer than SETTINGS_MAX_FRAME_SIZE', (peer) =>
    peer.frame(HEADERS, END_HEADERS, 1, NONE, 16_385),
  ),
  error('4.3', 'COMPRESSION_ERROR', 'a field block that cannot be decoded', (peer) =>
    peer.headers(1, Buffer.from([0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x84, 0x49, 0x50, 0x9f, 0xff])),
  ),
  ...(
    [
      ['2.3.3', 'a field block with an index beyond the tables', [0x80 | 70]],
      ['2.3.3', 'a field block with a name index beyond the tables', [0x7f, 0x10, 0x01, 0x61]],
      ['4.2', 'a field block that changes the table size behind a field', [0x82, 0x20]],
      ['5.2', 'a Huffman string with padding of more than 7 bits', [0x00, 0x81, 0x1f, 0x83, 0xff, 0xff, 0xff]],
      ['5.2', 'a Huffman string padded with zeros', [0x00, 0x81, 0x18, 0x01, 0x61]],
      ['5.2', 'a Huffman string with EOS in it', [0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x01, 0x61]],
      ['6.1', 'a field block with index 0', [0x80]],
      ['6.3', 'a field block that makes the table larger than SETTINGS_HEADER_TABLE_SIZE', [0x3f, 0xe2, 0x1f]],
      ['5.1', 'a field block with an integer without end', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ] as const
  ).map(([section, what, bytes]) =>
    error(`${section} of RFC 7541`, 'COMPRESSION_ERROR', what, (peer) =>
      peer.headers(1, Buffer.concat([peer.encode(GET), Buffer.from(bytes)])),
    ),
  ),
  error('4.3', 'PROTOCOL_ERROR', 'PRIORITY within a field block', (peer) => {
    peer.headers(1, GET, { endHeaders: false });
    peer.priority(1, 0);
  }),
  error('4.3', 'PROTOCOL_ERROR', 'HEADERS of another stream within a field block', (peer) => {
    peer.headers(1, GET, { endHeaders: false });
    peer.headers(3, GET);
  }),
  error('4.3', 'PROTOCOL_ERROR', 'a frame of an unknown type within a field block (§5.5)', (peer) => {
    peer.headers(1, GET, { endHeaders: false });
    peer.frame(0xff, 0, 1, NONE);
  }),
  // ---- §5.1: idle ----
  error('5.1', 'PROTOCOL_ERROR', 'DATA on an idle stream', (peer) => peer.data(1, 'x')),
  error('5.1', 'PROTOCOL_ERROR', 'RST_STREAM on an idle stream', (peer) => peer.reset(1, 'CANCEL')),
  error('5.1', 'PROTOCOL_ERROR', 'WINDOW_UPDATE on an idle stream', (peer) => peer.windowUpdate(1, 100)),
  error('5.1', 'PROTOCOL_ERROR', 'CONTINUATION on an idle stream', (peer) =>
    peer.continuation(1, peer.encode(GET), true),
  ),
  // ---- §5.1: half-closed and closed ----
  error('5.1', 'PROTOCOL_ERROR', 'CONTINUATION on a half-closed stream', (peer) => {
    halfClosed(peer);
    peer.continuation(1, peer.encode(GET), true);
  }),
  error('5.1', 'STREAM_CLOSED', 'DATA on a stream that has ended', async (peer, server) => {
    await ended(peer, server);
    peer.data(1, 'x');
  }),
  error('5.1', 'STREAM_CLOSED', 'HEADERS on a stream that has ended', async (peer, server) => {
    await ended(peer, server);
    peer.headers(1, GET, { endStream: true });
  }),
  error('5.1', 'PROTOCOL_ERROR', 'CONTINUATION on a stream that has ended', async (peer, server) => {
    await ended(peer, server);
    peer.continuation(1, peer.encode(GET), true);
  }),
  error('5.1', 'PROTOCOL_ERROR', 'CONTINUATION on a stream that the peer has reset', (peer) => {
    resetByPeer(peer);
    peer.continuation(1, peer.encode(GET), true);
  }),
  // ---- §5.1.1 ----
  error('5.1.1', 'PROTOCOL_ERROR', 'a request with an even id', (peer) => peer.headers(2, GET)),
  error('5.1.1', 'PROTOCOL_ERROR', 'a request with an id below one that was used', (peer) => {
    peer.headers(5, GET);
    peer.headers(3, GET);
  }),
  error('5.1.1', 'PROTOCOL_ERROR', 'DATA on a stream that was never opened, below one that was', (peer) => {
    peer.headers(501, GET);
    peer.data(499, 'x');
  }),
  // ---- §6.1 ----
  error('6.1', 'PROTOCOL_ERROR', 'DATA on stream 0', (peer) => peer.data(0, 'x')),
  error('6.1', 'PROTOCOL_ERROR', 'DATA with as much padding as payload', (peer) => {
    opened(peer);
    peer.frame(DATA, PADDED, 1, Buffer.from([6, 0, 0, 0, 0, 0]));
  }),
  error('6.1', 'FRAME_SIZE_ERROR', 'padded DATA without the octet that says how much', (peer) => {
    opened(peer);
    peer.frame(DATA, PADDED, 1, NONE);
  }),
  // ---- §6.2 ----
  error('6.2', 'PROTOCOL_ERROR', 'HEADERS on stream 0', (peer) => peer.headers(0, GET)),
  error('6.2', 'PROTOCOL_ERROR', 'HEADERS with more padding than payload', (peer) =>
    peer.frame(HEADERS, PADDED | END_HEADERS, 1, Buffer.from([3, 0x82, 0x86])),
  ),
  error('6.2', 'PROTOCOL_ERROR', 'HEADERS with padding that reaches into the priority', (peer) =>
    peer.frame(HEADERS, PADDED | HAS_PRIORITY | END_HEADERS, 1, Buffer.from([3, 0, 0, 0, 0, 1, 0x82])),
  ),
  error('6.2', 'FRAME_SIZE_ERROR', 'HEADERS too short for the priority that it says to have', (peer) =>
    peer.frame(HEADERS, HAS_PRIORITY | END_HEADERS, 1, Buffer.from([0, 0, 0, 0])),
  ),
  error('6.2', 'FRAME_SIZE_ERROR', 'HEADERS without an octet, said to be padded', (peer) =>
    peer.frame(HEADERS, PADDED | END_HEADERS, 1, NONE),
  ),
  // ---- §6.3 ----
  error('6.3', 'PROTOCOL_ERROR', 'PRIORITY on stream 0', (peer) => peer.priority(0, 1)),
  error('6.3', 'FRAME_SIZE_ERROR', 'PRIORITY of 4 octets on an idle stream', (peer) =>
    peer.frame(PRIORITY, 0, 1, Buffer.alloc(4)),
  ),
  error('5.3.1 of RFC 7540', 'PROTOCOL_ERROR', 'an idle stream that depends on itself, by PRIORITY', (peer) =>
    peer.priority(3, 3),
  ),
  // ---- §6.4 ----
  error('6.4', 'PROTOCOL_ERROR', 'RST_STREAM on stream 0', (peer) => peer.reset(0, 'CANCEL')),
  error('6.4', 'FRAME_SIZE_ERROR', 'RST_STREAM of 3 octets', (peer) => {
    opened(peer);
    peer.frame(RST_STREAM, 0, 1, Buffer.alloc(3));
  }),
  // ---- §6.5 ----
  error('6.5', 'FRAME_SIZE_ERROR', 'an acknowledgment of SETTINGS with a payload', (peer) =>
    peer.frame(SETTINGS, ACK, 0, Buffer.alloc(6)),
  ),
  error('6.5', 'PROTOCOL_ERROR', 'SETTINGS on a stream', (peer) => peer.frame(SETTINGS, 0, 1, Buffer.alloc(6))),
  error('6.5', 'FRAME_SIZE_ERROR', 'SETTINGS of 3 octets', (peer) => peer.frame(SETTINGS, 0, 0, Buffer.alloc(3))),
  error('6.5.2', 'PROTOCOL_ERROR', 'SETTINGS_ENABLE_PUSH 2', (peer) => peer.settings([[ENABLE_PUSH, 2]])),
  error('6.5.2', 'FLOW_CONTROL_ERROR', 'SETTINGS_INITIAL_WINDOW_SIZE 2^31', (peer) =>
    peer.settings([[INITIAL_WINDOW_SIZE, 2 ** 31]]),
  ),
  error('6.5.2', 'PROTOCOL_ERROR', 'SETTINGS_MAX_FRAME_SIZE 16383', (peer) =>
    peer.settings([[MAX_FRAME_SIZE, 16_383]]),
  ),
  error('6.5.2', 'PROTOCOL_ERROR', 'SETTINGS_MAX_FRAME_SIZE 2^24', (peer) =>
    peer.settings([[MAX_FRAME_SIZE, 2 ** 24]]),
  ),
  error('3 of RFC 8441', 'PROTOCOL_ERROR', 'SETTINGS_ENABLE_CONNECT_PROTOCOL 2', (peer) =>
    peer.settings([[ENABLE_CONNECT_PROTOCOL, 2]]),
  ),
  error('2.1 of RFC 9218', 'PROTOCOL_ERROR', 'SETTINGS_NO_RFC7540_PRIORITIES 2', (peer) =>
    peer.settings([[NO_RFC7540_PRIORITIES, 2]]),
  ),
  // ---- §6.6 ----
  error('8.4', 'PROTOCOL_ERROR', 'PUSH_PROMISE from a client', (peer) => {
    opened(peer);
    peer.frame(PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([uint32Bytes(2), peer.encode(GET)]));
  }),
  // ---- §6.7 ----
  error('6.7', 'PROTOCOL_ERROR', 'PING on a stream', (peer) => peer.frame(PING, 0, 1, Buffer.alloc(8))),
  error('6.7', 'FRAME_SIZE_ERROR', 'PING of 6 octets', (peer) => peer.ping(Buffer.alloc(6))),
  // ---- §6.8 ----
  error('6.8', 'PROTOCOL_ERROR', 'GOAWAY on a stream', (peer) => peer.frame(GOAWAY, 0, 1, Buffer.alloc(8))),
  error('6.8', 'FRAME_SIZE_ERROR', 'GOAWAY of 7 octets', (peer) => peer.frame(GOAWAY, 0, 0, Buffer.alloc(7))),
  // ---- §6.9 ----
  error('6.9', 'PROTOCOL_ERROR', 'WINDOW_UPDATE of the connection by 0', (peer) => peer.windowUpdate(0, 0)),
  error('6.9', 'FRAME_SIZE_ERROR', 'WINDOW_UPDATE of 3 octets', (peer) =>
    peer.frame(WINDOW_UPDATE, 0, 0, Buffer.alloc(3)),
  ),
  error('6.9.1', 'FLOW_CONTROL_ERROR', 'a window of the connection past 2^31 - 1', (peer) => {
    peer.windowUpdate(0, MAX_INCREMENT);
    peer.windowUpdate(0, MAX_INCREMENT);
  }),
  error('6.9.2', 'FLOW_CONTROL_ERROR', 'SETTINGS_INITIAL_WINDOW_SIZE that takes a window past 2^31 - 1', (peer) => {
    opened(peer);
    peer.windowUpdate(1, MAX_INCREMENT - 65_535);
    peer.settings([[INITIAL_WINDOW_SIZE, 65_536]]);
  }),
  // ---- §6.10 ----
  error('6.10', 'PROTOCOL_ERROR', 'CONTINUATION behind a complete block', (peer) => {
    opened(peer);
    peer.continuation(1, peer.encode(['x', 'y']), true);
  }),
  error('6.10', 'PROTOCOL_ERROR', 'CONTINUATION behind CONTINUATION that ended the block', (peer) => {
    peer.headers(1, GET, { endHeaders: false });
    peer.continuation(1, peer.encode(['x', 'y']), true);
    peer.continuation(1, peer.encode(['x', 'y']), true);
  }),
  error('6.10', 'PROTOCOL_ERROR', 'CONTINUATION on stream 0', (peer) => {
    peer.headers(1, GET, { endHeaders: false });
    peer.continuation(0, peer.encode(['x', 'y']), true);
  }),
  error('6.10', 'PROTOCOL_ERROR', 'CONTINUATION behind DATA', (peer) => {
    opened(peer);
    peer.data(1, 'x');
    peer.continuation(1, peer.encode(['x', 'y']), true);
  }),
  error('6.10', 'PROTOCOL_ERROR', 'CONTINUATION of another stream', (peer) => {
    opened(peer);
    peer.headers(3, GET, { endHeaders: false });
    peer.continuation(1, peer.encode(['x', 'y']), true);
  }),
  error('6.10', 'PROTOCOL_ERROR', 'DATA instead of CONTINUATION', (peer) => {
    peer.headers(1, POST, { endHeaders: false });
    peer.data(1, 'x');
  }),
];

/** After any of these stream 1 is reset with this code, and nothing else has happened. */
export const STREAM_ERRORS: readonly FrameError[] = [
  error('5.1', 'STREAM_CLOSED', 'DATA on a half-closed stream', (peer) => {
    halfClosed(peer);
    peer.data(1, 'x');
  }),
  error('5.1', 'STREAM_CLOSED', 'HEADERS on a half-closed stream', (peer) => {
    halfClosed(peer);
    peer.headers(1, GET, { endStream: true });
  }),
  error('5.1', 'STREAM_CLOSED', 'DATA on a stream that the peer has reset', (peer) => {
    resetByPeer(peer);
    peer.data(1, 'x');
  }),
  error('5.1', 'STREAM_CLOSED', 'HEADERS on a stream that the peer has reset', (peer) => {
    resetByPeer(peer);
    peer.headers(1, GET, { endStream: true });
  }),
  error('5.3.1 of RFC 7540', 'PROTOCOL_ERROR', 'a stream that depends on itself, by HEADERS', (peer) =>
    peer.headers(1, GET, { endStream: true, dependsOn: 1 }),
  ),
  error('5.3.1 of RFC 7540', 'PROTOCOL_ERROR', 'a stream that depends on itself, by PRIORITY', (peer) => {
    opened(peer);
    peer.priority(1, 1);
  }),
  error('6.3', 'FRAME_SIZE_ERROR', 'PRIORITY of 4 octets', (peer) => {
    opened(peer);
    peer.frame(PRIORITY, 0, 1, Buffer.alloc(4));
  }),
  error('6.9', 'PROTOCOL_ERROR', 'WINDOW_UPDATE of a stream by 0', (peer) => {
    opened(peer);
    peer.windowUpdate(1, 0);
  }),
  error('6.9.1', 'FLOW_CONTROL_ERROR', 'a window of a stream past 2^31 - 1', (peer) => {
    opened(peer);
    peer.windowUpdate(1, MAX_INCREMENT);
  }),
];

/** Frames that change nothing: stream 3 is answered afterwards. */
export const ALLOWED: readonly FrameCase[] = [
  allowed('4.1', 'a frame of an unknown type', (peer) => peer.frame(0x16, 0, 0, Buffer.from('what?'))),
  allowed('4.1', 'flags that mean nothing', (peer) => peer.frame(PING, 0x16, 0, Buffer.alloc(8))),
  allowed('4.1', 'a reserved bit before the stream id', (peer) => peer.frame(PING, 0, 0x8000_0000, Buffer.alloc(8))),
  allowed('4.2', 'a frame of an unknown type and of the largest size', (peer) =>
    peer.frame(0xfe, 0xff, 77, Buffer.alloc(16_384)),
  ),
  allowed('5.1', 'PRIORITY on an idle stream', (peer) => peer.priority(1, 0)),
  allowed('5.1', 'PRIORITY on a stream above those that are open', (peer) => peer.priority(101, 99)),
  allowed('6.5.2', 'an unknown setting, and the largest values of known ones', (peer) =>
    peer.settings([
      [0xff, 1],
      [MAX_CONCURRENT_STREAMS, 0xffff_ffff],
      [MAX_HEADER_LIST_SIZE, 0],
      [MAX_FRAME_SIZE, 2 ** 24 - 1],
      [INITIAL_WINDOW_SIZE, MAX_INCREMENT],
    ]),
  ),
  allowed('6.5', 'SETTINGS without settings', (peer) => peer.settings([])),
  allowed('6.7', 'an answer to a PING that was not sent', (peer) => peer.ping(Buffer.alloc(8), true)),
  allowed('6.8', 'GOAWAY', (peer) => peer.goAway(0, 'NO_ERROR', 'bye')),
  allowed('6.9', 'WINDOW_UPDATE of the connection', (peer) => peer.windowUpdate(0, 1)),
  allowed('7', 'error codes that nobody knows', (peer) => {
    peer.headers(1, POST);
    peer.frame(RST_STREAM, 0, 1, uint32Bytes(0xff));
    peer.frame(GOAWAY, 0, 0, Buffer.concat([uint32Bytes(0), uint32Bytes(0xff)]));
  }),
];
