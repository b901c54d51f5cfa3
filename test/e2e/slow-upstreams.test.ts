import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { stoppedGrowing } from '../support/byte-flow.js';
import { eventually } from '../support/eventually.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawClient } from '../support/raw-client.js';
import { chunk, get, request, Scene } from '../support/scene.js';
import { hang, responseBytes, type Upstream, type UpstreamHandler, type UpstreamOptions } from '../support/upstream.js';

expectNoOpenHandles();

const MIB = 1024 * 1024;
/** More than the socket buffers between two ends hold. */
const LONG_BODY = 64 * MIB;

/** A gateway whose time stands still, in front of one upstream whose `/fine` answers; `client` are keys of the client. */
async function start(t: TestContext, handler: UpstreamHandler, client = '', options: UpstreamOptions = {}) {
  const scene = new Scene(t);
  const clock = new ManualClock();
  const upstream = await scene.upstream((arrived) => {
    if (arrived.target === '/fine') arrived.respond(200, 'fine');
    else return handler(arrived);
  }, options);
  const gateway = await scene.gateway(
    `
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0, socketOptions: {readTimeoutMs: 0, writeTimeoutMs: 0}}]
  # What it counts is read after days.
  bindingCache: {idleTtlSecs: 1000000}
  client: {${client}}`,
    { clock },
  );
  const metric = (...name: string[]): number =>
    gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${upstream.port}`, ...name);
  /** What the gateway has read of the upstream so far arrives before time goes on. */
  const received = (bytes: number) => eventually(() => metric('received_bytes') === bytes);
  const caller = await scene.client(gateway);
  /** A request of another caller goes through as if nothing were. */
  const othersAreFine = async (): Promise<void> => {
    assert.equal((await scene.ask(gateway, get('/fine'))).text, 'fine');
  };
  const wasReset = (connection = 0) =>
    upstream.until('the reset', () => upstream.connections[connection]?.reader.ending === 'reset');
  return { scene, clock, upstream, gateway, caller, metric, received, othersAreFine, wasReset };
}

async function timedOut(caller: RawClient, message: RegExp): Promise<void> {
  const response = await caller.readResponse();
  assert.equal(response.status, 503);
  assert.match(response.text, message);
  assert.ok(response.header('l5d-err'));
}

// ---- a response that does not begin ----

test('upstream that accepts and never answers is reset after readTimeoutMs, and the caller told', async (t) => {
  const { clock, upstream, caller, metric, othersAreFine, wasReset } = await start(
    t,
    hang,
    'socketOptions: {readTimeoutMs: 2000}',
  );
  await caller.send(get());
  await upstream.until('the request', () => upstream.requests.length === 1);
  clock.advance(1999);
  assert.equal(metric('pending'), 1);
  await othersAreFine();
  clock.advance(501);
  await timedOut(caller, /^127\.0\.0\.1:\d+ sent no byte for 2000 ms while its response was awaited$/);
  await wasReset();
  assert.deepEqual([metric('read_timeout'), metric('failures', 'request-timed-out'), metric('pending')], [1, 1, 0]);
  // The idle one of the other request.
  assert.equal(metric('connections'), 1);
  await caller.send(get('/fine'));
  assert.equal((await caller.readResponse()).text, 'fine');
});

test('upstream that accepts and never answers is waited for, without a timeout', async (t) => {
  const { clock, upstream, caller, metric } = await start(t, hang);
  await caller.send(get());
  await upstream.until('the request', () => upstream.requests.length === 1);
  clock.advance(24 * 3_600_000);
  assert.equal(metric('pending'), 1);
  upstream.requests[0]?.respond(200, 'at last');
  assert.equal((await caller.readResponse()).text, 'at last');
});

test('readTimeoutMs does not count while the caller is still sending its request', async (t) => {
  const { clock, upstream, caller, metric } = await start(
    t,
    async (arrived) => {
      await arrived.body();
      if (arrived.target === '/answered') arrived.respond(200, 'got it');
    },
    'socketOptions: {readTimeoutMs: 1000}',
  );
  const head = (target: string): string => request(`POST ${target}`, ['Host: web', 'Transfer-Encoding: chunked']);
  await caller.send(head('/answered') + chunk('one'));
  await upstream.until('the first chunk', () => upstream.connections[0]?.received.includes('one') === true);
  clock.advance(20_000);
  await caller.send(chunk('two') + chunk(''));
  assert.equal((await caller.readResponse()).text, 'got it');
  // From its end on it does.
  await caller.send(head('/ignored') + chunk('one') + chunk(''));
  await upstream.until('the second request', () => upstream.requests.length === 2);
  clock.advance(1500);
  await timedOut(caller, /sent no byte for 1000 ms/);
  assert.equal(metric('read_timeout'), 1);
});

test('informational answers put readTimeoutMs off', async (t) => {
  const { clock, upstream, caller, received } = await start(t, hang, 'socketOptions: {readTimeoutMs: 2000}');
  await caller.send(get());
  await upstream.until('the request', () => upstream.requests.length === 1);
  const hint = 'HTTP/1.1 103 Early Hints\r\n\r\n';
  for (let i = 1; i <= 3; i++) {
    clock.advance(1500);
    upstream.connections[0]?.write(hint);
    await received(i * hint.length);
    assert.equal((await caller.readResponse()).status, 103);
  }
  upstream.requests[0]?.respond(200, 'done');
  assert.equal((await caller.readResponse()).text, 'done');
});

test('attempt that timed out is retried on another endpoint, where the classifier allows', async (t) => {
  const scene = new Scene(t);
  const clock = new ManualClock();
  const upstreams = [await scene.upstream(hang), await scene.upstream(hang)];
  const names = upstreams.map(({ port }) => `/$/inet/127.0.0.1/${port}`);
  const gateway = await scene.gateway(
    `
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => ${names.join(' & ')}
  servers: [{port: 0}]
  service: {responseClassifier: {kind: io.l5d.http.retryableRead5XX}}
  client: {socketOptions: {readTimeoutMs: 2000}}`,
    { clock },
  );
  const caller = await scene.client(gateway);
  const asked = (): number => upstreams.flatMap(({ requests }) => requests).length;
  await caller.send(get());
  for (let i = 1; i <= 3; i++) {
    await eventually(() => asked() === i);
    if (i < 3) clock.advance(2500);
  }
  for (const { requests } of upstreams) for (const one of requests) if (one.connection.open) one.respond(200, 'third');
  assert.equal((await caller.readResponse()).text, 'third');
  assert.equal(gateway.metric('rt', 'http', 'service', 'svc/web', 'retries', 'total'), 2);
});

// ---- a response that does not go on ----

test('upstream that dribbles its head is reset 30 s after the first byte', async (t) => {
  const { clock, upstream, caller, metric, received, othersAreFine, wasReset } = await start(t, hang);
  await caller.send(get());
  await upstream.until('the request', () => upstream.requests.length === 1);
  clock.advance(3_600_000);
  const line = 'HTTP/1.1 200 OK\r\n';
  upstream.connections[0]?.write(line);
  await received(line.length);
  for (let i = 1; i <= 29; i++) {
    clock.advance(1000);
    upstream.connections[0]?.write('x');
    await received(line.length + i);
  }
  assert.equal(metric('pending'), 1);
  await othersAreFine();
  clock.advance(2000);
  await timedOut(caller, /^127\.0\.0\.1:\d+ did not complete the head of its response within 30000 ms$/);
  await wasReset();
  assert.deepEqual([metric('read_timeout'), metric('failures', 'request-timed-out')], [1, 1]);
});

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n';
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const UNTIL_CLOSE = 'HTTP/1.1 200 OK\r\n\r\n';

for (const [what, bytes] of [
  ['a length', `${HEAD}part`],
  ['chunks', CHUNKED + chunk('part')],
  ['neither', `${UNTIL_CLOSE}part`],
] as const) {
  test(`upstream that stops within a body with ${what} is reset after ten minutes, and so is the caller`, async (t) => {
    const { clock, caller, metric, othersAreFine, wasReset } = await start(t, ({ connection }) =>
      connection.write(bytes),
    );
    await caller.send(get());
    await caller.reader.takeThrough('part');
    clock.advance(599_999);
    assert.equal(metric('pending'), 1);
    await othersAreFine();
    clock.advance(1001);
    assert.equal(await caller.closedByServer(), 'reset');
    await wasReset();
    assert.deepEqual([metric('read_timeout'), metric('failures', 'request-timed-out')], [1, 1]);
  });
}

test('event stream lives for as long as something comes every ten minutes', async (t) => {
  const { clock, upstream, caller, received } = await start(t, ({ connection }) => connection.write(CHUNKED));
  await caller.send(get());
  await caller.reader.takeThrough('\r\n\r\n');
  for (let i = 0; i < 10; i++) {
    clock.advance(599_000);
    upstream.connections[0]?.write(chunk(`event ${i}`));
    await received(CHUNKED.length + (i + 1) * chunk('event 0').length);
    await caller.reader.takeThrough(`event ${i}`);
  }
});

for (const [what, keys, limitMs] of [
  ['shorter', 'socketOptions: {readTimeoutMs: 4000}', 4000],
  ['longer', 'socketOptions: {readTimeoutMs: 7200000}', 7_200_000],
] as const) {
  test(`readTimeoutMs that is ${what} takes the place of the ten minutes`, async (t) => {
    const { clock, caller, metric, wasReset } = await start(
      t,
      ({ connection }) => connection.write(`${HEAD}part`),
      keys,
    );
    await caller.send(get());
    await caller.reader.takeThrough('part');
    clock.advance(limitMs - 1);
    assert.equal(metric('pending'), 1);
    clock.advance(1001);
    assert.equal(await caller.closedByServer(), 'reset');
    await wasReset();
  });
}

test('readTimeoutMs of 0 lets a response pause for ever', async (t) => {
  const { clock, upstream, caller } = await start(
    t,
    ({ connection }) => connection.write(`${HEAD}part`),
    'socketOptions: {readTimeoutMs: 0}',
  );
  await caller.send(get());
  await caller.reader.takeThrough('part');
  clock.advance(24 * 3_600_000);
  upstream.connections[0]?.write('x'.repeat(996));
  await caller.reader.take(996);
});

test('upstream is not blamed for a caller that does not read', async (t) => {
  const { scene, clock, upstream, gateway, metric } = await start(t, (arrived) => {
    arrived.connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${LONG_BODY}\r\n\r\n`);
    arrived.connection.write(Buffer.alloc(LONG_BODY));
  });
  const slow = await scene.client(gateway);
  slow.pause();
  await slow.send(get());
  await eventually(() => metric('received_bytes') > MIB);
  await stoppedGrowing(() => metric('received_bytes'));
  clock.advance(3_600_000);
  assert.deepEqual([metric('pending'), metric('read_timeout')], [1, 0]);
  slow.resume();
  assert.equal((await slow.readResponse({ limitMs: 20_000 })).bytes.length, LONG_BODY);
  assert.equal(upstream.connections[0]?.open, true);
});

