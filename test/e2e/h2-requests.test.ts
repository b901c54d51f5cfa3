import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ACK, HEADERS, RST_STREAM, SETTINGS } from '../../src/wire/h2/frames.js';
import { eventually } from '../support/eventually.js';
import { answerOf } from '../support/h2-caller.js';
import { startH2Gateway } from '../support/h2-gateway.js';
import { GET } from '../support/h2-peer.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { get } from '../support/scene.js';
import { fixed, hang } from '../support/upstream.js';

expectNoOpenHandles();

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** Header lines of an echoed request, but for those that the gateway adds itself. */
function echoed(text: string): string[] {
  const head = text.slice(0, text.indexOf('\r\n\r\n'));
  return head.split('\r\n').filter((line) => !line.startsWith('l5d-'));
}

// ---- which protocol ----

test('listener without h2 refuses the preface as a version that it does not speak', async (t) => {
  const { raw, gateway, scene } = await startH2Gateway(t, fixed(200, 'ok'), { server: 'h2: false' });
  const peer = await raw();
  await peer.client.send(PREFACE);
  const response = await peer.client.readResponse();
  assert.equal(response.status, 505);
  assert.equal(await peer.closedByServer(), 'end');
  assert.equal((await scene.ask(gateway, get())).status, 200);
});

test('listener takes no HTTP/2 unless the file says so', async (t) => {
  const { raw } = await startH2Gateway(t, fixed(200, 'ok'), { server: 'label: x' });
  const peer = await raw();
  await peer.client.send(PREFACE);
  assert.equal((await peer.client.readResponse()).status, 505);
});

test('listener with h2 serves HTTP/1.1 and HTTP/2 side by side', async (t) => {
  const { scene, gateway, call, server } = await startH2Gateway(t);
  const client = await scene.client(gateway);
  const caller = await call();
  for (let i = 0; i < 3; i++) {
    await client.send(get(`/one${i}`));
    assert.match((await client.readResponse()).text, new RegExp(`^GET /one${i} HTTP/1.1\r\n`));
    assert.match((await caller.ask({ ':path': `/two${i}` })).text, new RegExp(`^GET /two${i} HTTP/1.1\r\n`));
  }
  assert.equal(server('connects'), 2);
  assert.equal(server('connections'), 2);
  assert.equal(server('h2', 'connects'), 1);
  assert.equal(server('requests'), 6);
});

test('h2 preface is known however it is cut', async (t) => {
  const { raw } = await startH2Gateway(t);
  for (const size of [1, 7, 17, 18, 19, 23]) {
    const peer = await raw(false);
    for (let i = 0; i < PREFACE.length; i += size) await peer.client.send(PREFACE.slice(i, i + size));
    peer.settings([]);
    peer.headers(1, GET, { endStream: true });
    assert.equal((await peer.nextHead(1))[':status'], '200', `in pieces of ${size}`);
  }
});

test('h2 preface is refused on a connection that has begun with something else', async (t) => {
  const { raw } = await startH2Gateway(t);
  const served = await raw();
  await served.client.send(get());
  assert.equal((await served.client.readResponse()).status, 200);
  await served.client.send(PREFACE);
  assert.equal((await served.client.readResponse()).status, 505);

  // Behind the empty line that a server of HTTP/1.1 skips.
  const spaced = await raw();
  await spaced.client.send(`\r\n${PREFACE}`);
  assert.equal((await spaced.client.readResponse()).status, 505);

  // Pipelined: a proxy in front must not be able to hand its connection to one of its callers.
  const pipelined = await raw();
  await pipelined.client.send(get() + PREFACE);
  assert.equal((await pipelined.client.readResponse()).status, 200);
  assert.equal((await pipelined.client.readResponse()).status, 505);
});

