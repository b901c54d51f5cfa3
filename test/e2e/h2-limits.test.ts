import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DATA, GOAWAY, HEADERS, PING, SETTINGS } from '../../src/wire/h2/frames.js';
import { stoppedGrowing } from '../support/byte-flow.js';
import { eventually } from '../support/eventually.js';
import { answerOf } from '../support/h2-caller.js';
import { startH2Gateway } from '../support/h2-gateway.js';
import { GET, POST } from '../support/h2-peer.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { RawH2 } from '../support/raw-h2.js';
import { get } from '../support/scene.js';
import { fixed, hang } from '../support/upstream.js';

expectNoOpenHandles();

const MIB = 1024 * 1024;
const ANY_ID = 2 ** 31 - 1;

/**
 * The connection is known to the gateway, and all that was said at its beginning has been read there: the caller's acknowledgement
 * of its SETTINGS too, without which a clock that moves on by a minute ends the connection.
 */
async function greeted(peer: RawH2): Promise<RawH2> {
  await peer.next(SETTINGS);
  // The acknowledgement of ours.
  await peer.next(SETTINGS);
  peer.ping(Buffer.alloc(8));
  await peer.next(PING);
  return peer;
}

/**
 * Bytes of objects and buffers that something refers to. Sockets of earlier tests are let go of by later turns of the event loop, and
 * buffers are freed behind the collector's back: so collections go on until one changes nothing.
 */
async function memoryInUse(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  let inUse = Number.POSITIVE_INFINITY;
  await eventually(() => {
    const before = inUse;
    gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    inUse = heapUsed + arrayBuffers;
    return Math.abs(inUse - before) < 64 * 1024;
  });
  return inUse;
}

// ---- serverSession ----

test('h2 idleTimeMs ends a connection without streams by GOAWAY, not before and not while there is a stream', async (t) => {
  const { clock, upstream, server, peer } = await startH2Gateway(t, hang, {
    manual: true,
    server: 'h2: true, serverSession: {idleTimeMs: 8000}',
  });
  const caller = await greeted(await peer());
  clock.advance(8000);
  caller.headers(1, GET, { endStream: true });
  await upstream.until('the request', () => upstream.requests.length === 1);
  clock.advance(50_000);
  upstream.requests[0]?.respond(200, 'late');
  assert.equal((await caller.nextHead(1))[':status'], '200');
  await eventually(() => server('streams') === 0);
  clock.advance(8000);
  assert.equal(server('expired', 'idle'), 0);
  clock.advance(1000);
  assert.equal((await caller.nextGoAway()).lastId, ANY_ID);
  assert.deepEqual(await caller.nextGoAway(), { lastId: 1, code: 'NO_ERROR' });
  assert.equal(await caller.closedByServer(), 'end');
  assert.equal(server('expired', 'idle'), 1);
  // The caller does not close its side: it is not waited for.
  clock.advance(3000);
  await eventually(() => server('connections') === 0);
});

test('h2 PINGs do not keep a connection that asks for nothing', async (t) => {
  const { clock, server, peer } = await startH2Gateway(t, hang, {
    manual: true,
    server: 'h2: true, serverSession: {idleTimeMs: 8000}',
  });
  const caller = await greeted(await peer());
  for (let i = 0; i < 9; i++) {
    const before = server('received_bytes');
    caller.ping(Buffer.alloc(8));
    await eventually(() => server('received_bytes') > before);
    clock.advance(1000);
  }
  assert.equal((await caller.nextGoAway()).code, 'NO_ERROR');
  assert.equal(await caller.closedByServer(), 'end');
});

