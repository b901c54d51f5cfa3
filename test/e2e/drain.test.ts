import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { setLogLevel } from '../../src/base/log.js';
import { eventually } from '../support/eventually.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { RawClient } from '../support/raw-client.js';
import { refusal } from '../support/refusal.js';
import { get, request, Scene } from '../support/scene.js';
import { fixed, type UpstreamHandler } from '../support/upstream.js';

expectNoOpenHandles();
setLogLevel('linker', 'OFF');

async function start(t: TestContext, handler: UpstreamHandler = () => {}) {
  const scene = new Scene(t);
  const clock = new ManualClock();
  const upstream = await scene.upstream(handler);
  const gateway = await scene.gateway(
    `
admin: {port: 0, shutdownGraceMs: 5000}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0}]`,
    { clock },
  );
  let isDrained = false;
  const drain = (): Promise<void> =>
    gateway.drain().then(() => {
      isDrained = true;
    });
  return { scene, clock, upstream, gateway, drain, isDrained: () => isDrained };
}

test('drain without requests closes idle connections and ends at once', async (t) => {
  const { scene, gateway, upstream, drain } = await start(t, fixed(200, 'ok'));
  const [used, unused] = [await scene.client(gateway), await scene.client(gateway)];
  await used.send(get());
  await used.readResponse();
  await eventually(() => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'connections') === 2);
  await drain();
  assert.equal(await used.closedByServer(), 'end');
  assert.equal(await unused.closedByServer(), 'end');
  await assert.rejects(RawClient.connect({ port: gateway.port }), /ECONNREFUSED/);
  await upstream.until('upstream connections to be closed', () => upstream.openConnections === 0);
});

test('drain lets what is under way finish, tells callers to go, takes nothing new', async (t) => {
  const { scene, gateway, upstream, drain, isDrained } = await start(t);
  const client = await scene.client(gateway);
  await client.send(get('/slow') + get('/pipelined'));
  await upstream.until('the request', () => upstream.requests.length === 1);
  const draining = drain();
  await refusal(gateway.port);
  assert.equal(isDrained(), false);
  upstream.requests[0]?.respond(200, 'finished');
  const response = await client.readResponse();
  assert.deepEqual([response.text, response.header('connection')], ['finished', 'close']);
  assert.equal(await client.closedByServer(), 'end');
  client.close();
  await draining;
  assert.equal(upstream.requests.length, 1);
});

test('drain lets a response that has begun go on to its end', async (t) => {
  const { scene, gateway, upstream, drain } = await start(t);
  const client = await scene.client(gateway);
  await client.send(get());
  await upstream.until('the request', () => upstream.requests.length === 1);
  upstream.connections[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst');
  await client.reader.takeThrough('first');
  const draining = drain();
  upstream.connections[0]?.write('-last');
  assert.equal((await client.reader.takeToEnd()).toString(), '-last');
  client.close();
  await draining;
});

test('drain waits no longer than shutdownGraceMs, then resets: nobody takes half an answer for a whole one', async (t) => {
  const { scene, clock, gateway, upstream, drain, isDrained } = await start(t);
  const waiting = await scene.client(gateway);
  await waiting.send(get('/never'));
  // Without a length or chunks only the end of the connection ends a body: it must not look like one.
  const half = await scene.client(gateway);
  await half.send(request('GET /half HTTP/1.0', ['Host: web']));
  await upstream.until('both requests', () => upstream.requests.length === 2);
  const halfway = upstream.requests.find(({ target }) => target === '/half')?.connection;
  halfway?.write('HTTP/1.1 200 OK\r\n\r\nhalf of it');
  await half.reader.takeThrough('half of it');
  const draining = drain();
  clock.advance(4999);
  assert.equal(isDrained(), false);
  clock.advance(1);
  await draining;
  assert.equal(await half.closedByServer(), 'reset');
  assert.equal(await waiting.closedByServer(), 'reset');
  await upstream.until('the work to be cancelled', () => upstream.openConnections === 0);
});

test('drain does not wait for a caller that has its last answer but does not close', async (t) => {
  const { scene, clock, gateway, upstream, drain, isDrained } = await start(t);
  const client = await scene.client(gateway);
  await client.send(get());
  await upstream.until('the request', () => upstream.requests.length === 1);
  const draining = drain();
  upstream.requests[0]?.respond(200, 'finished');
  assert.equal((await client.readResponse()).text, 'finished');
  assert.equal(await client.closedByServer(), 'end');
  assert.equal(isDrained(), false);
  clock.advance(3000);
  await draining;
});

test('drain serves a request whose head had begun to arrive', async (t) => {
  const { scene, gateway, drain } = await start(t, fixed(200, 'ok'));
  const client = await scene.client(gateway);
  await client.send('GET / HTTP/1.1\r\nHo');
  await eventually(() => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'received_bytes') > 0);
  const draining = drain();
  await client.send('st: web\r\n\r\n');
  const response = await client.readResponse();
  assert.deepEqual([response.text, response.header('connection')], ['ok', 'close']);
  client.close();
  await draining;
});

test('drain serves who has connected and sent already, however many they are', async (t) => {
  const { gateway, drain } = await start(t, fixed(200, 'ok'));
  // Not one of them is accepted when the drain begins: that takes a turn of the event loop each.
  const sockets = Array.from({ length: 50 }, () => connect({ port: gateway.port, host: '127.0.0.1' }));
  const answers = sockets.map(async (socket) => {
    socket.write(get());
    return text(socket);
  });
  await once(sockets.at(-1) as Socket, 'connect');
  await drain();
  for (const answer of await Promise.all(answers))
    assert.match(answer, /^HTTP\/1\.1 200 .*\r\n(.*\r\n)*Connection: close\r\n/);
});

test('close resets what is under way and leaves nothing open', async (t) => {
  const { scene, gateway, upstream } = await start(t);
  const client = await scene.client(gateway);
  await client.send(get());
  await upstream.until('the request', () => upstream.requests.length === 1);
  await gateway.close();
  assert.equal(await client.closedByServer(), 'reset');
  await upstream.until('the work to be cancelled', () => upstream.openConnections === 0);
});
