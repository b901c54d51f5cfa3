// What a server does with every frame that RFC 9113 §3 to §6 forbids, and with those it only seems to: by section.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ACK,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
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
} from '../../../../src/wire/h2/frames.js';
import {
  ENABLE_CONNECT_PROTOCOL,
  ENABLE_PUSH,
  INITIAL_WINDOW_SIZE,
  MAX_CONCURRENT_STREAMS,
  MAX_FRAME_SIZE,
  MAX_HEADER_LIST_SIZE,
  NO_RFC7540_PRIORITIES,
} from '../../../../src/wire/h2/settings.js';
import { GET, type H2Peer, POST, uint32Bytes } from '../../../support/h2-peer.js';
import { H2Scene, type SceneOptions } from '../../../support/h2-scene.js';

const NONE: Buffer = Buffer.alloc(0);
const MAX_INCREMENT = 2 ** 31 - 1;

/** What a caller does to a server with which the connection is open, and what becomes of the connection, or stream 1. */
interface Case {
  readonly section: string;
  readonly what: string;
  readonly options?: SceneOptions;
  readonly send: (peer: H2Peer, scene: H2Scene) => void;
}

/** Stream 1 is open. */
function opened(peer: H2Peer): void {
  peer.headers(1, POST);
}

/** Of stream 1 the request is complete, the response is not. */
function halfClosed(peer: H2Peer): void {
  peer.headers(1, GET, { endStream: true });
}

/** Of stream 1 both are complete. */
function ended(peer: H2Peer, scene: H2Scene): void {
  halfClosed(peer);
  scene.last.stream.headers([':status', '200'], true);
  scene.session.flush();
}

function resetByPeer(peer: H2Peer): void {
  opened(peer);
  peer.reset(1, 'CANCEL');
}

