import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { routerTo } from '../support/gateway.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { get, post, request, Scene } from '../support/scene.js';
import { responseBytes, type UpstreamHandler, type UpstreamRequest } from '../support/upstream.js';

expectNoOpenHandles();

/**
 * A gateway and an upstream whose first connection answers one request and then, at the next one, does `betray` before any
 * byte of a response: what a server does that has just closed an idle connection. Later connections answer everything.
 */
async function startBetrayed(t: TestContext, betray: (arrived: UpstreamRequest) => void) {
  const scene = new Scene(t);
  const handler: UpstreamHandler = async (arrived) => {
    const { connection } = arrived;
    if (connection.id === 0 && connection.requests.length > 1) {
      betray(arrived);
      return;
    }
    const { bytes } = await arrived.body();
    arrived.respond(200, arrived.method === 'HEAD' ? '' : `${arrived.method} ${bytes.length}`);
  };
  const upstream = await scene.upstream(handler);
  const gateway = await scene.gateway(routerTo(upstream.port));
  const client = await scene.client(gateway);
  const ask = async (text: string) => {
    await client.send(text);
    return client.readResponse({ method: text.slice(0, text.indexOf(' ')) });
  };
  assert.equal((await ask(get())).status, 200);
  const metric = (...name: string[]): number =>
    gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${upstream.port}`, ...name);
  return { upstream, ask, metric };
}

const hangUp = ({ connection }: UpstreamRequest): void => connection.end();
const reset = ({ connection }: UpstreamRequest): void => connection.reset();

for (const [how, betray] of [
  ['closes', hangUp],
  ['resets', reset],
] as const) {
  test(`reused connection that ${how} before it answers: GET is sent again on another`, async (t) => {
    const { upstream, ask, metric } = await startBetrayed(t, betray);
    const response = await ask(get('/again'));
    assert.deepEqual([response.status, response.text], [200, 'GET 0']);
    assert.deepEqual(
      upstream.requests.map(({ target, connection }) => `${connection.id} ${target}`),
      ['0 /', '0 /again', '1 /again'],
    );
    assert.equal(metric('retries', 'requeues'), 1);
    assert.deepEqual([metric('requests'), metric('success'), metric('failures')], [2, 2, 0]);
    // The headers are those of one hop, not of two.
    assert.equal(upstream.requests[2]?.rawHead, upstream.requests[1]?.rawHead);
  });
}

for (const method of ['HEAD', 'OPTIONS', 'DELETE', 'TRACE']) {
  test(`reused connection that closes: ${method} is sent again`, async (t) => {
    const { ask, upstream } = await startBetrayed(t, hangUp);
    assert.equal((await ask(request(`${method} /`, ['Host: web']))).status, 200);
    assert.equal(upstream.requests[2]?.method, method);
  });
}

test('reused connection that closes: PUT with a short body is sent again, whole', async (t) => {
  const { ask, upstream } = await startBetrayed(t, async (arrived) => {
    await arrived.body();
    arrived.connection.end();
  });
  const body = 'x'.repeat(60 * 1024);
  const response = await ask(request('PUT /', ['Host: web', `Content-Length: ${body.length}`], body));
  assert.deepEqual([response.status, response.text], [200, `PUT ${body.length}`]);
  assert.equal((await upstream.requests[2]?.body())?.bytes.toString(), body);
});

test('reused connection that closes: POST is not sent again, and the caller may go on', async (t) => {
  const { ask, upstream, metric } = await startBetrayed(t, hangUp);
  const response = await ask(post('order'));
  assert.equal(response.status, 502);
  assert.match(response.text, /^127\.0\.0\.1:\d+ closed the connection before its response was complete/);
  assert.equal(response.header('l5d-retryable'), undefined);
  assert.equal(metric('retries', 'requeues'), 0);
  assert.equal(metric('failures', 'upstream-reset'), 1);
  assert.equal((await ask(get())).status, 200);
  assert.equal(upstream.requests.length, 3);
});

test('reused connection that closes: a body of more than 64 KiB is not sent again, and the caller may go on', async (t) => {
  const { ask, metric } = await startBetrayed(t, async (arrived) => {
    await arrived.body();
    arrived.connection.end();
  });
  const body = 'x'.repeat(64 * 1024 + 1);
  const response = await ask(request('PUT /', ['Host: web', `Content-Length: ${body.length}`], body));
  assert.equal(response.status, 502);
  assert.equal(metric('retries', 'requeues'), 0);
  assert.equal((await ask(get())).status, 200);
});

test('reused connection that closes within its response head: nothing is sent again', async (t) => {
  const { ask, upstream } = await startBetrayed(t, ({ connection }) => {
    connection.write('HTTP/1.1 2');
    connection.end();
  });
  assert.equal((await ask(get())).status, 502);
  assert.equal(upstream.requests.length, 2);
  assert.equal((await ask(get())).status, 200);
});

test('new connection that closes before it answers: nothing is sent again', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(hangUp);
  const gateway = await scene.gateway(routerTo(upstream.port));
  assert.equal((await scene.ask(gateway, get())).status, 502);
  assert.equal(upstream.requests.length, 1);
});

test('idle connection that the upstream closes is taken out of the pool at once', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream();
  const gateway = await scene.gateway(routerTo(upstream.port));
  const client = await scene.client(gateway);
  await client.send(get());
  await client.readResponse();
  upstream.connections[0]?.end();
  await upstream.until('the gateway to close its half', () => upstream.openConnections === 0);
  await client.send(post('not idempotent'));
  assert.equal((await client.readResponse()).status, 200);
  assert.equal(upstream.connections.length, 2);
});

test('bytes after a complete response are never the answer to the next request', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream((arrived) => {
    const lie = arrived.connection.id === 0 ? responseBytes(200, 'poison') : '';
    arrived.connection.write(responseBytes(200, arrived.target) + lie);
  });
  const gateway = await scene.gateway(routerTo(upstream.port, '  client: {hostConnectionPool: {maxSize: 1}}'));
  const [first, second] = [await scene.client(gateway), await scene.client(gateway)];
  // The second request waits for the only connection, and so gets it the moment the first response ends.
  await first.send(get('/first'));
  await second.send(get('/second'));
  assert.equal((await first.readResponse()).text, '/first');
  assert.equal((await second.readResponse()).text, '/second');
  await first.send(get('/third'));
  assert.equal((await first.readResponse()).text, '/third');
  assert.deepEqual(
    upstream.requests.map(({ target, connection }) => `${connection.id} ${target}`),
    ['0 /first', '1 /second', '1 /third'],
  );
});

test('pool of one connection serves those who wait in order and refuses those too many', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(() => {});
  const gateway = await scene.gateway(
    routerTo(
      upstream.port,
      `  client:
    hostConnectionPool: {maxSize: 1, maxWaiters: 1}
    requeueBudget: {minRetriesPerSec: 0, percentCanRetry: 0}`,
    ),
  );
  const metric = (name: string): number =>
    gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${upstream.port}`, name);
  const [first, second, third] = [
    await scene.client(gateway),
    await scene.client(gateway),
    await scene.client(gateway),
  ];
  await first.send(get('/first'));
  await upstream.until('the first request', () => upstream.requests.length === 1);
  await second.send(get('/second'));
  await third.send(get('/third'));
  const refused = await third.readResponse();
  assert.equal(refused.status, 503);
  assert.match(refused.text, /^all 1 connections to 127\.0\.0\.1:\d+ are busy and 1 requests wait$/);
  assert.equal(refused.header('l5d-retryable'), 'true');
  assert.deepEqual([metric('pool_waiters'), metric('pool_num_waited'), metric('pool_num_too_many_waiters')], [1, 1, 1]);

  upstream.requests[0]?.respond(200, 'one');
  assert.equal((await first.readResponse()).text, 'one');
  await upstream.until('the second request', () => upstream.requests.length === 2);
  upstream.requests[1]?.respond(200, 'two');
  assert.equal((await second.readResponse()).text, 'two');
  assert.equal(upstream.connections.length, 1);
  assert.equal(metric('pool_waiters'), 0);
});

