import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { bytesTaken, pump, stoppedGrowing } from '../support/byte-flow.js';
import { eventually } from '../support/eventually.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawClient } from '../support/raw-client.js';
import { get, post, request, Scene } from '../support/scene.js';
import { fixed, hang, type UpstreamHandler } from '../support/upstream.js';

expectNoOpenHandles();

const MIB = 1024 * 1024;

/** A gateway whose time stands still, in front of one upstream; `server` and `router` are further keys of those. */
async function start(t: TestContext, keys: { server?: string; router?: string }, handler: UpstreamHandler = hang) {
  const scene = new Scene(t);
  const clock = new ManualClock();
  const upstream = await scene.upstream(handler);
  const gateway = await scene.gateway(
    `
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0, ${keys.server ?? ''}}]
${keys.router ?? ''}`,
    { clock },
  );
  const server = (...name: string[]): number => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', ...name);
  /** Sends, and waits until the gateway has read it all. */
  const send = async (client: RawClient, bytes: string): Promise<void> => {
    const before = server('received_bytes');
    await client.send(bytes);
    await eventually(() => server('received_bytes') === before + bytes.length);
  };
  /** A connection that the gateway has accepted. */
  const connect = async (): Promise<RawClient> => {
    const before = server('connects');
    const client = await scene.client(gateway);
    await eventually(() => server('connects') === before + 1);
    return client;
  };
  return { scene, clock, upstream, gateway, server, send, connect, client: await connect() };
}

// ---- serverSession ----

test('idleTimeMs closes a connection that idles between requests, not before and not within a request', async (t) => {
  const { clock, upstream, server, client } = await start(t, { server: 'serverSession: {idleTimeMs: 8000}' });
  for (let i = 1; i <= 2; i++) {
    clock.advance(8000);
    await client.send(get());
    await upstream.until(`request ${i}`, () => upstream.requests.length === i);
    clock.advance(60_000);
    upstream.requests[i - 1]?.respond(200, 'late');
    assert.equal((await client.readResponse()).text, 'late');
  }
  clock.advance(8000);
  assert.equal(server('expired', 'idle'), 0);
  clock.advance(1000);
  assert.equal(await client.closedByServer(), 'end');
  assert.equal(server('expired', 'idle'), 1);
  await eventually(() => server('connections') === 0);
});

test('lifeTimeMs closes an idle connection at once when it is over', async (t) => {
  const { clock, server, client } = await start(t, { server: 'serverSession: {lifeTimeMs: 60000}' }, fixed(200, 'ok'));
  clock.advance(59_000);
  await client.send(get());
  assert.equal((await client.readResponse()).header('connection'), undefined);
  assert.equal(server('expired', 'lifetime'), 0);
  clock.advance(1000);
  assert.equal(await client.closedByServer(), 'end');
  assert.equal(server('expired', 'lifetime'), 1);
  assert.equal(server('expired', 'idle'), 0);
});

test('lifeTimeMs that ends within a request: its response says close', async (t) => {
  const { clock, upstream, client } = await start(t, { server: 'serverSession: {lifeTimeMs: 60000}' });
  await client.send(get());
  await upstream.until('the request', () => upstream.requests.length === 1);
  clock.advance(90_000);
  upstream.requests[0]?.respond(200, 'last');
  const response = await client.readResponse();
  assert.deepEqual([response.text, response.header('connection')], ['last', 'close']);
  assert.equal(await client.closedByServer(), 'end');
});