const CONNECTION_ERRORS: readonly (Case & { readonly code: Parameters<H2Scene['assertClosed']>[0] })[] = [
  // ---- §4.2, §4.3 ----
  {
    section: '4.2',
    what: 'DATA longer than SETTINGS_MAX_FRAME_SIZE',
    code: 'FRAME_SIZE_ERROR',
    send: (peer) => {
      opened(peer);
      peer.data(1, Buffer.alloc(16_385));
    },
  },
  {
    section: '4.2',
    what: 'HEADERS longer than SETTINGS_MAX_FRAME_SIZE',
    code: 'FRAME_SIZE_ERROR',
    send: (peer) => peer.frame(HEADERS, END_HEADERS, 1, NONE, 16_385),
  },
  {
    section: '4.3',
    what: 'a field block that cannot be decoded',
    code: 'COMPRESSION_ERROR',
    send: (peer) =>
      peer.headers(1, Buffer.from([0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x84, 0x49, 0x50, 0x9f, 0xff])),
  },
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
  ).map(([section, what, bytes]) => ({
    section: `${section} of RFC 7541`,
    what,
    code: 'COMPRESSION_ERROR' as const,
    send: (peer: H2Peer) => peer.headers(1, Buffer.concat([peer.encode(GET), Buffer.from(bytes)])),
  })),
  {
    section: '4.3',
    what: 'PRIORITY within a field block',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      peer.headers(1, GET, { endHeaders: false });
      peer.priority(1, 0);
    },
  },
  {
    section: '4.3',
    what: 'HEADERS of another stream within a field block',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      peer.headers(1, GET, { endHeaders: false });
      peer.headers(3, GET);
    },
  },
  {
    section: '4.3',
    what: 'a frame of an unknown type within a field block (§5.5)',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      peer.headers(1, GET, { endHeaders: false });
      peer.frame(0xff, 0, 1, NONE);
    },
  },
  // ---- §5.1: idle ----
  { section: '5.1', what: 'DATA on an idle stream', code: 'PROTOCOL_ERROR', send: (peer) => peer.data(1, 'x') },
  {
    section: '5.1',
    what: 'RST_STREAM on an idle stream',
    code: 'PROTOCOL_ERROR',
    send: (peer) => peer.reset(1, 'CANCEL'),
  },
  {
    section: '5.1',
    what: 'WINDOW_UPDATE on an idle stream',
    code: 'PROTOCOL_ERROR',
    send: (peer) => peer.windowUpdate(1, 100),
  },
  {
    section: '5.1',
    what: 'CONTINUATION on an idle stream',
    code: 'PROTOCOL_ERROR',
    send: (peer) => peer.continuation(1, peer.encode(GET), true),
  },
  // ---- §5.1: half-closed and closed ----
  {
    section: '5.1',
    what: 'CONTINUATION on a half-closed stream',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      halfClosed(peer);
      peer.continuation(1, peer.encode(GET), true);
    },
  },
  {
    section: '5.1',
    what: 'DATA on a stream that has ended',
    code: 'STREAM_CLOSED',
    send: (peer, scene) => {
      ended(peer, scene);
      peer.data(1, 'x');
    },
  },
  {
    section: '5.1',
    what: 'HEADERS on a stream that has ended',
    code: 'STREAM_CLOSED',
    send: (peer, scene) => {
      ended(peer, scene);
      peer.headers(1, GET, { endStream: true });
    },
  },
  {
    section: '5.1',
    what: 'CONTINUATION on a stream that has ended',
    code: 'PROTOCOL_ERROR',
    send: (peer, scene) => {
      ended(peer, scene);
      peer.continuation(1, peer.encode(GET), true);
    },
  },
  {
    section: '5.1',
    what: 'CONTINUATION on a stream that the peer has reset',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      resetByPeer(peer);
      peer.continuation(1, peer.encode(GET), true);
    },
  },
  // ---- §5.1.1 ----
  { section: '5.1.1', what: 'a request with an even id', code: 'PROTOCOL_ERROR', send: (peer) => peer.headers(2, GET) },
  {
    section: '5.1.1',
    what: 'a request with an id below one that was used',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      peer.headers(5, GET);
      peer.headers(3, GET);
    },
  },
  {
    section: '5.1.1',
    what: 'DATA on a stream that was never opened, below one that was',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      peer.headers(501, GET);
      peer.data(499, 'x');
    },
  },
  // ---- §6.1 ----
  { section: '6.1', what: 'DATA on stream 0', code: 'PROTOCOL_ERROR', send: (peer) => peer.data(0, 'x') },
  {
    section: '6.1',
    what: 'DATA with as much padding as payload',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      opened(peer);
      peer.frame(DATA, PADDED, 1, Buffer.from([6, 0, 0, 0, 0, 0]));
    },
  },
  {
    section: '6.1',
    what: 'padded DATA without the octet that says how much',
    code: 'FRAME_SIZE_ERROR',
    send: (peer) => {
      opened(peer);
      peer.frame(DATA, PADDED, 1, NONE);
    },
  },
  // ---- §6.2 ----
  { section: '6.2', what: 'HEADERS on stream 0', code: 'PROTOCOL_ERROR', send: (peer) => peer.headers(0, GET) },
  {
    section: '6.2',
    what: 'HEADERS with more padding than payload',
    code: 'PROTOCOL_ERROR',
    send: (peer) => peer.frame(HEADERS, PADDED | END_HEADERS, 1, Buffer.from([3, 0x82, 0x86])),
  },
  {
    section: '6.2',
    what: 'HEADERS with padding that reaches into the priority',
    code: 'PROTOCOL_ERROR',
    send: (peer) => peer.frame(HEADERS, PADDED | HAS_PRIORITY | END_HEADERS, 1, Buffer.from([3, 0, 0, 0, 0, 1, 0x82])),
  },
  {
    section: '6.2',
    what: 'HEADERS too short for the priority that it says to have',
    code: 'FRAME_SIZE_ERROR',
    send: (peer) => peer.frame(HEADERS, HAS_PRIORITY | END_HEADERS, 1, Buffer.from([0, 0, 0, 0])),
  },
  {
    section: '6.2',
    what: 'HEADERS without an octet, said to be padded',
    code: 'FRAME_SIZE_ERROR',
    send: (peer) => peer.frame(HEADERS, PADDED | END_HEADERS, 1, NONE),
  },
  // ---- §6.3 ----
  { section: '6.3', what: 'PRIORITY on stream 0', code: 'PROTOCOL_ERROR', send: (peer) => peer.priority(0, 1) },
  {
    section: '6.3',
    what: 'PRIORITY of 4 octets on an idle stream',
    code: 'FRAME_SIZE_ERROR',
    send: (peer) => peer.frame(PRIORITY, 0, 1, Buffer.alloc(4)),
  },
  {
    section: '5.3.1 of RFC 7540',
    what: 'an idle stream that depends on itself, by PRIORITY',
    code: 'PROTOCOL_ERROR',
    send: (peer) => peer.priority(3, 3),
  },
  // ---- §6.4 ----
  { section: '6.4', what: 'RST_STREAM on stream 0', code: 'PROTOCOL_ERROR', send: (peer) => peer.reset(0, 'CANCEL') },
  {
    section: '6.4',
    what: 'RST_STREAM of 3 octets',
    code: 'FRAME_SIZE_ERROR',
    send: (peer) => {
      opened(peer);
      peer.frame(RST_STREAM, 0, 1, Buffer.alloc(3));
    },
  },
  // ---- §6.5 ----
  {
    section: '6.5',
    what: 'an acknowledgment of SETTINGS with a payload',
    code: 'FRAME_SIZE_ERROR',
    send: (peer) => peer.frame(SETTINGS, ACK, 0, Buffer.alloc(6)),
  },
  {
    section: '6.5',
    what: 'SETTINGS on a stream',
    code: 'PROTOCOL_ERROR',
    send: (peer) => peer.frame(SETTINGS, 0, 1, Buffer.alloc(6)),
  },
  {
    section: '6.5',
    what: 'SETTINGS of 3 octets',
    code: 'FRAME_SIZE_ERROR',
    send: (peer) => peer.frame(SETTINGS, 0, 0, Buffer.alloc(3)),
  },
  {
    section: '6.5.2',
    what: 'SETTINGS_ENABLE_PUSH 2',
    code: 'PROTOCOL_ERROR',
    send: (peer) => peer.settings([[ENABLE_PUSH, 2]]),
  },
  {
    section: '6.5.2',
    what: 'SETTINGS_INITIAL_WINDOW_SIZE 2^31',
    code: 'FLOW_CONTROL_ERROR',
    send: (peer) => peer.settings([[INITIAL_WINDOW_SIZE, 2 ** 31]]),
  },
  {
    section: '6.5.2',
    what: 'SETTINGS_MAX_FRAME_SIZE 16383',
    code: 'PROTOCOL_ERROR',
    send: (peer) => peer.settings([[MAX_FRAME_SIZE, 16_383]]),
  },
  {
    section: '6.5.2',
    what: 'SETTINGS_MAX_FRAME_SIZE 2^24',
    code: 'PROTOCOL_ERROR',
    send: (peer) => peer.settings([[MAX_FRAME_SIZE, 2 ** 24]]),
  },
  {
    section: '3 of RFC 8441',
    what: 'SETTINGS_ENABLE_CONNECT_PROTOCOL 2',
    code: 'PROTOCOL_ERROR',
    send: (peer) => peer.settings([[ENABLE_CONNECT_PROTOCOL, 2]]),
  },
  {
    section: '2.1 of RFC 9218',
    what: 'SETTINGS_NO_RFC7540_PRIORITIES 2',
    code: 'PROTOCOL_ERROR',
    send: (peer) => peer.settings([[NO_RFC7540_PRIORITIES, 2]]),
  },
  // ---- §6.6 ----
  {
    section: '8.4',
    what: 'PUSH_PROMISE from a client',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      opened(peer);
      peer.frame(PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([uint32Bytes(2), peer.encode(GET)]));
    },
  },
  // ---- §6.7 ----
  {
    section: '6.7',
    what: 'PING on a stream',
    code: 'PROTOCOL_ERROR',
    send: (peer) => peer.frame(PING, 0, 1, Buffer.alloc(8)),
  },
  {
    section: '6.7',
    what: 'PING of 6 octets',
    code: 'FRAME_SIZE_ERROR',
    send: (peer) => peer.ping(Buffer.alloc(6)),
  },
  // ---- §6.8 ----
  {
    section: '6.8',
    what: 'GOAWAY on a stream',
    code: 'PROTOCOL_ERROR',
    send: (peer) => peer.frame(GOAWAY, 0, 1, Buffer.alloc(8)),
  },
  {
    section: '6.8',
    what: 'GOAWAY of 7 octets',
    code: 'FRAME_SIZE_ERROR',
    send: (peer) => peer.frame(GOAWAY, 0, 0, Buffer.alloc(7)),
  },
  // ---- §6.9 ----
  {
    section: '6.9',
    what: 'WINDOW_UPDATE of the connection by 0',
    code: 'PROTOCOL_ERROR',
    send: (peer) => peer.windowUpdate(0, 0),
  },
  {
    section: '6.9',
    what: 'WINDOW_UPDATE of 3 octets',
    code: 'FRAME_SIZE_ERROR',
    send: (peer) => peer.frame(WINDOW_UPDATE, 0, 0, Buffer.alloc(3)),
  },
  {
    section: '6.9.1',
    what: 'a window of the connection past 2^31 - 1',
    code: 'FLOW_CONTROL_ERROR',
    send: (peer) => {
      peer.windowUpdate(0, MAX_INCREMENT);
      peer.windowUpdate(0, MAX_INCREMENT);
    },
  },
  {
    section: '6.9.1',
    what: 'DATA past the window of the connection',
    options: { connectionWindow: 65_535, initialStreamWindow: 1 << 20, limits: { maxHeldBytes: 0 } },
    code: 'FLOW_CONTROL_ERROR',
    send: (peer, scene) => {
      opened(peer);
      scene.last.takes = false;
      for (let i = 0; i < 5; i += 1) peer.data(1, Buffer.alloc(16_384));
    },
  },
  {
    section: '6.9.2',
    what: 'SETTINGS_INITIAL_WINDOW_SIZE that takes a window past 2^31 - 1',
    code: 'FLOW_CONTROL_ERROR',
    send: (peer) => {
      opened(peer);
      peer.windowUpdate(1, MAX_INCREMENT - 65_535);
      peer.settings([[INITIAL_WINDOW_SIZE, 65_536]]);
    },
  },
  // ---- §6.10 ----
  {
    section: '6.10',
    what: 'CONTINUATION behind a complete block',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      opened(peer);
      peer.continuation(1, peer.encode(['x', 'y']), true);
    },
  },
  {
    section: '6.10',
    what: 'CONTINUATION behind CONTINUATION that ended the block',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      peer.headers(1, GET, { endHeaders: false });
      peer.continuation(1, peer.encode(['x', 'y']), true);
      peer.continuation(1, peer.encode(['x', 'y']), true);
    },
  },
  {
    section: '6.10',
    what: 'CONTINUATION on stream 0',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      peer.headers(1, GET, { endHeaders: false });
      peer.continuation(0, peer.encode(['x', 'y']), true);
    },
  },
  {
    section: '6.10',
    what: 'CONTINUATION behind DATA',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      opened(peer);
      peer.data(1, 'x');
      peer.continuation(1, peer.encode(['x', 'y']), true);
    },
  },
  {
    section: '6.10',
    what: 'CONTINUATION of another stream',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      opened(peer);
      peer.headers(3, GET, { endHeaders: false });
      peer.continuation(1, peer.encode(['x', 'y']), true);
    },
  },
  {
    section: '6.10',
    what: 'DATA instead of CONTINUATION',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      peer.headers(1, POST, { endHeaders: false });
      peer.data(1, 'x');
    },
  },
];

