import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { signal } from '@preact/signals-core';
import type { PublishedHost } from '../../src/naming/publication.js';
import { captureLog } from '../support/captured-log.js';
import { eventually } from '../support/eventually.js';
import { FakeNamer } from '../support/fake-namer.js';
import { kindsWith } from '../support/fake-namer-kind.js';
import { H2Caller } from '../support/h2-caller.js';
import { allValues } from '../support/http-reader.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { exchange, RawClient } from '../support/raw-client.js';
import { RawH2 } from '../support/raw-h2.js';
import { request, Scene } from '../support/scene.js';
import { type TestCertificate, TestCertificates } from '../support/test-certificates.js';
import { echo, fixed, type UpstreamHandler } from '../support/upstream.js';

expectNoOpenHandles();

const certificates = new TestCertificates();

interface ExposureKeys {
  readonly server?: string;
  readonly router?: string;
  readonly handler?: UpstreamHandler;
}

/** One dtab, a service for callers inside and one for all; both listeners. */
async function start(t: TestContext, { server = '', router = '', handler = echo }: ExposureKeys = {}) {
  const log = captureLog(t);
  const scene = new Scene(t);
  const inside = await scene.upstream(fixed(200, 'inside'));
  const outside = await scene.upstream(handler);
  const published = signal<readonly PublishedHost[]>([]);
  const namer = Object.assign(new FakeNamer('/#/test.fake'), { published });
  const config = (more: string): string => `
admin: {port: 0}
namers: [{kind: test.fake}]
routers:
- protocol: http
  label: edge
  dtab: |
    /svc/admin.example.com => /$/inet/127.0.0.1/${inside.port};
    /svc/shop.example.com => /$/inet/127.0.0.1/${inside.port};
    /ext/shop.example.com => /$/inet/127.0.0.1/${outside.port};
    /ext/live.example.com => /$/inet/127.0.0.1/${outside.port};
    /ext/meta.example.com => /$/inet/169.254.169.254/80;
    /ext/mapped.example.com => /$/inet/64:ff9b::a9fe:a9fe/80;
  servers:
  - {port: 0}
  - {port: 0, h2: true, exposure: external, externalHosts: [${HOSTS}]${more}}
${router}`;
  const gateway = await scene.gateway(config(server), { kinds: kindsWith(namer) });
  const [internal = 0, external = 0] = gateway.ports;
  const ask = (text: string) => scene.ask({ port: external }, text);
  return {
    scene,
    log,
    gateway,
    inside,
    outside,
    published,
    internal: { port: internal },
    external: { port: external },
    ask,
    /** The external listener's answer to a GET with these lines beside its Host. */
    get: (host: string, target = '/', ...fields: string[]) =>
      ask(request(`GET ${target}`, [`Host: ${host}`, ...fields])),
    reload: (more: string) => gateway.reload(config(more)),
    metric: (...name: string[]) => gateway.metric('rt', 'edge', 'server', '127.0.0.1/0', ...name),
    /** The request that the outside service got last. */
    arrived: () => outside.requests.at(-1) ?? assert.fail('no request arrived'),
  };
}

const HOSTS = 'shop.example.com, nowhere.example.com, meta.example.com, mapped.example.com, "*.wild.example.com"';

test('external listener takes published hosts alone, in any spelling, and names them under its own prefix', async (t) => {
  const { get, scene, internal, inside, ask } = await start(t);
  for (const host of ['shop.example.com', 'SHOP.Example.COM', 'shop.example.com.', 'shop.example.com:4140']) {
    const response = await get(host);
    assert.equal(response.status, 200, host);
    assert.match(response.text, /^GET \/ HTTP\/1\.1\r\nHost: shop\.example\.com(:4140)?\r\n/, host);
  }
  assert.equal((await ask(request('GET http://shop.example.com/', ['Host: shop.example.com']))).status, 200);
  assert.equal(inside.requests.length, 0);
  const response = await scene.ask(internal, request('GET /', ['Host: shop.example.com']));
  assert.equal(response.text, 'inside');
});

