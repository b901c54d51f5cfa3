import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { GatewayError } from '../../src/base/errors.js';
import { MetricsScope } from '../../src/base/metrics.js';
import { Http1Server } from '../../src/server/http1.js';
import type { Http1ServerOptions } from '../../src/server/http1-options.js';
import type { Refusal } from '../../src/server/server.js';
import type { Exchange, ServeExchange } from '../../src/service/exchange.js';
import { Headers } from '../../src/service/headers.js';
import { makeResponseHead } from '../../src/service/message.js';
import { eventually } from '../support/eventually.js';
import { ManualClock } from '../support/manual-clock.js';
import { metricValue } from '../support/metric-value.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { RawClient } from '../support/raw-client.js';
import { get } from '../support/scene.js';

expectNoOpenHandles();

/** A listener by itself; `reconfigure` changes some of its options. */
async function start(t: TestContext, first: Partial<Http1ServerOptions>) {
  const clock = new ManualClock();
  const metrics = new MetricsScope();
  let options: Http1ServerOptions = {
    ip: '127.0.0.1',
    port: 0,
    maxConnections: 100,
    maxInitialLineBytes: 4096,
    maxHeaderBytes: 8192,
    serve: answer('first'),
    refuse: refuse('first'),
    clock,
    metrics,
    ...first,
  };
  const server = new Http1Server(options);
  const { port } = await server.listen();
  const clients: RawClient[] = [];
  t.after(() => {
    for (const client of clients) client.close();
    server.close();
  });
  const connect = async (): Promise<RawClient> => {
    const before = metricValue(options.metrics, 'connects');
    const client = await RawClient.connect({ port });
    clients.push(client);
    await eventually(() => metricValue(options.metrics, 'connects') === before + 1);
    return client;
  };
  return {
    clock,
    server,
    connect,
    metric: (...name: string[]): number => metricValue(options.metrics, ...name),
    reconfigure: (changes: Partial<Http1ServerOptions>): void => {
      options = { ...options, ...changes };
      server.reconfigure(options);
    },
  };
}

/** Answers every request with this body. */
function answer(body: string): ServeExchange {
  return (exchange) => {
    exchange.listener = { callerGone: () => {}, resume: () => {} };
    exchange.head(makeResponseHead(200, 'OK', new Headers(), body.length));
    exchange.data(Buffer.from(body));
    exchange.end(undefined);
  };
}

function refuse(body: string): (error: GatewayError) => Refusal {
  return () => ({ head: makeResponseHead(400, 'No', new Headers(), body.length), body: Buffer.from(body) });
}

async function askOn(client: RawClient, request = get()): Promise<string> {
  await client.send(request);
  return (await client.readResponse()).text;
}

test('listener reconfigured: connections that are open and new ones are served anew, none is closed', async (t) => {
  const { connect, metric, reconfigure } = await start(t, {});
  const open = await connect();
  assert.equal(await askOn(open), 'first');
  for (const name of ['second', 'third']) {
    reconfigure({ serve: answer(name), refuse: refuse(name) });
    const fresh = await connect();
    assert.equal(await askOn(open), name);
    assert.equal(await askOn(fresh), name);
    assert.equal(await askOn(fresh, 'no request at all\r\n\r\n'), name);
  }
  assert.equal(metric('connects'), 3);
});

test('listener reconfigured: an exchange under way ends as it began, pipelined requests are served anew', async (t) => {
  const waiting: Exchange[] = [];
  const { connect, reconfigure } = await start(t, { serve: (exchange) => void waiting.push(exchange) });
  const client = await connect();
  await client.send(get('/1') + get('/2'));
  await eventually(() => waiting.length === 1);
  reconfigure({ serve: answer('second') });
  answer('first')(waiting[0] as Exchange);
  assert.equal((await client.readResponse()).text, 'first');
  assert.equal((await client.readResponse()).text, 'second');
});

test('listener reconfigured: a head that has begun and the next one are held to the limits of then', async (t) => {
  const { connect, metric, reconfigure } = await start(t, { maxHeaderBytes: 100, maxInitialLineBytes: 100 });
  const client = await connect();
  await client.send('GET / HTTP/1.1\r\nHost: web\r\n');
  await eventually(() => metric('received_bytes') > 0);
  reconfigure({ maxHeaderBytes: 1000 });
  assert.equal(await askOn(client, `X: ${'x'.repeat(500)}\r\n\r\n`), 'first');
  reconfigure({ maxInitialLineBytes: 20 });
  await client.send(get('/a-longer-target'));
  assert.equal((await client.readResponse()).status, 400);
});