test('h2 lifeTimeMs tells a busy connection to go, and lets its streams end', async (t) => {
  const { clock, upstream, server, peer } = await startH2Gateway(t, hang, {
    manual: true,
    server: 'h2: true, serverSession: {lifeTimeMs: 60000}',
  });
  const caller = await greeted(await peer());
  clock.advance(59_000);
  caller.headers(1, GET, { endStream: true });
  await upstream.until('the request', () => upstream.requests.length === 1);
  clock.advance(2000);
  assert.deepEqual(await caller.nextGoAway(), { lastId: ANY_ID, code: 'NO_ERROR' });
  assert.deepEqual(await caller.nextGoAway(), { lastId: 1, code: 'NO_ERROR' });
  assert.equal(server('expired', 'lifetime'), 1);
  // Too late: it is refused, to be sent again elsewhere.
  caller.headers(3, GET, { endStream: true });
  assert.equal(await caller.nextReset(3), 'REFUSED_STREAM');
  clock.advance(10_000);
  upstream.requests[0]?.respond(200, 'ok');
  assert.equal((await caller.nextHead(1))[':status'], '200');
  assert.equal(await caller.closedByServer(), 'end');
  assert.equal(server('expired', 'lifetime'), 1);
});

test('h2 caller that does not answer the PING of a graceful end is told for good two sweeps later', async (t) => {
  const { clock, raw } = await startH2Gateway(t, hang, {
    manual: true,
    server: 'h2: true, serverSession: {lifeTimeMs: 5000}',
  });
  const caller = await raw(false);
  caller.begin();
  await greeted(caller);
  clock.advance(6000);
  await caller.nextGoAway();
  clock.advance(3000);
  assert.equal((await caller.nextGoAway()).lastId, 0);
  assert.equal(await caller.closedByServer(), 'end');
});

// ---- slow callers ----

test('h2 caller that sends half a preface, or no SETTINGS, is cut off after 30 s', async (t) => {
  const { clock, server, raw } = await startH2Gateway(t, hang, { manual: true });
  const half = await raw(false);
  await half.client.send('PRI * HTTP/2.0\r\n');
  const silent = await raw(false);
  await silent.client.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const cut = await raw(false);
  await cut.client.send('PRI * HTTP/2.0\r\n\r\nSM');
  await eventually(() => server('received_bytes') === 16 + 24 + 20);
  clock.advance(30_000);
  assert.equal(server('read_timeout'), 0);
  clock.advance(1000);
  assert.equal((await half.client.readResponse()).status, 408);
  assert.equal((await silent.nextGoAway()).code, 'SETTINGS_TIMEOUT');
  assert.equal((await cut.nextGoAway()).code, 'SETTINGS_TIMEOUT');
  for (const peer of [half, silent, cut]) assert.equal(await peer.closedByServer(), 'end');
  assert.equal(server('read_timeout'), 3);
});

test('h2 caller that stalls within a frame or field block is cut off after 30 s, one that is only slow is not', async (t) => {
  const { clock, server, peer } = await startH2Gateway(t, fixed(200, 'ok'), { manual: true });
  const block = await greeted(await peer());
  block.headers(1, GET.slice(0, 4), { endHeaders: false, endStream: true });
  const frame = await greeted(await peer());
  frame.frame(HEADERS, 5, 1, Buffer.alloc(10), 100);
  const head = await greeted(await peer());
  head.bytes(Buffer.from([0, 0, 4]));
  const slow = await greeted(await peer());
  const before = server('received_bytes');
  for (let second = 0; second < 20; second++) {
    const id = 2 * second + 1;
    slow.headers(id, GET.slice(0, 4), { endHeaders: false, endStream: true });
    await eventually(() => server('received_bytes') > before);
    clock.advance(2000);
    slow.continuation(id, slow.encode(GET.slice(4)), true);
    assert.equal((await slow.nextHead(id))[':status'], '200');
    if (second === 13) assert.equal(server('read_timeout'), 0);
  }
  for (const caller of [block, frame, head]) {
    assert.equal((await caller.nextGoAway()).code, 'ENHANCE_YOUR_CALM');
    assert.equal(await caller.closedByServer(), 'end');
  }
  assert.equal(server('read_timeout'), 3);
});

