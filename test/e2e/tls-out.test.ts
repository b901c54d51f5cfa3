import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { TLSSocket, TlsOptions } from 'node:tls';
import { startCuttingUpstream } from '../support/cutting-upstream.js';
import { eventually } from '../support/eventually.js';
import type { TestGateway } from '../support/gateway.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawResponse } from '../support/raw-client.js';
import { get, post, Scene } from '../support/scene.js';
import { type TestCertificate, TestCertificates } from '../support/test-certificates.js';
import { fixed, hang, startUpstream, type Upstream, type UpstreamHandler } from '../support/upstream.js';

expectNoOpenHandles();
const certificates = new TestCertificates();

const NO_REQUEUES = 'requeueBudget: {minRetriesPerSec: 0, percentCanRetry: 0}';

/** What the server shows. */
function shows({ certPath, keyPath }: TestCertificate): TlsOptions {
  return { cert: readFileSync(certPath), key: readFileSync(keyPath) };
}

function configTo(port: number, tls: string, client = 'protocol: http1'): string {
  return `
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${port}
  servers: [{port: 0}]
  client: {${NO_REQUEUES}, ${client}, tls: {${tls}}}`;
}

function tlsOf(upstream: Upstream, connection = 0): TLSSocket {
  return upstream.connections.at(connection)?.socket as TLSSocket;
}

interface TlsOutScene {
  readonly scene: Scene;
  readonly upstream: Upstream;
  readonly gateway: TestGateway;
  ask(request?: string): Promise<RawResponse>;
  /** A metric of the client. */
  client(...name: string[]): number;
}