test('listener reconfigured: idle and read timeouts hold for connections that are open, and sweeps come more often', async (t) => {
  const { clock, connect, metric, reconfigure } = await start(t, {});
  const idle = await connect();
  const slow = await connect();
  await slow.send('POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 100\r\n\r\n');
  await slow.readResponse();
  clock.advance(10_000);
  reconfigure({ idleTimeoutMs: 400, readTimeoutMs: 200 });
  // The sweep that was due then, and from there on one each 50 ms.
  clock.advance(1000);
  await idle.closedByServer();
  await slow.closedByServer();
  assert.deepEqual([metric('expired', 'idle'), metric('read_timeout')], [1, 1]);
  const next = await connect();
  clock.advance(400);
  assert.equal(metric('expired', 'idle'), 1);
  clock.advance(50);
  assert.equal(await next.closedByServer(), 'end');
  reconfigure({ idleTimeoutMs: 600_000, readTimeoutMs: 60_000 });
  await connect();
  clock.advance(300_000);
  assert.equal(metric('expired', 'idle'), 2);
});

test('listener reconfigured: a new lifeTimeMs counts from accept', async (t) => {
  const { clock, connect, metric, reconfigure } = await start(t, {});
  const client = await connect();
  clock.advance(50_000);
  reconfigure({ lifeTimeMs: 60_000 });
  clock.advance(9000);
  assert.equal(await askOn(client), 'first');
  clock.advance(1000);
  assert.equal(await client.closedByServer(), 'end');
  assert.equal(metric('expired', 'lifetime'), 1);
});

test('listener reconfigured: a lower maxConnections closes what is idle and too much, the oldest first', async (t) => {
  const waiting: Exchange[] = [];
  const { connect, metric, reconfigure } = await start(t, { serve: (exchange) => void waiting.push(exchange) });
  const clients = [];
  for (let i = 0; i < 5; i++) clients.push(await connect());
  const [busy, second, third, fourth, fifth] = clients as [RawClient, RawClient, RawClient, RawClient, RawClient];
  await busy.send(get());
  await eventually(() => waiting.length === 1);
  reconfigure({ maxConnections: 3 });
  assert.equal(await second.closedByServer(), 'end');
  assert.equal(await third.closedByServer(), 'end');
  assert.deepEqual([metric('connections'), metric('connections_evicted')], [3, 2]);
  reconfigure({ maxConnections: 1 });
  assert.equal(await fourth.closedByServer(), 'end');
  assert.equal(await fifth.closedByServer(), 'end');
  answer('done')(waiting[0] as Exchange);
  assert.equal((await busy.readResponse()).text, 'done');
  assert.equal(metric('connections'), 1);
});

test('listener reconfigured: with another scope of metrics it counts there, connections that are open too', async (t) => {
  const { connect, metric, reconfigure } = await start(t, {});
  const client = await connect();
  await askOn(client);
  reconfigure({ metrics: new MetricsScope() });
  assert.deepEqual([metric('connections'), metric('sent_bytes'), metric('received_bytes')], [1, 0, 0]);
  await askOn(client);
  assert.equal(metric('received_bytes'), get().length);
  assert.ok(metric('sent_bytes') > 0);
  client.close();
  await eventually(() => metric('closes') === 1);
  assert.equal(metric('connections'), 0);
});

test('listener reconfigured: options of sockets hold for new connections', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const { connect, reconfigure } = await start(t, {});
  const before = await connect();
  assert.equal(isProbed(before), false);
  reconfigure({ keepAlive: true });
  assert.equal(isProbed(await connect()), true);
  assert.equal(isProbed(before), false);
});

/** Whether the kernel has a keep-alive timer for the server's end of this connection. */
function isProbed(client: RawClient): boolean {
  const [local, remote] = [client.socket.remotePort, client.socket.localPort].map(
    (port) => `:${(port ?? 0).toString(16).toUpperCase().padStart(4, '0')}`,
  ) as [string, string];
  const lines = readFileSync('/proc/self/net/tcp', 'latin1').split('\n');
  const columns = lines.map((line) => line.trim().split(/\s+/));
  const own = columns.find(([, from, to]) => from?.endsWith(local) && to?.endsWith(remote));
  assert.ok(own);
  return own[5]?.startsWith('02:') === true;
}
