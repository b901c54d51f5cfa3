import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { SecureContext } from 'node:tls';
import { type Signal, signal } from '@preact/signals-core';
import { MetricsScope } from '../../../src/base/metrics.js';
import type { RouteCertificate } from '../../../src/identifier/identifier.js';
import { makeSelfSignedCertificate } from '../../../src/tls/self-signed-certificate.js';
import { ServerCertificates } from '../../../src/tls/server-certificates.js';
import { TicketKeys } from '../../../src/tls/ticket-keys.js';
import { captureLog } from '../../support/captured-log.js';
import { ManualClock } from '../../support/manual-clock.js';
import { metricValue } from '../../support/metric-value.js';

const HOUR_MS = 3600 * 1000;
const NOT_SOON = Date.UTC(2040, 0, 1);

interface Table {
  readonly tls: ServerCertificates;
  readonly clock: ManualClock;
  readonly routes: Signal<readonly RouteCertificate[]>;
  contextFor(name: string): SecureContext;
  metric(name: string): number;
  /** Names of the metrics that there are. */
  metrics(): readonly string[];
}

/** With the certificate files of these names, each in a file `<name>.pem` of `directory`. */
function startTable(t: TestContext, routes: readonly RouteCertificate[], files: readonly string[] = []): Table {
  const clock = new ManualClock();
  const metrics = new MetricsScope();
  const directory = mkdtempSync(join(tmpdir(), 'linkgate-tls-'));
  const certificates = files.map((name) => {
    const { chain, key } = makeSelfSignedCertificate(name);
    const paths = { certPath: join(directory, `${name}.pem`), keyPath: join(directory, `${name}.key`) };
    writeFileSync(paths.certPath, chain);
    writeFileSync(paths.keyPath, key);
    return paths;
  });
  const source = signal(routes);
  const tls = new ServerCertificates({
    config: { certificates, fromRoutes: true, clientAuth: 'none', handshakeTimeoutMs: 1000 },
    ticketKeys: new TicketKeys(clock),
    clock,
    metrics,
  });
  t.after(() => {
    tls.close();
    rmSync(directory, { recursive: true, force: true });
  });
  tls.start([source]);
  return {
    tls,
    clock,
    routes: source,
    contextFor: (name) => tls.contextFor?.(name) as SecureContext,
    metric: (name) => metricValue(metrics, name),
    metrics: () => [...metrics.children.keys()],
  };
}

function certificateFor(...hosts: [string, ...string[]]): RouteCertificate {
  const origin = `secret test/${hosts[0]}`;
  return { ...makeSelfSignedCertificate(hosts[0]), hosts, validTo: NOT_SOON, origin };
}

test('certificates of routes are found by name, before there are any and when there are none left the fallback', (t) => {
  const { tls, routes, contextFor } = startTable(t, []);
  const fallback = tls.context;
  assert.equal(contextFor('a'), fallback);
  routes.value = [certificateFor('a', 'b'), certificateFor('*.c')];
  assert.notEqual(contextFor('a'), fallback);
  assert.equal(contextFor('A.'), contextFor('b'));
  assert.notEqual(contextFor('x.c'), fallback);
  assert.equal(contextFor('x.y.c'), fallback);
  routes.value = [];
  assert.equal(contextFor('a'), fallback);
  assert.equal(tls.context, fallback);
});

test('of a thousand certificates of routes the one that changes is made anew, the others stay', (t) => {
  const one = certificateFor('n');
  const many = Array.from({ length: 1000 }, (_, i) => ({ ...one, chain: `${one.chain}${i}\n`, hosts: [`n${i}`] }));
  const { routes, contextFor } = startTable(t, many);
  const watched = [0, 7, 999].map((i) => `n${i}`);
  const before = watched.map(contextFor);
  // Another list of other objects, as a source makes them.
  routes.value = many.map((certificate, i) => ({ ...certificate, ...(i === 7 ? makeSelfSignedCertificate('n') : {}) }));
  const after = watched.map(contextFor);
  assert.equal(after[0], before[0]);
  assert.notEqual(after[1], before[1]);
  assert.equal(after[2], before[2]);
});

test('a certificate in a file comes before one of a route for the same name, not before one for a more exact name', (t) => {
  const { tls, routes, contextFor } = startTable(t, [], ['*.shop', 'shop']);
  const star = contextFor('a.shop');
  assert.equal(contextFor('nobody'), tls.context);
  routes.value = [certificateFor('*.shop'), certificateFor('shop'), certificateFor('b.shop')];
  assert.equal(contextFor('a.shop'), star);
  assert.notEqual(contextFor('b.shop'), star);
  assert.equal(contextFor('nobody'), star);
  assert.equal(contextFor('nobody'), tls.context);
});