async function start(
  t: TestContext,
  server: TlsOptions,
  tls: string,
  { handler = fixed(200, 'ok'), client }: { handler?: UpstreamHandler; client?: string } = {},
): Promise<TlsOutScene> {
  const scene = new Scene(t);
  const upstream = await scene.upstream(handler, { tls: server });
  const gateway = await scene.gateway(configTo(upstream.port, tls, client));
  return {
    scene,
    upstream,
    gateway,
    ask: (request = get()) => scene.ask(gateway, request),
    client: (...name) => gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${upstream.port}`, ...name),
  };
}

const trusting = async (): Promise<string> => `trustCertsBundle: ${(await certificates.ca).certPath}`;

test('upstream with a certificate of a trusted CA is asked by TLS, with commonName as SNI', async (t) => {
  const server = shows(await certificates.issue('web'));
  for (const client of ['protocol: http1', 'protocol: auto']) {
    const {
      ask,
      upstream,
      client: metric,
    } = await start(t, server, `commonName: web, ${await trusting()}`, { client });
    for (let i = 0; i < 3; i++) assert.equal((await ask()).text, 'ok');
    assert.equal(upstream.connections.length, 1, 'the connection is used again');
    assert.equal(tlsOf(upstream).servername, 'web');
    assert.deepEqual([metric('connects'), metric('tls', 'failures')], [1, 0]);
  }
});

test('commonName that is an IP address is checked and not sent as SNI', async (t) => {
  const server = shows(await certificates.issue('ip', { altNames: 'IP:127.0.0.1' }));
  const { ask, upstream } = await start(t, server, `commonName: 127.0.0.1, ${await trusting()}`);
  assert.equal((await ask()).text, 'ok');
  assert.equal(tlsOf(upstream).servername, false);
});

for (const [title, issue, keys, reason] of [
  [
    'has expired',
    async () => certificates.issue('old', { altNames: 'DNS:web', to: '20210101000000Z' }),
    'commonName: web',
    /its certificate has expired \(CERT_HAS_EXPIRED\); it has DNS:web, subject CN=old, issuer CN=test-ca, valid to Jan {2}1 00:00:00 2021 GMT$/,
  ],
  [
    'is for another name',
    async () => certificates.issue('other', { altNames: 'DNS:other,DNS:third' }),
    'commonName: web',
    /its certificate is not for web; it has DNS:other, DNS:third, subject CN=other/,
  ],
  [
    'is of another CA',
    async () => certificates.issue('stray', { altNames: 'DNS:web', issuer: await strayCa() }),
    'commonName: web',
    /not among the trusted ones \(UNABLE_TO_\w+\); it has DNS:web, subject CN=stray, issuer CN=stray-ca/,
  ],
  [
    'has another SPIFFE id',
    async () => certificates.issue('spiffe-other', { altNames: 'URI:spiffe://mesh/ns/dev/sa/web' }),
    'uriSans: ["spiffe://mesh/ns/prod/sa/web"]',
    /its certificate is not for spiffe:\/\/mesh\/ns\/prod\/sa\/web; it has URI:spiffe:\/\/mesh\/ns\/dev\/sa\/web/,
  ],
  [
    'has a SPIFFE id in a DNS name',
    async () => certificates.issue('spiffe-dns', { altNames: 'DNS:spiffe://mesh/web' }),
    'uriSans: ["spiffe://mesh/web"]',
    /its certificate is not for spiffe:\/\/mesh\/web/,
  ],
  [
    'has two SPIFFE ids',
    async () => certificates.issue('spiffe-two', { altNames: 'URI:spiffe://mesh/web,URI:spiffe://mesh/admin' }),
    'uriSans: ["spiffe://mesh/web"]',
    /its certificate has 2 URIs, and a SPIFFE id has to be the only one/,
  ],
  [
    'has the SPIFFE id and not the name',
    async () => certificates.issue('spiffe-name', { altNames: 'URI:spiffe://mesh/web,DNS:other' }),
    'uriSans: ["spiffe://mesh/web"], commonName: web',
    /its certificate is not for web/,
  ],
] as const) {
  test(`upstream whose certificate ${title} is 502 tls-failed, and is sent nothing`, async (t) => {
    const { ask, upstream, client } = await start(t, shows(await issue()), `${keys}, ${await trusting()}`);
    const response = await ask();
    assert.equal(response.status, 502);
    assert.ok(response.text.startsWith(`Unable to establish TLS with 127.0.0.1:${upstream.port}`), response.text);
    assert.match(response.text, reason);
    assert.equal(response.header('l5d-retryable'), 'true');
    assert.deepEqual([client('failures', 'tls-failed'), client('tls', 'failures')], [1, 1]);
    await eventually(() => upstream.openConnections === 0);
    assert.equal(upstream.requests.length, 0);
  });
}

test('upstream that is refused by its certificate is kept out by failure accrual', async (t) => {
  const server = shows(await certificates.issue('other'));
  const { ask, client } = await start(t, server, `commonName: web, ${await trusting()}`);
  for (let i = 0; i < 5; i++) assert.equal((await ask()).status, 502);
  assert.equal(client('failure_accrual', 'removals'), 1);
});

test('disableValidation trusts an expired certificate of an unknown CA, and sends commonName as SNI', async (t) => {
  const server = shows(await certificates.issue('gone', { to: '20210101000000Z', issuer: await strayCa() }));
  const { ask, upstream } = await start(t, server, 'disableValidation: true, commonName: web');
  assert.equal((await ask()).text, 'ok');
  assert.equal(tlsOf(upstream).servername, 'web');
});

test('enabled: false in a later entry turns TLS off for what it matches', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream();
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0}]
  client:
    kind: io.l5d.static
    configs:
    - {prefix: /, tls: {disableValidation: true}}
    - {prefix: /$/inet, tls: {enabled: false}}`);
  assert.equal((await scene.ask(gateway, get())).text, 'ok');
});

