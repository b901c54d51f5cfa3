import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectH2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { before, type TestContext, test } from 'node:test';
import { type ConnectionOptions, TLSSocket } from 'node:tls';
import { eventually } from '../support/eventually.js';
import { answerOf } from '../support/h2-caller.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { opensslClient } from '../support/openssl-client.js';
import { get, post } from '../support/scene.js';
import { type TestCertificate, TestCertificates } from '../support/test-certificates.js';
import { shown, startTlsGateway } from '../support/tls-gateway.js';
import { fixed, hang, type UpstreamRequest } from '../support/upstream.js';

expectNoOpenHandles();

const certificates = new TestCertificates();
let web: TestCertificate;
before(async () => {
  web = await certificates.issue('web', { altNames: 'DNS:web,DNS:other' });
});

/** One request of GET / over HTTP/2, with ALPN. */
async function askH2(t: TestContext, port: number, authority: string, options: ConnectionOptions = {}) {
  const ca = await certificates.caText();
  const session = connectH2(`https://127.0.0.1:${port}`, { ca, servername: 'web', ...options });
  t.after(() => session.destroy());
  session.on('error', () => {});
  const answer = await answerOf(session.request({ ':path': '/', ':authority': authority }));
  session.destroy();
  return answer;
}

// ---- the way of a request ----

test('tls serves HTTP/1.1, and says https in Forwarded', async (t) => {
  const { ask, server } = await startTlsGateway(t, certificates, {
    certificate: web,
    server: 'addForwardedHeader: {}',
  });
  const { status, text } = await ask(get());
  assert.equal(status, 200);
  assert.match(text, /Forwarded: by=\w+;for=\w+;host=web;proto=https\r\n/i);
  assert.equal(server('tls', 'handshakes'), 1);
  assert.equal(server('tls', 'handshake_errors'), 0);
  assert.equal(server('requests'), 1);
});

test('tls takes h2 by ALPN unless h2 is false', async (t) => {
  const { gateway, server, client } = await startTlsGateway(t, certificates, { certificate: web });
  const answer = await askH2(t, gateway.port, 'web');
  assert.equal(answer.status, 200);
  assert.equal(server('h2', 'connects'), 1);
  const plain = await startTlsGateway(t, certificates, { certificate: web, server: 'h2: false' });
  for (const [{ client: connect }, protocol] of [
    [{ client }, 'h2'],
    [plain, 'http/1.1'],
  ] as const) {
    const { socket } = await connect({ ALPNProtocols: ['h2', 'http/1.1'] });
    assert.equal((socket as TLSSocket).alpnProtocol, protocol);
  }
});

test('tls does not take the preface of HTTP/2 where ALPN did not agree on it', async (t) => {
  const { client } = await startTlsGateway(t, certificates, { certificate: web });
  const caller = await client();
  await caller.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  assert.equal((await caller.readResponse()).status, 505);
});

test('tls refuses a caller with whom ALPN has nothing in common', async (t) => {
  const { handshake, server } = await startTlsGateway(t, certificates, { certificate: web });
  assert.ok((await handshake({ ALPNProtocols: ['smtp'] })) instanceof Error);
  await eventually(() => server('tls', 'handshake_errors') === 1);
});

test('tls answers requests that are pipelined over several records in one segment, in order', async (t) => {
  const { client, upstream } = await startTlsGateway(t, certificates, { certificate: web });
  const caller = await client();
  caller.socket.cork();
  // Each record of its own, all of them in what the gateway reads at once.
  for (let i = 0; i < 20; i++) caller.socket.write(get(`/${i}`));
  caller.socket.uncork();
  for (let i = 0; i < 20; i++) assert.match((await caller.readResponse()).text, new RegExp(`^GET /${i} `));
  assert.equal(upstream.requests.length, 20);
});

test('tls passes long bodies on unchanged both ways', async (t) => {
  const { ask } = await startTlsGateway(t, certificates, { certificate: web });
  const body = randomBytes(3_000_000).toString('latin1');
  const { text } = await ask(post(body));
  assert.ok(text.endsWith(`\r\n\r\n${body}`));
});

