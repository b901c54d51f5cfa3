// What identifiers say of requests beside their name: limits, protocols, redirects; and the life of where routes come from.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { GatewayError } from '../../src/base/errors.js';
import { readConfig } from '../../src/cli/read-config.js';
import { Redirect } from '../../src/identifier/identifier.js';
import { eventually } from '../support/eventually.js';
import type { TestGateway } from '../support/gateway.js';
import { answerOf, H2Caller } from '../support/h2-caller.js';
import { H2Upstream } from '../support/h2-upstream.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { type BookEntry, RouteBook } from '../support/route-book.js';
import { chunk, request, Scene } from '../support/scene.js';
import { TestCertificates } from '../support/test-certificates.js';
import { fixed, hang, type Upstream, type UpstreamHandler } from '../support/upstream.js';
import { FakeTerminal } from '../unit/cli/fake-terminal.js';

expectNoOpenHandles();
const certificates = new TestCertificates();

interface RouteScene {
  readonly scene: Scene;
  readonly upstream: Upstream;
  readonly gateway: TestGateway;
}

function configTo(port: number, more = '', words = ''): string {
  return `
admin: {port: 0}
routers:
- protocol: http
  identifier: {kind: test.book, words: "${words}"}
  dtab: /svc/* => /$/inet/127.0.0.1/${port}
  servers: [{port: 0, h2: true}]
${more}`;
}

async function start(
  t: TestContext,
  entries: Readonly<Record<string, BookEntry>>,
  handler: UpstreamHandler = fixed(200, 'ok'),
): Promise<RouteScene> {
  const scene = new Scene(t);
  const upstream = await scene.upstream(handler);
  const gateway = await scene.gateway(configTo(upstream.port), { kinds: new RouteBook(entries).kinds });
  return { scene, upstream, gateway };
}

function get(host: string): string {
  return request('GET /', [`Host: ${host}`]);
}

function chunkedPost(...pieces: readonly string[]): string {
  return request('POST /', ['Host: small', 'Transfer-Encoding: chunked'], pieces.join(''));
}

const SMALL = { small: { policy: { maxBodyBytes: 10 } } };

// ---- bodies ----

test('body over the limit of its route is refused by its stated length, and the connection serves the next request', async (t) => {
  const { scene, upstream, gateway } = await start(t, SMALL);
  const client = await scene.client(gateway);
  await client.send(request('POST /', ['Host: small', 'Content-Length: 11'], '01234567890'), get('small'));
  assert.equal((await client.readResponse()).status, 413);
  assert.equal((await client.readResponse()).text, 'ok');
  assert.deepEqual(
    upstream.requests.map(({ method }) => method),
    ['GET'],
  );
});

test('body over the limit of its route that nobody wants to read closes the connection', async (t) => {
  const { scene, upstream, gateway } = await start(t, SMALL);
  for (const field of ['Content-Length: 100000000', 'Content-Length: 11\r\nExpect: 100-continue']) {
    const client = await scene.client(gateway);
    await client.send(request('POST /', ['Host: small', field]));
    const response = await client.readResponse();
    assert.deepEqual([response.status, response.header('connection')], [413, 'close']);
    assert.equal(await client.closedByServer(), 'end');
  }
  assert.equal(upstream.requests.length, 0);
});

test('chunked body over the limit of its route is counted: 413, its upstream sees a reset, the next request is served', async (t) => {
  const { scene, upstream, gateway } = await start(t, SMALL);
  const client = await scene.client(gateway);
  // What looks like a request is within the body.
  await client.send(chunkedPost(chunk('0123456789')));
  await upstream.until('the first bytes', () => upstream.connections[0]?.received.includes('0123456789') === true);
  await client.send(chunk(get('smuggled')));
  assert.equal((await client.readResponse()).status, 413);
  await upstream.until('a reset', () => upstream.openConnections === 0);
  assert.doesNotMatch(upstream.connections[0]?.received ?? '', /smuggled|\r\n0\r\n/);

  await client.send(chunk('the rest'), chunk(''), get('small'));
  assert.equal((await client.readResponse()).text, 'ok');
  assert.deepEqual(
    upstream.requests.map(({ method }) => method),
    ['POST', 'GET'],
  );
  assert.equal(gateway.metric('rt', 'http', 'service', 'svc/small', 'failures'), 0);
});