test('commonName and uriSans take what the prefix captures, each name its own', async (t) => {
  const scene = new Scene(t);
  const altNames = (name: string): string => `DNS:${name},URI:spiffe://mesh/ns/prod/sa/${name}`;
  const directory = scene.directory();
  for (const [name, shown] of [
    ['cart', 'cart'],
    ['shop', 'shop'],
    ['fake', 'cart'],
  ] as const) {
    const certificate = await certificates.issue(`sa-${name}`, { altNames: altNames(shown) });
    const upstream = await scene.upstream(fixed(200, name), { tls: shows(certificate) });
    writeFileSync(join(directory, `prod-${name}`), upstream.discoLine);
  }
  const gateway = await scene.gateway(`
admin: {port: 0}
namers: [{kind: io.l5d.fs, rootDir: ${directory}}]
routers:
- protocol: http
  dtab: /svc => /#/io.l5d.fs
  servers: [{port: 0}]
  client:
    kind: io.l5d.static
    configs:
    - prefix: /#/io.l5d.fs/{ns}-{sa}
      ${NO_REQUEUES}
      tls: {commonName: "{sa}", uriSans: ["spiffe://mesh/ns/{ns}/sa/{sa}"], ${await trusting()}}`);
  const ask = (host: string): Promise<RawResponse> => scene.ask(gateway, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  assert.equal((await ask('prod-cart')).text, 'cart');
  assert.equal((await ask('prod-shop')).text, 'shop');
  assert.match((await ask('prod-fake')).text, /as fake: its certificate is not for fake; it has DNS:cart, URI:spiffe/);
});

test('clientAuth shows our certificate with the ones between it and the root', async (t) => {
  const between = await certificates.issue('between', { isCa: true, altNames: '' });
  const own = await certificates.issue('gateway', { issuer: between });
  const server = { ...shows(await certificates.issue('web')), requestCert: true, ca: await certificates.caText() };
  const clientAuth = `clientAuth: {certPath: ${own.certPath}, keyPath: ${own.keyPath}, intermediateCertsPath: ${between.certPath}}`;
  const { ask, upstream } = await start(t, server, `commonName: web, ${await trusting()}, ${clientAuth}`);
  assert.equal((await ask()).text, 'ok');
  const socket = tlsOf(upstream);
  assert.equal(socket.getPeerCertificate().subject.CN, 'gateway');
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`upstream that wants a certificate of ours and gets none is 502 tls-failed with ${version}`, async (t) => {
    const server = {
      ...shows(await certificates.issue('web')),
      requestCert: true,
      ca: await certificates.caText(),
      maxVersion: version,
    };
    const { ask, upstream } = await start(t, server, `commonName: web, ${await trusting()}`);
    const response = await ask();
    assert.equal(response.status, 502);
    assert.match(response.text, /^Unable to establish TLS with 127\.0\.0\.1:\d+ as web: /);
    assert.equal(response.header('l5d-retryable'), 'true');
    assert.equal(upstream.requests.length, 0);
  });
}

for (const protocol of ['auto', 'h2']) {
  test(`upstream that shows or wants another certificate is 502 tls-failed with protocol: ${protocol}`, async (t) => {
    const client = `protocol: ${protocol}`;
    const alpn: TlsOptions = { ALPNProtocols: ['h2'] };
    const other = { ...shows(await certificates.issue('other')), ...alpn };
    const refusing = await start(t, other, `commonName: web, ${await trusting()}`, { client });
    assert.match(
      (await refusing.ask()).text,
      /^Unable to establish TLS with .* as web: its certificate is not for web;/,
    );
    assert.equal(refusing.client('failures', 'tls-failed'), 1);
    const wanting = { ...shows(await web()), ...alpn, requestCert: true, ca: await certificates.caText() };
    const refused = await start(t, wanting, `commonName: web, ${await trusting()}`, { client });
    const response = await refused.ask();
    assert.match(
      response.text,
      /^Unable to establish TLS with .* as web: it wants a certificate of ours: set clientAuth/,
    );
    assert.equal(response.header('l5d-retryable'), 'true');
  });
}

test('upstream that speaks nothing above TLS 1.1 is refused', async (t) => {
  const old: TlsOptions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' };
  const server = { ...shows(await certificates.issue('web')), ...old };
  const { ask } = await start(t, server, `commonName: web, ${await trusting()}`);
  const response = await ask();
  assert.equal(response.status, 502);
  assert.match(response.text, /^Unable to establish TLS with .* as web: .*version/i);
});

test('protocols are the versions that are spoken', async (t) => {
  const server = shows(await certificates.issue('web'));
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const { ask, upstream } = await start(
      t,
      server,
      `commonName: web, ${await trusting()}, protocols: [TLSv1.1, ${version}]`,
    );
    assert.equal((await ask()).status, 200);
    assert.equal(tlsOf(upstream).getProtocol(), version);
  }
});