test('tunnel is no concern of the limits of responses: it may be silent for as long as its listener lets it', async (t) => {
  const { clock, upstream, caller } = await start(
    t,
    ({ connection }) =>
      connection.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n'),
    'socketOptions: {readTimeoutMs: 1000, writeTimeoutMs: 1000}, clientSession: {lifeTimeMs: 1000, idleTimeMs: 1000}',
  );
  await caller.send(request('GET /', ['Host: web', 'Connection: upgrade', 'Upgrade: echo']));
  await caller.reader.takeThrough('\r\n\r\n');
  clock.advance(59 * 60_000);
  await caller.send('ping');
  await upstream.until('the ping', () => upstream.connections[0]?.received.endsWith('ping') === true);
  upstream.connections[0]?.write('pong');
  await caller.reader.takeThrough('pong');
});

// ---- a request that is not read ----

/** An upload that an upstream does not read, up to the point where nothing moves any more. */
async function startStuckUpload(t: TestContext, keys = '') {
  const scene = await start(t, hang, keys, {
    raw: true,
    onConnection: (connection) => {
      if (connection.id === 0) connection.pause();
      // Another request.
      else void connection.reader.takeThrough('\r\n\r\n').then(() => connection.write(responseBytes(200, 'fine')));
    },
  });
  const { caller, metric } = scene;
  const head = request('POST /', ['Host: web', `Content-Length: ${LONG_BODY}`]);
  caller.socket.write(head);
  caller.socket.write(Buffer.alloc(LONG_BODY));
  await eventually(() => metric('sent_bytes') > MIB);
  await stoppedGrowing(() => metric('sent_bytes'));
  return scene;
}