test('h2 body that stops coming gets 408 on its stream alone', async (t) => {
  const { clock, server, peer, upstream } = await startH2Gateway(t, hang, { manual: true });
  const caller = await greeted(await peer());
  caller.headers(1, POST);
  caller.data(1, 'half');
  caller.headers(3, POST);
  caller.headers(5, GET, { endStream: true });
  await upstream.until('3 requests', () => upstream.requests.length === 3);
  clock.advance(30_000);
  caller.data(3, 'goes on');
  await upstream.until('more', () => upstream.connections.some(({ received }) => received.includes('goes on')));
  clock.advance(31_000);
  assert.equal((await caller.nextHead(1))[':status'], '408');
  assert.match((await caller.next(DATA, 1)).payload.toString(), /no byte of the request body came for 60000 ms/);
  assert.equal(await caller.nextReset(1), 'NO_ERROR');
  assert.equal(server('read_timeout'), 1);
  await upstream.until('one closed', () => upstream.openConnections === 2);
  caller.data(3, 'the end', { endStream: true });
  for (const request of upstream.requests) if (request.connection.open) request.respond(200, 'ok');
  assert.equal((await caller.nextHead(3))[':status'], '200');
  assert.equal((await caller.nextHead(5))[':status'], '200');
});

test('h2 body is not owed while the caller waits for 100, nor while it is we who do not read', async (t) => {
  const { clock, server, peer, upstream } = await startH2Gateway(
    t,
    (request) => {
      if (request.target === '/slow') request.connection.pause();
    },
    { manual: true, server: 'h2: true, socketOptions: {readTimeoutMs: 5000}' },
  );
  const caller = await greeted(await peer());
  caller.headers(1, [...POST, 'expect', '100-continue']);
  caller.headers(3, [...POST.slice(0, 4), ':path', '/slow', ...POST.slice(6)]);
  await upstream.until('both', () => upstream.requests.length === 2);
  // As much as it takes while the upstream takes nothing.
  for (let i = 0; i < 3; i++) caller.data(3, Buffer.alloc(16_384));
  let windows = 0;
  const fill = setInterval(() => {
    for (let update = caller.take(8); update; update = caller.take(8)) {
      if (update.id !== 3) continue;
      windows += 1;
      const bytes = update.payload.readUInt32BE(0);
      for (let left = bytes; left > 0; left -= 16_384) caller.data(3, Buffer.alloc(Math.min(left, 16_384)));
    }
  }, 1);
  await stoppedGrowing(() => windows);
  clearInterval(fill);
  clock.advance(30_000);
  assert.equal(server('read_timeout'), 0);
  assert.equal(server('streams'), 2);
  // Told to continue, it owes its body.
  const expecting = upstream.requests.find((request) => request.header('expect') !== undefined) ?? assert.fail();
  expecting.connection.write('HTTP/1.1 100 Continue\r\n\r\n');
  assert.equal((await caller.nextHead(1))[':status'], '100');
  clock.advance(7000);
  assert.equal((await caller.nextHead(1))[':status'], '408');
});

test('h2 caller that takes no byte of its responses is cut off', async (t) => {
  const { clock, server, raw, upstream } = await startH2Gateway(
    t,
    (request) => request.respond(200, 'x'.repeat(20 * MIB)),
    { manual: true },
  );
  const caller = await raw();
  caller.begin([[4, ANY_ID]]);
  caller.windowUpdate(0, ANY_ID - 65_535);
  await greeted(caller);
  caller.headers(1, GET, { endStream: true });
  await caller.nextHead(1);
  caller.client.pause();
  await stoppedGrowing(() => server('sent_bytes'));
  clock.advance(60_000);
  assert.equal(server('write_timeout'), 0);
  clock.advance(2000);
  assert.equal(server('write_timeout'), 1);
  await eventually(() => server('connections') === 0);
  await upstream.until('the upstream too', () => upstream.openConnections === 0);
});