test('upstream that speaks plain text where TLS is configured is 502 that says so', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(fixed(200, 'plain'), {
    raw: true,
    onConnection: (connection) => connection.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
  });
  const gateway = await scene.gateway(configTo(upstream.port, `commonName: web, ${await trusting()}`));
  const response = await scene.ask(gateway, get());
  assert.match(response.text, /as web: what it answered is not TLS: does the port speak plain text\?/);
});

test('upstream that hangs up in the handshake is 502 tls-failed', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(hang, { raw: true, onConnection: (connection) => connection.end() });
  const gateway = await scene.gateway(configTo(upstream.port, `commonName: web, ${await trusting()}`));
  const response = await scene.ask(gateway, get());
  assert.match(response.text, /^Unable to establish TLS with .* as web: it closed the connection during the handshake/);
});

test('upstream that stalls in the handshake is given up after the connect timeout', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(hang, { raw: true });
  const gateway = await scene.gateway(configTo(upstream.port, `commonName: web, ${await trusting()}`));
  const response = await scene.ask(gateway, get());
  assert.match(response.text, /as web: TCP is connected, but there was no TLS handshake within 1000 ms$/);
  await eventually(() => upstream.openConnections === 0);
});

test('port without a listener is connect-failed also where TLS is configured', async (t) => {
  const scene = new Scene(t);
  const gone = await startUpstream();
  const { port } = gone;
  await gone.close();
  const gateway = await scene.gateway(configTo(port, `commonName: web, ${await trusting()}`));
  assert.match((await scene.ask(gateway, get())).text, /^Unable to establish connection to /);
});

test('second connection to an endpoint resumes the session of the first', async (t) => {
  const reused: boolean[] = [];
  const handler: UpstreamHandler = (request) => {
    reused.push((request.connection.socket as TLSSocket).isSessionReused());
    request.respond(200, 'ok', [['connection', 'close']]);
  };
  const server = shows(await certificates.issue('web'));
  const { ask, client } = await start(t, server, `commonName: web, ${await trusting()}`, { handler });
  for (let i = 0; i < 3; i++) assert.equal((await ask()).status, 200);
  assert.deepEqual(reused, [false, true, true]);
  assert.equal(client('tls', 'resumed'), 2);
});

test('long bodies go through TLS unchanged in both directions, to and from slow readers', async (t) => {
  const size = 4 * 1024 * 1024;
  const body = Buffer.alloc(size, 'linkgate ').toString('latin1');
  const handler: UpstreamHandler = async (request) => {
    request.connection.pause();
    setTimeout(() => request.connection.resume(), 30);
    const { bytes } = await request.body();
    request.respond(200, bytes.toString('latin1'));
  };
  const server = shows(await certificates.issue('web'));
  const { scene, gateway } = await start(t, server, `commonName: web, ${await trusting()}`, { handler });
  const client = await scene.client(gateway);
  const sent = client.send(post(body));
  client.pause();
  setTimeout(() => client.resume(), 100);
  await sent;
  assert.equal((await client.readResponse()).text, body);
});