test('chunked body over the limit of its route breaks off a response that has begun', async (t) => {
  const { scene, upstream, gateway } = await start(t, SMALL, ({ connection }) => {
    connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    connection.write(chunk('begun'));
  });
  const client = await scene.client(gateway);
  await client.send(chunkedPost(chunk('01234')));
  await client.reader.takeThrough('begun');
  await client.send(chunk('0123456789'));
  assert.equal(await client.closedByServer(), 'reset');
  await upstream.until('a reset', () => upstream.openConnections === 0);
});

test('body over the limit of its route is refused in HTTP/2 too, stated or counted, and other streams go on', async (t) => {
  const { upstream, gateway } = await start(t, SMALL);
  const caller = await H2Caller.connect(t, gateway.port);
  const post = { ':method': 'POST', ':authority': 'small' };
  const stated = await caller.ask({ ...post, 'content-length': '11' }, '01234567890');
  assert.deepEqual([stated.status, upstream.requests.length], [413, 0]);

  const stream = caller.open(post, false);
  const counted = answerOf(stream);
  stream.write('0123456789');
  await upstream.until('the first bytes', () => upstream.connections[0]?.received.includes('0123456789') === true);
  stream.write('x');
  assert.equal((await counted).status, 413);
  await upstream.until('a reset', () => upstream.openConnections === 0);
  assert.equal((await caller.ask({ ':authority': 'small' })).text, 'ok');
});

// ---- time, refusals, redirects ----

test('time limit of a route ends its requests', async (t) => {
  const { scene, upstream, gateway } = await start(t, { slow: { policy: { timeoutMs: 30 } } }, hang);
  const response = await scene.ask(gateway, get('slow'));
  assert.equal(response.status, 503);
  assert.match(response.text, /exceeded 30\.milliseconds to the route to \/svc\/slow/);
  await upstream.until('a reset', () => upstream.openConnections === 0);
});

test('redirect is answered here, in HTTP/1.1 and HTTP/2, and the connection goes on', async (t) => {
  const location = 'https://shop.example.com/a?b';
  const { scene, upstream, gateway } = await start(t, { shop: { answer: new Redirect(308, location) }, web: {} });
  const client = await scene.client(gateway);
  await client.send(get('shop'), get('web'));
  const response = await client.readResponse();
  assert.deepEqual([response.status, response.header('location'), response.text], [308, location, '']);
  assert.equal((await client.readResponse()).text, 'ok');

  const caller = await H2Caller.connect(t, gateway.port);
  const { status, headers, text } = await caller.ask({ ':authority': 'shop' });
  assert.deepEqual([status, headers.location, text], [308, location, '']);
  assert.equal(upstream.requests.length, 1);
});

test('refusal of an identifier has its own status', async (t) => {
  const answer = new GatewayError('forbidden', '10.0.0.9 may not');
  const { scene, gateway } = await start(t, { closed: { answer } });
  const refused = await scene.ask(gateway, get('closed'));
  assert.deepEqual([refused.status, refused.text], [403, '10.0.0.9 may not']);
  assert.equal((await scene.ask(gateway, get('unknown'))).status, 400);
});

// ---- backends ----

async function showing(name: string) {
  const { certPath, keyPath } = await certificates.issue(name);
  return { cert: readFileSync(certPath), key: readFileSync(keyPath) };
}

const BACKENDS = {
  plain: {},
  http: { policy: { backend: 'http' } },
  https: { policy: { backend: 'https' } },
  grpc: { policy: { backend: 'grpc' } },
  grpcs: { policy: { backend: 'grpcs' } },
} as const;

/** A gateway with routes of each backend protocol to one port, and a request to one of them. */
async function startBackends(t: TestContext, port: number, client: string) {
  const scene = new Scene(t);
  const { kinds } = new RouteBook(BACKENDS);
  const gateway = await scene.gateway(configTo(port, `  client: {${client}}`), { kinds });
  return { gateway, ask: (host: keyof typeof BACKENDS) => scene.ask(gateway, get(host)) };
}

test('route of backend http or https is asked by HTTP/1.1, in plain text or TLS of any certificate, whatever clients speak', async (t) => {
  const scene = new Scene(t);
  const plain = await scene.upstream(fixed(200, 'plain'));
  const toPlain = await startBackends(t, plain.port, 'protocol: h2, tls: {disableValidation: true}');
  assert.equal((await toPlain.ask('http')).text, 'plain');

  const secure = await scene.upstream(fixed(200, 'secure'), { tls: await showing('nobody') });
  const toSecure = await startBackends(t, secure.port, 'protocol: http1');
  assert.equal((await toSecure.ask('https')).text, 'secure');
  assert.equal((await toSecure.ask('plain')).status, 502);
  const id = (backend: string): string => `%/linkgate.backend/${backend}/$/inet/127.0.0.1/${secure.port}`;
  assert.equal(toSecure.gateway.metric('rt', 'http', 'client', id('https'), 'success'), 1);
  assert.equal(toSecure.gateway.metric('rt', 'http', 'service', 'svc/https', 'success'), 1);
});