const STREAM_ERRORS: readonly (Case & { readonly code: Parameters<H2Scene['assertReset']>[1] })[] = [
  {
    section: '5.1',
    what: 'DATA on a half-closed stream',
    code: 'STREAM_CLOSED',
    send: (peer) => {
      halfClosed(peer);
      peer.data(1, 'x');
    },
  },
  {
    section: '5.1',
    what: 'HEADERS on a half-closed stream',
    code: 'STREAM_CLOSED',
    send: (peer) => {
      halfClosed(peer);
      peer.headers(1, GET, { endStream: true });
    },
  },
  {
    section: '5.1',
    what: 'DATA on a stream that the peer has reset',
    code: 'STREAM_CLOSED',
    send: (peer) => {
      resetByPeer(peer);
      peer.data(1, 'x');
    },
  },
  {
    section: '5.1',
    what: 'HEADERS on a stream that the peer has reset',
    code: 'STREAM_CLOSED',
    send: (peer) => {
      resetByPeer(peer);
      peer.headers(1, GET, { endStream: true });
    },
  },
  {
    section: '5.1.2',
    what: 'more streams than SETTINGS_MAX_CONCURRENT_STREAMS',
    options: { maxConcurrentStreams: 2 },
    code: 'REFUSED_STREAM',
    send: (peer) => {
      peer.headers(3, GET, { endStream: true });
      peer.headers(5, GET, { endStream: true });
      peer.headers(7, GET, { endStream: true });
    },
  },
  {
    section: '5.3.1 of RFC 7540',
    what: 'a stream that depends on itself, by HEADERS',
    code: 'PROTOCOL_ERROR',
    send: (peer) => peer.headers(1, GET, { endStream: true, dependsOn: 1 }),
  },
  {
    section: '5.3.1 of RFC 7540',
    what: 'a stream that depends on itself, by PRIORITY',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      opened(peer);
      peer.priority(1, 1);
    },
  },
  {
    section: '6.3',
    what: 'PRIORITY of 4 octets',
    code: 'FRAME_SIZE_ERROR',
    send: (peer) => {
      opened(peer);
      peer.frame(PRIORITY, 0, 1, Buffer.alloc(4));
    },
  },
  {
    section: '6.9',
    what: 'WINDOW_UPDATE of a stream by 0',
    code: 'PROTOCOL_ERROR',
    send: (peer) => {
      opened(peer);
      peer.windowUpdate(1, 0);
    },
  },
  {
    section: '6.9.1',
    what: 'a window of a stream past 2^31 - 1',
    code: 'FLOW_CONTROL_ERROR',
    send: (peer) => {
      opened(peer);
      peer.windowUpdate(1, MAX_INCREMENT);
    },
  },
  {
    section: '6.9.1',
    what: 'DATA past the window of the stream',
    code: 'FLOW_CONTROL_ERROR',
    send: (peer, scene) => {
      opened(peer);
      scene.last.takes = false;
      for (let i = 0; i < 4; i += 1) peer.data(1, Buffer.alloc(16_384));
    },
  },
];

