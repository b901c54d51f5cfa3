// RFC 9113 §3 to §7 on a whole gateway: each frame that a client must not send, by section, and what becomes of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ACK,
  END_STREAM,
  GOAWAY,
  PING,
  PREFACE,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from '../../src/wire/h2/frames.js';
import { INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS } from '../../src/wire/h2/settings.js';
import {
  ALLOWED,
  CONNECTION_ERRORS,
  halfClosed,
  opened,
  STREAM_ERRORS,
} from '../support/conformance/h2-frame-cases.js';
import { H2GatewayUnderTest } from '../support/conformance/h2-gateway-under-test.js';
import { eventually } from '../support/eventually.js';
import { GET, POST } from '../support/h2-peer.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { RawH2 } from '../support/raw-h2.js';

expectNoOpenHandles();

test('h2 conformance: the connection is closed for', async (t) => {
  const server = await H2GatewayUnderTest.start(t);
  for (const { section, what, code, send } of CONNECTION_ERRORS) {
    await t.test(`${what} (§${section})`, async (t) => {
      const counted = server.gateway.server('h2', 'connection_errors', code);
      await send(await server.connect(t), server);
      await server.assertClosed(code);
      assert.equal(server.gateway.server('h2', 'connection_errors', code), counted + 1);
    });
  }
  await server.assertOthersUnharmed();
});

test('h2 conformance: the stream alone is reset for', async (t) => {
  const server = await H2GatewayUnderTest.start(t);
  for (const { section, what, code, send } of STREAM_ERRORS) {
    await t.test(`${what} (§${section})`, async (t) => {
      const peer = await server.connect(t);
      await send(peer, server);
      assert.equal(await peer.nextReset(1), code);
      await server.assertAlive();
      peer.headers(3, GET, { endStream: true });
      await server.assertServed(3);
    });
  }

  await t.test('more streams than SETTINGS_MAX_CONCURRENT_STREAMS (§5.1.2)', async (t) => {
    const peer = await RawH2.connect(t, server.gateway.gateway.port);
    server.peer = peer;
    peer.begin();
    const { payload } = await peer.next(SETTINGS);
    const most = settingsOf(payload).get(MAX_CONCURRENT_STREAMS) ?? assert.fail('no limit is announced');
    for (let i = 0; i <= most; i += 1) peer.headers(2 * i + 1, GET, { endStream: true });
    assert.equal(await peer.nextReset(2 * most + 1), 'REFUSED_STREAM');
    await server.assertServed(1);
    assert.equal(peer.take(RST_STREAM), undefined);
  });

  await server.assertOthersUnharmed();
});

test('h2 conformance: nothing is changed by', async (t) => {
  const server = await H2GatewayUnderTest.start(t);
  for (const { section, what, send } of ALLOWED) {
    await t.test(`${what} (§${section})`, async (t) => {
      const peer = await server.connect(t);
      await send(peer, server);
      peer.headers(3, GET, { endStream: true });
      await server.assertServed(3);
    });
  }

  await t.test('WINDOW_UPDATE and PRIORITY on a stream that is half-closed (§5.1)', async (t) => {
    const peer = await server.connect(t);
    halfClosed(peer);
    peer.windowUpdate(1, 2);
    peer.priority(1, 0);
    await server.assertServed(1);
  });

  await t.test('RST_STREAM on a stream that is half-closed (§5.1)', async (t) => {
    const peer = await server.connect(t);
    halfClosed(peer);
    peer.reset(1, 'CANCEL');
    peer.headers(3, GET, { endStream: true });
    await server.assertServed(3);
    assert.equal(peer.take(RST_STREAM), undefined, 'RST_STREAM is not answered with RST_STREAM (§5.4.2)');
  });

  await t.test('WINDOW_UPDATE, RST_STREAM and PRIORITY on a stream that has ended (§5.1)', async (t) => {
    const peer = await server.connect(t);
    halfClosed(peer);
    await server.assertServed(1);
    peer.windowUpdate(1, 2);
    peer.reset(1, 'NO_ERROR');
    peer.priority(1, 0);
    await server.assertAlive();
  });

  await t.test('frames on a stream that the gateway has reset, field blocks included (§5.1)', async (t) => {
    const peer = await server.connect(t);
    opened(peer);
    peer.windowUpdate(1, 0);
    assert.equal(await peer.nextReset(1), 'PROTOCOL_ERROR');
    peer.data(1, 'late');
    peer.headers(1, ['x-late', 'trailer'], { endStream: true });
    peer.windowUpdate(1, 1);
    peer.reset(1, 'CANCEL');
    // Its field is in the dynamic table, or this would not be understood (§4.3).
    peer.headers(3, [...GET, 'x-late', 'trailer'], { endStream: true });
    await server.assertServed(3);
    assert.equal(server.received.header('x-late'), 'trailer');
  });

  await t.test(
    'a priority in HEADERS, of the least and the largest weight, exclusive or on a stream that is idle (§5.3)',
    async (t) => {
      const peer = await server.connect(t);
      peer.headers(1, GET, { endStream: true, dependsOn: 0 });
      await server.assertServed(1);
      peer.headers(3, GET, { endStream: true, dependsOn: 0x8000_0001 });
      await server.assertServed(3);
      peer.headers(5, GET, { endStream: true, dependsOn: 99 });
      await server.assertServed(5);
      peer.priority(9, 5);
      peer.headers(7, GET, { endStream: true });
      await server.assertServed(7);
    },
  );

  await server.assertOthersUnharmed();
});