test('route of backend grpc or grpcs is asked by HTTP/2, in plain text or TLS', async (t) => {
  const upstream = await H2Upstream.start(t);
  const { ask } = await startBackends(t, upstream.port, 'protocol: http1');
  const answer = ask('grpc');
  const connection = await upstream.connection(0);
  const { id, head } = await connection.nextRequest();
  assert.equal(head[':authority'], 'grpc');
  connection.respond(id, 'by HTTP/2');
  assert.equal((await answer).text, 'by HTTP/2');

  const scene = new Scene(t);
  const secure = await scene.upstream(undefined, {
    tls: { ...(await showing('h2')), ALPNProtocols: ['h2'] },
    raw: true,
  });
  const toSecure = await startBackends(t, secure.port, 'protocol: http1');
  void toSecure.ask('grpcs').catch(() => {});
  await secure.until('a preface', () => secure.connections[0]?.received.startsWith('PRI * HTTP/2.0') === true);
});

test('route of backend https is asked as client.tls of its prefix says: names that it captures, certificates that it checks', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(fixed(200, 'ok'), { tls: await showing('127.0.0.1.test') });
  const config = (ca: string): string => `kind: io.l5d.static, configs: [
    {prefix: "/$/inet/{ip}", tls: {commonName: "{ip}.test", trustCertsBundle: ${ca}}}]`;
  const { certPath } = await certificates.ca;
  const trusting = await startBackends(t, upstream.port, config(certPath));
  assert.equal((await trusting.ask('https')).text, 'ok');
  assert.equal((upstream.connections.at(0)?.socket as TLSSocket | undefined)?.servername, '127.0.0.1.test');

  const other = await certificates.authority('other-ca');
  const wary = await startBackends(t, upstream.port, config(other.certPath));
  const response = await wary.ask('https');
  assert.equal(response.status, 502);
  assert.match(response.text, /not among the trusted/);
});

// ---- sources ----

async function readiness(scene: Scene, gateway: TestGateway): Promise<readonly [number, string]> {
  const { status, text } = await scene.ask({ port: gateway.adminPort }, request('GET /admin/ready', ['Host: admin']));
  return [status, text];
}

test('gateway is not ready before its routes are read, and says so', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream();
  const book = new RouteBook({ web: {} });
  book.pending = 'no answer of the registry yet';
  const gateway = await scene.gateway(configTo(upstream.port), { kinds: book.kinds });
  const [source] = book.sources;
  assert.equal(source?.started, 1);
  const [status, text] = await readiness(scene, gateway);
  assert.equal(status, 503);
  assert.match(text, /router http has no routes of test\.book yet: no answer of the registry yet/);
  const early = await scene.ask(gateway, get('web'));
  assert.deepEqual([early.status, early.text], [503, 'no answer of the registry yet']);

  source.pending = undefined;
  assert.equal((await readiness(scene, gateway))[0], 200);
  assert.equal((await scene.ask(gateway, get('web'))).status, 200);
});

test('source of routes is kept through reloads that say the same of it, and closed with the gateway', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream();
  const book = new RouteBook({ web: {} });
  const gateway = await scene.gateway(configTo(upstream.port), { kinds: book.kinds });
  await gateway.reload(configTo(upstream.port, '  bindingTimeoutMs: 500'));
  assert.deepEqual(
    book.sources.map(({ started, closed }) => [started, closed]),
    [[2, 0]],
  );
  await gateway.close();
  assert.equal(book.sources[0]?.closed, 1);
});