test('h2 preface with a header, or with another end, is none', async (t) => {
  const { raw, server } = await startH2Gateway(t);
  const withHeader = await raw();
  await withHeader.client.send('PRI * HTTP/2.0\r\nHost: web\r\n\r\nSM\r\n\r\n');
  assert.equal((await withHeader.client.readResponse()).status, 505);
  const withOther = await raw();
  await withOther.client.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\rx');
  assert.equal((await withOther.nextGoAway()).code, 'PROTOCOL_ERROR');
  assert.equal(await withOther.closedByServer(), 'end');
  assert.equal(server('h2', 'connection_errors', 'PROTOCOL_ERROR'), 1);
});

test('h2 connection tells what it takes', async (t) => {
  const { peer } = await startH2Gateway(t, undefined, { router: '  maxHeadersKB: 16' });
  const { payload, flags } = await (await peer()).next(SETTINGS);
  assert.equal(flags & ACK, 0);
  const settings = new Map<number, number>();
  for (let i = 0; i < payload.length; i += 6) settings.set(payload.readUInt16BE(i), payload.readUInt32BE(i + 2));
  assert.equal(settings.get(3), 128, 'MAX_CONCURRENT_STREAMS');
  assert.equal(settings.get(4), 65_535, 'INITIAL_WINDOW_SIZE');
  assert.equal(settings.get(5), 16_384, 'MAX_FRAME_SIZE');
  assert.equal(settings.get(6), (16 + 4) * 1024, 'MAX_HEADER_LIST_SIZE');
  assert.equal(settings.get(8), 1, 'ENABLE_CONNECT_PROTOCOL');
});

// ---- heads ----

test('h2 GET goes to an upstream of HTTP/1.1 as a request without body', async (t) => {
  const { call } = await startH2Gateway(t);
  const { status, text } = await (await call()).ask({ ':path': '/a%20b?c=d&e', 'x-mine': '1', accept: '*/*' });
  assert.equal(status, 200);
  assert.deepEqual(echoed(text), [
    'GET /a%20b?c=d&e HTTP/1.1',
    'host: web',
    'x-mine: 1',
    'accept: */*',
    'Via: 2 linkerd',
  ]);
});

test('h2 request is named by its :authority, with the port and case of a Host', async (t) => {
  const { call, upstream } = await startH2Gateway(t, fixed(200, 'ok'));
  const caller = await call();
  await caller.ask({ ':authority': 'Shop.Example.com:8080' });
  assert.equal(upstream.requests[0]?.header('host'), 'Shop.Example.com:8080');
  assert.equal(upstream.requests[0]?.header('l5d-dst-service'), '/svc/Shop.Example.com:8080');
});

test('h2 request without :authority is named by its host, and one with both that are equal has one', async (t) => {
  const { peer, upstream } = await startH2Gateway(t, fixed(200, 'ok'));
  const caller = await peer();
  const start = [':method', 'GET', ':scheme', 'http', ':path', '/'];
  caller.headers(1, [...start, 'x-a', 'b', 'host', 'web'], { endStream: true });
  await caller.nextHead(1);
  caller.headers(3, [...start, ':authority', 'web', 'host', 'WEB'], { endStream: true });
  await caller.nextHead(3);
  for (const { fields } of upstream.requests) {
    assert.deepEqual(
      fields.filter(([name]) => name.toLowerCase() === 'host'),
      [['host', 'web']],
    );
  }
  assert.equal(upstream.requests.length, 2);
});

test('h2 request says the length of its body if it is known, is chunked if not, and says 0 for none', async (t) => {
  const { call, upstream } = await startH2Gateway(t);
  const caller = await call();
  const known = await caller.ask({ ':method': 'POST', 'content-length': '5' }, 'hello');
  assert.ok(known.text.endsWith('\r\n\r\nhello'));
  assert.ok(known.text.includes('\r\nContent-Length: 5\r\n'));
  const unknown = await caller.ask({ ':method': 'PUT' }, 'hello');
  assert.ok(unknown.text.endsWith('\r\n\r\nhello'));
  assert.ok(unknown.text.includes('\r\nTransfer-Encoding: chunked\r\n'));
  await caller.ask({ ':method': 'POST' });
  assert.equal(upstream.requests[2]?.header('content-length'), '0');
  await caller.ask({ ':method': 'POST', 'content-length': '0' }, '');
  assert.equal(upstream.requests[3]?.header('content-length'), '0');
  await caller.ask({ ':method': 'DELETE' });
  assert.equal(upstream.requests[4]?.header('content-length'), undefined);
  assert.equal(upstream.requests[4]?.header('transfer-encoding'), undefined);
});

