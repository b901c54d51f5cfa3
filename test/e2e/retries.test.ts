import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { FakeNamer } from '../support/fake-namer.js';
import { kindsWith } from '../support/fake-namer-kind.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawResponse } from '../support/raw-client.js';
import { chunk, request, Scene } from '../support/scene.js';
import { fixed, type UpstreamHandler, type UpstreamRequest } from '../support/upstream.js';

expectNoOpenHandles();

/** A gateway over one service with an endpoint for each handler. */
async function start(t: TestContext, handlers: readonly UpstreamHandler[], service = '', client = '') {
  const scene = new Scene(t);
  const clock = new ManualClock();
  const upstreams = await Promise.all(handlers.map((handler) => scene.upstream(handler)));
  const namer = new FakeNamer('/#/test.fake');
  namer.exists('/web', ...upstreams.map(({ port }) => `127.0.0.1:${port}`));
  const gateway = await scene.gateway(
    `
admin: {port: 0}
namers: [{kind: test.fake}]
routers:
- protocol: http
  dtab: /svc => /#/test.fake
  service: {responseClassifier: {kind: io.l5d.http.retryableIdempotent5XX}${service}}
  client: {failureAccrual: {kind: none}${client}}
  servers: [{port: 0}]`,
    { clock, kinds: kindsWith(namer) },
  );
  const ask = (startLine = 'GET /', fields: string[] = [], body = ''): Promise<RawResponse> =>
    scene.ask(gateway, request(startLine, ['Host: web', ...fields], body));
  const count = (...name: string[]): number => gateway.metric('rt', 'http', 'service', 'svc/web', ...name);
  return { scene, clock, gateway, upstreams, ask, count };
}

const failing = fixed(500, 'no');
const good = fixed(200, 'yes');
/** Fails the first `n` requests. */
function failingFirst(n: number, fail: UpstreamHandler = failing): UpstreamHandler {
  let left = n;
  return (received) => (left-- > 0 ? fail(received) : good(received));
}

