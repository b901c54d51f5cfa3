import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { addrBound, makeAddress } from '../../src/base/addr.js';
import { FakeNamer } from '../support/fake-namer.js';
import { kindsWith } from '../support/fake-namer-kind.js';
import { routerTo } from '../support/gateway.js';
import { allValues } from '../support/http-reader.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { get, post, request, Scene } from '../support/scene.js';
import { fixed, type UpstreamHandler } from '../support/upstream.js';

expectNoOpenHandles();

async function start(t: TestContext, serverKeys = '', handler?: UpstreamHandler) {
  const scene = new Scene(t);
  const upstream = await scene.upstream(handler);
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  label: edge
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0, ${serverKeys}}]`);
  const ask = (text: string) => scene.ask(gateway, text);
  /** The request that the upstream got last. */
  const arrived = () => upstream.requests.at(-1) ?? assert.fail('no request arrived');
  return { scene, upstream, gateway, ask, arrived };
}

test('request headers keep their order, case and repeats', async (t) => {
  const { ask, arrived } = await start(t);
  await ask(get('/', 'X-One: 1', 'x-TWO:  2 ', 'X-One: 3', 'Empty:', 'Latin: \xe9'));
  const kept = arrived().fields.slice(0, 6);
  assert.deepEqual(kept, [
    ['Host', 'web'],
    ['X-One', '1'],
    ['x-TWO', '2'],
    ['X-One', '3'],
    ['Empty', ''],
    ['Latin', '\xe9'],
  ]);
});

test('response headers keep their order, case and repeats', async (t) => {
  const { ask } = await start(
    t,
    '',
    fixed(200, '', [
      ['Set-Cookie', 'a=1'],
      ['X-Case', 'Kept'],
      ['Set-Cookie', 'b=2'],
    ]),
  );
  const { fields } = await ask(get());
  assert.deepEqual(fields.slice(0, 3), [
    ['Set-Cookie', 'a=1'],
    ['X-Case', 'Kept'],
    ['Set-Cookie', 'b=2'],
  ]);
});

test('hop-by-hop headers end here, on the way in', async (t) => {
  const { ask, arrived } = await start(t);
  await ask(
    get(
      '/',
      'Connection: keep-alive, X-Listed',
      'X-Listed: secret',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic eA==',
      'Proxy-Authenticate: Basic',
      'TE: trailers',
      'Trailer: X-End',
      'X-Stays: here',
    ),
  );
  const names = arrived().fields.map(([name]) => name.toLowerCase());
  assert.ok(names.includes('x-stays'));
  for (const name of [
    'connection',
    'x-listed',
    'keep-alive',
    'proxy-connection',
    'proxy-authorization',
    'proxy-authenticate',
    'te',
    'trailer',
    'upgrade',
  ]) {
    assert.ok(!names.includes(name), name);
  }
});

test('hop-by-hop headers end here, on the way out', async (t) => {
  const { ask } = await start(
    t,
    '',
    fixed(200, 'x', [
      ['Connection', 'keep-alive, X-Listed'],
      ['X-Listed', 'secret'],
      ['Keep-Alive', 'timeout=5'],
      ['Proxy-Authenticate', 'Basic'],
      ['Trailer', 'X-End'],
      ['X-Stays', 'here'],
    ]),
  );
  const { fields } = await ask(get());
  const names = fields.map(([name]) => name.toLowerCase());
  assert.ok(names.includes('x-stays'));
  for (const name of ['connection', 'x-listed', 'keep-alive', 'proxy-authenticate', 'trailer']) {
    assert.ok(!names.includes(name), name);
  }
});

test('Connection that lists an end-to-end header is refused, so that nobody can strip what a proxy added', async (t) => {
  const { ask, upstream } = await start(t);
  for (const name of ['Host', 'Authorization', 'X-Forwarded-For', 'l5d-ctx-dtab']) {
    assert.equal((await ask(get('/', `Connection: close, ${name}`))).status, 400, name);
  }
  assert.equal(upstream.requests.length, 0);
});

test('Via is appended to request and response, several lines joined', async (t) => {
  const { ask, arrived } = await start(t, '', fixed(200, '', [['Via', '1.0 inner']]));
  const response = await ask(get('/', 'Via: 1.1 a', 'Via: 1.0 b, 1.1 c'));
  assert.deepEqual(allValues(arrived().fields, 'via'), ['1.1 a, 1.0 b, 1.1 c, 1.1 linkerd']);
  assert.deepEqual(allValues(response.fields, 'via'), ['1.0 inner, 1.1 linkerd']);
  await ask(request('GET / HTTP/1.0', ['Host: web']));
  assert.deepEqual(allValues(arrived().fields, 'via'), ['1.0 linkerd']);
});

test('l5d headers tell the upstream where it stands, and the caller whether it went well', async (t) => {
  const { ask, arrived, upstream } = await start(t, '', (request) =>
    request.respond(request.target === '/bad' ? 500 : 200),
  );
  const good = await ask(get());
  assert.equal(arrived().header('l5d-dst-service'), '/svc/web');
  assert.equal(arrived().header('l5d-dst-client'), `/$/inet/127.0.0.1/${upstream.port}`);
  assert.equal(arrived().header('l5d-dst-residual'), undefined);
  assert.equal(arrived().header('l5d-ctx-dtab'), undefined);
  assert.match(arrived().header('l5d-reqid') ?? '', /^[0-9a-f]{16}$/);
  const trace = Buffer.from(arrived().header('l5d-ctx-trace') ?? '', 'base64');
  assert.equal(trace.length, 32);
  assert.equal(good.header('l5d-success-class'), '1.0');
  assert.equal((await ask(get('/bad'))).header('l5d-success-class'), '0.0');
});

test('trace of the caller goes on: same trace, its span as parent, a span of our own', async (t) => {
  const { ask, arrived } = await start(t);
  const ids = Buffer.from('0102030405060708' + '1112131415161718' + '2122232425262728' + '0000000000000006', 'hex');
  await ask(get('/', `l5d-ctx-trace: ${ids.toString('base64')}`, 'l5d-sample: 0.5'));
  const sent = Buffer.from(arrived().header('l5d-ctx-trace') ?? '', 'base64');
  assert.equal(sent.subarray(8, 16).toString('hex'), '0102030405060708');
  assert.equal(sent.subarray(16, 24).toString('hex'), '2122232425262728');
  assert.notEqual(sent.subarray(0, 8).toString('hex'), '0102030405060708');
  assert.equal(arrived().header('l5d-reqid'), '2122232425262728');
});

test('deadlines are combined to the strictest and passed on', async (t) => {
  const { ask, arrived } = await start(t);
  await ask(get('/', 'l5d-ctx-deadline: 100 9000', 'l5d-ctx-deadline: 200 8000', 'l5d-ctx-deadline: nonsense'));
  assert.deepEqual(allValues(arrived().fields, 'l5d-ctx-deadline'), ['200 8000']);
});

test('l5d-sample is read and removed; dtab-local and unknown l5d headers pass', async (t) => {
  const { ask, arrived } = await start(t);
  await ask(get('/', 'l5d-sample: 1.0', 'dtab-local: /a => /b', 'l5d-ctx-mine: kept'));
  assert.equal(arrived().header('l5d-sample'), undefined);
  assert.equal(arrived().header('dtab-local'), '/a => /b');
  assert.equal(arrived().header('l5d-ctx-mine'), 'kept');
});

test("caller's own x-forwarded-client-cert never reaches the upstream", async (t) => {
  const { ask, arrived } = await start(t);
  await ask(get('/', 'X-Forwarded-Client-Cert: Hash=forged', 'x-forwarded-client-cert: Hash=twice'));
  assert.equal(arrived().header('x-forwarded-client-cert'), undefined);
});

test('Forwarded is appended as a line of its own, once, before retries', async (t) => {
  const { ask, arrived } = await start(t, 'addForwardedHeader: {by: {kind: ip}, for: {kind: "ip:port"}}');
  await ask(get('/', 'Forwarded: for=_other'));
  const [kept, added, ...more] = allValues(arrived().fields, 'forwarded');
  assert.equal(kept, 'for=_other');
  assert.match(added ?? '', /^by=127\.0\.0\.1;for="127\.0\.0\.1:\d+";host=web$/);
  assert.deepEqual(more, []);
  await ask(request('GET http://web/x', ['Host: web']));
  assert.match(arrived().header('forwarded') ?? '', /;host=web;proto=http$/);
});

test('Forwarded names router and label where asked for, and connections by words that last as long as they', async (t) => {
  const named = await start(t, 'addForwardedHeader: {by: {kind: router}, for: {kind: static, label: edge-1}}');
  await named.ask(get());
  assert.equal(named.arrived().header('forwarded'), 'by=_edge;for=_edge-1;host=web');

  const random = await start(t, 'addForwardedHeader: {by: {kind: connectionRandom}, for: {kind: requestRandom}}');
  const client = await random.scene.client(random.gateway);
  const labels: string[][] = [];
  for (let i = 0; i < 2; i++) {
    await client.send(get());
    await client.readResponse();
    labels.push(/^by=(_\w{6});for=(_\w{6});/.exec(random.arrived().header('forwarded') ?? '')?.slice(1) ?? []);
  }
  await random.ask(get());
  const other = /^by=(_\w{6});/.exec(random.arrived().header('forwarded') ?? '')?.[1];
  assert.equal(labels[0]?.[0], labels[1]?.[0]);
  assert.notEqual(labels[0]?.[1], labels[1]?.[1]);
  assert.notEqual(labels[0]?.[0], other);
});

test('timestampHeader tells when the request came', async (t) => {
  const { ask, arrived } = await start(t, 'timestampHeader: X-Request-Start');
  const before = Date.now();
  await ask(get());
  const stamp = Number(arrived().header('x-request-start'));
  assert.ok(stamp >= before - 1 && stamp <= Date.now() + 1, `${stamp}`);
});

test('no X-Forwarded-* nor Server nor Date is made up', async (t) => {
  const { ask, arrived } = await start(t);
  const response = await ask(get());
  for (const [name] of arrived().fields) assert.doesNotMatch(name, /^x-forwarded/i);
  for (const name of ['server', 'date']) assert.equal(response.header(name), undefined);
});

// ---- authority of the registry ----

test('address with an authority is asked under it, and its redirects name the Host of the caller', async (t) => {
  const scene = new Scene(t);
  const handler: UpstreamHandler = (arrived) =>
    arrived.respond(302, '', [
      ['Location', 'http://web.service.dc1.consul/next?from=web.service.dc1.consul'],
      ['Refresh', '5; url=http://web.service.dc1.consul/'],
      ['Link', '<http://web.service.dc1.consul/>'],
    ]);
  const upstream = await scene.upstream(handler);
  const namer = new FakeNamer('/#/test.fake');
  const { addr } = namer.exists('/web');
  addr.signal.value = addrBound([makeAddress('127.0.0.1', upstream.port, 1, { authority: 'web.service.dc1.consul' })]);
  const gateway = await scene.gateway(
    `
