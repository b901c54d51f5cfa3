// RFC 9113 §5.2 and §6.9 on a whole gateway: it sends no octet more than the windows of its client allow, and takes no octet more
// than its own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DATA, END_STREAM, WINDOW_UPDATE } from '../../src/wire/h2/frames.js';
import { INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE } from '../../src/wire/h2/settings.js';
import { H2GatewayUnderTest } from '../support/conformance/h2-gateway-under-test.js';
import { eventually } from '../support/eventually.js';
import { startH2Gateway } from '../support/h2-gateway.js';
import { GET, POST } from '../support/h2-peer.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawH2 } from '../support/raw-h2.js';
import { Scene } from '../support/scene.js';
import { hang } from '../support/upstream.js';

expectNoOpenHandles();

/** Lengths of the DATA frames of the stream that have come so far. */
function lengths(peer: RawH2, id: number): number[] {
  return peer.frames.filter((frame) => frame.type === DATA && frame.id === id).map(({ payload }) => payload.length);
}

/** Sends as much on the stream as its window allows at first. */
function fill(peer: RawH2, id: number): void {
  for (let i = 0; i < 3; i += 1) peer.data(id, Buffer.alloc(16_384));
  peer.data(id, Buffer.alloc(16_383));
}

test('h2 conformance: what the gateway sends', async (t) => {
  const server = await H2GatewayUnderTest.start(t);
  server.body = 'x'.repeat(100_000);

  /** Stream 1 has been asked on, and the upstream has answered in full. */
  const asked = async (peer: RawH2): Promise<void> => {
    const before = server.gateway.upstream.requests.length;
    peer.headers(1, GET, { endStream: true });
    await eventually(() => server.gateway.upstream.requests.length > before);
    server.received.respond(200, server.body);
  };
  const came = (peer: RawH2, octets: number): Promise<void> =>
    eventually(() => lengths(peer, 1).reduce((sum, length) => sum + length, 0) === octets);

  await t.test('one octet, with a SETTINGS_INITIAL_WINDOW_SIZE of 1 (§6.9.1)', async (t) => {
    const peer = await server.connect(t);
    peer.settings([[INITIAL_WINDOW_SIZE, 1]]);
    await asked(peer);
    await came(peer, 1);
    await server.assertAlive();
    assert.deepEqual(lengths(peer, 1), [1]);
  });

  await t.test('by the last of several values in one SETTINGS (§6.5.3)', async (t) => {
    const peer = await server.connect(t);
    peer.settings([
      [INITIAL_WINDOW_SIZE, 100],
      [INITIAL_WINDOW_SIZE, 1],
    ]);
    await asked(peer);
    await came(peer, 1);
    await server.assertAlive();
    assert.deepEqual(lengths(peer, 1), [1]);
  });

  await t.test('more once SETTINGS has made the windows of open streams larger (§6.9.2)', async (t) => {
    const peer = await server.connect(t);
    peer.settings([[INITIAL_WINDOW_SIZE, 0]]);
    await asked(peer);
    await peer.nextHead(1);
    await server.assertAlive();
    assert.deepEqual(lengths(peer, 1), []);
    peer.settings([[INITIAL_WINDOW_SIZE, 1]]);
    await came(peer, 1);
  });

  await t.test('nothing while SETTINGS has made a window negative, until that is made good for (§6.9.2)', async (t) => {
    const peer = await server.connect(t);
    peer.settings([[INITIAL_WINDOW_SIZE, 3]]);
    await asked(peer);
    await came(peer, 3);
    peer.settings([[INITIAL_WINDOW_SIZE, 2]]);
    peer.windowUpdate(1, 1);
    await server.assertAlive();
    assert.deepEqual(lengths(peer, 1), [3]);
    peer.windowUpdate(1, 1);
    await came(peer, 4);
  });

  await t.test('no more than the window of the connection, of all streams (§6.9.1)', async (t) => {
    const peer = await server.connect(t);
    peer.settings([[INITIAL_WINDOW_SIZE, 1 << 20]]);
    await asked(peer);
    await came(peer, 65_535);
    await server.assertAlive();
    assert.equal(peer.takeData(1).length, 65_535);
    peer.windowUpdate(0, 100_000 - 65_535);
    await eventually(() => peer.frames.some(({ id, flags }) => id === 1 && (flags & END_STREAM) !== 0));
    assert.equal(peer.takeData(1).length, 100_000 - 65_535);
  });

  await t.test('in frames no longer than the client takes (§4.2)', async (t) => {
    const peer = await server.connect(t);
    peer.settings([
      [INITIAL_WINDOW_SIZE, 1 << 20],
      [MAX_FRAME_SIZE, 16_384],
    ]);
    peer.windowUpdate(0, 1 << 20);
    await asked(peer);
    await came(peer, 100_000);
    assert.ok(Math.max(...lengths(peer, 1)) <= 16_384);
  });

  await t.test('the end of a stream without window, when it has no data (§6.9.1)', async (t) => {
    const peer = await server.connect(t);
    const { body } = server;
    server.body = '';
    peer.settings([[INITIAL_WINDOW_SIZE, 0]]);
    peer.headers(1, GET, { endStream: true });
    await server.assertServed(1);
    server.body = body;
  });

  await server.assertOthersUnharmed();
});

test('h2 conformance: what the gateway takes, of bodies that it cannot pass on', async (t) => {
  const registry = await new Scene(t).upstream(hang);
  const router = `namers:\n- {kind: io.l5d.consul, host: 127.0.0.1, port: ${registry.port}}`;
  const { raw, call } = await startH2Gateway(t, (request) => request.respond(200, 'ok'), { router });
  const waiting = [...POST, 'l5d-dtab', '/svc/* => /#/io.l5d.consul/dc/web'];
  const bystander = await call();

  await t.test('no more than the window of the stream, or the stream is reset (§6.9.1)', async () => {
    const peer = await raw();
    peer.begin();
    peer.headers(1, waiting);
    // More than is taken before the body has somewhere to go, and a window on top of it.
    peer.together(() => {
      for (let i = 0; i < 16; i += 1) peer.data(1, Buffer.alloc(16_384));
    });
    assert.equal(await peer.nextReset(1), 'FLOW_CONTROL_ERROR');
    peer.headers(3, GET, { endStream: true });
    assert.equal((await peer.nextHead(3))[':status'], '200');
  });

  await t.test('no more than the window of the connection, or that is closed (§6.9.1)', async () => {
    const peer = await raw();
    peer.begin();
    const ids = Array.from({ length: 120 }, (_, i) => 2 * i + 1);
    for (const id of ids) {
      peer.headers(id, waiting);
      fill(peer, id);
    }
    // What was taken comes back in halves; the second time it is held, and the connection is kept short of the rest.
    for (const id of ids) for (let half = 0; half < 2; half += 1) await peer.next(WINDOW_UPDATE, id);
    for (const id of ids) fill(peer, id);
    assert.equal((await peer.nextGoAway()).code, 'FLOW_CONTROL_ERROR');
    await peer.closedByServer();
  });

  assert.equal((await bystander.ask()).status, 200);
});