test('h2 crumbs of a cookie are one line again', async (t) => {
  const { peer, upstream } = await startH2Gateway(t, fixed(200, 'ok'));
  const caller = await peer();
  caller.headers(1, [...GET, 'cookie', 'a=b', 'x-a', '1', 'cookie', 'c=d', 'cookie', 'e=f'], { endStream: true });
  await caller.nextHead(1);
  const cookies = upstream.requests[0]?.fields.filter(([name]) => name === 'cookie');
  assert.deepEqual(cookies, [['cookie', 'a=b; c=d; e=f']]);
});

test('h2 request fields of one hop do not pass', async (t) => {
  const { peer, upstream } = await startH2Gateway(t, fixed(200, 'ok'));
  const caller = await peer();
  const hop = ['te', 'trailers', 'trailer', 'x-late', 'proxy-authorization', 'Basic x', 'http2-settings', 'AAMAAABk'];
  caller.headers(1, [...GET, ...hop, 'x-a', '1'], { endStream: true });
  assert.equal((await caller.nextHead(1))[':status'], '200');
  const names = upstream.requests[0]?.fields.map(([name]) => name.toLowerCase()) ?? [];
  assert.deepEqual(
    names.filter((name) => !name.startsWith('l5d-')),
    ['host', 'x-a', 'via'],
  );
});

test('h2 response has fields in lower case and none of the hop to the upstream', async (t) => {
  const { call } = await startH2Gateway(
    t,
    fixed(200, 'ok', [
      ['X-Upper', 'Yes'],
      ['Connection', 'x-listed'],
      ['X-Listed', '1'],
      ['Keep-Alive', 'timeout=5'],
      ['Proxy-Authenticate', 'Basic'],
      ['Set-Cookie', 'a=b'],
      ['Set-Cookie', 'c=d'],
      ['Via', '1.1 other'],
    ]),
  );
  const { headers, text } = await (await call()).ask();
  assert.equal(text, 'ok');
  assert.equal(headers['x-upper'], 'Yes');
  assert.equal(headers['content-length'], '2');
  assert.equal(headers.via, '1.1 other, 1.1 linkerd');
  assert.deepEqual(headers['set-cookie'], ['a=b', 'c=d']);
  for (const name of ['connection', 'x-listed', 'keep-alive', 'proxy-authenticate', 'transfer-encoding'])
    assert.equal(headers[name], undefined, name);
});

test('h2 response to HEAD, and one of 204 or 304, ends with its head and keeps its length', async (t) => {
  const { call } = await startH2Gateway(t, (request) => {
    if (request.method === 'HEAD') request.connection.write('HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n');
    else if (request.target === '/204') request.connection.write('HTTP/1.1 204 No Content\r\n\r\n');
    else request.connection.write('HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n');
  });
  const caller = await call();
  const head = await caller.ask({ ':method': 'HEAD' });
  assert.deepEqual([head.status, head.headers['content-length'], head.text], [200, '1234', '']);
  const empty = await caller.ask({ ':path': '/204' });
  assert.deepEqual([empty.status, empty.headers['content-length'], empty.text], [204, undefined, '']);
  const same = await caller.ask({ ':path': '/304' });
  assert.deepEqual([same.status, same.headers['content-length'], same.text], [304, '77', '']);
});

test('h2 answer of the gateway to HEAD has no body', async (t) => {
  const { call } = await startH2Gateway(t, hang, { router: '  maxInitialLineKB: 1' });
  const caller = await call();
  const long = { ':path': `/${'x'.repeat(1024)}` };
  const get = await caller.ask(long);
  assert.equal(get.status, 414);
  assert.ok(get.text.length > 0);
  const head = await caller.ask({ ':method': 'HEAD', ...long });
  assert.equal(head.status, 414);
  assert.equal(head.text, '');
  assert.equal(head.headers['content-length'], get.headers['content-length']);
});

