// What a server does with every frame that RFC 9113 §3 to §6 forbids, and with those it only seems to: by section.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ACK, CONTINUATION, END_HEADERS, END_STREAM, HEADERS, PING, SETTINGS } from '../../../../src/wire/h2/frames.js';
import { INITIAL_WINDOW_SIZE } from '../../../../src/wire/h2/settings.js';
import {
  ALLOWED,
  CONNECTION_ERRORS,
  halfClosed,
  opened,
  type Server,
  STREAM_ERRORS,
} from '../../../support/conformance/h2-frame-cases.js';
import { GET } from '../../../support/h2-peer.js';
import { H2Scene } from '../../../support/h2-scene.js';

const NONE: Buffer = Buffer.alloc(0);

/** A session that answers when it is told to. */
function begun(): { readonly scene: H2Scene; readonly server: Server } {
  const scene = new H2Scene('server').begin();
  const answers = (): void => {
    scene.last.stream.headers([':status', '200'], true);
    scene.session.flush();
  };
  return { scene, server: { answers } };
}

describe('HTTP/2 session, server, closes the connection for', () => {
  for (const { section, what, code, send } of CONNECTION_ERRORS) {
    it(`${what} (§${section})`, async () => {
      const { scene, server } = begun();
      await send(scene.peer, server);
      scene.assertClosed(code);
    });
  }

  it('DATA past the window of the connection (§6.9.1)', () => {
    const options = { connectionWindow: 65_535, initialStreamWindow: 1 << 20, limits: { maxHeldBytes: 0 } };
    const scene = new H2Scene('server', options).begin();
    opened(scene.peer);
    scene.last.takes = false;
    for (let i = 0; i < 5; i += 1) scene.peer.data(1, Buffer.alloc(16_384));
    scene.assertClosed('FLOW_CONTROL_ERROR');
  });
});

describe('HTTP/2 session, server, resets the stream alone for', () => {
  for (const { section, what, code, send } of STREAM_ERRORS) {
    it(`${what} (§${section})`, async () => {
      const { scene, server } = begun();
      await send(scene.peer, server);
      scene.assertReset(1, code);
    });
  }

  it('more streams than SETTINGS_MAX_CONCURRENT_STREAMS (§5.1.2)', () => {
    const scene = new H2Scene('server', { maxConcurrentStreams: 2 }).begin();
    for (const id of [3, 5, 7]) scene.peer.headers(id, GET, { endStream: true });
    scene.assertReset(7, 'REFUSED_STREAM');
  });

  it('DATA past the window of the stream (§6.9.1)', () => {
    const { scene } = begun();
    opened(scene.peer);
    scene.last.takes = false;
    for (let i = 0; i < 4; i += 1) scene.peer.data(1, Buffer.alloc(16_384));
    scene.assertReset(1, 'FLOW_CONTROL_ERROR');
  });
});

describe('HTTP/2 session, server, goes on after', () => {
  for (const { section, what, send } of ALLOWED) {
    it(`${what} (§${section})`, async () => {
      const { scene, server } = begun();
      await send(scene.peer, server);
      scene.peer.headers(3, GET, { endStream: true });
      await server.answers(3);
      assert.deepEqual(scene.peer.expectHeaders(3), [':status', '200']);
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