test('lifeTimeMs that ends within a response: the next one says close', async (t) => {
  const { clock, upstream, client } = await start(t, { server: 'serverSession: {lifeTimeMs: 60000}' });
  await client.send(get());
  await upstream.until('the request', () => upstream.requests.length === 1);
  upstream.connections[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst');
  await client.reader.takeThrough('first');
  clock.advance(90_000);
  upstream.connections[0]?.write('-last');
  await client.reader.takeThrough('-last');
  await client.send(get());
  await upstream.until('the next request', () => upstream.requests.length === 2);
  upstream.requests[1]?.respond(200, 'next');
  const response = await client.readResponse();
  assert.deepEqual([response.text, response.header('connection')], ['next', 'close']);
  assert.equal(await client.closedByServer(), 'end');
});

// ---- readTimeoutMs ----

for (const [what, server, limitMs] of [
  ['a request body, by default after 60 s', '', 60_000],
  ['a request body, after readTimeoutMs', 'socketOptions: {readTimeoutMs: 20000}', 20_000],
] as const) {
  test(`caller that stops within ${what}: 408, the upstream is reset, the connection closed`, async (t) => {
    const { clock, upstream, server: metric, send, client } = await start(t, { server });
    await send(client, request('POST /', ['Host: web', 'Content-Length: 1000'], 'part'));
    await upstream.until('a part', () => upstream.connections[0]?.received.endsWith('part') === true);
    clock.advance(limitMs - 1000);
    await send(client, 'more');
    await upstream.until('all of it', () => upstream.connections[0]?.received.endsWith('partmore') === true);
    clock.advance(limitMs);
    assert.equal(metric('read_timeout'), 0);
    clock.advance(1000);
    const response = await client.readResponse();
    assert.equal(response.status, 408);
    assert.equal(response.header('connection'), 'close');
    assert.equal(response.text, `no byte of the request body came for ${limitMs} ms`);
    assert.equal(await client.closedByServer(), 'end');
    await upstream.until('the reset', () => upstream.connections[0]?.reader.ending === 'reset');
    assert.equal(metric('read_timeout'), 1);
    assert.equal(metric('refused', 'request-timeout'), 1);
    assert.equal(metric('failures', 'request-timeout'), 1);
    assert.equal(metric('pending'), 0);
  });
}

test('caller that stops within a chunk of its body, the response begun: reset', async (t) => {
  const { clock, upstream, server, send, client } = await start(t, {});
  await send(client, request('POST /', ['Host: web', 'Transfer-Encoding: chunked'], '5\r\nhe'));
  await upstream.until('the request', () => upstream.requests.length === 1);
  upstream.connections[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst');
  await client.reader.takeThrough('first');
  clock.advance(61_000);
  assert.equal(await client.closedByServer(), 'reset');
  await upstream.until('the reset', () => upstream.connections[0]?.reader.ending === 'reset');
  assert.equal(server('read_timeout'), 1);
});

test('caller that does not send the rest of a request already answered is closed', async (t) => {
  const { clock, upstream, server, send, client } = await start(t, {});
  await send(client, request('POST /', ['Host: web', 'Content-Length: 1000'], 'part'));
  await upstream.until('the request', () => upstream.requests.length === 1);
  upstream.requests[0]?.respond(401, 'no');
  assert.equal((await client.readResponse()).text, 'no');
  clock.advance(60_000);
  assert.equal(server('connections'), 1);
  clock.advance(1000);
  assert.equal(await client.closedByServer(), 'end');
  assert.equal(client.reader.unread.length, 0);
  assert.equal(server('read_timeout'), 1);
});

test('caller is not slow while it is the gateway that does not read', async (t) => {
  const { scene, clock, gateway, upstream, server, client } = await start(t, {
    router: '  client: {hostConnectionPool: {maxSize: 1}}',
  });
  await client.send(get('/first'));
  await upstream.until('the first request', () => upstream.requests.length === 1);
  const uploader = await scene.client(gateway);
  const before = server('received_bytes');
  uploader.socket.write(request('PUT /', ['Host: web', `Content-Length: ${MIB}`]));
  pump(uploader.socket, MIB);
  await stoppedGrowing(() => server('received_bytes') - before);
  clock.advance(3_600_000);
  assert.equal(server('read_timeout'), 0);
  // It is its turn now, and time counts from here.
  upstream.requests[0]?.respond(200);
  await upstream.until('the second request', () => upstream.requests.length === 2);
  assert.equal((await upstream.requests[1]?.body())?.bytes.length, MIB);
  upstream.requests[1]?.respond(200, 'taken');
  assert.equal((await uploader.readResponse()).text, 'taken');
});

test('caller that goes away while the gateway does not read it is noticed at the latest when its request ends', async (t) => {
  const { clock, upstream, server, client } = await start(
    t,
    { router: '  service: {totalTimeoutMs: 30000}' },
    ({ connection }) => connection.pause(),
  );
  client.socket.write(request('PUT /', ['Host: web', `Content-Length: ${64 * MIB}`]));
  pump(client.socket, 64 * MIB);
  await upstream.until('the request', () => upstream.requests.length === 1);
  await stoppedGrowing(() => server('received_bytes'));
  client.reset();
  clock.advance(30_000);
  await eventually(() => server('connections') === 0);
  assert.equal(server('pending'), 0);
});

test('caller that waits for a 100 before it sends its body is not slow; once told to go on it can be', async (t) => {
  const { clock, upstream, server, send, client } = await start(t, {});
  await send(client, request('POST /', ['Host: web', 'Expect: 100-continue', 'Content-Length: 10']));
  await upstream.until('the request', () => upstream.requests.length === 1);
  clock.advance(300_000);
  upstream.connections[0]?.write('HTTP/1.1 103 Early Hints\r\n\r\n');
  assert.equal((await client.readResponse()).status, 103);
  clock.advance(300_000);
  assert.equal(server('read_timeout'), 0);
  upstream.connections[0]?.write('HTTP/1.1 100 Continue\r\n\r\n');
  assert.equal((await client.readResponse()).status, 100);
  clock.advance(60_000);
  assert.equal(server('read_timeout'), 0);
  clock.advance(1000);
  assert.equal((await client.readResponse()).status, 408);
});

test('readTimeoutMs within a head counts from byte to byte, 30 s for all of it go on', async (t) => {
  const { clock, server, send, connect, client } = await start(t, { server: 'socketOptions: {readTimeoutMs: 4000}' });
  await send(client, 'GET / HT');
  clock.advance(4000);
  assert.equal(server('read_timeout'), 0);
  clock.advance(1000);
  assert.equal((await client.readResponse()).status, 408);

  const steady = await connect();
  await send(steady, 'GET /');
  for (let i = 0; i < 7; i++) {
    clock.advance(4000);
    await send(steady, 'x');
  }
  assert.equal(server('read_timeout'), 1);
  clock.advance(3000);
  assert.equal((await steady.readResponse()).status, 408);
  assert.equal(server('read_timeout'), 2);
});

test('readTimeoutMs 0 turns the limit off', async (t) => {
  const { clock, server, send, client } = await start(t, { server: 'socketOptions: {readTimeoutMs: 0}' });
  await send(client, request('POST /', ['Host: web', 'Content-Length: 10'], 'part'));
  clock.advance(3_600_000);
  assert.equal(server('read_timeout'), 0);
});

for (const [what, keys, isLimited] of [
  ['no limit', '', false],
  ['readTimeoutMs where it is set', 'socketOptions: {readTimeoutMs: 60000}', true],
] as const) {
  test(`tunnel without a byte from its caller has ${what}`, async (t) => {
    const { clock, upstream, server, send, client } = await start(t, { server: keys });
    await send(client, get('/', 'Connection: Upgrade', 'Upgrade: raw'));
    await upstream.until('the request', () => upstream.requests.length === 1);
    upstream.connections[0]?.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n');
    assert.equal((await client.readResponse()).status, 101);
    clock.advance(59_000);
    await send(client, 'ping');
    await upstream.until('all of it', () => upstream.connections[0]?.received.endsWith('ping') === true);
    clock.advance(60_000);
    assert.equal(server('read_timeout'), 0);
    clock.advance(1000);
    assert.equal(server('read_timeout'), isLimited ? 1 : 0);
    if (!isLimited) return;
    assert.equal(await client.closedByServer(), 'reset');
    await upstream.until('the reset', () => upstream.connections[0]?.reader.ending === 'reset');
  });
}

// ---- writeTimeoutMs ----

/** A response that fills every buffer on its way. */
const huge: UpstreamHandler = ({ connection }) => {
  connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
  pump(connection.socket, 64 * MIB);
};

for (const [what, keys, limitMs] of [
  ['60 s', '', 60_000],
  ['writeTimeoutMs', 'socketOptions: {writeTimeoutMs: 20000}', 20_000],
] as const) {
  test(`caller that takes no byte of its response for ${what} is reset, and so is the upstream`, async (t) => {
    const { clock, upstream, server, send, client } = await start(t, { server: keys }, huge);
    client.pause();
    await send(client, get());
    await upstream.until('the request', () => upstream.requests.length === 1);
    await stoppedGrowing(() => bytesTaken(upstream.connections[0]?.socket as RawClient['socket']));
    clock.advance(limitMs);
    assert.equal(server('write_timeout'), 0);
    clock.advance(1000);
    assert.equal(server('write_timeout'), 1);
    await upstream.until('the reset', () => upstream.connections[0]?.reader.ending === 'reset');
    client.resume();
    await client.closedByServer();
    assert.ok(client.reader.unread.length < 64 * MIB);
    assert.equal(server('failures', 'caller-gone'), 1);
    assert.equal(server('pending'), 0);
  });
}

test('caller that takes its response slowly is not cut off', async (t) => {
  const { clock, upstream, server, send, client } = await start(t, {}, huge);
  let received = 0;
  client.socket.removeAllListeners('data');
  client.socket.on('data', (bytes: Buffer) => {
    received += bytes.length;
  });
  await send(client, get());
  for (let some = 8 * MIB; some < 64 * MIB; some += 16 * MIB) {
    client.resume();
    await eventually(() => received > some);
    client.pause();
    await stoppedGrowing(() => bytesTaken(upstream.connections[0]?.socket as RawClient['socket']));
    clock.advance(59_000);
  }
  client.resume();
  await eventually(() => received > 64 * MIB, { timeoutMs: 10_000 });
  assert.equal(server('write_timeout'), 0);
  assert.equal(server('success'), 1);
});

test('writeTimeoutMs 0 turns the limit off', async (t) => {
  const { clock, upstream, server, send, client } = await start(
    t,
    { server: 'socketOptions: {writeTimeoutMs: 0}' },
    huge,
  );
  client.pause();
  await send(client, get());
  await stoppedGrowing(() => bytesTaken(upstream.connections[0]?.socket as RawClient['socket']));
  clock.advance(3_600_000);
  assert.equal(server('write_timeout'), 0);
});

// ---- maxConnections ----

test('maxConnections: for one more the connection that has been idle longest is closed', async (t) => {
  const { server, connect, client: first } = await start(t, { server: 'maxConnections: 3' }, fixed(200, 'ok'));
  const second = await connect();
  const third = await connect();
  // The first is the last to have been used.
  await first.send(get());
  await first.readResponse();
  const fourth = await connect();
  assert.equal(await second.closedByServer(), 'end');
  const fifth = await connect();
  assert.equal(await third.closedByServer(), 'end');
  for (const client of [first, fourth, fifth]) {
    await client.send(get());
    assert.equal((await client.readResponse()).text, 'ok');
  }
  assert.equal(server('connections'), 3);
  assert.equal(server('connections_evicted'), 2);
  assert.equal(server('connections_refused'), 0);
});

test('maxConnections: where none is idle one more is closed at once, and requests under way go on', async (t) => {
  const {
    scene,
    gateway,
    upstream,
    server,
    send,
    connect,
    client: busy,
  } = await start(t, { server: 'maxConnections: 2' });
  await busy.send(get());
  await upstream.until('the request', () => upstream.requests.length === 1);
  const halfway = await connect();
  await send(halfway, 'GET / HTTP/1.1\r\nHo');
  for (let i = 1; i <= 3; i++) {
    // The reset may come before the connect is seen.
    await scene.client(gateway).then((refused) => refused.closedByServer(), assert.ok);
    await eventually(() => server('connections_refused') === i);
  }
  assert.equal(server('connections'), 2);
  upstream.requests[0]?.respond(200, 'done');
  assert.equal((await busy.readResponse()).text, 'done');
  // It is idle now, and though it was passed over before it is the one that has to go.
  const next = await connect();
  assert.equal(await busy.closedByServer(), 'end');
  await halfway.send('st: web\r\n\r\n');
  await next.send(post('body'));
  await upstream.until('both requests', () => upstream.requests.length === 3);
  assert.equal(server('connections_evicted'), 1);
});
