// Upstreams that speak HTTP/2 in raw frames: connections, their ends and limits, and upstreams that break the rules.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ACK, DATA, GOAWAY, PING, RST_STREAM, SETTINGS } from '../../src/wire/h2/frames.js';
import { MAX_CONCURRENT_STREAMS } from '../../src/wire/h2/settings.js';
import { eventually } from '../support/eventually.js';
import type { TestGateway } from '../support/gateway.js';
import { H2Upstream, type H2UpstreamOptions } from '../support/h2-upstream.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawResponse } from '../support/raw-client.js';
import { get, post, Scene } from '../support/scene.js';

expectNoOpenHandles();

interface H2Scene {
  readonly scene: Scene;
  readonly clock: ManualClock;
  readonly upstream: H2Upstream;
  readonly gateway: TestGateway;
  /** One request on a connection of its own. */
  ask(request?: string): Promise<RawResponse>;
  /** A metric of the client. */
  client(...name: string[]): number;
}

interface Keys extends H2UpstreamOptions {
  /** More keys of the client. */
  readonly client?: string;
  /** Time stands still but for what the test says. */
  readonly manual?: boolean;
}

async function start(t: TestContext, { client = '', manual = false, ...options }: Keys = {}): Promise<H2Scene> {
  const upstream = await H2Upstream.start(t, options);
  const scene = new Scene(t);
  const clock = new ManualClock();
  const gateway = await scene.gateway(
    `
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0}]
  client: {protocol: h2c${client}}`,
    manual ? { clock } : {},
  );
  return {
    scene,
    clock,
    upstream,
    gateway,
    ask: (request = get()) => scene.ask(gateway, request),
    client: (...name) => gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${upstream.port}`, ...name),
  };
}

/** Time goes on, bit by bit, until `condition` holds. */
async function advanceUntil(clock: ManualClock, stepMs: number, condition: () => boolean): Promise<void> {
  await eventually(() => {
    if (condition()) return true;
    clock.advance(stepMs);
    return false;
  });
}

const ONE_STREAM = [[MAX_CONCURRENT_STREAMS, 1]] as const;

test('h2 upstream gets a request in fields of HTTP/2, without what is of one hop, and its answer comes back', async (t) => {
  const { upstream, ask, client } = await start(t);
  const answer = ask(
    get('/a?b=c', 'X-Case: Kept', 'Connection: x-gone', 'X-Gone: 1', 'TE: trailers', 'Cookie: a=1; b=2'),
  );
  const connection = await upstream.connection(0);
  const { id, head } = await connection.nextRequest();
  assert.equal(head[':method'], 'GET');
  assert.equal(head[':scheme'], 'http');
  assert.equal(head[':path'], '/a?b=c');
  assert.equal(head[':authority'], 'web');
  assert.equal(head['x-case'], 'Kept');
  assert.equal(head.te, 'trailers');
  assert.equal(head.cookie, 'a=1; b=2');
  assert.equal(head.via, '1.1 linkerd');
  assert.equal(head['l5d-dst-service'], '/svc/web');
  for (const name of ['host', 'connection', 'x-gone', 'transfer-encoding']) assert.equal(head[name], undefined, name);
  connection.respond(id, 'hello', [':status', '200', 'x-from', 'up', 'content-length', '5']);
  const { status, reason, text, header } = await answer;
  assert.deepEqual([status, reason, text], [200, 'OK', 'hello']);
  assert.equal(header('x-from'), 'up');
  assert.equal(header('via'), '2 linkerd');
  assert.equal(client('connects'), 1);
  assert.equal(client('requests'), 1);
});

test('h2 upstream takes the requests of all callers over one connection', async (t) => {
  const { upstream, ask, client } = await start(t);
  const answers = Array.from({ length: 20 }, (_, i) => ask(get(`/${i}`)));
  const connection = await upstream.connection(0);
  const ids: number[] = [];
  for (let i = 0; i < 20; i += 1) ids.push((await connection.nextRequest()).id);
  assert.equal(client('h2', 'streams'), 20);
  for (const id of ids.reverse()) connection.respond(id, `${id}`);
  const texts = (await Promise.all(answers)).map(({ text }) => Number(text));
  assert.deepEqual(
    texts.sort((a, b) => a - b),
    ids.sort((a, b) => a - b),
  );
  assert.equal(upstream.connections.length, 1);
  assert.equal(client('h2', 'streams'), 0);
  assert.equal(client('connections'), 1);
});

test('h2 upstream that allows one stream gets a connection for each request under way', async (t) => {
  const { upstream, ask, client } = await start(t, { settings: ONE_STREAM });
  const answers = [ask(), ask(), ask()];
  const ids: number[] = [];
  for (let i = 0; i < 3; i += 1) ids.push((await (await upstream.connection(i)).nextRequest()).id);
  ids.forEach((id, i) => {
    upstream.connections[i]?.respond(id, 'done');
  });
  for (const answer of answers) assert.equal((await answer).text, 'done');
  assert.equal(client('connections'), 3);
});

test('h2 requests beyond maxSize wait for a stream, and those beyond maxWaiters are refused', async (t) => {
  const { upstream, ask, client } = await start(t, {
    settings: ONE_STREAM,
    client:
      ', hostConnectionPool: {maxSize: 1, maxWaiters: 1}, requeueBudget: {percentCanRetry: 0, minRetriesPerSec: 0}',
  });
  const first = ask();
  const connection = await upstream.connection(0);
  const { id } = await connection.nextRequest();
  const second = ask();
  await eventually(() => client('pool_waiters') === 1);
  const refused = await ask();
  assert.equal(refused.status, 503);
  assert.match(refused.text, /as many requests as they take, and 1 requests wait/);
  connection.respond(id, 'one');
  assert.equal((await first).text, 'one');
  connection.respond((await connection.nextRequest()).id, 'two');
  assert.equal((await second).text, 'two');
  assert.equal(upstream.connections.length, 1);
  assert.equal(client('pool_num_waited'), 1);
  assert.equal(client('pool_num_too_many_waiters'), 1);
});

test('h2 request that waits is forgotten when its caller goes', async (t) => {
  const { scene, gateway, upstream, ask, client } = await start(t, {
    settings: ONE_STREAM,
    client: ', hostConnectionPool: {maxSize: 1}',
  });
  const first = ask();
  const connection = await upstream.connection(0);
  const { id } = await connection.nextRequest();
  const caller = await scene.client(gateway);
  await caller.send(get());
  await eventually(() => client('pool_waiters') === 1);
  caller.close();
  await eventually(() => client('pool_waiters') === 0);
  connection.respond(id, 'one');
  assert.equal((await first).text, 'one');
});

test('h2 GOAWAY lets requests under way end, sends others again, and the next ones go over a new connection', async (t) => {
  const { upstream, ask, client } = await start(t);
  const answers = ['/1', '/2', '/3'].map((path) => ask(post('x').replace('POST /', `POST ${path}`)));
  const old = await upstream.connection(0);
  const requests = [await old.nextRequest(), await old.nextRequest(), await old.nextRequest()];
  const kept = requests[0]?.id as number;
  old.goAway(kept, 'NO_ERROR', 'restarting');
  const fresh = await upstream.connection(1);
  for (let i = 0; i < 2; i += 1) {
    const { id } = await fresh.nextRequest();
    fresh.respond(id, 'again');
  }
  old.respond(kept, 'kept');
  const texts = (await Promise.all(answers)).map(({ text }) => text);
  assert.deepEqual(texts.sort(), ['again', 'again', 'kept']);
  await eventually(() => !old.isOpen);
  const later = ask();
  fresh.respond((await fresh.nextRequest()).id, 'later');
  assert.equal((await later).text, 'later');
  assert.equal(client('h2', 'goaways'), 1);
  assert.equal(client('h2', 'refused_streams'), 2);
  assert.equal(client('failures'), 0);
});

test('h2 GOAWAY under load loses nothing', async (t) => {
  const { upstream, ask, client } = await start(t);
  let goneAway = 0;
  let isOver = false;
  // Each connection serves five requests, and goes away while more of them are on their way.
  const serve = (async () => {
    for (let i = 0; !isOver; i += 1) {
      while (!isOver && !upstream.connections[i]) await new Promise((resolve) => setTimeout(resolve, 1));
      const connection = upstream.connections[i];
      if (!connection) return;
      const served: number[] = [];
      while (!isOver && served.length < 5) {
        const frame = connection.take(1);
        if (frame) served.push(frame.id);
        else await new Promise((resolve) => setTimeout(resolve, 1));
      }
      if (isOver) for (const id of served) connection.respond(id, 'ok');
      connection.goAway(Math.max(0, ...served), 'NO_ERROR');
      goneAway += 1;
      for (const id of served) connection.respond(id, 'ok');
    }
  })();
  const statuses: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(post('x'))));
    for (const { status, text } of answers) statuses.push(text === 'ok' ? status : -1);
  }
  isOver = true;
  await serve;
  assert.deepEqual(statuses, Array(50).fill(200));
  assert.ok(goneAway >= 9, `${goneAway}`);
  assert.equal(client('h2', 'goaways'), goneAway);
});

test('h2 REFUSED_STREAM has the request sent again, whatever its method', async (t) => {
  const { upstream, ask, client } = await start(t);
  const answer = ask(post('again'));
  const connection = await upstream.connection(0);
  connection.reset((await connection.nextRequest()).id, 'REFUSED_STREAM');
  const { id } = await connection.nextRequest();
  await connection.next(DATA, id);
  connection.respond(id, 'taken');
  assert.equal((await answer).text, 'taken');
  assert.equal(client('h2', 'refused_streams'), 1);
  assert.equal(client('retries', 'requeues'), 1);
});

test('h2 reset with another code fails the request, and no other', async (t) => {
  const { upstream, ask } = await start(t);
  const [failing, other] = [ask(get('/a')), ask(get('/b'))];
  const connection = await upstream.connection(0);
  const requests = [await connection.nextRequest(), await connection.nextRequest()];
  for (const { id, head } of requests) {
    if (head[':path'] === '/a') connection.reset(id, 'INTERNAL_ERROR');
    else connection.respond(id, 'well');
  }
  const failed = await failing;
  assert.equal(failed.status, 502);
  assert.match(failed.text, /reset the stream with INTERNAL_ERROR/);
  assert.equal((await other).text, 'well');
  assert.equal(upstream.connections.length, 1);
});

test('h2 connection that closes after it was idle has an idempotent request sent again, and no other', async (t) => {
  const { upstream, ask, client } = await start(t);
  const first = ask();
  const connection = await upstream.connection(0);
  connection.respond((await connection.nextRequest()).id, 'first');
  await first;
  const [second, third] = [ask(), ask(post('x'))];
  await connection.nextRequest();
  await connection.nextRequest();
  connection.socket.destroy();
  const fresh = await upstream.connection(1);
  fresh.respond((await fresh.nextRequest()).id, 'second');
  assert.equal((await second).text, 'second');
  const lost = await third;
  assert.equal(lost.status, 502);
  assert.match(lost.text, /the connection is lost/);
  assert.equal(client('retries', 'requeues'), 1);
});

test('h2 connection that closes within a response resets the caller', async (t) => {
  const { upstream, ask } = await start(t);
  const answer = ask();
  const connection = await upstream.connection(0);
  const { id } = await connection.nextRequest();
  connection.headers(id, [':status', '200']);
  connection.data(id, 'half');
  connection.socket.destroy();
  await assert.rejects(answer);
});

test('h2 caller that goes away has its stream reset, and the connection kept', async (t) => {
  const { scene, gateway, upstream, ask } = await start(t);
  const caller = await scene.client(gateway);
  await caller.send(get());
  const connection = await upstream.connection(0);
  const { id } = await connection.nextRequest();
  caller.close();
  const reset = await connection.next(RST_STREAM, id);
  assert.equal(reset.payload.readUInt32BE(0), 8, 'CANCEL');
  const answer = ask();
  connection.respond((await connection.nextRequest()).id, 'next');
  assert.equal((await answer).text, 'next');
});

test('h2 answer before the end of the request stops its body', async (t) => {
  const { scene, gateway, upstream } = await start(t);
  const caller = await scene.client(gateway);
  await caller.send('POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 100000\r\n\r\nbegin');
  const connection = await upstream.connection(0);
  const { id } = await connection.nextRequest();
  connection.respond(id, 'no', [':status', '413']);
  assert.equal((await caller.readResponse()).status, 413);
  await connection.next(RST_STREAM, id);
});

// ---- connecting ----

test('h2 upstream that never sends its SETTINGS is given up after the connect timeout', async (t) => {
  const { upstream, ask, clock, client } = await start(t, { settings: undefined, manual: true });
  const answer = ask();
  await upstream.connection(0);
  await advanceUntil(clock, 500, () => client('failed_connect_latency_ms') > 0 || client('failures') > 0);
  assert.equal((await answer).status, 502);
  assert.equal(client('connects'), 0);
  assert.equal(client('connections'), 0);
});

test('h2 upstream that allows no stream at all is given up after the connect timeout', async (t) => {
  const { upstream, ask, clock, client } = await start(t, { settings: [[MAX_CONCURRENT_STREAMS, 0]], manual: true });
  const answer = ask();
  await upstream.connection(0);
  await advanceUntil(clock, 500, () => client('failures') > 0);
  assert.equal((await answer).status, 502);
  assert.equal(client('connections'), 0);
});

test('h2 upstream that answers in HTTP/1.1 is refused at once', async (t) => {
  const { upstream, ask, client } = await start(t, { settings: undefined });
  const answer = ask();
  // Further connects are to the same.
  let i = 0;
  let isAnswered = false;
  answer.finally(() => {
    isAnswered = true;
  });
  await eventually(() => {
    const connection = upstream.connections[i];
    if (connection) {
      connection.bytes(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
      i += 1;
    }
    return isAnswered;
  });
  assert.equal((await answer).status, 502);
  assert.ok(i > 0);
  assert.equal(client('connects'), 0);
});

test('h2 upstream that goes away at once is tried again, within the budget, and then given up', async (t) => {
  const { upstream, ask, client } = await start(t);
  const answer = ask();
  let i = 0;
  let isAnswered = false;
  answer.finally(() => {
    isAnswered = true;
  });
  await eventually(() => {
    const connection = upstream.connections[i];
    if (connection) {
      connection.goAway(0, 'NO_ERROR');
      i += 1;
    }
    return isAnswered;
  });
  assert.equal((await answer).status, 502);
  assert.ok(client('h2', 'goaways') <= i);
});

// ---- time ----

test('h2 connection that answers no PING is closed, and its requests fail', async (t) => {
  const { upstream, ask, clock, client } = await start(t, { acknowledges: false, manual: true });
  const answer = ask();
  const connection = await upstream.connection(0);
  connection.frame(SETTINGS, ACK, 0, Buffer.alloc(0));
  await connection.nextRequest();
  await advanceUntil(clock, 1000, () => client('h2', 'pings') === 1);
  await connection.next(PING);
  assert.equal(client('h2', 'ping_timeouts'), 0);
  await advanceUntil(clock, 1000, () => client('h2', 'ping_timeouts') === 1);
  const { status, text } = await answer;
  assert.equal(status, 502);
  assert.match(text, /answered no PING for 10000 ms/);
  assert.equal(client('connections'), 0);
});

test('h2 connection that answers its PINGs lives, however long its response takes', async (t) => {
  const { upstream, ask, clock, client } = await start(t, { manual: true });
  const answer = ask();
  const connection = await upstream.connection(0);
  const { id } = await connection.nextRequest();
  for (let ping = 1; ping <= 2; ping += 1) {
    const before = client('received_bytes');
    await advanceUntil(clock, 1000, () => client('h2', 'pings') === ping);
    await eventually(() => client('received_bytes') > before);
  }
  clock.advance(20_000);
  connection.respond(id, 'at last');
  assert.equal((await answer).text, 'at last');
  assert.equal(client('h2', 'ping_timeouts'), 0);
});

test('h2 connection that is idle for clientSession.idleTimeMs is told GOAWAY and closed', async (t) => {
  const { upstream, ask, clock, client } = await start(t, {
    manual: true,
    client: ', clientSession: {idleTimeMs: 5000}',
  });
  const answer = ask();
  const connection = await upstream.connection(0);
  connection.respond((await connection.nextRequest()).id, 'x');
  await answer;
  await advanceUntil(clock, 1000, () => client('expired', 'idle') === 1);
  await connection.next(GOAWAY);
  await eventually(() => client('connections') === 0);
  assert.equal(client('closes'), 1);
});

test('h2 connection older than clientSession.lifeTimeMs ends what it has and takes no more', async (t) => {
  const { upstream, ask, clock, client } = await start(t, {
    manual: true,
    client: ', clientSession: {lifeTimeMs: 5000}',
  });
  const answer = ask();
  const old = await upstream.connection(0);
  const { id } = await old.nextRequest();
  await advanceUntil(clock, 1000, () => client('expired', 'lifetime') === 1);
  await old.next(GOAWAY);
  const next = ask();
  const fresh = await upstream.connection(1);
  fresh.respond((await fresh.nextRequest()).id, 'new');
  assert.equal((await next).text, 'new');
  old.respond(id, 'old');
  assert.equal((await answer).text, 'old');
  await eventually(() => client('connections') === 1);
});

test('h2 response that does not begin within readTimeoutMs ends its stream alone', async (t) => {
  const { upstream, ask, clock, client } = await start(t, {
    manual: true,
    client: ', socketOptions: {readTimeoutMs: 2000}',
  });
  const answer = ask();
  const connection = await upstream.connection(0);
  const { id } = await connection.nextRequest();
  await advanceUntil(clock, 500, () => client('read_timeout') === 1);
  assert.equal((await answer).status, 503);
  await connection.next(RST_STREAM, id);
  assert.equal(client('connections'), 1);
});

test('h2 upstream that asks for calm gets no new connection for a while', async (t) => {
  const { upstream, ask, clock, client } = await start(t, {
    manual: true,
    client: ', requeueBudget: {percentCanRetry: 0, minRetriesPerSec: 0}',
  });
  const first = ask();
  const connection = await upstream.connection(0);
  const { id } = await connection.nextRequest();
  connection.goAway(id, 'ENHANCE_YOUR_CALM', 'slow down');
  connection.respond(id, 'ok');
  assert.equal((await first).text, 'ok');
  const refused = await ask();
  assert.equal(refused.status, 502);
  assert.equal(upstream.connections.length, 1);
  assert.equal(client('h2', 'calm_asked'), 1);
  clock.advance(1200);
  const later = ask();
  const fresh = await upstream.connection(1);
  fresh.respond((await fresh.nextRequest()).id, 'calm again');
  assert.equal((await later).text, 'calm again');
});

test('h2 request that waits for a stream fails at once when the upstream asks for calm', async (t) => {
  const { upstream, ask, client } = await start(t, {
    manual: true,
    settings: ONE_STREAM,
    client: ', hostConnectionPool: {maxSize: 1}, requeueBudget: {percentCanRetry: 0, minRetriesPerSec: 0}',
  });
  const first = ask();
  const connection = await upstream.connection(0);
  const { id } = await connection.nextRequest();
  const waiting = ask();
  await eventually(() => client('pool_waiters') === 1);
  connection.goAway(id, 'ENHANCE_YOUR_CALM', 'slow down');
  assert.equal((await waiting).status, 502);
  connection.respond(id, 'ok');
  assert.equal((await first).text, 'ok');
  assert.equal(client('pool_waiters'), 0);
  assert.equal(upstream.connections.length, 1);
});

test('h2 upstream that wants fewer PINGs gets new connections at once', async (t) => {
  const { upstream, ask } = await start(t, { manual: true });
  const first = ask();
  const connection = await upstream.connection(0);
  const { id } = await connection.nextRequest();
  connection.goAway(id, 'ENHANCE_YOUR_CALM', 'too_many_pings');
  connection.respond(id, 'ok');
  await first;
  const later = ask();
  const fresh = await upstream.connection(1);
  fresh.respond((await fresh.nextRequest()).id, 'at once');
  assert.equal((await later).text, 'at once');
});

// ---- upstreams that break the rules ----

const MALFORMED: readonly (readonly [what: string, fields: readonly string[]])[] = [
  ['without :status', ['x-a', '1']],
  ['of status 101', [':status', '101']],
  ['of status 700', [':status', '700']],
  ['with a name in capitals', [':status', '200', 'X-A', '1']],
  ['with a connection field', [':status', '200', 'connection', 'close']],
  ['with transfer-encoding', [':status', '200', 'transfer-encoding', 'chunked']],
  ['with a line end in a value', [':status', '200', 'x-a', 'b\r\nset-cookie: c=d']],
  ['with two lengths', [':status', '200', 'content-length', '1', 'content-length', '1']],
  ['with a pseudo-header behind a field', [':status', '200', 'x-a', '1', ':status', '200']],
];

for (const [what, fields] of MALFORMED) {
  test(`h2 response ${what} is a 502, and the connection is kept`, async (t) => {
    const { upstream, ask, client } = await start(t);
    const answer = ask();
    const connection = await upstream.connection(0);
    connection.headers((await connection.nextRequest()).id, fields, { endStream: true });
    const { status, text } = await answer;
    assert.equal(status, 502);
    assert.match(text, /upstream response refused/);
    const next = ask();
    connection.respond((await connection.nextRequest()).id, 'well');
    assert.equal((await next).text, 'well');
    assert.equal(client('connections'), 1);
  });
}

for (const [what, body] of [
  ['more', 'much more'],
  ['less', 'le'],
] as const) {
  test(`h2 response with ${what} body than its content-length never looks complete`, async (t) => {
    const { upstream, ask, client } = await start(t);
    const answer = ask();
    const connection = await upstream.connection(0);
    const { id } = await connection.nextRequest();
    connection.headers(id, [':status', '200', 'content-length', '5']);
    connection.data(id, body, { endStream: true });
    await assert.rejects(answer);
    assert.equal(client('h2', 'stream_errors', 'PROTOCOL_ERROR'), 1);
  });
}

test('h2 response head that never ends costs its connection', async (t) => {
  const { upstream, ask, client } = await start(t);
  const answer = ask();
  const connection = await upstream.connection(0);
  const { id } = await connection.nextRequest();
  connection.headers(id, Buffer.alloc(0), { endHeaders: false });
  for (let i = 0; i < 100; i += 1) connection.continuation(id, Buffer.alloc(1), false);
  assert.equal((await answer).status, 502);
  await eventually(() => client('connections') === 0);
  assert.equal(client('h2', 'connection_errors', 'ENHANCE_YOUR_CALM'), 1);
});

test('h2 response head that is too large is a 502', async (t) => {
  const { upstream, ask } = await start(t);
  const answer = ask();
  const connection = await upstream.connection(0);
  const { id } = await connection.nextRequest();
  connection.headers(id, [':status', '200', 'x-large', 'a'.repeat(14_000)], { endStream: true });
  const { status, text } = await answer;
  assert.equal(status, 502);
  assert.match(text, /octets/);
});

test('h2 flood of 1xx is cut off', async (t) => {
  const { scene, gateway, upstream } = await start(t);
  const caller = await scene.client(gateway);
  await caller.send(get());
  const connection = await upstream.connection(0);
  const { id } = await connection.nextRequest();
  for (let i = 0; i < 200; i += 1) connection.headers(id, [':status', '103', 'link', `</${i}>`]);
  let hints = 0;
  for (;;) {
    const { status } = await caller.readResponse();
    if (status !== 103) {
      assert.equal(status, 502);
      break;
    }
    hints += 1;
  }
  assert.ok(hints < 200, `${hints}`);
  await connection.next(RST_STREAM, id);
});

test('h2 upgrade for an upstream that does not take extended CONNECT is refused with a 501 that names the key', async (t) => {
  const { upstream, ask } = await start(t);
  const { status, text } = await ask(get('/', 'Connection: Upgrade', 'Upgrade: websocket'));
  assert.equal(status, 501);
  assert.match(text, /an upgrade to websocket is refused: .* want protocol: http1/);
  assert.equal(upstream.connections.length, 1, 'it was asked what it takes');
});