/** A reset hides behind what has arrived and was not read: to a reader it is an end. A writer is told. */
async function wasResetUnread({ connections: [connection] }: Upstream): Promise<void> {
  assert.ok(connection);
  connection.resume();
  await eventually(() => connection.reader.ending !== undefined);
  const failed = once(connection.socket, 'error');
  connection.write('x');
  const [error] = await failed;
  assert.equal(error.code, 'ECONNRESET');
}

for (const [what, keys, limitMs] of [
  ['60 s', '', 60_000],
  ['writeTimeoutMs', 'socketOptions: {writeTimeoutMs: 4000}', 4000],
] as const) {
  test(`upstream that never reads a large upload is reset after ${what}, and the caller told`, async (t) => {
    const { clock, upstream, caller, metric, othersAreFine } = await startStuckUpload(t, keys);
    clock.advance(limitMs - 1);
    assert.equal(metric('pending'), 1);
    await othersAreFine();
    clock.advance(3000);
    await timedOut(caller, new RegExp(`^127\\.0\\.0\\.1:\\d+ took no byte of the request for ${limitMs} ms$`));
    await wasResetUnread(upstream);
    assert.deepEqual([metric('write_timeout'), metric('failures', 'request-timed-out')], [1, 1]);
  });
}

test('caller that goes away while its upload is paused is noticed within the same time', async (t) => {
  const { clock, upstream, gateway, caller, metric } = await startStuckUpload(t);
  const callers = (): number => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'connections');
  assert.equal(callers(), 1);
  caller.reset();
  clock.advance(62_000);
  await wasResetUnread(upstream);
  // The answer that it does not wait for shows that it is gone.
  await eventually(() => {
    clock.advance(1000);
    return callers() === 0;
  });
  assert.deepEqual([metric('pending'), metric('connections')], [0, 0]);
});

test('upstream that answers an upload without reading it is not cut while it sends', async (t) => {
  const { clock, upstream, caller, metric, received } = await startStuckUpload(t);
  const [connection] = upstream.connections;
  connection?.write(CHUNKED);
  let bytes = CHUNKED.length;
  await received(bytes);
  for (let i = 0; i < 5; i++) {
    clock.advance(50_000);
    connection?.write(chunk('still here'));
    bytes += chunk('still here').length;
    await received(bytes);
  }
  assert.equal(metric('pending'), 1);
  await caller.reader.takeThrough('still here');
});