/** Frames that change nothing: stream 1 is answered afterwards. */
const ALLOWED: readonly Case[] = [
  { section: '4.1', what: 'a frame of an unknown type', send: (peer) => peer.frame(0x16, 0, 0, Buffer.from('what?')) },
  {
    section: '4.1',
    what: 'flags that mean nothing',
    send: (peer) => peer.frame(PING, 0x16, 0, Buffer.alloc(8)),
  },
  {
    section: '4.1',
    what: 'a reserved bit before the stream id',
    send: (peer) => peer.frame(PING, 0, 0x8000_0000, Buffer.alloc(8)),
  },
  {
    section: '4.2',
    what: 'a frame of an unknown type and of the largest size',
    send: (peer) => peer.frame(0xfe, 0xff, 77, Buffer.alloc(16_384)),
  },
  { section: '5.1', what: 'PRIORITY on an idle stream', send: (peer) => peer.priority(1, 0) },
  { section: '5.1', what: 'PRIORITY on a stream above those that are open', send: (peer) => peer.priority(101, 99) },
  {
    section: '6.5.2',
    what: 'an unknown setting, and the largest values of known ones',
    send: (peer) =>
      peer.settings([
        [0xff, 1],
        [MAX_CONCURRENT_STREAMS, 0xffff_ffff],
        [MAX_HEADER_LIST_SIZE, 0],
        [MAX_FRAME_SIZE, 2 ** 24 - 1],
        [INITIAL_WINDOW_SIZE, MAX_INCREMENT],
      ]),
  },
  { section: '6.5', what: 'SETTINGS without settings', send: (peer) => peer.settings([]) },
  { section: '6.7', what: 'an answer to a PING that was not sent', send: (peer) => peer.ping(Buffer.alloc(8), true) },
  { section: '6.8', what: 'GOAWAY', send: (peer) => peer.goAway(0, 'NO_ERROR', 'bye') },
  { section: '6.9', what: 'WINDOW_UPDATE of the connection', send: (peer) => peer.windowUpdate(0, 1) },
  {
    section: '7',
    what: 'error codes that nobody knows',
    send: (peer) => {
      peer.headers(1, POST);
      peer.frame(RST_STREAM, 0, 1, uint32Bytes(0xff));
      peer.frame(GOAWAY, 0, 0, Buffer.concat([uint32Bytes(0), uint32Bytes(0xff)]));
    },
  },
];

