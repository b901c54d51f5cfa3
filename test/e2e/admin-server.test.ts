import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { AdminSource } from '../../src/admin/handler.js';
import { makeAdminSecurity } from '../../src/admin/security.js';
import { type AdminLimits, type AdminServer, makeAdminServer } from '../../src/admin/server.js';
import { realClock } from '../../src/base/clock.js';
import { setLogLevel } from '../../src/base/log.js';
import { MetricsScope } from '../../src/base/metrics.js';
import { makePrometheusPage } from '../../src/telemeter/prometheus.js';
import type { TelemeterPage } from '../../src/telemeter/telemeter.js';
import { eventually } from '../support/eventually.js';
import { fakeAdminSource } from '../support/fake-admin-source.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { parseExposition } from '../support/prometheus-exposition.js';
import { exchange, RawClient, type RawResponse } from '../support/raw-client.js';

expectNoOpenHandles();

interface Running {
  readonly server: AdminServer;
  readonly port: number;
  ask(request: string, method?: string): Promise<RawResponse>;
}

async function start(source: Partial<AdminSource> = {}, limits: Partial<AdminLimits> = {}): Promise<Running> {
  const server = makeAdminServer({
    ip: '127.0.0.1',
    port: 0,
    security: makeAdminSecurity({ pathBlacklist: ['/config[.]json'] }),
    source: fakeAdminSource(source),
    clock: realClock,
    limits,
  });
  const { port } = await server.listen();
  const ask = (request: string, method = 'GET') => exchange({ port }, request, { method });
  return { server, port, ask };
}

const get = (path: string, ...fields: string[]): string =>
  `GET ${path} HTTP/1.1\r\n${['Host: 127.0.0.1', ...fields].map((field) => `${field}\r\n`).join('')}\r\n`;

const page = (path: string, render: TelemeterPage['render']): TelemeterPage => ({
  path,
  contentType: 'text/plain',
  description: 'A test.',
  render,
});