test('h2 conformance: at the beginning', async (t) => {
  const server = await H2GatewayUnderTest.start(t);
  const connect = (t: Parameters<typeof RawH2.connect>[0]): Promise<RawH2> =>
    RawH2.connect(t, server.gateway.gateway.port, false);

  await t.test(
    'the first frame of the gateway is SETTINGS, and the second acknowledges those of the client (§3.4)',
    async (t) => {
      const peer = await connect(t);
      peer.begin();
      await eventually(() => peer.frames.filter(({ type }) => type === SETTINGS).length === 2);
      const [first, ...rest] = peer.frames;
      assert.deepEqual([first?.type, first?.flags, first?.id], [SETTINGS, 0, 0]);
      const acknowledgment = rest.find(({ type }) => type === SETTINGS);
      assert.deepEqual([acknowledgment?.flags, acknowledgment?.payload.length], [ACK, 0]);
    },
  );

  await t.test('a client may send requests behind its preface, without waiting (§3.4)', async (t) => {
    const peer = await connect(t);
    server.peer = peer;
    peer.together(() => {
      peer.begin();
      peer.headers(1, GET, { endStream: true });
    });
    await server.assertServed(1);
  });

  await t.test('another frame than SETTINGS behind the preface closes the connection (§3.4)', async (t) => {
    const peer = await connect(t);
    server.peer = peer;
    peer.bytes(PREFACE);
    peer.headers(1, GET, { endStream: true });
    await server.assertClosed('PROTOCOL_ERROR');
  });

  await t.test('an acknowledgment instead of SETTINGS closes the connection (§3.4)', async (t) => {
    const peer = await connect(t);
    server.peer = peer;
    peer.bytes(PREFACE);
    peer.frame(SETTINGS, ACK, 0, Buffer.alloc(0));
    await server.assertClosed('PROTOCOL_ERROR');
  });

  await t.test('a preface that is wrong in its second half closes the connection (§3.4)', async (t) => {
    const peer = await connect(t);
    server.peer = peer;
    peer.bytes(Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n'));
    await server.assertClosed('PROTOCOL_ERROR');
  });

  await server.assertOthersUnharmed();
});

test('h2 conformance: the gateway answers', async (t) => {
  const server = await H2GatewayUnderTest.start(t);

  await t.test('PING with the same eight octets, before all else (§6.7)', async (t) => {
    const peer = await server.connect(t);
    peer.ping(Buffer.from('\xff\x00opaque', 'latin1'));
    const { flags, id, payload } = await peer.next(PING);
    assert.deepEqual([flags, id, payload.toString('latin1')], [ACK, 0, '\xff\x00opaque']);
  });

  await t.test('no PING that is an answer (§6.7)', async (t) => {
    const peer = await server.connect(t);
    peer.ping(Buffer.from('answered'), true);
    peer.ping(Buffer.from('question'));
    assert.equal((await peer.next(PING)).payload.toString(), 'question');
    assert.equal(peer.take(PING), undefined);
  });

  await t.test('each SETTINGS, in order, after it has taken effect (§6.5.3)', async (t) => {
    const peer = await server.connect(t);
    peer.settings([[INITIAL_WINDOW_SIZE, 1]]);
    peer.headers(1, GET, { endStream: true });
    peer.settings([]);
    for (let i = 0; i < 2; i += 1) assert.equal((await peer.next(SETTINGS)).flags, ACK);
    peer.windowUpdate(1, 100);
    await server.assertServed(1);
  });

  await t.test(
    'an error of the connection with GOAWAY that names the last stream it has served (§5.4.1)',
    async (t) => {
      const peer = await server.connect(t);
      for (const id of [1, 5]) {
        peer.headers(id, GET, { endStream: true });
        await server.assertServed(id);
      }
      peer.frame(PING, 0, 1, Buffer.alloc(8));
      assert.deepEqual(await peer.nextGoAway(), { lastId: 5, code: 'PROTOCOL_ERROR' });
      await peer.closedByServer();
    },
  );

  await t.test('an error with nothing behind GOAWAY (§5.4.1)', async (t) => {
    const peer = await server.connect(t);
    peer.together(() => {
      peer.headers(1, POST);
      peer.frame(WINDOW_UPDATE, 0, 0, Buffer.alloc(3));
      peer.headers(3, GET, { endStream: true });
      peer.ping(Buffer.alloc(8));
    });
    await peer.closedByServer();
    assert.equal(peer.frames.at(-1)?.type, GOAWAY);
  });

  await t.test('a request whose END_STREAM comes in a frame of its own (§8.1)', async (t) => {
    const peer = await server.connect(t);
    peer.headers(1, POST);
    peer.data(1, '', { endStream: true });
    await server.assertServed(1);
    assert.equal(
      peer.frames.filter(({ id, flags, type }) => id === 1 && type !== SETTINGS && (flags & END_STREAM) !== 0).length,
      1,
    );
  });

  await server.assertOthersUnharmed();
});

function settingsOf(payload: Buffer): Map<number, number> {
  const settings = new Map<number, number>();
  for (let at = 0; at < payload.length; at += 6) settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  return settings;
}
