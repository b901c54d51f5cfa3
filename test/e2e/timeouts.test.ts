import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import type { TestGateway } from '../support/gateway.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { chunk, get, post, request, Scene } from '../support/scene.js';
import { hang, type Upstream, type UpstreamHandler } from '../support/upstream.js';

expectNoOpenHandles();

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
  return { scene, clock, upstream, gateway, client: await scene.client(gateway) };
}

function clientOf(gateway: TestGateway, upstream: Upstream, ...name: string[]): number {
  return gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${upstream.port}`, ...name);
}

for (const [what, keys, message] of [
  [
    'totalTimeoutMs',
    { router: '  service: {totalTimeoutMs: 1500}' },
    'exceeded 1500.milliseconds to /svc/web while waiting for a response',
  ],
  [
    'requestAttemptTimeoutMs',
    { router: '  client: {requestAttemptTimeoutMs: 2000}' },
    /^exceeded 2\.seconds to 127\.0\.0\.1:\d+ while waiting for a response$/,
  ],
  ['timeoutMs of the server', { server: 'timeoutMs: 1000' }, /^exceeded 1\.seconds to the server while waiting/],
] as const) {
  test(`${what}: 503, the upstream is reset, the endpoint blamed, the caller may go on`, async (t) => {
    const { clock, upstream, gateway, client } = await start(t, keys, (arrived) => {
      if (arrived.target === '/fine') arrived.respond(200, 'fine');
    });
    const limitMs = Number(/\d+/.exec(JSON.stringify(keys))?.[0]);
    await client.send(get());
    await upstream.until('the request', () => upstream.requests.length === 1);
    clock.advance(limitMs - 1);
    assert.equal(clientOf(gateway, upstream, 'pending'), 1);
    clock.advance(1);
    const response = await client.readResponse();
    assert.equal(response.status, 503);
    if (typeof message === 'string') assert.equal(response.text, message);
    else assert.match(response.text, message);
    assert.ok(response.header('l5d-err')?.startsWith('exceeded+'));
    await upstream.until('the reset', () => upstream.connections[0]?.reader.ending === 'reset');
    assert.equal(clientOf(gateway, upstream, 'failures', 'request-timed-out'), 1);
    assert.equal(clientOf(gateway, upstream, 'pending'), 0);
    assert.equal(clientOf(gateway, upstream, 'connections'), 0);
    assert.equal(gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'status', '503'), 1);

    await client.send(get('/fine'));
    assert.equal((await client.readResponse()).text, 'fine');
    // No timer outlives its request.
    const { pendingTimers } = clock;
    await client.send(get('/fine'));
    await client.readResponse();
    assert.equal(clock.pendingTimers, pendingTimers);
  });
}

test('timeouts are over with the response head: a slow body is not cut', async (t) => {
  const { clock, upstream, client } = await start(
    t,
    {
      server: 'timeoutMs: 1000',
      router: '  service: {totalTimeoutMs: 1000}\n  client: {requestAttemptTimeoutMs: 1000}',
    },
    ({ connection }) => connection.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nslow'),
  );
  await client.send(get());
  await client.reader.takeThrough('slow');
  clock.advance(60_000);
  upstream.connections[0]?.write('body');
  assert.equal((await client.reader.take(4)).toString(), 'body');
});

test('timeout while the request body is still under way: 503, the rest is dropped, the caller may go on', async (t) => {
  const { clock, upstream, client } = await start(t, { router: '  service: {totalTimeoutMs: 1000}' }, (arrived) => {
    if (arrived.method === 'GET') arrived.respond(200, 'fine');
  });
  await client.send(request('POST /', ['Host: web', 'Transfer-Encoding: chunked'], chunk('one')));
  await upstream.until('the first chunk', () => upstream.connections[0]?.received.includes('one') === true);
  clock.advance(1000);
  assert.equal((await client.readResponse()).status, 503);
  await upstream.until('the reset', () => upstream.connections[0]?.reader.ending === 'reset');
  await client.send(chunk('two') + chunk('') + get());
  assert.equal((await client.readResponse()).text, 'fine');
});

test('timeout ends a request that waits for a connection of the pool', async (t) => {
  const { scene, clock, upstream, gateway, client } = await start(t, {
    router: '  service: {totalTimeoutMs: 1000}\n  client: {hostConnectionPool: {maxSize: 1}}',
  });
  await client.send(get('/first'));
  await upstream.until('the first request', () => upstream.requests.length === 1);
  clock.advance(500);
  const second = await scene.client(gateway);
  await second.send(get('/second'));
  await eventually(() => clientOf(gateway, upstream, 'pool_waiters') === 1);
  clock.advance(500);
  assert.equal((await client.readResponse()).status, 503);
  // Its place is taken by the one that waited, which then times out itself.
  await upstream.until('the second request', () => upstream.requests.length === 2);
  clock.advance(500);
  assert.equal((await second.readResponse()).status, 503);
  assert.equal(clientOf(gateway, upstream, 'pool_waiters'), 0);
});

test('five timeouts in a row take the endpoint out', async (t) => {
  const { clock, upstream, gateway, client } = await start(t, { router: '  service: {totalTimeoutMs: 1000}' });
  for (let i = 1; i <= 5; i++) {
    await client.send(get());
    await upstream.until(`request ${i}`, () => upstream.requests.length === i);
    clock.advance(1000);
    assert.equal((await client.readResponse()).status, 503);
  }
  assert.equal(clientOf(gateway, upstream, 'failure_accrual', 'removals'), 1);
  assert.equal(clientOf(gateway, upstream, 'loadbalancer', 'available'), 0);
});

test('bindingTimeoutMs does not count once a name is bound', async (t) => {
  const { clock, upstream, client } = await start(t, { router: '  bindingTimeoutMs: 1000' });
  await client.send(get());
  await upstream.until('the request', () => upstream.requests.length === 1);
  clock.advance(5000);
  upstream.requests[0]?.respond(200, 'late');
  assert.equal((await client.readResponse()).text, 'late');
});

test('head of a request that does not arrive in time is 408', async (t) => {
  const { clock, gateway, client } = await start(t, {});
  await client.send('GET / HTTP/1.1\r\nHost: w');
  const received = (): number => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'received_bytes');
  await eventually(() => received() > 0);
  clock.advance(29_000);
  await client.send('e');
  await eventually(() => received() === 'GET / HTTP/1.1\r\nHost: we'.length);
  clock.advance(2000);
  const response = await client.readResponse();
  assert.equal(response.status, 408);
  assert.equal(await client.closedByServer(), 'end');
});

test('caller that idles between requests is closed after ten minutes, not before', async (t) => {
  const { clock, upstream, client } = await start(t, {}, (arrived) => arrived.respond(200));
  for (let i = 1; i <= 2; i++) {
    await client.send(get());
    await client.readResponse();
    clock.advance(599_000);
  }
  assert.equal(upstream.requests.length, 2);
  clock.advance(2000);
  assert.equal(await client.closedByServer(), 'end');
});

// ---- maxConcurrentRequests ----

test('maxConcurrentRequests: one too many without a body is nacked with 503, without queueing', async (t) => {
  const { scene, upstream, gateway, client } = await start(t, { server: 'maxConcurrentRequests: 1' });
  await client.send(get('/first'));
  await upstream.until('the first request', () => upstream.requests.length === 1);
  const other = await scene.client(gateway);
  for (let i = 1; i <= 2; i++) {
    await other.send(get('/second'));
    const refused = await other.readResponse();
    assert.equal(refused.status, 503);
    assert.equal(refused.header('retry-after'), '0');
    assert.equal(refused.header('finagle-http-nack'), 'true');
    assert.equal(refused.header('l5d-err'), 'over+1+concurrent+requests');
    assert.equal(gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'nacks'), i);
    assert.equal(gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'failures', 'over-capacity'), i);
  }
  upstream.requests[0]?.respond(200, 'one');
  assert.equal((await client.readResponse()).text, 'one');
  await other.send(get('/third'));
  await upstream.until('the next request', () => upstream.requests.length === 2);
  assert.equal(upstream.requests[1]?.target, '/third');
});

test('maxConcurrentRequests: one too many with a body is 502 and may be sent again, but is no nack', async (t) => {
  const { scene, upstream, gateway, client } = await start(t, { server: 'maxConcurrentRequests: 1' });
  await client.send(get('/first'));
  await upstream.until('the first request', () => upstream.requests.length === 1);
  const refused = await scene.ask(gateway, post('body'));
  assert.equal(refused.status, 502);
  assert.equal(refused.header('l5d-retryable'), 'true');
  assert.equal(refused.header('retry-after'), undefined);
  assert.equal(refused.header('finagle-http-nack'), undefined);
  assert.equal(gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'nacks'), 1);
});

// ---- callers that go away ----

for (const how of ['close', 'reset', 'end'] as const) {
  test(`caller that goes away (${how}): the upstream is reset, the endpoint not blamed`, async (t) => {
    const { scene, upstream, gateway } = await start(t, {});
    for (let i = 1; i <= 6; i++) {
      const caller = await scene.client(gateway);
      await caller.send(get());
      await upstream.until(`request ${i}`, () => upstream.requests.length === i);
      caller[how]();
      await upstream.until('the reset', () => upstream.connections[i - 1]?.reader.ending === 'reset');
    }
    assert.equal(clientOf(gateway, upstream, 'failures', 'caller-gone'), 6);
    assert.equal(clientOf(gateway, upstream, 'failure_accrual', 'removals'), 0);
    assert.equal(clientOf(gateway, upstream, 'loadbalancer', 'available'), 1);
    assert.equal(clientOf(gateway, upstream, 'pending'), 0);
    assert.equal(clientOf(gateway, upstream, 'loadbalancer', 'load'), 0);
    // The one that the test holds besides.
    assert.equal(gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'connections'), 1);
  });
}

test('caller that goes away within a response body: the upstream is reset', async (t) => {
  const { scene, upstream, gateway } = await start(t, {}, ({ connection }) =>
    connection.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart'),
  );
  const caller = await scene.client(gateway);
  await caller.send(get());
  await caller.reader.takeThrough('part');
  caller.close();
  await upstream.until('the reset', () => upstream.connections[0]?.reader.ending === 'reset');
  assert.equal(clientOf(gateway, upstream, 'loadbalancer', 'load'), 0);
});

test('caller that goes away within its request body: the upstream is reset', async (t) => {
  const { scene, upstream, gateway } = await start(t, {});
  const caller = await scene.client(gateway);
  await caller.send(request('POST /', ['Host: web', 'Content-Length: 1000'], 'part'));
  await upstream.until('the part', () => upstream.connections[0]?.received.includes('part') === true);
  caller.end();
  await upstream.until('the reset', () => upstream.connections[0]?.reader.ending === 'reset');
});