test('tls a caller that stops reading holds the upstream back, and gets all of it later', async (t) => {
  const body = 'x'.repeat(30_000_000);
  const { client, server } = await startTlsGateway(t, certificates, { certificate: web, handler: fixed(200, body) });
  const caller = await client();
  await caller.send(get());
  caller.pause();
  let seen = -1;
  await eventually(() => {
    const sent = server('sent_bytes');
    const isStill = sent > 0 && sent === seen;
    seen = sent;
    return isStill;
  });
  assert.ok(seen < body.length / 2, `${seen} bytes were taken from the upstream`);
  caller.resume();
  assert.equal((await caller.readResponse({ limitMs: 10_000 })).text.length, body.length);
});

test('tls carries a tunnel, and the end of each side of it', async (t) => {
  const handler = ({ connection }: UpstreamRequest): Promise<void> => {
    connection.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    connection.socket.on('data', (bytes: Buffer) => connection.write(bytes));
    connection.socket.on('end', () => connection.end());
    // From here on it is no HTTP.
    return new Promise(() => {});
  };
  const { client } = await startTlsGateway(t, certificates, { certificate: web, handler });
  const caller = await client();
  await caller.send(get('/', 'Connection: upgrade', 'Upgrade: websocket'));
  assert.equal((await caller.readResponse()).status, 101);
  const bytes = randomBytes(500_000);
  await caller.send(bytes);
  assert.ok((await caller.reader.take(bytes.length)).equals(bytes));
  caller.end();
  assert.equal(await caller.closedByServer(), 'end');
});

test('tls serves many long bodies at a time over one connection of h2', async (t) => {
  const { gateway } = await startTlsGateway(t, certificates, { certificate: web });
  const session = connectH2(`https://127.0.0.1:${gateway.port}`, {
    ca: await certificates.caText(),
    servername: 'web',
    maxSessionMemory: 256,
  });
  t.after(() => session.destroy());
  const bodies = Array.from({ length: 40 }, () => randomBytes(200_000));
  const answers = await Promise.all(
    bodies.map((body) => {
      const stream = session.request({ ':method': 'POST', ':path': '/', ':authority': 'web' });
      stream.end(body);
      return answerOf(stream);
    }),
  );
  for (const [i, { body }] of answers.entries()) assert.ok(body.subarray(-200_000).equals(bodies[i] as Buffer), `${i}`);
  session.destroy();
});

// ---- protocols and ciphers ----

test('tls refuses weak protocols', async (t) => {
  const { gateway, server } = await startTlsGateway(t, certificates, { certificate: web });
  for (const [i, version] of ['-tls1', '-tls1_1'].entries()) {
    const { text, code } = await opensslClient(gateway.port, [version, '-cipher', 'ALL:@SECLEVEL=0']);
    assert.notEqual(code, 0);
    assert.match(text, /alert protocol version/);
    await eventually(() => server('tls', 'handshake_errors') === i + 1);
  }
});

test('tls refuses weak ciphers, and all that it takes have forward secrecy', async (t) => {
  const rsaFree = await startTlsGateway(t, certificates, { certificate: web });
  for (const cipher of ['AES128-SHA', 'ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES128-SHA256', 'kRSA', 'eNULL']) {
    const words = ['-tls1_2', '-cipher', `${cipher}:@SECLEVEL=0`];
    const { text, code } = await opensslClient(rsaFree.gateway.port, words);
    assert.notEqual(code, 0, cipher);
    assert.match(text, /alert handshake failure|no cipher match/, cipher);
  }
  for (const version of ['-tls1_2', '-tls1_3']) {
    const { text, code } = await opensslClient(rsaFree.gateway.port, [version]);
    assert.equal(code, 0);
    assert.match(text, /Server Temp Key: (X25519|ECDH)/);
  }
});