describe('HTTP/2 session, server, closes the connection for', () => {
  for (const { section, what, code, options, send } of CONNECTION_ERRORS) {
    it(`${what} (§${section})`, () => {
      const scene = new H2Scene('server', options).begin();
      send(scene.peer, scene);
      scene.assertClosed(code);
    });
  }
});

describe('HTTP/2 session, server, resets the stream alone for', () => {
  for (const { section, what, code, options, send } of STREAM_ERRORS) {
    it(`${what} (§${section})`, () => {
      const scene = new H2Scene('server', options).begin();
      send(scene.peer, scene);
      scene.assertReset(options ? 7 : 1, code);
    });
  }
});

describe('HTTP/2 session, server, goes on after', () => {
  for (const { section, what, send } of ALLOWED) {
    it(`${what} (§${section})`, () => {
      const scene = new H2Scene('server').begin();
      send(scene.peer, scene);
      scene.peer.headers(3, GET, { endStream: true });
      scene.last.stream.headers([':status', '204'], true);
      scene.session.flush();
      assert.deepEqual(scene.peer.expectHeaders(3), [':status', '204']);
      scene.assertAlive();
    });
  }

  it('WINDOW_UPDATE, RST_STREAM and PRIORITY on streams that are half-closed or have ended (§5.1)', () => {
    const scene = new H2Scene('server').begin();
    for (const prepare of [halfClosed, () => scene.last.stream.headers([':status', '204'], true)]) {
      prepare(scene.peer);
      scene.session.flush();
      scene.peer.windowUpdate(1, 2);
      scene.peer.priority(1, 0);
    }
    scene.peer.reset(1, 'CANCEL');
    scene.assertAlive();
  });

  it('any frame on a stream that it has reset, since the peer may not have known (§5.1)', () => {
    const scene = new H2Scene('server').begin();
    opened(scene.peer);
    scene.last.stream.reset('CANCEL');
    scene.peer.data(1, 'x');
    scene.peer.headers(1, ['x-late', 'trailer'], { endStream: true });
    scene.peer.windowUpdate(1, 1);
    scene.peer.reset(1, 'CANCEL');
    assert.equal(scene.peer.expectReset(1), 'CANCEL');
    assert.equal(scene.peer.frames.length, 0);
    scene.peer.headers(3, [...GET, 'x-late', 'trailer'], { endStream: true });
    assert.deepEqual(scene.last.sections, [[...GET, 'x-late', 'trailer']], 'the HPACK state was kept');
    scene.assertAlive();
  });
});