/** Of the external listener, to a request that is written just so, and what it does with the connection. */
async function bytesOf(t: TestContext, port: number, text: string): Promise<string> {
  const client = await RawClient.connect({ port });
  t.after(() => client.close());
  const second = request('GET /second', ['Host: shop.example.com']);
  await client.send(text + second);
  const first = await client.readResponse();
  const next = await client.readResponse();
  assert.equal(next.status, 200, 'the connection goes on');
  return first.rawHead + first.text;
}

test('external listener answers 404 with the same bytes, whatever it is that is not there for callers outside', async (t) => {
  const { external, inside, metric, outside } = await start(t);
  const expected = 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n';
  const requests = {
    unknown: request('GET /', ['Host: unknown.example.com']),
    internal: request('GET /', ['Host: admin.example.com']),
    'internal in another case': request('GET /', ['Host: ADMIN.example.com:80']),
    'without a dentry': request('GET /', ['Host: nowhere.example.com']),
    'of a wildcard, without a dentry': request('GET /', ['Host: a.wild.example.com']),
    'two labels for one star': request('GET /', ['Host: a.b.wild.example.com']),
    'the star itself': request('GET /', ['Host: *.wild.example.com']),
    empty: request('GET /', ['Host:']),
    'an IP address': request('GET /', ['Host: 127.0.0.1']),
    'an IPv6 address': request('GET /', ['Host: [::1]:80']),
    'absolute form': request('GET http://admin.example.com/', ['Host: admin.example.com']),
    'malformed path of an internal host': request('GET /%00/../..', ['Host: admin.example.com']),
    'malformed path of an unknown host': request('GET /%00/../..', ['Host: unknown.example.com']),
    'a dtab override': request('GET /', ['Host: admin.example.com', 'l5d-dtab: /ext => /svc']),
    'of a method': request('POST /', ['Host: admin.example.com', 'Content-Length: 2'], 'ab'),
  };
  for (const [what, text] of Object.entries(requests)) {
    assert.equal(await bytesOf(t, external.port, text), expected, what);
  }
  const count = Object.keys(requests).length;
  assert.equal(metric('refused', 'not-found'), count);
  assert.equal(inside.requests.length, 0);
  assert.equal(outside.requests.length, count, 'the second requests');
});

test('external listener answers HTTP/2 and gRPC alike for what is unknown, internal or without a dentry', async (t) => {
  const { external } = await start(t);
  const peer = await RawH2.connect(t, external.port);
  peer.begin();
  let id = -1;
  const answers = async (...more: string[]) => {
    const heads: Record<string, string>[] = [];
    for (const host of ['unknown.example.com', 'admin.example.com', 'nowhere.example.com', 'shop.example.com.x']) {
      id += 2;
      peer.headers(id, [':method', 'GET', ':scheme', 'https', ':path', '/', ':authority', host, ...more], {
        endStream: true,
      });
      heads.push(await peer.nextHead(id));
    }
    return heads;
  };
  const plain = { ':status': '404', 'content-length': '0' };
  assert.deepEqual(await answers(), [plain, plain, plain, plain]);
  const grpc = await answers('content-type', 'application/grpc');
  for (const head of grpc) assert.deepEqual(head, grpc[0]);
  assert.equal(grpc[0]?.['grpc-status'], '12');
  assert.equal(grpc[0]?.['grpc-message'], undefined);
});