test('tls refuses renegotiation', async (t) => {
  const { gateway } = await startTlsGateway(t, certificates, { certificate: web, handler: hang });
  const { text } = await opensslClient(gateway.port, ['-tls1_2'], { input: 'R\n' });
  assert.match(text, /RENEGOTIATING/);
  assert.match(text, /no renegotiation/);
  assert.doesNotMatch(text, /handshake done|Secure Renegotiation IS NOT/);
});

test('tls speaks the protocols and ciphers that are configured, in either spelling', async (t) => {
  const tls = 'protocols: [TLSv1.1, TLSv1.2], ciphers: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, AES128-SHA]';
  const { client, gateway } = await startTlsGateway(t, certificates, { certificate: web, tls });
  const socket = (await client()).socket as TLSSocket;
  assert.equal(socket.getProtocol(), 'TLSv1.2');
  assert.equal(socket.getCipher().name, 'ECDHE-ECDSA-AES256-GCM-SHA384');
  assert.match((await opensslClient(gateway.port, ['-tls1_3'])).text, /alert protocol version/);
});

// ---- names ----

test('tls chooses among certificates by SNI: exact, wildcard, else the first', async (t) => {
  const star = await certificates.issue('*.shop.example', {});
  const one = await certificates.issue('one.shop.example', {});
  const list = [star, one].map(({ certPath, keyPath }) => `{certPath: ${certPath}, keyPath: ${keyPath}}`);
  const { client } = await startTlsGateway(t, certificates, { certificate: web, tls: `certificates: [${list}]` });
  const subjectFor = async (servername: string): Promise<string | undefined> => {
    const { socket } = await client({ servername, checkServerIdentity: () => undefined });
    return (socket as TLSSocket).getPeerCertificate().subject.CN as string | undefined;
  };
  assert.equal(await subjectFor('one.shop.example'), 'one.shop.example');
  assert.equal(await subjectFor('ONE.shop.example'), 'one.shop.example');
  assert.equal(await subjectFor('two.shop.example'), '*.shop.example');
  assert.equal(await subjectFor('a.two.shop.example'), 'web');
  assert.equal(await subjectFor('shop.example'), 'web');
  assert.equal(await subjectFor(''), 'web');
});

test('tls hosts say what a certificate is for in place of its names', async (t) => {
  const old = await certificates.issue('old', {});
  const tls = `certificates: [{certPath: ${old.certPath}, keyPath: ${old.keyPath}, hosts: [new.example]}]`;
  const { client } = await startTlsGateway(t, certificates, { certificate: web, tls });
  for (const [servername, name] of [
    ['new.example', 'old'],
    ['old', 'web'],
  ]) {
    const { socket } = await client({ servername, checkServerIdentity: () => undefined });
    assert.equal((socket as TLSSocket).getPeerCertificate().subject.CN, name);
  }
});

test('SNI that differs from Host is 421 where the host has another certificate, in both protocols', async (t) => {
  const api = await certificates.issue('api', {});
  const tls = `certificates: [{certPath: ${api.certPath}, keyPath: ${api.keyPath}}]`;
  const scene = await startTlsGateway(t, certificates, { certificate: web, tls });
  const { client, gateway, upstream, server } = scene;
  const caller = await client();
  await caller.send('GET / HTTP/1.1\r\nHost: api:443\r\n\r\n');
  const refused = await caller.readResponse();
  assert.equal(refused.status, 421);
  assert.match(refused.text, /"api:443".*"web"/);
  // The connection is as good as before, also for the other name of its certificate, and for one of none.
  for (const host of ['web', 'WEB:443', 'other', 'unknown']) {
    await caller.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.equal((await caller.readResponse()).status, 200, host);
  }
  assert.equal((await askH2(t, gateway.port, 'api')).status, 421);
  assert.equal((await askH2(t, gateway.port, 'other')).status, 200);
  assert.equal((await askH2(t, gateway.port, 'api', { servername: 'api' })).status, 200);
  assert.equal(server('refused', 'misdirected'), 2);
  assert.equal(upstream.requests.length, 6);
});

