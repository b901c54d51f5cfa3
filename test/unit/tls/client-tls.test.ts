import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePath } from '../../../src/base/name-grammar.js';
import { makeClientTls, uriIdentity } from '../../../src/tls/client-tls.js';
import { captureLog } from '../../support/captured-log.js';
import { ManualClock } from '../../support/manual-clock.js';

const clock = new ManualClock();
const nobody = { started: () => () => {} };
const DEFAULTS = { enabled: true, disableValidation: false } as const;

/** What of a certificate is looked at. */
function withNames(subjectAltName: string | undefined) {
  return { subjectAltName } as Parameters<ReturnType<typeof uriIdentity>>[0];
}

test('client tls that is absent or not enabled is plain text', () => {
  assert.equal(makeClientTls(undefined, clock), undefined);
  assert.equal(makeClientTls({ ...DEFAULTS, enabled: false }, clock), undefined);
});

test('client tls puts what the prefix captures into the names, for each bound id anew', () => {
  const config = {
    ...DEFAULTS,
    prefix: '/#/io.l5d.fs/{ns}-{sa}',
    commonName: '{sa}.{ns}.svc',
    uriSans: ['spiffe://m/{ns}/{sa}'],
  };
  const tlsOf = makeClientTls(config, clock);
  const names = (id: string): (string | undefined)[] => {
    const tls = tlsOf?.(parsePath(id), nobody);
    return [tls?.serverName, tls?.identity?.(withNames('URI:x'))?.message];
  };
  const fault = 'its certificate is not for spiffe://m';
  assert.deepEqual(names('/#/io.l5d.fs/prod-web'), ['web.prod.svc', `${fault}/prod/web`]);
  assert.deepEqual(names('/#/io.l5d.fs/dev-cart/more'), ['cart.dev.svc', `${fault}/dev/cart`]);
});

test('client tls shares one context among the names of an entry', () => {
  const tlsOf = makeClientTls({ ...DEFAULTS, commonName: 'web' }, clock);
  const [one, other] = ['/a', '/b'].map((id) => tlsOf?.(parsePath(id), nobody).context);
  assert.ok(one);
  assert.equal(one, other);
});

test('client tls warns of trustCerts and of broken versions', (t) => {
  const log = captureLog(t);
  makeClientTls({ ...DEFAULTS, commonName: 'web', trustCerts: ['/nowhere'], protocols: ['TLSv1.1', 'TLSv1.2'] }, clock);
  const warnings = log.filter(({ level }) => level === 'warn').map(({ msg }) => msg);
  assert.deepEqual(warnings, [
    'tls.trustCerts of a client is deprecated: use trustCertsBundle',
    'tls.protocols of a client: TLSv1.1 are broken and not spoken',
  ]);
});

test('URI identity is one of the URIs of the certificate, byte by byte', () => {
  const check = uriIdentity(['spiffe://mesh/web', 'https://web.example/']);
  assert.equal(check(withNames('DNS:web, URI:spiffe://mesh/web')), undefined);
  assert.equal(check(withNames('URI:urn:other, URI:https://web.example/')), undefined);
  for (const names of [
    undefined,
    '',
    'URI:spiffe://mesh/Web',
    'URI:spiffe://mesh/web/',
    'URI:spiffe://mesh/we',
    'DNS:spiffe://mesh/web',
    'URI:"spiffe://mesh/web, URI:spiffe://mesh/web"',
    'DNS:"x, URI:spiffe://mesh/web"',
  ]) {
    assert.match(
      check(withNames(names))?.message ?? '',
      /^its certificate is not for spiffe:\/\/mesh\/web or https/,
      names,
    );
  }
});

test('SPIFFE id has to be the only URI of its certificate', () => {
  const check = uriIdentity(['spiffe://mesh/web']);
  assert.match(check(withNames('URI:spiffe://mesh/web, URI:urn:x'))?.message ?? '', /has 2 URIs/);
});