test('of two certificates of routes for one name the first is shown', (t) => {
  const [a, b] = [certificateFor('a'), certificateFor('a')];
  const { routes, contextFor } = startTable(t, [a, b]);
  const first = contextFor('a');
  routes.value = [b, a];
  assert.notEqual(contextFor('a'), first);
  routes.value = [a];
  assert.equal(contextFor('a'), first);
});

test('one certificate that two routes bring is one: a connection for the one serves the other', (t) => {
  const a = certificateFor('a');
  const { tls } = startTable(t, [a, { ...a, hosts: ['b'] }, certificateFor('c')]);
  assert.equal(tls.isMisdirected('a', 'b:443'), false);
  assert.equal(tls.isMisdirected('a', 'c'), true);
  assert.equal(tls.isMisdirected('a', 'unknown'), true);
  assert.equal(tls.isMisdirected('unknown', 'nobody'), false);
});

test('a certificate of a route that cannot be used is left out alone, told once, and taken when it is another', (t) => {
  const lines = captureLog(t);
  const good = certificateFor('a', 'b');
  const broken = { ...certificateFor('b'), key: good.key };
  const { tls, routes, contextFor, metric } = startTable(t, [broken, good]);
  assert.equal(contextFor('b'), contextFor('a'));
  assert.notEqual(contextFor('b'), tls.context);
  routes.value = [broken];
  assert.equal(contextFor('b'), tls.context);
  assert.equal(metric('route_certificate_failures'), 1);
  assert.equal(metric('route_certificates'), 0);
  const errors = lines.filter(({ level }) => level === 'error').map(({ msg }) => msg);
  assert.equal(errors.length, 1);
  assert.match(errors[0] ?? '', /left out: secret test\/b: cannot be used with its key: .*key values mismatch/);
  routes.value = [certificateFor('b')];
  assert.notEqual(contextFor('b'), tls.context);
});

test('how long certificates hold counts those of routes, and nothing is said of the self-signed one', (t) => {
  const { clock, routes, metric, metrics } = startTable(t, []);
  assert.ok(!metrics().includes('certificate_valid_for_secs'));
  assert.ok(metrics().includes('route_certificates'));
  routes.value = [certificateFor('a'), { ...certificateFor('b'), validTo: clock.epochMs() + HOUR_MS }];
  assert.equal(metric('certificate_valid_for_secs'), 3600);
  assert.equal(metric('route_certificates'), 2);
  clock.advance(HOUR_MS + 5000);
  assert.equal(metric('certificate_valid_for_secs'), -5);
  routes.value = [];
  assert.ok(!metrics().includes('certificate_valid_for_secs'));
});

test('an expired certificate of a route is served with one warning', (t) => {
  const lines = captureLog(t);
  const expired = { ...certificateFor('a'), validTo: Date.UTC(1969, 0, 2) };
  const { tls, routes, contextFor } = startTable(t, [expired]);
  routes.value = [expired, certificateFor('b')];
  assert.notEqual(contextFor('a'), tls.context);
  assert.deepEqual(
    lines.map(({ msg }) => msg).filter((msg) => msg.includes('secret test/a')),
    ['secret test/a: the certificate expired on 1969-01-02; callers will refuse it'],
  );
});

test('certificates of routes are followed from start to close, and those of another source after a start with that', (t) => {
  const watchers: string[] = [];
  const watched = (name: string, value: readonly RouteCertificate[]) =>
    signal(value, { watched: () => watchers.push(`+${name}`), unwatched: () => watchers.push(`-${name}`) });
  const [a, b] = [watched('a', [certificateFor('a')]), watched('b', [certificateFor('b')])];
  const { tls, contextFor } = startTable(t, []);
  const fallback = tls.context;
  tls.start([a]);
  assert.notEqual(contextFor('a'), fallback);
  tls.start([a, b]);
  assert.notEqual(contextFor('b'), fallback);
  tls.start([b]);
  assert.equal(contextFor('a'), fallback);
  assert.deepEqual(watchers, ['+a', '+b', '-a']);
  tls.close();
  assert.deepEqual(watchers, ['+a', '+b', '-a', '-b']);
});