test('SNI that differs from Host is nothing to a listener with one certificate', async (t) => {
  const { ask } = await startTlsGateway(t, certificates, { certificate: web });
  assert.equal((await ask('GET / HTTP/1.1\r\nHost: api\r\n\r\n')).status, 200);
});

// ---- who does not do the handshake ----

test('a client that stalls in the handshake is closed in time, wherever it stops', async (t) => {
  const { gateway, clock, server } = await startTlsGateway(t, certificates, {
    certificate: web,
    tls: 'handshakeTimeoutMs: 4000',
    manual: true,
  });
  const stall = (bytes: Buffer) => {
    const socket = connectTcp(gateway.port, '127.0.0.1', () => socket.write(bytes));
    socket.on('error', () => {});
    t.after(() => socket.destroy());
    return new Promise((resolve) => socket.on('close', resolve));
  };
  const closed = [stall(Buffer.alloc(0)), stall(Buffer.from('16030100', 'hex'))];
  await eventually(() => server('connections') === 2);
  clock.advance(4000);
  assert.equal(server('tls', 'handshake_timeouts'), 0);
  clock.advance(2000);
  await Promise.all(closed);
  await eventually(() => server('connections') === 0);
  assert.equal(server('tls', 'handshake_timeouts'), 2);
  assert.equal(server('tls', 'handshake_errors'), 2);
});

test('tls counts what is not a handshake, and serves the next caller', async (t) => {
  const { gateway, server, ask } = await startTlsGateway(t, certificates, { certificate: web });
  const plain = connectTcp(gateway.port, '127.0.0.1', () => plain.write(get()));
  plain.on('error', () => {});
  plain.resume();
  await once(plain, 'close');
  const gone = connectTcp(gateway.port, '127.0.0.1', () => gone.end());
  gone.resume();
  await once(gone, 'close');
  await eventually(() => server('tls', 'handshake_errors') === 2);
  assert.equal((await ask(get())).status, 200);
  assert.equal(server('requests'), 1);
});

test('maxConnections counts handshakes, and gives up the oldest of them for a new caller', async (t) => {
  const { gateway, server, ask } = await startTlsGateway(t, certificates, {
    certificate: web,
    server: 'maxConnections: 2',
  });
  const sockets = [1, 2].map(() => connectTcp(gateway.port, '127.0.0.1'));
  for (const socket of sockets) {
    socket.on('error', () => {});
    t.after(() => socket.destroy());
  }
  await eventually(() => server('connections') === 2);
  assert.equal((await ask(get())).status, 200);
  assert.equal(server('connections_evicted'), 1);
});

test('a drain does not wait for handshakes', async (t) => {
  const { gateway, server } = await startTlsGateway(t, certificates, { certificate: web });
  const socket = connectTcp(gateway.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  const closed = once(socket, 'close');
  await eventually(() => server('connections') === 1);
  await gateway.drain();
  await closed;
});

test('tls closes with an alert after Connection: close, and a drain ends busy connections after their answer', async (t) => {
  const { client, gateway, upstream } = await startTlsGateway(t, certificates, { certificate: web, handler: hang });
  const caller = await client();
  await caller.send(get());
  await upstream.until('the request', () => upstream.requests.length === 1);
  const drained = gateway.drain();
  upstream.requests[0]?.respond(200, 'late');
  const response = await caller.readResponse();
  assert.equal(response.text, 'late');
  assert.equal(response.header('connection'), 'close');
  assert.equal(await caller.closedByServer(), 'end');
  caller.close();
  await drained;
});

// ---- sessions ----

test('tls sessions are resumed, also after the certificates were exchanged by a reload', async (t) => {
  const next = await certificates.issue('next', { altNames: 'DNS:web' });
  const { config, gateway, server, handshake, client } = await startTlsGateway(t, certificates, { certificate: web });
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const first = await handshake({ maxVersion });
    assert.ok(first instanceof TLSSocket);
    const session = first.getSession();
    const { socket } = await client({ maxVersion, ...(session ? { session } : {}) });
    assert.equal((socket as TLSSocket).isSessionReused(), true, maxVersion);
  }
  await eventually(() => server('tls', 'resumed') === 2);
  const before = await handshake({ maxVersion: 'TLSv1.2' });
  assert.ok(before instanceof TLSSocket);
  const session = before.getSession();
  const other = config('').replace(/tls: \{.*?\}/, `tls: {certPath: ${next.certPath}, keyPath: ${next.keyPath}}`);
  await gateway.reload(other);
  const { socket } = await client({ maxVersion: 'TLSv1.2', ...(session ? { session } : {}) });
  assert.equal((socket as TLSSocket).isSessionReused(), true);
  const fresh = (await client()).socket as TLSSocket;
  assert.equal(fresh.getPeerCertificate().subject.CN, 'next');
});