test('tunnel through TLS passes bytes both ways and each half-close by itself', async (t) => {
  const server = shows(await web());
  const handler: UpstreamHandler = async ({ connection }) => {
    connection.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nhello');
    await eventually(() => connection.received.endsWith('ping'));
    await connection.reader.ended();
    connection.write('pong');
    connection.end();
  };
  const { scene, gateway } = await start(t, server, `commonName: web, ${await trusting()}`, { handler });
  const client = await scene.client(gateway);
  await client.send(get('/', 'Connection: Upgrade', 'Upgrade: chat'));
  assert.equal((await client.readResponse()).status, 101);
  await client.send('ping');
  client.end();
  assert.equal(await client.closedByServer(), 'end');
  assert.equal(client.reader.unread.toString(), 'hellopong');
});

test('caller that goes away has its upstream connection reset', async (t) => {
  const { scene, upstream, gateway } = await start(
    t,
    shows(await certificates.issue('web')),
    `commonName: web, ${await trusting()}`,
    {
      handler: hang,
    },
  );
  const endings: string[] = [];
  const client = await scene.client(gateway);
  await client.send(get());
  await upstream.until('a request', () => upstream.requests.length === 1);
  upstream.connections[0]?.socket.on('error', (error: NodeJS.ErrnoException) => endings.push(error.code ?? ''));
  client.close();
  await eventually(() => endings.length > 0);
  assert.deepEqual(endings, ['ECONNRESET']);
});

test('upstream that takes no byte of a request is given up after writeTimeoutMs', async (t) => {
  const { scene, gateway } = await start(
    t,
    shows(await certificates.issue('web')),
    `commonName: web, ${await trusting()}`,
    {
      handler: (request) => {
        request.connection.pause();
        return new Promise(() => {});
      },
      client: 'protocol: http1, socketOptions: {writeTimeoutMs: 300}',
    },
  );
  const client = await scene.client(gateway);
  client.socket.write('POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 100000000\r\n\r\n');
  client.socket.write(Buffer.alloc(30_000_000));
  const response = await client.readResponse({ limitMs: 5000 });
  assert.equal(response.status, 503);
  assert.match(response.text, /took no byte of the request for 300 ms/);
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const isLate of [false, true]) {
    for (const ending of ['notify', 'cut', 'middle'] as const) {
      for (const size of [5, 40_000, 400_000]) {
        const when = isLate ? 'later' : 'at once';
        const what = ending === 'notify' ? 'is complete' : 'is an error';
        test(`response of ${size} bytes that ends with the connection, by ${ending} ${when}, ${what} with ${version}`, async (t) => {
          const scene = new Scene(t);
          const body = 'x'.repeat(size);
          const text = `HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${body}`;
          const certificate = await web();
          const port = await startCuttingUpstream(t, certificate, { text, ending, isLate, version });
          const gateway = await scene.gateway(configTo(port, `commonName: web, ${await trusting()}`));
          const client = await scene.client(gateway);
          await client.send(get());
          if (ending === 'notify') assert.equal((await client.readResponse()).text, body);
          else await assert.rejects(client.readResponse());
        });
      }
    }
  }
}

test('response that ends with the connection is complete for a slow caller too', async (t) => {
  const scene = new Scene(t);
  const body = 'x'.repeat(8_000_000);
  const text = `HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${body}`;
  const port = await startCuttingUpstream(t, await web(), {
    text,
    ending: 'notify',
    isLate: false,
    version: 'TLSv1.3',
  });
  const gateway = await scene.gateway(configTo(port, `commonName: web, ${await trusting()}`));
  const client = await scene.client(gateway);
  await client.send(get());
  client.pause();
  setTimeout(() => client.resume(), 100);
  assert.equal((await client.readResponse({ limitMs: 10_000 })).text.length, body.length);
});