test('h2 request that no name fits is answered as one of HTTP/1.1 is', async (t) => {
  const { call, server } = await startH2Gateway(t, undefined, { router: '  dstPrefix: /other' });
  const { status, headers } = await (await call()).ask();
  assert.equal(status, 502);
  assert.match(String(headers['l5d-err']), /^Unable\+to\+route/);
  assert.equal(server('status', '502'), 1);
});

test('h2 deadline, dtab and clearContext work as with HTTP/1.1', async (t) => {
  const { call, upstream } = await startH2Gateway(t, fixed(200, 'ok'), { server: 'h2: true, clearContext: true' });
  const caller = await call();
  const answer = await caller.ask({ 'l5d-dtab': '/svc/web => /$/nil', 'l5d-sample': '1.0' });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['l5d-success-class'], undefined);
  assert.equal(upstream.requests[0]?.header('l5d-dtab'), undefined);

  const other = await startH2Gateway(t, fixed(200, 'ok'));
  assert.equal((await (await other.call()).ask({ 'l5d-dtab': '/svc/web => /$/nil' })).status, 502);
  assert.equal((await (await other.call()).ask({ 'l5d-dtab': '/svc/web => ///' })).status, 400);
});

test('h2 caller is forwarded with its address and scheme', async (t) => {
  const { call, upstream } = await startH2Gateway(t, fixed(200, 'ok'), {
    server: 'h2: true, addForwardedHeader: {by: {kind: static, label: gate}, for: {kind: ip}}',
  });
  await (await call()).ask();
  assert.equal(upstream.requests[0]?.header('forwarded'), 'by=_gate;for=127.0.0.1;host=web;proto=http');
});

test('h2 trailers of an answer of HTTP/1.1 come last, but for those that must not be trailers', async (t) => {
  const { call } = await startH2Gateway(t, (request) => {
    request.connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n');
    request.connection.write('5\r\nhello\r\n0\r\nX-Sum: abc\r\nVia: evil\r\nConnection: close\r\n\r\n');
  });
  const { text, trailers, headers } = await (await call()).ask();
  assert.equal(text, 'hello');
  assert.equal(headers.trailer, undefined);
  assert.deepEqual(Object.entries(trailers), [['x-sum', 'abc']]);
});

test('h2 trailers of a request go on behind its chunked body, but for those that must not be trailers', async (t) => {
  const { peer, upstream } = await startH2Gateway(t);
  const caller = await peer();
  caller.headers(1, [...GET.with(1, 'POST'), 'trailer', 'x-sum']);
  caller.data(1, 'hello');
  caller.headers(1, ['x-sum', 'abc', 'host', 'evil', 'l5d-dtab', '/a=>/b', 'content-length', '5', 'cookie', 'a=b'], {
    endStream: true,
  });
  assert.equal((await caller.nextHead(1))[':status'], '200');
  const { bytes, trailers } = (await upstream.requests[0]?.body()) ?? assert.fail();
  assert.equal(bytes.toString(), 'hello');
  assert.deepEqual(trailers, [['x-sum', 'abc']]);
});

test('h2 caller gets 103 and 100 before the answer', async (t) => {
  const { call } = await startH2Gateway(t, async (request) => {
    request.connection.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n');
    if (request.header('expect')) request.connection.write('HTTP/1.1 100 Continue\r\n\r\n');
    const { bytes } = await request.body();
    request.respond(200, `got ${bytes.length}`);
  });
  const caller = await call();
  const stream = caller.open({ ':method': 'POST', expect: '100-continue', 'content-length': '4' }, false);
  stream.on('continue', () => stream.end('body'));
  const answer = await answerOf(stream);
  assert.equal(answer.text, 'got 4');
  assert.deepEqual(answer.interim, [103, 100]);
});