describe('retry', () => {
  test('of a retryable failure gets its answer from another endpoint', async (t) => {
    const { ask, upstreams, count } = await start(t, [failing, good]);
    for (let i = 0; i < 20; i++) assert.equal((await ask()).text, 'yes');
    const [bad, other] = upstreams.map(({ requests }) => requests.length);
    assert.equal(other, 20);
    assert.ok((bad as number) > 0);
    assert.equal(count('retries', 'total'), bad);
    assert.deepEqual([count('requests'), count('success'), count('failures')], [20, 20, 0]);
  });

  test('goes to the same endpoint where there is no other', async (t) => {
    const { ask, upstreams } = await start(t, [failingFirst(2)]);
    assert.equal((await ask()).text, 'yes');
    assert.equal(upstreams[0]?.requests.length, 3);
  });

  test('is not made of what the classifier calls final, or of a method that may not be repeated', async (t) => {
    const { ask, upstreams, count } = await start(t, [failingFirst(1)]);
    const response = await ask('POST /', ['Content-Length: 1'], 'x');
    assert.deepEqual([response.status, response.text], [500, 'no']);
    assert.equal(upstreams[0]?.requests.length, 1);
    assert.equal(count('retries', 'total'), 0);
  });

  test('is made of any failure that the upstream calls retryable', async (t) => {
    const { ask } = await start(t, [failingFirst(1, fixed(503, 'no', [['l5d-retryable', 'true']]))]);
    assert.equal((await ask('POST /', ['Content-Length: 1'], 'x')).text, 'yes');
  });

  test('is not made of a success that says it is retryable', async (t) => {
    const { ask, upstreams } = await start(t, [fixed(404, 'gone', [['l5d-retryable', 'true']])]);
    assert.equal((await ask()).text, 'gone');
    assert.equal(upstreams[0]?.requests.length, 1);
  });

  test('sends the body again, from its first byte, with its length or in chunks', async (t) => {
    const bodies: string[] = [];
    const { ask } = await start(t, [
      async (received) => {
        bodies.push((await received.body()).bytes.toString());
        received.respond(bodies.length % 2 === 1 ? 500 : 200, 'x');
      },
    ]);
    assert.equal((await ask('PUT /', ['Content-Length: 10'], '0123456789')).status, 200);
    assert.equal(
      (await ask('PUT /', ['Transfer-Encoding: chunked'], `${chunk('01234')}${chunk('56789')}${chunk('')}`)).status,
      200,
    );
    assert.deepEqual(bodies, ['0123456789', '0123456789', '0123456789', '0123456789']);
  });

  /** A request with a body of `bytes`, with its length or in two chunks. */
  function put(bytes: number, isChunked: boolean): Parameters<Awaited<ReturnType<typeof start>>['ask']> {
    const [some, rest] = ['x'.repeat(Math.ceil(bytes / 2)), 'y'.repeat(Math.floor(bytes / 2))];
    return isChunked
      ? ['PUT /', ['Transfer-Encoding: chunked'], `${chunk(some)}${rest && chunk(rest)}${chunk('')}`]
      : ['PUT /', [`Content-Length: ${bytes}`], some + rest];
  }

  for (const isChunked of [false, true]) {
    const how = isChunked ? 'in chunks' : 'with its length';
    for (const [keptKB, bytes, status] of [
      [1, 1024, 200],
      [1, 1025, 500],
      [64, 65_536, 200],
      [64, 65_537, 500],
      [0, 1, 500],
    ] as const) {
      test(`of a body of ${bytes} bytes ${how} is ${status === 200 ? '' : 'not '}made with retryBufferKB: ${keptKB}`, async (t) => {
        const { ask, upstreams } = await start(t, [failingFirst(1)], `, retryBufferKB: ${keptKB}`);
        assert.equal((await ask(...put(bytes, isChunked))).status, status);
        assert.equal(upstreams[0]?.requests.length, status === 200 ? 2 : 1);
      });
    }
  }

  test('of a request without a body is made whatever retryBufferKB says', async (t) => {
    const { ask } = await start(t, [failingFirst(1)], ', retryBufferKB: 0');
    assert.equal((await ask()).text, 'yes');
    assert.equal((await ask('PUT /', ['Content-Length: 0'])).text, 'yes');
  });

  test('keeps what comes of the body while the failed response is read, and sends it all', async (t) => {
    let failed = false;
    const bodies: string[] = [];
    const { scene, gateway, upstreams } = await start(
      t,
      [
        async (received) => {
          if (failed) {
            bodies.push((await received.body()).bytes.toString());
            received.respond(200, 'yes');
            return;
          }
          failed = true;
          received.connection.write('HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nno');
        },
      ],
      ', retryBufferKB: 1',
    );
    const client = await scene.client(gateway);
    await client.send(request('PUT /', ['Host: web', 'Transfer-Encoding: chunked'], chunk('begin ')));
    await eventually(() => failed);
    const received = (): number => gateway.metric('rt', 'http', 'client', '#/test.fake/web', 'received_bytes');
    await eventually(() => received() > 0);
    // More than is kept: it must wait for the next attempt, and not go to the one that failed.
    await client.send(chunk('a'.repeat(1000)), chunk('b'.repeat(1000)), chunk('c'.repeat(1000)), chunk(''));
    upstreams[0]?.connections[0]?.write('!!');
    assert.equal((await client.readResponse()).text, 'yes');
    assert.deepEqual(bodies, [`begin ${'a'.repeat(1000)}${'b'.repeat(1000)}${'c'.repeat(1000)}`]);
  });

  test('keeps a body of more than the default where retryBufferKB says so', async (t) => {
    const { ask } = await start(t, [failingFirst(1)], ', retryBufferKB: 200');
    assert.equal((await ask('PUT /', [`Content-Length: ${150 * 1024}`], 'x'.repeat(150 * 1024))).status, 200);
  });

  test('is made of a connection that breaks before the response', async (t) => {
    const { ask, count } = await start(t, [failingFirst(1, ({ connection }) => connection.reset())]);
    assert.equal((await ask()).text, 'yes');
    assert.equal(count('retries', 'total'), 1);
  });

  test('is made of an attempt that took too long, whose connection the upstream sees reset', async (t) => {
    let stuck: UpstreamRequest | undefined;
    const { ask, clock, upstreams } = await start(
      t,
      [
        failingFirst(1, (received) => {
          stuck = received;
        }),
      ],
      '',
      ', requestAttemptTimeoutMs: 300',
    );
    const asking = ask();
    await eventually(() => stuck !== undefined);
    clock.advance(299);
    assert.equal(upstreams[0]?.requests.length, 1);
    clock.advance(1);
    assert.equal((await asking).text, 'yes');
    await eventually(() => stuck?.connection.open === false);
  });

  test('is not made once a byte of the response went to the caller', async (t) => {
    const { scene, gateway, upstreams } = await start(t, [
      ({ connection }) => {
        connection.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
        connection.end();
      },
    ]);
    const client = await scene.client(gateway);
    await client.send(request('GET /', ['Host: web']));
    await client.reader.takeThrough('half');
    assert.equal(await client.closedByServer(), 'reset');
    assert.equal(upstreams[0]?.requests.length, 1);
  });

  test('waits as the backoff says', async (t) => {
    const { ask, clock, upstreams } = await start(
      t,
      [failingFirst(1)],
      ', retries: {backoff: {kind: constant, ms: 250}}',
    );
    const asking = ask();
    await eventually(
      () => clock.pendingTimers > 0 && upstreams[0]?.openConnections === 1 && upstreams[0].requests.length === 1,
    );
    await eventually(() => {
      clock.advance(50);
      return upstreams[0]?.requests.length === 2;
    });
    assert.equal((await asking).text, 'yes');
  });

  test('stops when the budget is used up: the caller gets the failure, and the counter tells', async (t) => {
    const { ask, upstreams, count } = await start(
      t,
      [failing],
      ', retries: {budget: {minRetriesPerSec: 0, percentCanRetry: 0.5, ttlSecs: 10}}',
    );
    for (let i = 0; i < 20; i++) assert.equal((await ask()).status, 500);
    assert.equal(count('retries', 'total'), 10);
    assert.equal(upstreams[0]?.requests.length, 30);
    assert.equal(count('retries', 'budget_exhausted'), 20);
    assert.equal(count('failures'), 20);
  });

  test('ends with totalTimeoutMs, however many attempts are left', async (t) => {
    const { ask, clock, upstreams } = await start(
      t,
      [failing],
      ', totalTimeoutMs: 1000, retries: {backoff: {kind: constant, ms: 400}, budget: {minRetriesPerSec: 100}}',
    );
    const asking = ask();
    await eventually(() => {
      clock.advance(20);
      return upstreams[0]?.requests.length === 2;
    });
    clock.advance(1000);
    const response = await asking;
    assert.equal(response.status, 503);
    assert.match(response.text, /exceeded 1\.seconds to \/svc\/web while waiting for a response/);
  });

  test('keeps the connection of a short failed response, and gives up one that does not end', async (t) => {
    const short = await start(t, [failingFirst(3)]);
    assert.equal((await short.ask()).text, 'yes');
    assert.equal(short.upstreams[0]?.connections.length, 1);
    const endless = await start(t, [
      failingFirst(1, ({ connection }) => {
        connection.write(`HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n${chunk('x')}`);
      }),
    ]);
    const asking = endless.ask();
    await eventually(() => endless.upstreams[0]?.requests.length === 1);
    await eventually(() => {
      endless.clock.advance(100);
      return endless.upstreams[0]?.requests.length === 2;
    });
    assert.equal((await asking).text, 'yes');
  });

  test('is not made for a caller that has gone', async (t) => {
    const { scene, gateway, clock, upstreams } = await start(
      t,
      [failing],
      ', retries: {backoff: {kind: constant, ms: 1000}}',
    );
    const client = await scene.client(gateway);
    await client.send(request('GET /', ['Host: web']));
    await upstreams[0]?.until('the first attempt', () => upstreams[0]?.requests.length === 1);
    client.close();
    await eventually(() => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'pending') === 0);
    clock.advance(5000);
    assert.equal(upstreams[0]?.requests.length, 1);
  });
});