describe('HTTP/2 session, server, at the beginning', () => {
  it('closes for anything but the preface (§3.4)', () => {
    const scene = new H2Scene('server');
    scene.session.start();
    scene.forget();
    scene.peer.bytes(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
    scene.assertClosed('PROTOCOL_ERROR');
  });

  it('closes as soon as the preface is wrong, and reads nothing behind it (§3.4)', () => {
    const scene = new H2Scene('server');
    scene.session.start();
    scene.forget();
    scene.peer.bytes(Buffer.from('PRI * HTTP/2.0\r\n\r\nSX'));
    scene.assertClosed('PROTOCOL_ERROR');
    scene.peer.begin();
    assert.equal(scene.peer.frames.length, 0);
  });

  it('closes when another frame than SETTINGS comes first (§3.4)', () => {
    for (const first of ['HEADERS', 'acknowledgment'] as const) {
      const scene = new H2Scene('server');
      scene.session.start();
      scene.forget();
      scene.peer.bytes(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
      if (first === 'HEADERS') scene.peer.headers(1, GET, { endStream: true });
      else scene.peer.frame(SETTINGS, ACK, 0, NONE);
      scene.assertClosed('PROTOCOL_ERROR');
    }
  });

  it('acknowledges SETTINGS, each time (§6.5.3)', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.settings([[INITIAL_WINDOW_SIZE, 1]]);
    scene.peer.settings([]);
    for (let i = 0; i < 2; i += 1) {
      const { flags, payload } = scene.peer.expect(SETTINGS);
      assert.equal(flags, ACK);
      assert.equal(payload.length, 0);
    }
    assert.equal(scene.settingsChanges, 3);
  });

  it('answers PING with its eight octets (§6.7)', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.ping(Buffer.from('\xff\x00opaque', 'latin1'));
    const { flags, payload } = scene.peer.expect(PING);
    assert.equal(flags, ACK);
    assert.equal(payload.toString('latin1'), '\xff\x00opaque');
  });

  it('reads field blocks of many CONTINUATIONs (§6.10)', () => {
    const scene = new H2Scene('server').begin();
    const block = scene.peer.encode([...GET, 'x-long', 'v'.repeat(200)]);
    scene.peer.frame(HEADERS, END_STREAM, 1, block.subarray(0, 1));
    for (let at = 1; at < block.length; at += 20) {
      scene.peer.frame(CONTINUATION, at + 20 >= block.length ? END_HEADERS : 0, 1, block.subarray(at, at + 20));
    }
    assert.equal(scene.last.sections[0]?.at(-1), 'v'.repeat(200));
    assert.equal(scene.last.isComplete, true);
  });
});