describe('admin server', () => {
  let admin: Running;
  let shutdowns = 0;
  before(async () => {
    // Errors are provoked here, and would fill the report.
    setLogLevel('admin', 'OFF');
    admin = await start({
      requestShutdown: () => (shutdowns += 1),
      pages: [
        page('/throws-at-once', () => {
          throw new Error('no page today');
        }),
        page('/throws-first', function* () {
          yield '';
          throw new Error('no first piece');
        }),
        page('/throws-later', function* () {
          yield 'beginning ';
          throw new Error('no second piece');
        }),
        page('/nothing', () => []),
        page('/pieces', () => ['', 'a', '', 'b', '']),
      ],
    });
  });
  after(async () => {
    await admin.server.close();
    setLogLevel('admin', 'INFO');
  });

  test('answers with its length and with headers that keep browsers out', async () => {
    const response = await admin.ask(get('/admin/ping?x=1'));
    assert.deepEqual([response.status, response.text, response.header('content-length')], [200, 'pong', '4']);
    assert.equal(response.header('x-content-type-options'), 'nosniff');
    assert.equal(response.header('cache-control'), 'no-store');
    assert.equal(response.header('x-frame-options'), 'DENY');
    assert.match(response.header('content-security-policy') ?? '', /default-src 'none'/);
    assert.equal(response.header('access-control-allow-origin'), undefined);
  });

  test('answers 404 to an unknown path, a hidden one and one that is only alike', async () => {
    for (const path of ['/nope', '/config.json', '/admin/%70ing', '//admin/ping']) {
      assert.equal((await admin.ask(get(path))).status, 404, path);
    }
  });

  test('reads an absolute-form target', async () => {
    assert.equal((await admin.ask(get('http://127.0.0.1/admin/ping?a=b'))).text, 'pong');
    assert.equal((await admin.ask(get('http://127.0.0.1'))).header('content-type'), 'text/html; charset=utf-8');
  });

  test('answers HEAD with the head of GET alone, whether the page is whole or in pieces', async () => {
    const client = await RawClient.connect({ port: admin.port });
    await client.send('HEAD /admin/ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    const whole = await client.readResponse({ method: 'HEAD' });
    assert.deepEqual([whole.status, whole.header('content-length')], [200, '4']);
    await client.send('HEAD /pieces HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    assert.equal((await client.readResponse({ method: 'HEAD' })).status, 200);
    // A byte of body would be read as the start of this.
    await client.send(get('/admin/ping'));
    assert.equal((await client.readResponse()).text, 'pong');
    client.close();
  });

  test('answers 405 with Allow and without a body', async () => {
    const response = await admin.ask('DELETE /admin/ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    assert.deepEqual([response.status, response.header('allow'), response.text], [405, 'GET, HEAD', '']);
  });

  test('answers pipelined requests in order', async () => {
    const client = await RawClient.connect({ port: admin.port });
    await client.send(get('/pieces') + get('/admin/ping') + get('/nope') + get('/admin/ready'));
    const texts: string[] = [];
    for (let i = 0; i < 4; i++) texts.push((await client.readResponse()).text);
    assert.deepEqual(texts, ['ab', 'pong', 'Not found. /admin lists what there is.\n', 'ready\n']);
    client.close();
  });

  test('sends a page of no pieces as an empty body', async () => {
    const response = await admin.ask(get('/nothing'));
    assert.deepEqual([response.status, response.text, response.header('content-length')], [200, '', '0']);
  });

  for (const path of ['/throws-at-once', '/throws-first']) {
    test(`answers 500 when ${path} does`, async () => {
      const response = await admin.ask(get(path));
      assert.equal(response.status, 500);
      assert.match(response.text, /^Internal error: no (page today|first piece)\n$/);
    });
  }

  test('cuts the connection when a page fails half way, so that it is not taken for whole', async () => {
    await assert.rejects(admin.ask(get('/throws-later')));
    assert.equal((await admin.ask(get('/admin/ping'))).text, 'pong');
  });

  const post = (path: string, body: string, ...fields: string[]): string =>
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${[`Content-Length: ${body.length}`, ...fields].map((f) => `${f}\r\n`).join('')}\r\n${body}`;

  test('hands a body to the page', async () => {
    const body = '{"dtab":"","path":"nope"}';
    const response = await admin.ask(post('/delegator.json', body, 'Content-Type: application/json'), 'POST');
    assert.deepEqual([response.status, response.text], [400, "Invalid path: '/' expected but 'n' found at '[n]ope'"]);
  });

  test('reads a body of 1 MiB and refuses one byte more with 413, then closes', async () => {
    const MIB = 1024 * 1024;
    const largest = await admin.ask(post('/delegator.json', 'x'.repeat(MIB), 'Content-Type: application/json'), 'POST');
    assert.equal(largest.status, 400);
    const tooLarge = await admin.ask(post('/delegator.json', 'x'.repeat(MIB + 1)), 'POST');
    assert.deepEqual([tooLarge.status, tooLarge.header('connection')], [413, 'close']);
    assert.equal(tooLarge.text, 'The body is larger than 1048576 bytes.\n');
  });

  test('refuses a chunked body that grows too large, and closes once it has ended', async () => {
    const client = await RawClient.connect({ port: admin.port });
    await client.send('POST /logging.json HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `40000\r\n${'x'.repeat(0x40000)}\r\n`;
    await client.send(chunk, chunk, chunk, chunk, chunk);
    assert.equal((await client.readResponse()).status, 413);
    await client.send('0\r\n\r\n');
    assert.equal(await client.closedByServer(), 'end');
    client.close();
  });

  test('is not stopped by a page of another site', async () => {
    for (const field of ['Origin: http://evil.example', 'Sec-Fetch-Site: cross-site', 'User-Agent: Mozilla/5.0']) {
      assert.equal((await admin.ask(get('/admin/shutdown', field))).status, 403, field);
      assert.equal((await admin.ask(post('/admin/shutdown', '', field), 'POST')).status, 403, field);
    }
    assert.equal(shutdowns, 0);
    assert.equal((await admin.ask(post('/admin/shutdown', '', 'User-Agent: curl/8'), 'POST')).status, 200);
    assert.equal(shutdowns, 1);
  });

  test('is not read through a name rebound to loopback', async () => {
    const request = 'GET /admin/ping HTTP/1.1\r\nHost: evil.example:9990\r\nUser-Agent: Mozilla/5.0\r\n\r\n';
    assert.equal((await admin.ask(request)).status, 403);
  });

  const malformed: readonly (readonly [what: string, request: string, status: number])[] = [
    [
      'both lengths',
      'POST /admin/ping HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['no Host', 'GET /admin/ping HTTP/1.1\r\n\r\n', 400],
    ['a space before the colon', 'GET /admin/ping HTTP/1.1\r\nHost : a\r\n\r\n', 400],
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['headers over 16 KiB', get('/admin/ping', `X-Long: ${'a'.repeat(17_000)}`), 431],
  ];
  for (const [what, request, status] of malformed) {
    test(`refuses ${what} with ${status} and goes on serving`, async () => {
      assert.equal((await admin.ask(request)).status, status);
      assert.equal((await admin.ask(get('/admin/ping'))).text, 'pong');
    });
  }

  test('survives callers that go away while they send and while they read', async () => {
    const sender = await RawClient.connect({ port: admin.port });
    await sender.send('POST /delegator.json HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
    sender.reset();
    const reader = await RawClient.connect({ port: admin.port });
    await reader.send(get('/pieces'));
    reader.reset();
    assert.equal((await admin.ask(get('/admin/ping'))).text, 'pong');
  });
});

describe('admin server limits', () => {
  const limits = { headersTimeoutMs: 200, requestTimeoutMs: 400, keepAliveTimeoutMs: 300, idleTimeoutMs: 500 };

  const slow: readonly (readonly [what: string, bytes: string])[] = [
    ['never ends its request head', 'GET /admin/ping HTTP/1.1\r\nHost: '],
    ['never ends its body', 'POST /logging.json HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc'],
    ['says nothing', ''],
    ['keeps its connection without a further request', get('/admin/ping')],
  ];
  for (const [who, bytes] of slow) {
    test(`end the connection of a caller that ${who}`, async () => {
      const { server, port } = await start({}, limits);
      const client = await RawClient.connect({ port });
      if (bytes !== '') await client.send(bytes);
      await client.closedByServer();
      client.close();
      await server.close();
    });
  }

  test('end the connection of a caller that does not read its answer, and stop making it', async () => {
    let made = 0;
    let ended = false;
    const pages = [
      page('/endless', function* () {
        try {
          for (;;) {
            made += 1;
            yield 'x'.repeat(256 * 1024);
          }
        } finally {
          ended = true;
        }
      }),
    ];
    const { server, port } = await start({ pages }, limits);
    const client = await RawClient.connect({ port });
    client.pause();
    await client.send(get('/endless'));
    await eventually(() => ended, { timeoutMs: 5000 });
    assert.ok(made < 200, `made ${made} pieces`);
    client.close();
    await server.close();
  });

  test('close connections beyond the largest number', async () => {
    const { server, port, ask } = await start({}, { maxConnections: 2 });
    const held = [await RawClient.connect({ port }), await RawClient.connect({ port })];
    await held[0]?.send(get('/admin/ping'));
    assert.equal((await held[0]?.readResponse())?.status, 200);
    await assert.rejects(ask(get('/admin/ping')));
    for (const client of held) client.close();
    await server.close();
  });
});

describe('admin server life', () => {
  test('listens on a port of its own choosing and says which', async () => {
    const { server, port } = await start();
    assert.ok(port > 0);
    await server.close();
    await assert.rejects(RawClient.connect({ port }));
  });

  test('says what to do when the port is taken', async () => {
    const { server, port } = await start();
    const second = makeAdminServer({
      ip: '127.0.0.1',
      port,
      security: makeAdminSecurity({}),
      source: fakeAdminSource(),
      clock: realClock,
    });
    await assert.rejects(second.listen(), {
      message: `Cannot listen on 127.0.0.1:${port} for admin (EADDRINUSE); another process has that port: stop it, or set admin.port`,
    });
    await second.close();
    await server.close();
  });

  test('serves by other security from the next request on', async () => {
    const { server, ask } = await start();
    assert.equal((await ask(get('/config.json'))).status, 404);
    server.secure(makeAdminSecurity({ pathBlacklist: ['/admin/ping'] }));
    assert.equal((await ask(get('/config.json'))).status, 200);
    assert.equal((await ask(get('/admin/ping'))).status, 404);
    await server.close();
  });

  test('closes idle connections at once, twice without harm, and an answer on its way after its grace', async () => {
    let released = false;
    const pages = [
      page('/slow', function* () {
        yield 'a';
        while (!released) yield '';
        yield 'b';
      }),
    ];
    const { server, port } = await start({ pages });
    const idle = await RawClient.connect({ port });
    await idle.send(get('/admin/ping'));
    await idle.readResponse();
    const busy = await RawClient.connect({ port });
    await busy.send(get('/slow'));
    const answer = busy.readResponse();
    const closing = server.close();
    assert.equal(await idle.closedByServer(), 'end');
    released = true;
    assert.equal((await answer).text, 'ab');
    busy.close();
    await closing;
    await server.close();
    idle.close();
  });

  test('does not wait for an answer that never ends', async () => {
    const pages = [
      page('/endless', function* () {
        for (;;) yield '';
      }),
    ];
    const { server, port } = await start({ pages }, { closeGraceMs: 50 });
    const client = await RawClient.connect({ port });
    await client.send(get('/endless'));
    await server.close();
    await client.closedByServer();
    client.close();
  });
});

describe('a scrape of 2,000 scopes', () => {
  test('is one valid page, and other work goes on meanwhile', async () => {
    const metrics = new MetricsScope();
    for (let i = 0; i < 2000; i++) {
      const scope = metrics.scope('rt', 'http', 'client', `#/io.l5d.fs/web-${i}`);
      for (const name of ['requests', 'success', 'failures', 'connects', 'closes']) scope.counter(name).inc();
      for (const name of ['request_latency_ms', 'connect_latency_ms']) scope.stat(name).add(i % 97);
    }
    metrics.roll();
    const path = '/admin/metrics/prometheus';
    const { server, ask } = await start({ metrics, pages: [makePrometheusPage(metrics, path, '')] });
    let turns = 0;
    let scraping = true;
    const countTurns = (): void => {
      turns += 1;
      if (scraping) setImmediate(countTurns);
    };
    countTurns();
    const response = await ask(get(path));
    scraping = false;
    assert.equal(response.header('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(parseExposition(response.text).length, 2000 * (5 + 2 * 11));
    assert.ok(turns > 80, `${turns} turns of the event loop`);
    await server.close();
  });
});