test('caller that leaves the queue of the pool is never sent upstream', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(() => {});
  const gateway = await scene.gateway(routerTo(upstream.port, '  client: {hostConnectionPool: {maxSize: 1}}'));
  const waiters = (): number =>
    gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${upstream.port}`, 'pool_waiters');
  const [first, gone, third] = [await scene.client(gateway), await scene.client(gateway), await scene.client(gateway)];
  await first.send(get('/first'));
  await upstream.until('the first request', () => upstream.requests.length === 1);
  await gone.send(get('/gone'));
  await third.send(get('/third'));
  assert.equal(waiters(), 2);
  gone.close();
  await eventually(() => waiters() === 1);
  upstream.requests[0]?.respond(200);
  await first.readResponse();
  await upstream.until('the third request', () => upstream.requests.length === 2);
  assert.equal(upstream.requests[1]?.target, '/third');
  upstream.requests[1]?.respond(200);
  assert.equal((await third.readResponse()).status, 200);
});

test('idle upstream connections are closed after idleTimeMs', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream();
  const gateway = await scene.gateway(routerTo(upstream.port, '  client: {hostConnectionPool: {idleTimeMs: 40}}'));
  await scene.ask(gateway, get());
  await upstream.until('the idle connection to be closed', () => upstream.openConnections === 0);
  assert.equal((await scene.ask(gateway, get())).status, 200);
  assert.equal(upstream.connections.length, 2);
});