test('rotated trust bundle and client certificate are used by new connections, a broken file changes nothing', async (t) => {
  const scene = new Scene(t);
  const directory = scene.directory();
  const [bundle, cert, key] = ['bundle.pem', 'own.pem', 'own.key'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  const put = (from: string, to: string): void => {
    copyFileSync(from, to);
    // Written long ago, so that it need not be waited for.
    utimesSync(to, 1_600_000_000, Math.random() * 1_000_000_000);
  };
  const stray = await strayCa();
  const show = async (name: string): Promise<void> => {
    const own = await certificates.issue(name);
    put(own.keyPath, key);
    put(own.certPath, cert);
  };
  put(stray.certPath, bundle);
  await show('first');
  const closing: UpstreamHandler = (request) => request.respond(200, 'ok', [['connection', 'close']]);
  const server = { ...shows(await web()), requestCert: true, ca: await certificates.caText() };
  const upstream = await scene.upstream(closing, { tls: server });
  const tls = `commonName: web, trustCertsBundle: ${bundle}, clientAuth: {certPath: ${cert}, keyPath: ${key}}`;
  const gateway = await scene.gateway(configTo(upstream.port, tls, 'protocol: http1, failureAccrual: {kind: none}'));
  const ask = (): Promise<RawResponse> => scene.ask(gateway, get());
  const shownNow = (): string | undefined => tlsOf(upstream, -1).getPeerX509Certificate()?.subject;
  assert.equal((await ask()).status, 502);
  put((await certificates.ca).certPath, bundle);
  await askUntil(async () => (await ask()).status === 200);
  assert.equal(shownNow(), 'CN=first');
  await show('second');
  await askUntil(async () => (await ask()).status === 200 && shownNow() === 'CN=second');
  writeFileSync(bundle, 'nonsense');
  utimesSync(bundle, 1_600_000_000, 1_600_000_000);
  const until = performance.now() + 1500;
  while (performance.now() < until) assert.equal((await ask()).status, 200);
});

test('two gateways speak mutual TLS from host to host, and each end knows who the other is', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream((request) => request.respond(200, request.rawHead));
  const near = await certificates.issue('near', { altNames: 'URI:spiffe://mesh/host/near' });
  const far = await certificates.issue('far', { altNames: 'URI:spiffe://mesh/host/far' });
  const { certPath: ca } = await certificates.ca;
  const farGateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0, tls: {certPath: ${far.certPath}, keyPath: ${far.keyPath}, caCertPath: ${ca}, requireClientAuth: true}}]
  client: {forwardClientCert: true}`);
  const nearTo = async (id: string, auth: string): Promise<TestGateway> =>
    scene.gateway(
      configTo(
        farGateway.port,
        `uriSans: ["spiffe://mesh/host/${id}"], trustCertsBundle: ${ca}${auth}`,
        'protocol: auto',
      ),
    );
  const auth = `, clientAuth: {certPath: ${near.certPath}, keyPath: ${near.keyPath}}`;
  const response = await scene.ask(await nearTo('far', auth), get());
  assert.equal(response.status, 200);
  assert.match(
    response.text,
    /x-forwarded-client-cert: Hash=[0-9A-F]{64};SAN=spiffe:\/\/mesh\/host\/near;Subject="CN=near"/i,
  );
  assert.match((await scene.ask(await nearTo('other', auth), get())).text, /is not for spiffe:\/\/mesh\/host\/other/);
  assert.equal((await scene.ask(await nearTo('far', ''), get())).status, 502);
});

let stray: Promise<TestCertificate> | undefined;
function strayCa(): Promise<TestCertificate> {
  stray ??= certificates.authority('stray-ca');
  return stray;
}

let forWeb: Promise<TestCertificate> | undefined;
function web(): Promise<TestCertificate> {
  forWeb ??= certificates.issue('web');
  return forWeb;
}

async function askUntil(condition: () => Promise<boolean>): Promise<void> {
  const limit = performance.now() + 5000;
  while (!(await condition())) assert.ok(performance.now() < limit, 'not so after 5 s');
}