// ---- certificates of callers ----

test('requireClientAuth refuses callers without a valid certificate', async (t) => {
  const { certPath: ca } = await certificates.ca;
  const tls = `caCertPath: ${ca}, requireClientAuth: true`;
  const { handshake, client, server } = await startTlsGateway(t, certificates, { certificate: web, tls });
  const foreign = new TestCertificates();
  const stranger = await foreign.issue('stranger');
  const expired = await certificates.issue('expired-caller', { to: '20210101000000Z' });
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    assert.ok((await handshake({ maxVersion })) instanceof Error, 'without one');
    assert.ok((await handshake({ maxVersion, ...shown(stranger) })) instanceof Error, 'of another CA');
    assert.ok((await handshake({ maxVersion, ...shown(expired) })) instanceof Error, 'expired');
  }
  assert.equal(server('tls', 'client_certificate_errors'), 4);
  assert.equal(server('tls', 'handshake_errors'), 6);
  const known = await certificates.issue('known');
  const caller = await client(shown(known));
  await caller.send(get());
  assert.equal((await caller.readResponse()).status, 200);
  assert.equal(server('requests'), 1);
});

test('requestClientAuth serves callers without a certificate, and refuses one that is not valid', async (t) => {
  const { certPath: ca } = await certificates.ca;
  const tls = `caCertPath: ${ca}, requestClientAuth: true`;
  const { handshake, ask } = await startTlsGateway(t, certificates, { certificate: web, tls });
  const stranger = await new TestCertificates().issue('stranger');
  assert.equal((await ask(get())).status, 200);
  assert.ok((await handshake(shown(stranger))) instanceof Error);
  const known = await certificates.issue('known');
  assert.equal((await ask(get(), shown(known))).status, 200);
});

const XFCC = /^x-forwarded-client-cert: (.*)\r$/im;

test('x-forwarded-client-cert is what the caller has proven, and never what it says', async (t) => {
  const { certPath: ca } = await certificates.ca;
  const { ask, gateway } = await startTlsGateway(t, certificates, {
    certificate: web,
    tls: `caCertPath: ${ca}, requestClientAuth: true`,
    router: '  client: {forwardClientCert: true}',
  });
  const caller = await certificates.issue('caller', {
    altNames: 'URI:spiffe://mesh/ns/a,DNS:caller.example',
    subject: '/O=Größe "A"/CN=caller',
  });
  const claim = 'X-Forwarded-Client-Cert: Hash=1';
  const { text } = await ask(get('/', claim), shown(caller));
  const told = XFCC.exec(text)?.[1] ?? '';
  const [hash, ...rest] = told.split(';');
  assert.match(hash ?? '', /^Hash=[0-9A-F]{64}$/);
  assert.deepEqual(rest, [
    'SAN=spiffe://mesh/ns/a',
    'DNS=caller.example',
    'Subject="CN=caller,O=Gr\\C3\\B6\\C3\\9Fe \\"A\\""',
  ]);
  const overH2 = await askH2(t, gateway.port, 'web', shown(caller));
  assert.equal(XFCC.exec(overH2.text)?.[1], told);
  assert.doesNotMatch((await ask(get('/', claim))).text, XFCC);
});

