import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, type TestContext, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import type { RouteCertificate } from '../../src/identifier/identifier.js';
import { captureLog } from '../support/captured-log.js';
import { FakeRouteSource, kindsWithRoutes } from '../support/fake-route-source.js';
import type { TestGateway } from '../support/gateway.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { opensslClient } from '../support/openssl-client.js';
import { RawClient } from '../support/raw-client.js';
import { Scene } from '../support/scene.js';
import { type TestCertificate, TestCertificates } from '../support/test-certificates.js';

expectNoOpenHandles();

const certificates = new TestCertificates();
let shop: TestCertificate;
let next: TestCertificate;
let api: TestCertificate;
before(async () => {
  shop = await certificates.issue('shop');
  next = await certificates.issue('next', { altNames: 'DNS:shop' });
  api = await certificates.issue('api', { altNames: 'DNS:*.api' });
});

function routed({ certPath, keyPath }: TestCertificate, ...hosts: [string, ...string[]]): RouteCertificate {
  const [chain, key] = [readFileSync(certPath, 'utf8'), readFileSync(keyPath, 'utf8')];
  return { hosts, chain, key, validTo: Date.UTC(2049, 0), origin: `secret test/${hosts[0]}` };
}

const CONFIG = (tls: string, identifier: string): string => `
admin: {port: 0}
routers:
- protocol: http
  identifier: ${identifier}
  dtab: /svc/* => /$/inet/127.0.0.1/1
  servers: [{port: 0, tls: {${tls}}}]`;
const ROUTES = '[{kind: test.routes}, {kind: io.l5d.header.token}]';

/** A gateway of the routes of `source`. No request gets anywhere. */
async function start(t: TestContext, tls = 'fromRoutes: true', identifier = ROUTES) {
  const scene = new Scene(t);
  const source = new FakeRouteSource();
  const gateway = await scene.gateway(CONFIG(tls, identifier), { kinds: kindsWithRoutes(source) });
  const connect = async (servername: string): Promise<RawClient> => {
    const client = await RawClient.connect({ port: gateway.port, tls: { servername, rejectUnauthorized: false } });
    t.after(() => client.close());
    return client;
  };
  return {
    gateway,
    source,
    connect,
    /** Common name of what is shown to a caller who names this server. */
    shownFor: async (servername: string) =>
      ((await connect(servername)).socket as TLSSocket).getPeerCertificate().subject.CN,
  };
}

/** Status of a request on an open connection. */
async function statusOf(client: RawClient, host: string): Promise<number> {
  await client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return (await client.readResponse()).status;
}

function metric(gateway: TestGateway, name: string): number {
  return gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'tls', name);
}

const FALLBACK = 'no-certificate.linkgate.invalid';
/** There is a route, and nothing at its end. */
const NO_BACKEND = 502;

test('a listener without files takes callers before there are certificates, with one that it signs itself', async (t) => {
  const { gateway, source, shownFor } = await start(t);
  assert.equal(await shownFor('shop'), FALLBACK);
  const { text } = await opensslClient(gateway.port, ['-noservername']);
  assert.match(text, new RegExp(`CN = ${FALLBACK}`));
  assert.match(text, /self[- ]signed certificate/);
  source.certificates.value = [routed(shop, 'shop'), routed(api, '*.api')];
  assert.equal(await shownFor('shop'), 'shop');
  assert.equal(await shownFor('v1.api'), 'api');
  assert.equal(await shownFor('v1.v2.api'), FALLBACK);
});

test('certificates of routes that change count at once, and open connections stay', async (t) => {
  const { gateway, source, connect, shownFor } = await start(t);
  source.certificates.value = [routed(shop, 'shop'), routed(api, '*.api')];
  const open = await connect('shop');
  source.certificates.value = [routed(next, 'shop'), routed(api, '*.api')];
  assert.equal(await shownFor('shop'), 'next');
  assert.equal(await shownFor('v1.api'), 'api');
  source.certificates.value = [routed(api, '*.api')];
  assert.equal(await shownFor('shop'), FALLBACK);
  assert.equal(await statusOf(open, 'shop'), NO_BACKEND);
  assert.equal(metric(gateway, 'route_certificates'), 1);
});

test('a certificate of a route that cannot be used harms no other, and is told and counted once', async (t) => {
  const lines = captureLog(t);
  const { gateway, source, shownFor } = await start(t);
  source.certificates.value = [{ ...routed(shop, 'shop'), key: routed(next, 'x').key }, routed(api, '*.api')];
  assert.equal(await shownFor('shop'), FALLBACK);
  assert.equal(await shownFor('shop'), FALLBACK);
  assert.equal(await shownFor('v1.api'), 'api');
  assert.equal(metric(gateway, 'route_certificate_failures'), 1);
  assert.equal(lines.filter(({ msg }) => msg.includes('secret test/shop')).length, 1);
});

test('a file comes before a route for the same name, and is what callers without a name are shown', async (t) => {
  const files = `certPath: ${next.certPath}, keyPath: ${next.keyPath}`;
  const { gateway, source, shownFor } = await start(t, `fromRoutes: true, ${files}`);
  source.certificates.value = [routed(shop, 'shop', 'www.shop')];
  assert.equal(await shownFor('shop'), 'next');
  assert.equal(await shownFor('www.shop'), 'shop');
  assert.match((await opensslClient(gateway.port, ['-noservername'])).text, /CN = next/);
});

test('a request for a host of another certificate than the handshake named is refused, also when both are of routes', async (t) => {
  const { source, connect } = await start(t);
  source.certificates.value = [routed(shop, 'shop', 'www.shop'), routed(api, '*.api')];
  const client = await connect('shop');
  assert.equal(await statusOf(client, 'v1.api'), 421);
  assert.equal(await statusOf(client, 'www.shop:443'), NO_BACKEND);
});

test('a reload keeps the certificates of routes, and turns them on and off', async (t) => {
  const { gateway, source, shownFor } = await start(t);
  source.certificates.value = [routed(shop, 'shop')];
  await gateway.reload(CONFIG('fromRoutes: true', ROUTES));
  assert.equal(await shownFor('shop'), 'shop');
  await gateway.reload(CONFIG(`certPath: ${api.certPath}, keyPath: ${api.keyPath}`, ROUTES));
  assert.equal(await shownFor('shop'), 'api');
  await gateway.reload(CONFIG('fromRoutes: true', ROUTES));
  assert.equal(await shownFor('shop'), 'shop');
});

test('certificates from routes where no identifier has any are refused at start', async (t) => {
  await assert.rejects(
    start(t, 'fromRoutes: true', '{kind: io.l5d.header.token}'),
    /none of the router's identifiers has certificates/,
  );
});