admin: {port: 0}
namers: [{kind: test.fake}]
routers:
- {protocol: http, dtab: /svc => /#/test.fake, servers: [{port: 0}]}`,
    { kinds: kindsWith(namer) },
  );
  const client = await scene.client(gateway);
  for (const host of ['web', 'web']) {
    await client.send(request('GET /', [`Host: ${host}`]));
    const response = await client.readResponse();
    assert.equal(upstream.requests.at(-1)?.header('host'), 'web.service.dc1.consul');
    assert.equal(response.header('location'), 'http://web/next?from=web');
    assert.equal(response.header('refresh'), '5; url=http://web/');
    assert.equal(response.header('link'), '<http://web.service.dc1.consul/>');
  }
});

test('without an authority Location and Refresh are left alone', async (t) => {
  const { ask, arrived } = await start(t, '', fixed(302, '', [['Location', 'http://elsewhere/']]));
  assert.equal((await ask(get())).header('location'), 'http://elsewhere/');
  assert.equal(arrived().header('host'), 'web');
});

// ---- clearContext ----

test('clearContext: what the caller says in l5d headers is neither obeyed nor passed on', async (t) => {
  const { ask, arrived, scene } = await start(t, 'clearContext: true');
  const other = await scene.upstream();
  const trace = Buffer.alloc(32, 7).toString('base64');
  await ask(
    get(
      '/',
      `l5d-dtab: /svc/web => /$/inet/127.0.0.1/${other.port}`,
      `L5d-Ctx-Dtab: /svc/web => /$/inet/127.0.0.1/${other.port}`,
      'l5d-ctx-deadline: 100 200',
      `l5d-ctx-trace: ${trace}`,
      'l5d-ctx-mine: x',
      'L5D-anything: x',
      'l5d-dtab: not even a dtab',
      'dtab-local: /kept => /as-is',
    ),
  );
  assert.equal(other.requests.length, 0);
  for (const name of ['l5d-dtab', 'l5d-ctx-dtab', 'l5d-ctx-deadline', 'l5d-ctx-mine', 'l5d-anything']) {
    assert.equal(arrived().header(name), undefined, name);
  }
  assert.notEqual(arrived().header('l5d-ctx-trace'), trace);
  assert.equal(arrived().header('l5d-dst-service'), '/svc/web');
  assert.equal(arrived().header('dtab-local'), '/kept => /as-is');
});