test('source of routes that a reload brings takes over when it has routes: no request fails meanwhile', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream();
  const book = new RouteBook({ web: {} });
  const gateway = await scene.gateway(configTo(upstream.port), { kinds: book.kinds });
  book.pending = 'not read yet';
  let isReloaded = false;
  const other = configTo(upstream.port, '', 'other').replace('{port: 0}', '{port: 0, shutdownGraceMs: 10}');
  const reload = gateway.reload(other).then(() => {
    isReloaded = true;
  });
  await eventually(() => book.sources[1]?.started === 1);
  for (let i = 0; i < 5; i++) {
    assert.equal((await scene.ask(gateway, get('web'))).status, 200);
    assert.equal((await readiness(scene, gateway))[0], 200);
  }
  assert.ok(!isReloaded);
  (book.sources[1] as { pending: string | undefined }).pending = undefined;
  await reload;
  assert.equal((await scene.ask(gateway, get('web'))).status, 200);
  // When what began under the configuration before has had its time.
  await eventually(() => book.sources[0]?.closed === 1);
  assert.equal(book.sources[1]?.closed, 0);
});

test('source of routes is one for all listeners of a router; each has its own prefix, and clients of its own', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream();
  const book = new RouteBook({ web: {}, secret: { name: '/web', policy: { backend: 'http' } } });
  const config = `
admin: {port: 0}
routers:
- protocol: http
  identifier: {kind: test.book}
  dtab: |
    /svc/web => /$/inet/127.0.0.1/${upstream.port};
    /ext/web => /svc/web;
  servers:
  - {port: 0}
  - {port: 0, exposure: external, externalHosts: [web]}`;
  const gateway = await scene.gateway(config, { kinds: book.kinds });
  assert.equal(book.sources.length, 1);
  const [inside, outside] = gateway.ports.map((port) => ({ port }));
  assert.ok(inside && outside);
  for (const [listener, host, status] of [
    [inside, 'web', 200],
    [inside, 'secret', 200],
    [outside, 'web', 200],
    [outside, 'secret', 404],
  ] as const) {
    assert.equal((await scene.ask(listener, get(host))).status, status, host);
  }
  const { text } = await scene.ask({ port: gateway.adminPort }, request('GET /client_state.json', ['Host: admin']));
  const bare = `/$/inet/127.0.0.1/${upstream.port}`;
  const ids = Object.keys(JSON.parse(text) as object).map((id) => id.replace(/[0-9a-f]{8}(?=[/])/, '<hash>'));
  assert.deepEqual(ids.sort(), [
    `/$/inet/127.0.0.1/${upstream.port}`,
    `/%/linkgate.backend/http${bare}`,
    `/%/linkgate.external/<hash>${bare}`,
  ]);
  assert.equal(gateway.metric('rt', 'http', 'service', 'ext/web', 'success'), 1);
  await gateway.reload(config.replace('externalHosts: [web]', 'externalHosts: [web], denyAddresses: [127.0.0.0/8]'));
  assert.notEqual((await scene.ask({ port: gateway.ports[1] as number }, get('web'))).status, 200);
});

test('identifier of a plugin answers with routes, redirects and refusals of its own', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream();
  const directory = scene.directory();
  const file = join(directory, 'linkerd.yaml');
  const config = `${configTo(upstream.port).replace('test.book, words: ""', 'test.plugin')}
plugins: [./routes.mjs]`;
  writeFileSync(file, config);
  writeFileSync(
    join(directory, 'routes.mjs'),
    `import { defineKind, GatewayError, pathFromText, Redirect, Route, Unidentified, z } from 'linkgate/plugin';
    const make = (_, { dstPrefix }) => {
      const policy = { maxBodyBytes: 1 };
      const answers = {
        web: new Route(dstPrefix.concat(pathFromText('web')), policy),
        old: new Redirect(301, 'http://web/'),
      };
      return ({ headers }, { remoteAddress }) => {
        const host = headers.get('host');
        if (host === 'closed') throw new GatewayError('forbidden', remoteAddress);
        return answers[host] ?? new Unidentified(host);
      };
    };
    const kind = defineKind({ kind: 'test.plugin', description: 'Answers.', config: z.strictObject({}), make });
    export default { identifier: [kind] };`,
  );
  const read = await readConfig(file, new FakeTerminal());
  assert.ok(read.ok, read.ok ? '' : read.report);
  const gateway = await scene.gateway(config, { kinds: read.kinds });
  const statusOf = async (text: string): Promise<number> => (await scene.ask(gateway, text)).status;
  assert.equal(await statusOf(get('web')), 200);
  assert.equal(await statusOf(request('POST /', ['Host: web', 'Content-Length: 2'], 'ab')), 413);
  assert.equal(await statusOf(get('old')), 301);
  assert.equal(await statusOf(get('unknown')), 400);
  const refused = await scene.ask(gateway, get('closed'));
  assert.deepEqual([refused.status, refused.text], [403, '127.0.0.1']);
});