test('h2 stream whose caller gives no window is reset, and its connection serves on', async (t) => {
  const { clock, raw, upstream, server } = await startH2Gateway(t, fixed(200, 'x'.repeat(1000)), { manual: true });
  const caller = await raw();
  caller.begin([[4, 0]]);
  await greeted(caller);
  caller.headers(1, GET, { endStream: true });
  assert.equal((await caller.nextHead(1))[':status'], '200');
  for (let i = 0; i < 62; i++) clock.advance(1000);
  assert.equal(await caller.nextReset(1), 'CANCEL');
  assert.equal(server('h2', 'stream_errors', 'CANCEL'), 1);
  caller.headers(3, GET, { endStream: true });
  assert.equal((await caller.nextHead(3))[':status'], '200');
  assert.equal(upstream.requests.length, 2);
});

// ---- maxConnections ----

test('h2 and HTTP/1.1 connections share maxConnections: the one idle longest goes, whichever it speaks', async (t) => {
  const { scene, gateway, server, peer, upstream } = await startH2Gateway(t, hang, {
    server: 'h2: true, maxConnections: 3',
  });
  const first = await greeted(await peer());
  const second = await scene.client(gateway);
  await eventually(() => server('connections') === 2);
  const third = await greeted(await peer());
  // The first one is busy, so the second has been idle longest.
  first.headers(1, GET, { endStream: true });
  await upstream.until('its request', () => upstream.requests.length === 1);
  const fourth = await scene.client(gateway);
  assert.equal(await second.closedByServer(), 'end');
  await eventually(() => server('connections_evicted') === 1);
  const fifth = await greeted(await peer());
  assert.equal((await third.nextGoAway()).code, 'NO_ERROR');
  assert.equal(await third.closedByServer(), 'end');
  assert.equal(server('connections_evicted'), 2);
  assert.equal(server('connections'), 3);
  // Now none is idle but the last two; when they are busy too, one more is refused.
  await fourth.send(get());
  fifth.headers(1, GET, { endStream: true });
  await upstream.until('their requests', () => upstream.requests.length === 3);
  // The reset may come before the connect is seen.
  await scene.client(gateway).then((refused) => refused.closedByServer(), assert.ok);
  await eventually(() => server('connections_refused') === 1);
  for (const request of upstream.requests) request.respond(200, 'ok');
  assert.equal((await first.nextHead(1))[':status'], '200');
  assert.equal((await fifth.nextHead(1))[':status'], '200');
});

test('h2 connection that was busy is idle again after its last stream, and can be closed for another', async (t) => {
  const { server, peer, raw, upstream } = await startH2Gateway(t, hang, { server: 'h2: true, maxConnections: 1' });
  const first = await greeted(await peer());
  first.headers(1, GET, { endStream: true });
  await upstream.until('its request', () => upstream.requests.length === 1);
  await raw().then((refused) => refused.closedByServer(), assert.ok);
  await eventually(() => server('connections_refused') === 1);
  upstream.requests[0]?.respond(200, 'ok');
  await first.nextHead(1);
  await eventually(() => server('streams') === 0);
  const next = await greeted(await peer());
  assert.equal(await first.closedByServer(), 'end');
  next.headers(1, GET, { endStream: true });
  await upstream.until('its request', () => upstream.requests.length === 2);
});

test('h2 connections that are idle cost little memory each', async (t) => {
  const { server, peer } = await startH2Gateway(t, fixed(200, 'ok'));
  const COUNT = 500;
  const open = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const caller = await peer();
      caller.headers(1, GET, { endStream: true });
      await caller.nextHead(1);
      caller.frames.length = 0;
    }
  };
  await open(50);
  const before = await memoryInUse();
  await open(COUNT);
  const kib = ((await memoryInUse()) - before) / COUNT / 1024;
  t.diagnostic(`${kib.toFixed(1)} KiB for each connection, that of the test's own end included`);
  assert.ok(kib > 0 && kib < 40, `${kib} KiB for each`);
  assert.equal(server('connections'), COUNT + 50);
});