test('clearContext: nothing of l5d goes out to the caller', async (t) => {
  const { ask } = await start(
    t,
    'clearContext: true',
    fixed(200, 'mine', [
      ['l5d-success-class', '1.0'],
      ['L5d-Whatever', 'x'],
      ['x-stays', 'y'],
    ]),
  );
  const response = await ask(get());
  assert.equal(response.text, 'mine');
  assert.equal(response.header('x-stays'), 'y');
  assert.deepEqual(
    response.fields.filter(([name]) => name.toLowerCase().startsWith('l5d-')),
    [],
  );
});

test('clearContext: body and names of errors made here stay inside, the status does not', async (t) => {
  const { scene, upstream } = await start(t);
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/other => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0, clearContext: true, maxCallDepth: 1}]`);
  for (const [text, status] of [
    [get(), 502],
    [get('/', 'Via: 1.1 a, 1.1 b'), 400],
    [get('/', 'Bad Name: x'), 400],
    [request('CONNECT a:1', ['Host: a:1']), 405],
  ] as const) {
    const response = await scene.ask(gateway, text);
    assert.equal(response.status, status);
    assert.equal(response.text, '');
    assert.equal(response.header('content-length'), '0');
    assert.doesNotMatch(response.rawHead, /l5d|svc|content-type/i);
  }
});

test('clearContext: error of another Linkerd upstream loses its body; an error of the service keeps it', async (t) => {
  const { ask, scene, gateway } = await start(t, 'clearContext: true', (arrived) => {
    if (arrived.target === '/theirs') arrived.respond(502, 'names inside', [['l5d-err', 'names+inside']]);
    else if (arrived.target === '/chunked') {
      arrived.connection.write(
        'HTTP/1.1 502 Bad\r\nl5d-err: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nnames\r\n0\r\nX-T: names\r\n\r\n',
      );
    } else arrived.respond(503, 'sorry');
  });
  const theirs = await ask(get('/theirs'));
  assert.deepEqual([theirs.status, theirs.text, theirs.header('content-length')], [502, '', '0']);
  assert.equal((await ask(get('/own'))).text, 'sorry');
  // What was dropped does not run into the next response.
  const client = await scene.client(gateway);
  await client.send(get('/chunked') + get('/own'));
  assert.equal((await client.readResponse()).text, '');
  assert.equal((await client.readResponse()).text, 'sorry');
});

test('request without clearContext keeps the length of its body', async (t) => {
  const { ask, arrived } = await start(t);
  await ask(post('12345'));
  assert.deepEqual(allValues(arrived().fields, 'content-length'), ['5']);
  assert.deepEqual(allValues(arrived().fields, 'transfer-encoding'), []);
});

test('routers share nothing but the process: a second one has its own dtab and metrics', async (t) => {
  const scene = new Scene(t);
  const [one, two] = [await scene.upstream(fixed(200, 'one')), await scene.upstream(fixed(200, 'two'))];
  const gateway = await scene.gateway(
    `${routerTo(one.port)}
- protocol: http
  label: second
  dtab: /svc/* => /$/inet/127.0.0.1/${two.port}
  servers: [{port: 0}]`,
  );
  const [first = 0, second = 0] = gateway.ports;
  assert.equal((await scene.ask({ port: first }, get())).text, 'one');
  assert.equal((await scene.ask({ port: second }, get())).text, 'two');
  assert.equal(gateway.metric('rt', 'http', 'service', 'svc/web', 'requests'), 1);
  assert.equal(gateway.metric('rt', 'second', 'service', 'svc/web', 'requests'), 1);
});