test('external listener refuses TRACE and CONNECT, for every host alike', async (t) => {
  const { ask, outside } = await start(t);
  for (const host of ['shop.example.com', 'admin.example.com', 'unknown.example.com']) {
    for (const line of ['TRACE /', 'TRACK /', `CONNECT ${host}:443`]) {
      const response = await ask(request(line, [`Host: ${host}`]));
      assert.equal(response.status, 405, `${line} ${host}`);
      assert.equal(response.header('allow'), 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
      assert.equal(response.text, '');
    }
  }
  assert.equal(outside.requests.length, 0);
});

test('external listener lets neither context in nor out, whatever clearContext says', async (t) => {
  const handler = fixed(503, 'of /#/secret', [
    ['l5d-err', 'at 10.0.0.1'],
    ['l5d-success-class', '0.0'],
  ]);
  const { get, arrived } = await start(t, { handler, server: ', clearContext: false' });
  const response = await get(
    'shop.example.com',
    '/',
    'l5d-dtab: /ext => /svc',
    'L5D-CTX-Dtab: /ext => /svc',
    'l5d-x: 1',
  );
  assert.equal(response.status, 503);
  assert.equal(response.text, '');
  assert.deepEqual(
    response.fields.filter(([name]) => /^l5d/i.test(name)),
    [],
  );
  assert.deepEqual(
    ['l5d-dtab', 'l5d-ctx-dtab', 'l5d-x'].map((name) => arrived().header(name)),
    [undefined, undefined, undefined],
  );
});

test('external listener takes the context out of heads that come before the response', async (t) => {
  const { external, scene } = await start(t, {
    handler: (request) => {
      request.connection.write('HTTP/1.1 103 Early Hints\r\nl5d-x: 1\r\nLink: </a>\r\n\r\n');
      request.respond(200, 'ok');
    },
  });
  const client = await scene.client(external);
  await client.send(request('GET /', ['Host: shop.example.com']));
  assert.equal((await client.readResponse()).rawHead, 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
  assert.equal((await client.readResponse()).text, 'ok');
});

test('external listener gives errors without names', async (t) => {
  const { get } = await start(t, { router: '  maxErrResponseKB: 1\n' });
  const response = await get('meta.example.com');
  assert.equal(response.rawHead + response.text, 'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n');
});

test('external listener normalises paths before they are matched, and upstream', async (t) => {
  const { get, arrived } = await start(t, { server: ', encodedSlashes: keep' });
  for (const [target, normal] of [
    ['/a/../b?q=/../%2e', '/b?q=/../%2e'],
    ['//a//./b/%2E%2e/c/', '/a/c/'],
    ['/a/..;x/%7eb/%c3%a9', '/~b/%C3%A9'],
    ['/a%2fb', '/a%2Fb'],
  ] as const) {
    assert.equal((await get('shop.example.com', target)).status, 200, target);
    assert.equal(arrived().target, normal);
  }
  for (const target of ['/..', '/a/%2e%2e/..', '/%00', '/%zz', '/a%2f../b', '/%c0%ae%c0%ae/']) {
    const response = await get('shop.example.com', target);
    assert.equal(response.rawHead + response.text, 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n', target);
  }
});

test('external listener writes the forwarding fields anew', async (t) => {
  const { get, arrived } = await start(t, { server: ', addForwardedHeader: {by: {kind: router}, for: {kind: ip}}' });
  await get(
    'Shop.Example.com:99',
    '/',
    ...['X-Forwarded-For: 10.1.1.1', 'x-forwarded-for: 10.2.2.2', 'X_Forwarded_For: 10.3.3.3', 'X-Real-IP: 10.4.4.4'],
    ...['Forwarded: for=10.5.5.5', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: admin', 'X-Forwarded-Port: 1'],
    ...['X-Request-Id: mine', 'X-Original-URL: /admin', 'X-Other: kept'],
  );
  const fields = arrived().fields.filter(([name]) => /^(x[-_]|forwarded)/i.test(name));
  const id = arrived().header('x-request-id') ?? '';
  assert.match(id, /^[0-9a-f]{32}$/);
  assert.deepEqual(fields, [
    ['X-Other', 'kept'],
    ['X-Forwarded-For', '127.0.0.1'],
    ['X-Forwarded-Proto', 'http'],
    ['X-Forwarded-Host', 'Shop.Example.com:99'],
    ['X-Request-Id', id],
    ['Forwarded', 'by=_edge;for=127.0.0.1;host="Shop.Example.com:99";proto=http'],
  ]);
});

test('external listener believes the forwarding fields of trusted proxies, and adds to them', async (t) => {
  const { get, arrived } = await start(t, { server: ', trustedProxies: [127.0.0.0/8]' });
  const stated = [
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: shop.example',
    'X-Request-Id: a-b',
    'Forwarded: for=x',
  ];
  await get('shop.example.com', '/', 'X-Forwarded-For: 198.51.100.7', ...stated);
  const values = (name: string): readonly string[] => allValues(arrived().fields, name);
  assert.deepEqual(values('x-forwarded-for'), ['198.51.100.7, 127.0.0.1']);
  assert.deepEqual(values('x-forwarded-proto'), ['https']);
  assert.deepEqual(values('x-forwarded-host'), ['shop.example']);
  assert.deepEqual(values('x-request-id'), ['a-b']);
  assert.deepEqual(values('forwarded'), ['for=x']);
});

test('external listener never reaches denied addresses, whatever the dtab says', async (t) => {
  const { scene, get, log } = await start(t);
  for (const host of ['meta.example.com', 'mapped.example.com']) assert.equal((await get(host)).status, 502, host);
  const denied = await scene.upstream(fixed(200, 'denied'), { host: '127.0.0.2' });
  const config = (deny: string): string => `
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc => /ext; /ext/* => /$/inet/127.0.0.2/${denied.port}
  servers: [{port: 0}, {port: 0, exposure: external, externalHosts: [web]${deny}}]`;
  const other = await scene.gateway(config(', denyAddresses: [default, 127.0.0.2/32]'));
  const ask = (i: number) => scene.ask({ port: other.ports[i] as number }, request('GET /', ['Host: web']));
  assert.equal((await ask(0)).text, 'denied');
  assert.equal((await ask(1)).status, 502);
  assert.equal(denied.requests.length, 1);
  await other.reload(config(''));
  assert.equal((await ask(1)).text, 'denied');
  const lines = log.filter(({ msg }) => msg.includes('never reached from outside'));
  assert.deepEqual(
    lines.map(({ msg }) => msg.split(':')[0]),
    ['169.254.169.254', '[64', '127.0.0.2'],
  );
});

test('external listener never reaches the admin of its own gateway', async (t) => {
  const scene = new Scene(t);
  const busy = await scene.upstream();
  const { port } = busy;
  await busy.close();
  const gateway = await scene.gateway(`
admin: {port: ${port}}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${port}; /ext/* => /$/inet/127.0.0.1/${port}
  servers: [{port: 0}, {port: 0, exposure: external, externalHosts: [web]}]`);
  const ask = (i: number) => scene.ask({ port: gateway.ports[i] as number }, request('GET /admin/ping', ['Host: web']));
  assert.equal((await ask(0)).text, 'pong');
  assert.equal((await ask(1)).status, 502);
});

test('hosts that a registry publishes can be reached as long as it does, and each is an event', async (t) => {
  const { get, log, published, metric, reload, arrived } = await start(t);
  const events = () => log.flatMap((line) => ('event' in line && 'host' in line ? [`${line.event} ${line.host}`] : []));
  assert.equal(metric('exposed_hosts'), 5);
  const atStart = events().length;
  assert.equal((await get('live.example.com')).status, 404);
  published.value = [{ host: 'live.example.com', by: 'registry a' }];
  assert.equal((await get('live.example.com')).status, 200);
  assert.equal(arrived().header('host'), 'live.example.com');
  assert.equal(metric('exposed_hosts'), 6);
  await reload(', encodedSlashes: keep');
  assert.equal((await get('live.example.com', '/%2f')).status, 200);
  published.value = [];
  assert.equal((await get('live.example.com')).status, 404);
  assert.deepEqual(events().slice(atStart), ['host-exposed live.example.com', 'host-withdrawn live.example.com']);
  assert.deepEqual([metric('hosts_exposed'), metric('hosts_withdrawn')], [6, 1]);
});

test('a registry is asked for what it publishes while an external listener is in service, and not before', async (t) => {
  const scene = new Scene(t);
  const watched: boolean[] = [];
  const published = signal<readonly PublishedHost[]>([], {
    watched: () => watched.push(true),
    unwatched: () => watched.push(false),
  });
  const kinds = kindsWith(Object.assign(new FakeNamer('/#/test.fake'), { published }));
  const config = (server: string): string => `
admin: {port: 0, shutdownGraceMs: 1}
namers: [{kind: test.fake}]
routers: [{protocol: http, servers: [{port: 0${server}}]}]`;
  const gateway = await scene.gateway(config(''), { kinds });
  assert.deepEqual(watched, []);
  await gateway.reload(config(', exposure: external'));
  assert.deepEqual(watched, [true]);
  await gateway.reload(config(', exposure: external, externalHosts: [web]'));
  assert.deepEqual(watched, [true]);
  await gateway.reload(config(''));
  await eventually(() => watched.length === 2 && watched[1] === false);
  assert.equal(gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'exposed_hosts'), 0);
});

test('external listener that redirects to https does so for published hosts alone', async (t) => {
  const { get } = await start(t, { server: ', redirectToHttps: {}' });
  assert.equal((await get('shop.example.com', '/a')).header('location'), 'https://shop.example.com/a');
  for (const host of ['admin.example.com', 'unknown.example.com']) {
    const response = await get(host, '/a');
    assert.equal(response.rawHead, 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
  }
});

test('a reload that publishes a host is an event of its own', async (t) => {
  const log = captureLog(t);
  const scene = new Scene(t);
  const config = (hosts: string): string => `
admin: {port: 0}
routers: [{protocol: http, label: edge, servers: [{port: 0, exposure: external, externalHosts: [${hosts}]}]}]`;
  const gateway = await scene.gateway(config('a.example'));
  const before = log.length;
  await gateway.reload(config('a.example, b.example'));
  assert.deepEqual(
    log.slice(before).flatMap((line) => ('event' in line ? [line.msg] : [])),
    ['b.example can be reached from outside, at 127.0.0.1:0 of edge 0: published by externalHosts'],
  );
});

test('external listener with certificates tells unpublished hosts nothing by 421', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(fixed(200, 'ok'));
  const [shop, other] = await Promise.all([certificates.issue('shop.example'), certificates.issue('*.other.example')]);
  const files = ({ certPath, keyPath }: TestCertificate): string => `{certPath: ${certPath}, keyPath: ${keyPath}}`;
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}; /ext/* => /$/inet/127.0.0.1/${upstream.port}
  servers:
  - port: 0
    exposure: external
    externalHosts: [shop.example, a.other.example]
    tls: {certificates: [${files(shop)}, ${files(other)}]}`);
  const ca = await certificates.caText();
  const ask = async (host: string) => {
    const tls = { ca, servername: 'shop.example' };
    const { status, rawHead } = await exchange({ port: gateway.port, tls }, request('GET /', [`Host: ${host}`]));
    return status === 404 ? rawHead : status;
  };
  const notFound = 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n';
  assert.equal(await ask('shop.example'), 200);
  assert.equal(await ask('a.other.example'), 421, 'it is published, so that much may be told');
  assert.equal(await ask('b.other.example'), notFound);
  assert.equal(await ask('unknown.example'), notFound);
});

test('external listener of an h2 router answers 404 in place of resets, and obeys the same rules', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(echo);
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: h2
  identifier: {kind: io.l5d.header.token, header: x-name}
  dtab: /ext/* => /$/inet/127.0.0.1/${upstream.port}
  client: {protocol: http1}
  servers: [{port: 0, exposure: external, externalHosts: [shop.example]}]`);
  const caller = await H2Caller.connect(t, gateway.port);
  const ask = (authority: string, path: string, more = {}) =>
    caller.ask({ ':authority': authority, ':path': path, ...more });
  const found = await ask('Shop.example:1', '/a/../b', { 'x-name': 'web', 'l5d-dtab': '/ext => /x' });
  assert.equal(found.status, 200);
  assert.match(found.text, /^GET \/b HTTP\/1\.1\r\nhost: shop\.example:1\r\n/);
  assert.doesNotMatch(found.text, /l5d-dtab/);
  const NOT_FOUND = [
    [':status', 404],
    ['content-length', '0'],
  ];
  const unknown = await ask('admin.example', '/');
  const nameless = await ask('shop.example', '/');
  for (const { status, headers, code } of [unknown, nameless]) {
    assert.deepEqual([status, Object.entries(headers), code], [404, NOT_FOUND, 'NO_ERROR']);
  }
  assert.equal((await ask('shop.example', '/..', { 'x-name': 'web' })).status, 400);
  assert.equal((await ask('shop.example', '/', { ':method': 'TRACE' })).status, 405);
});