// ---- drain and reload ----

test('h2 drain: GOAWAY, streams under way end well, later ones are refused, then the connection closes', async (t) => {
  const { gateway, call, peer, upstream } = await startH2Gateway(t, hang);
  const caller = await call();
  const streams = [caller.open(), caller.open({ ':method': 'POST' }, false)];
  const answers = streams.map(answerOf);
  const idle = await greeted(await peer());
  await upstream.until('both', () => upstream.requests.length === 2);
  const drained = gateway.drain();
  assert.equal((await idle.nextGoAway()).lastId, ANY_ID);
  assert.equal((await idle.nextGoAway()).lastId, 0);
  assert.equal(await idle.closedByServer(), 'end');
  await eventually(() => caller.goAways.length > 0);
  assert.deepEqual([...new Set(caller.goAways)], [0]);
  streams[1]?.end('body');
  await upstream.until('the body', () => upstream.connections.some(({ received }) => received.includes('body')));
  for (const request of upstream.requests) request.respond(200, 'done');
  assert.deepEqual(
    (await Promise.all(answers)).map(({ status, text }) => [status, text]),
    [
      [200, 'done'],
      [200, 'done'],
    ],
  );
  await drained;
  await eventually(() => caller.session.closed || caller.session.destroyed);
});

test('h2 request that was on its way when the drain began is still served', async (t) => {
  const { gateway, raw, upstream } = await startH2Gateway(t, hang);
  const caller = await raw(false);
  caller.begin();
  await greeted(caller);
  caller.headers(1, GET, { endStream: true });
  await upstream.until('the first', () => upstream.requests.length === 1);
  const drained = gateway.drain();
  const { lastId } = await caller.nextGoAway();
  assert.equal(lastId, ANY_ID);
  // It did not know yet; the PING behind the GOAWAY is answered after it.
  caller.headers(3, GET, { endStream: true });
  await upstream.until('the second', () => upstream.requests.length === 2);
  const ping = await caller.next(6);
  caller.ping(ping.payload, true);
  assert.equal((await caller.nextGoAway()).lastId, 3);
  for (const request of upstream.requests) request.respond(200, 'ok');
  assert.equal((await caller.nextHead(1))[':status'], '200');
  assert.equal((await caller.nextHead(3))[':status'], '200');
  await drained;
  assert.equal(await caller.closedByServer(), 'end');
});

test('h2 drain cuts off what has not ended within its grace', async (t) => {
  const { gateway, peer, upstream } = await startH2Gateway(t, hang);
  const caller = await peer();
  caller.headers(1, GET, { endStream: true });
  await upstream.until('the request', () => upstream.requests.length === 1);
  await gateway.close();
  assert.equal(await caller.closedByServer(), 'reset');
  await upstream.until('closed', () => upstream.openConnections === 0);
});

test('h2 turned on and off by reload holds for connections to come; those that are open go on', async (t) => {
  const { gateway, upstream } = await startH2Gateway(t, fixed(200, 'ok'), { server: 'h2: false' });
  const file = (h2: boolean): string => `
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0, h2: ${h2}}]
`;
  await gateway.reload(file(true));
  const early = await RawH2.connect(t, gateway.port);
  early.begin();
  await greeted(early);
  await gateway.reload(file(false));
  const late = await RawH2.connect(t, gateway.port);
  await late.client.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  assert.equal((await late.client.readResponse()).status, 505);
  early.headers(1, GET, { endStream: true });
  assert.equal((await early.nextHead(1))[':status'], '200');
  assert.equal(early.take(GOAWAY), undefined);
  assert.equal(early.take(HEADERS), undefined);
});