test('h2 request that expects anything but 100-continue is refused with 417', async (t) => {
  const { peer, server } = await startH2Gateway(t);
  const caller = await peer();
  caller.headers(1, [...GET, 'expect', 'the-unexpected'], { endStream: true });
  assert.equal((await caller.nextHead(1))[':status'], '417');
  assert.equal(server('refused', 'expectation-failed'), 1);
});

test('h2 CONNECT is refused with 405 and its stream closed', async (t) => {
  const { peer, server } = await startH2Gateway(t);
  const caller = await peer();
  caller.headers(1, [':method', 'CONNECT', ':authority', 'db:5432']);
  const head = await caller.nextHead(1);
  assert.equal(head[':status'], '405');
  assert.match(String(head.allow), /GET/);
  assert.equal(await caller.nextReset(1), 'NO_ERROR');
  assert.equal(server('refused', 'method-refused'), 1);
});

test('h2 OPTIONS of the server as a whole passes', async (t) => {
  const { call, upstream } = await startH2Gateway(t, fixed(200, 'ok'));
  assert.equal((await (await call()).ask({ ':method': 'OPTIONS', ':path': '*' })).status, 200);
  assert.equal(upstream.requests[0]?.target, '*');
});

test('h2 request is in the access log as HTTP/2.0', async (t) => {
  const { scene } = await startH2Gateway(t);
  const path = `${scene.directory()}/access.log`;
  const logged = await startH2Gateway(t, fixed(200, 'hello'), { router: `  httpAccessLog: ${path}` });
  await (await logged.call()).ask({ ':path': '/a', referer: 'r', 'user-agent': 'ua' });
  await logged.gateway.close();
  assert.match(readFileSync(path, 'latin1'), /^web 127\.0\.0\.1 - - \[.*\] "GET \/a HTTP\/2\.0" 200 5 "r" "ua"\n$/);
});

// ---- many at once ----

test('h2 connection serves 100 streams at a time, each with its own answer', async (t) => {
  const { call, upstream, server } = await startH2Gateway(t, async (request) => {
    const { bytes } = await request.body();
    await upstream.until('all', () => upstream.requests.length === 100);
    request.respond(200, `${request.target} ${bytes}`);
  });
  const caller = await call();
  const asked = Array.from({ length: 100 }, (_, i) => caller.ask({ ':method': 'POST', ':path': `/${i}` }, `body${i}`));
  await upstream.until('100 requests', () => upstream.requests.length === 100);
  assert.equal(server('streams'), 100);
  const answers = await Promise.all(asked);
  assert.deepEqual(
    answers.map(({ text }) => text),
    Array.from({ length: 100 }, (_, i) => `/${i} body${i}`),
  );
  await eventually(() => server('streams') === 0);
});

test('h2 streams beyond 128 are refused, to be sent again, and harm no other', async (t) => {
  const { peer, upstream } = await startH2Gateway(t, hang);
  const caller = await peer();
  for (let i = 0; i < 129; i++) caller.headers(2 * i + 1, GET, { endStream: true });
  assert.equal(await caller.nextReset(257), 'REFUSED_STREAM');
  await upstream.until('128 requests', () => upstream.requests.length === 128);
  upstream.requests[0]?.respond(200, 'ok');
  await caller.next(HEADERS);
  assert.equal(caller.take(RST_STREAM), undefined);
  caller.headers(259, GET, { endStream: true });
  await upstream.until('one more', () => upstream.requests.length === 129);
});

test('h2 requests over maxConcurrentRequests are refused as with HTTP/1.1', async (t) => {
  const { call, upstream, server } = await startH2Gateway(t, hang, { server: 'h2: true, maxConcurrentRequests: 1' });
  const caller = await call();
  const first = caller.ask();
  await upstream.until('the first', () => upstream.requests.length === 1);
  const { status, headers } = await caller.ask();
  assert.equal(status, 503);
  assert.equal(headers['retry-after'], '0');
  assert.equal(server('nacks'), 1);
  upstream.requests[0]?.respond(200, 'ok');
  assert.equal((await first).status, 200);
});
