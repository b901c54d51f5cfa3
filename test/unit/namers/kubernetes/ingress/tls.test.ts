import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { projectTlsSecret, type TlsSecret } from '../../../../../namers/kubernetes/ingress/tls-secret.js';
import { compile, IngressScene, type IngressWords, ingress } from '../../../../support/ingress-scene.js';
import { TestCertificates } from '../../../../support/test-certificates.js';

const certificates = new TestCertificates();

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

describe('projectTlsSecret', () => {
  let crt = '';
  let key = '';
  let otherKey = '';
  before(async () => {
    const one = await certificates.issue('one', { altNames: 'DNS:Shop.example.com,DNS:*.example.com,IP:10.0.0.1' });
    const other = await certificates.issue('other');
    crt = readFileSync(one.certPath, 'utf8');
    key = readFileSync(one.keyPath, 'utf8');
    otherKey = readFileSync(other.keyPath, 'utf8');
  });
  const project = (data: object, type = 'kubernetes.io/tls') => projectTlsSecret({ type, data });
  const why = (data: object, type?: string): string => {
    const secret = project(data, type);
    return secret.type === 'invalid' ? secret.why : 'is valid';
  };
  const pair = (cert: string, itsKey: string) => ({ 'tls.crt': base64(cert), 'tls.key': base64(itsKey) });

  it('takes a certificate with its key, and the DNS names that it is for', () => {
    const secret = project(pair(crt, key));
    assert.ok(secret.type === 'certificate');
    assert.deepEqual(secret.names, ['shop.example.com', '*.example.com']);
    assert.equal(secret.chain.trim(), crt.trim());
    assert.equal(secret.key.trim(), key.trim());
    assert.equal(secret.validTo, Date.UTC(2049, 11, 31, 23, 59, 59));
  });

  it('keeps the chain behind the leaf, and nothing that stands between', async () => {
    const ca = await certificates.caText();
    const secret = project(pair(`# leaf\n${crt}\n# issuer\n${ca}\n`, `${key}\n# end`));
    assert.ok(secret.type === 'certificate');
    assert.equal(secret.chain.match(/BEGIN CERTIFICATE/g)?.length, 2);
    assert.doesNotMatch(secret.chain + secret.key, /#/);
  });

  it('says what is wrong with anything else, and nothing of the key', () => {
    assert.match(why(pair(crt, key), 'Opaque'), /^type is "Opaque", want "kubernetes.io\/tls"$/);
    assert.equal(why({}), 'data has no tls.crt');
    assert.equal(why({ 'tls.crt': base64(crt) }), 'data has no tls.key');
    assert.equal(why({ 'tls.crt': '', 'tls.key': base64(key) }), 'data has no tls.crt');
    assert.equal(why({ 'tls.crt': 'no base64!', 'tls.key': base64(key) }), 'tls.crt is not in Base64');
    assert.equal(why({ 'tls.crt': 7, 'tls.key': base64(key) }), 'tls.crt is not in Base64');
    assert.match(why(pair('hello', key)), /^tls\.crt: no certificate in it, want PEM/);
    assert.match(why(pair(crt.replace(/\n[A-Za-z]/, '\nA!'), key)), /^tls\.crt: /);
    assert.match(why(pair(crt, 'hello')), /^tls\.key: no private key that can be read, want PEM/);
    assert.equal(
      why(pair(crt, otherKey)),
      'tls.key: the private key does not belong to the first certificate in tls.crt',
    );
    assert.match(why(pair(crt.repeat(400), key)), /^tls\.crt is longer than 200000 characters of Base64$/);
    for (const data of [pair('hello', key), pair(crt, otherKey), pair(crt, key.slice(0, 100))]) {
      assert.equal(why(data).includes(key.split('\n')[1] ?? '?'), false);
    }
    assert.equal(projectTlsSecret({ type: 'kubernetes.io/tls', data: [] }).type, 'invalid');
  });

  it('refuses a certificate that no listener could serve, before one tries', () => {
    const file = (name: string): string => join(certificates.directory, name);
    const weak = ['-newkey', 'rsa:512', '-nodes', '-keyout', file('weak.key'), '-out', file('weak.crt')];
    execFileSync('openssl', ['req', '-x509', ...weak, '-subj', '/CN=weak', '-days', '30'], { stdio: 'ignore' });
    assert.match(
      why(pair(readFileSync(file('weak.crt'), 'utf8'), readFileSync(file('weak.key'), 'utf8'))),
      /^tls\.crt: cannot be served: .*key too small/,
    );
  });
});

describe('spec.tls', () => {
  const NOW = Date.UTC(2026, 5);
  const certificate = (names: readonly string[], more: object = {}): TlsSecret => ({
    type: 'certificate',
    chain: `chain for ${names.join()}`,
    key: 'key',
    names,
    validFrom: 0,
    validTo: NOW + 1000,
    ...more,
  });
  const web = (tls: readonly object[], { spec, ...words }: IngressWords = {}) =>
    ingress('web', { routes: ['a.example.com/', 'b.example.com/'], ...words, spec: { ...spec, tls } });
  const secrets = { 'shop/tls': certificate(['a.example.com', 'b.example.com']) };

  it('has its secret served for its hosts', () => {
    const seen = compile([web([{ hosts: ['A.example.com'], secretName: 'tls' }])], { secrets });
    assert.deepEqual(seen.compiled.certificates, [
      {
        hosts: ['a.example.com'],
        chain: 'chain for a.example.com,b.example.com',
        key: 'key',
        validTo: NOW + 1000,
        origin: 'secret shop/tls',
      },
    ]);
    assert.deepEqual([...seen.compiled.referencedSecrets], ['shop/tls']);
    assert.deepEqual(seen.reasons('web'), []);
  });

  it('means the hosts of the certificate, of those of the Ingress, when it names none', () => {
    const names = ['*.example.com', 'elsewhere.example.net'];
    const seen = compile([web([{ secretName: 'tls' }])], { secrets: { 'shop/tls': certificate(names) } });
    assert.deepEqual(seen.certificates, ['a.example.com,b.example.com of secret shop/tls']);
  });

  it('says so when the certificate is for no host of the Ingress', () => {
    const seen = compile([web([{ secretName: 'tls' }])], { secrets: { 'shop/tls': certificate(['x.example.net']) } });
    assert.deepEqual(seen.certificates, []);
    assert.deepEqual(seen.messages('web'), [
      'spec.tls[0]: the certificate of secret shop/tls is for x.example.net, and for no host of this Ingress; it is not served',
    ]);
  });

  it('is served without a certificate while the secret is missing, malformed or of another key', () => {
    const tls = [{ hosts: ['a.example.com'], secretName: 'tls' }];
    for (const [secret, message] of [
      [
        undefined,
        'spec.tls[0]: there is no secret shop/tls; the routes are served without a certificate until there is',
      ],
      [
        { type: 'invalid', why: 'tls.key: the private key does not belong to the first certificate in tls.crt' },
        'spec.tls[0]: secret shop/tls: tls.key: the private key does not belong to the first certificate in tls.crt; the routes are served without a certificate',
      ],
    ] as const) {
      const seen = compile([web(tls)], { secrets: secret ? { 'shop/tls': secret } : {} });
      assert.equal(seen.rules.length, 2);
      assert.equal(seen.compiled.routes.rules[0]?.options.httpsRedirect, true, 'nothing is opened to plain text by it');
      assert.deepEqual(seen.certificates, []);
      assert.deepEqual(seen.reasons('web'), [secret ? 'SecretInvalid' : 'SecretNotFound']);
      assert.deepEqual(seen.messages('web'), [message]);
    }
  });

  it('is no problem while its secret is not known yet, nor without a secret', () => {
    const seen = compile([web([{ hosts: ['a.example.com'], secretName: 'tls' }, { hosts: ['b.example.com'] }])], {
      secrets: { 'shop/tls': 'unknown' },
    });
    assert.deepEqual(seen.reasons('web'), []);
    assert.deepEqual(seen.certificates, []);
  });

  it('never asks for a secret whose name would be another path of the API', () => {
    const seen = compile([web([{ hosts: ['a.example.com'], secretName: '../../nodes' }])]);
    assert.deepEqual([...seen.compiled.referencedSecrets], []);
    assert.deepEqual(seen.messages('web'), [
      'spec.tls[0].secretName: no secret can be called so; the routes are served without a certificate',
    ]);
  });

  it('gives no namespace a certificate for a host of another', () => {
    const tls = [{ hosts: ['a.example.com', 'victim.example.com', '*.example.com'], secretName: 'tls' }];
    const seen = compile([ingress('bank/web', { routes: ['victim.example.com/'] }), web(tls, { age: 1 })], {
      secrets: { 'shop/tls': certificate(['*.example.com']) },
    });
    assert.deepEqual(seen.certificates, ['a.example.com,b.example.com of secret shop/tls']);
    assert.deepEqual(seen.messages('web'), [
      'spec.tls[0].hosts: host victim.example.com is not one of namespace shop, want a rule for it; the certificate is not served for it',
    ]);
  });

  it('gives no namespace the hosts of another through a certificate that names no hosts', () => {
    const seen = compile(
      [ingress('bank/web', { routes: ['a.example.com/'] }), web([{ secretName: 'tls' }], { age: 1 })],
      { secrets },
    );
    assert.deepEqual(seen.certificates, ['b.example.com of secret shop/tls']);
  });

  it('gives a canary no certificate for the host of a primary in another namespace', () => {
    const stray = web([{ secretName: 'tls' }], { age: 1, annotations: { canary: 'true' } });
    const seen = compile([ingress('bank/web', { routes: ['a.example.com/'] }), stray], { secrets });
    assert.deepEqual(seen.certificates, []);
  });

  it('takes hosts that another Ingress of the namespace has, and hosts below an own wildcard', () => {
    const seen = compile(
      [
        ingress('other', { routes: ['other.example.com/', '*.wild.example.com/'] }),
        web([{ hosts: ['other.example.com', 'x.wild.example.com', '*.wild.example.com'], secretName: 'tls' }], {
          age: 1,
        }),
      ],
      { secrets: { 'shop/tls': certificate(['other.example.com', '*.wild.example.com']) } },
    );
    assert.deepEqual(seen.certificates, ['other.example.com,x.wild.example.com,*.wild.example.com of secret shop/tls']);
  });

  it('takes any host where hosts are shared', () => {
    const seen = compile([web([{ hosts: ['x.example.net'], secretName: 'tls' }])], {
      secrets: { 'shop/tls': certificate(['x.example.net']) },
      hostOwnership: 'shared',
    });
    assert.deepEqual(seen.certificates, ['x.example.net of secret shop/tls']);
  });

  it('is that of the oldest for a host', () => {
    const tls = (secretName: string) => [{ hosts: ['a.example.com'], secretName }];
    const seen = compile(
      [web(tls('tls')), ingress('late', { routes: ['a.example.com/late'], spec: { tls: tls('new') }, age: 1 })],
      { secrets: { ...secrets, 'shop/new': certificate(['a.example.com']) } },
    );
    assert.deepEqual(seen.certificates, ['a.example.com of secret shop/tls']);
    assert.deepEqual(seen.messages('late'), [
      'spec.tls[0]: an older Ingress has secret shop/tls for host a.example.com, which is served in place of shop/new',
    ]);
  });

  it('is one certificate for all Ingresses that name the same secret', () => {
    const tls = (host: string) => [{ hosts: [host], secretName: 'tls' }];
    const seen = compile(
      [
        ingress('one', { routes: ['a.example.com/'], spec: { tls: tls('a.example.com') } }),
        ingress('two', {
          routes: ['b.example.com/', 'a.example.com/x'],
          spec: { tls: [...tls('b.example.com'), ...tls('a.example.com')] },
          age: 1,
        }),
      ],
      { secrets },
    );
    assert.deepEqual(seen.certificates, ['a.example.com,b.example.com of secret shop/tls']);
    assert.deepEqual(seen.reasons('two'), []);
  });

  it('is served with a warning when it has expired, is not valid yet, or is for other names', () => {
    const tls = [{ hosts: ['a.example.com'], secretName: 'tls' }];
    for (const [secret, message] of [
      [
        certificate(['a.example.com'], { validTo: Date.UTC(2026, 4, 31) }),
        'expired at 2026-05-31T00:00:00.000Z; it is served all the same, and clients will refuse it',
      ],
      [
        certificate(['a.example.com'], { validFrom: Date.UTC(2026, 6, 1) }),
        'is not valid before 2026-07-01T00:00:00.000Z; it is served all the same, and clients will refuse it',
      ],
      [
        certificate(['x.example.net']),
        'is for x.example.net, not for a.example.com; it is served all the same, and clients will refuse it',
      ],
      [
        certificate([]),
        'is for no DNS name, not for a.example.com; it is served all the same, and clients will refuse it',
      ],
    ] as const) {
      const seen = compile([web(tls)], { secrets: { 'shop/tls': secret }, nowMs: NOW });
      assert.deepEqual(seen.certificates, ['a.example.com of secret shop/tls']);
      assert.deepEqual(seen.messages('web'), [`spec.tls[0]: the certificate of secret shop/tls ${message}`]);
    }
  });

  it('has hosts that are none as problems', () => {
    const seen = compile([web([{ hosts: ['10.0.0.1', 'a.example.com'], secretName: 'tls' }])], { secrets });
    assert.deepEqual(seen.certificates, ['a.example.com of secret shop/tls']);
    assert.match(seen.messages('web')[0] ?? '', /^spec\.tls\[0\]\.hosts\[0\]: host "10\.0\.0\.1" is an IP address/);
  });

  it('stays the same object while neither secret nor hosts change, and follows a new one', () => {
    const scene = new IngressScene();
    const one = web([{ hosts: ['a.example.com'], secretName: 'tls' }]);
    const [first] = scene.compile([one], { secrets }).compiled.certificates;
    assert.ok(first);
    assert.equal(scene.compile([one, ingress('new')], { secrets }).compiled.certificates[0], first);
    const rotated = { 'shop/tls': certificate(['a.example.com'], { chain: 'new' }) };
    assert.equal(scene.compile([one], { secrets: rotated }).compiled.certificates[0]?.chain, 'new');
    const both = web([{ hosts: ['a.example.com', 'b.example.com'], secretName: 'tls' }]);
    assert.deepEqual(scene.compile([both], { secrets }).certificates, [
      'a.example.com,b.example.com of secret shop/tls',
    ]);
  });
});