test('x-forwarded-client-cert is left out without forwardClientCert', async (t) => {
  const { certPath: ca } = await certificates.ca;
  const tls = `caCertPath: ${ca}, requireClientAuth: true`;
  const { ask } = await startTlsGateway(t, certificates, { certificate: web, tls });
  const { text } = await ask(get('/', 'x-forwarded-client-cert: Hash=1'), shown(await certificates.issue('known')));
  assert.doesNotMatch(text, XFCC);
});

test('a session of a caller does not outlive a change of the CA that vouched for it', async (t) => {
  const { certPath: ca } = await certificates.ca;
  const other = await new TestCertificates().ca;
  const { handshake, gateway, config } = await startTlsGateway(t, certificates, {
    certificate: web,
    tls: `caCertPath: ${ca}, requireClientAuth: true`,
  });
  const known = await certificates.issue('known');
  const first = await handshake({ ...shown(known), maxVersion: 'TLSv1.2' });
  assert.ok(first instanceof TLSSocket);
  const session = first.getSession();
  await gateway.reload(config(`caCertPath: ${other.certPath}, requireClientAuth: true`));
  const again = await handshake({ ...shown(known), maxVersion: 'TLSv1.2', ...(session ? { session } : {}) });
  assert.ok(again instanceof Error);
});

// ---- https alone ----

test('hsts is on every response, and replaces what the upstream says', async (t) => {
  const { ask, gateway, client } = await startTlsGateway(t, certificates, {
    certificate: web,
    server: 'hsts: {maxAgeSecs: 31536000, includeSubDomains: true, preload: true}',
    handler: fixed(200, 'ok', [['strict-transport-security', 'max-age=0']]),
  });
  const expected = 'max-age=31536000; includeSubDomains; preload';
  const first = await ask(get());
  assert.deepEqual(
    first.fields.filter(([name]) => name.toLowerCase() === 'strict-transport-security').map(([, value]) => value),
    [expected],
  );
  assert.equal((await askH2(t, gateway.port, 'web')).headers['strict-transport-security'], expected);
  const malformed = await client();
  await malformed.send('GET / HTTP/1.1\r\nHost web\r\n\r\n');
  const refused = await malformed.readResponse();
  assert.equal(refused.status, 400);
  assert.equal(refused.header('strict-transport-security'), expected);
});

test('redirectToHttps sends every request to the same URL with https, and none upstream', async (t) => {
  const { scene, upstream } = await startTlsGateway(t, certificates, { certificate: web });
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers:
  - {port: 0, redirectToHttps: {}}
  - {port: 0, h2: true, redirectToHttps: {port: 8443, status: 301}}`);
  const first = await scene.client(gateway);
  await first.send(get('/a?b=%20', 'Connection: keep-alive'));
  const moved = await first.readResponse();
  assert.equal(moved.status, 308);
  assert.equal(moved.header('location'), 'https://web/a?b=%20');
  await first.send('POST / HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 3\r\n\r\nabc');
  assert.equal((await first.readResponse()).header('location'), 'https://[::1]/');
  await first.send('GET / HTTP/1.0\r\n\r\n');
  assert.equal((await first.readResponse()).status, 400);
  const second = { port: gateway.ports[1] as number };
  const other = await scene.ask(second, get('/x', 'Connection: close').replace('Host: web', 'Host: web:8080'));
  assert.equal(other.status, 301);
  assert.equal(other.header('location'), 'https://web:8443/x');
  const session = connectH2(`http://127.0.0.1:${second.port}`);
  t.after(() => session.destroy());
  const overH2 = await answerOf(session.request({ ':path': '/y', ':authority': 'web' }));
  assert.equal(overH2.headers.location, 'https://web:8443/y');
  session.destroy();
  assert.equal(upstream.requests.length, 0);
  assert.equal(gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'redirects'), 4);
});
