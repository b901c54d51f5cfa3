import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestCertificates } from '../../support/test-certificates.js';
import { errorsOf, messagesOf, routerOf, withRouter } from './parse-text.js';

const certificates = new TestCertificates();
const file = (name: string, text: string): string => {
  const path = join(certificates.directory, name);
  writeFileSync(path, text);
  return path;
};

const tls = (keys: string): string => withRouter('client:', '  tls:', '    commonName: web', `    ${keys}`);

test('client tls is taken with files that can be used, and with uriSans instead of commonName', async () => {
  const { certPath, keyPath } = await certificates.issue('own');
  const { certPath: ca } = await certificates.ca;
  assert.deepEqual(messagesOf(tls(`trustCertsBundle: ${ca}`)), []);
  assert.deepEqual(messagesOf(tls(`trustCerts: [${ca}, ${ca}]`)), []);
  assert.deepEqual(
    messagesOf(tls(`clientAuth: {certPath: ${certPath}, keyPath: ${keyPath}, intermediateCertsPath: ${ca}}`)),
    [],
  );
  assert.deepEqual(messagesOf(withRouter('client: {tls: {uriSans: ["spiffe://mesh/web"]}}')), []);
  assert.equal(routerOf(withRouter('client: {forwardClientCert: true}')).client.base.forwardClientCert, true);
});

test('client tls with a file that cannot be used is refused at its line with the reason', async () => {
  const { certPath, keyPath } = await certificates.issue('own');
  const other = await certificates.issue('other');
  const missing = join(certificates.directory, 'missing.pem');
  const nonsense = file('nonsense.pem', 'nonsense');
  const broken = file('broken.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  const encrypted = file('encrypted.key', '-----BEGIN ENCRYPTED PRIVATE KEY-----\n');
  for (const [keys, path, reason] of [
    [
      `trustCertsBundle: ${missing}`,
      'trustCertsBundle',
      `Cannot read the CA certificates: ENOENT: no such file or directory, open '${missing}'`,
    ],
    [
      `trustCertsBundle: ${nonsense}`,
      'trustCertsBundle',
      `${nonsense}: no certificate in it, want PEM (-----BEGIN CERTIFICATE-----)`,
    ],
    [`trustCerts: [${certPath}, ${broken}]`, 'trustCerts[1]', `${broken}: a certificate in it cannot be read`],
    [
      `clientAuth: {certPath: ${missing}, keyPath: ${keyPath}}`,
      'clientAuth.certPath',
      'Cannot read the certificate: ENOENT',
    ],
    [
      `clientAuth: {certPath: ${certPath}, keyPath: ${nonsense}}`,
      'clientAuth.keyPath',
      `${nonsense}: no private key that can be read`,
    ],
    [
      `clientAuth: {certPath: ${certPath}, keyPath: ${encrypted}}`,
      'clientAuth.keyPath',
      `${encrypted}: the private key is encrypted`,
    ],
    [
      `clientAuth: {certPath: ${certPath}, keyPath: ${other.keyPath}}`,
      'clientAuth.keyPath',
      `${other.keyPath}: the private key does not belong to the certificate in ${certPath}`,
    ],
    [
      `clientAuth: {certPath: ${certPath}, keyPath: ${keyPath}, intermediateCertsPath: ${nonsense}}`,
      'clientAuth.intermediateCertsPath',
      `${nonsense}: no certificate in it`,
    ],
    ['protocols: [TLSv1.4]', 'protocols', 'unknown TLS version "TLSv1.4" (known: TLSv1.2, TLSv1.3)'],
    ['protocols: [TLSv1, TLSv1.1]', 'protocols', 'TLSv1, TLSv1.1: want at least one of TLSv1.2, TLSv1.3'],
    ['uriSans: []', 'uriSans', 'want'],
  ] as const) {
    const errors = errorsOf(tls(keys));
    assert.equal(errors.length, 1, errors.join('\n'));
    assert.match(errors[0] ?? '', /^f:7:\d+: /);
    assert.ok(errors[0]?.includes(` routers[0].client.tls.${path}: `), errors[0]);
    assert.ok(errors[0]?.includes(reason), errors[0]);
  }
});

test('client tls that is not enabled reads no files', () => {
  assert.deepEqual(messagesOf(withRouter('client: {tls: {enabled: false, trustCertsBundle: /nowhere}}')), []);
});

test('client tls that trusts anyone has no uriSans', () => {
  const [error] = messagesOf(withRouter('client: {tls: {disableValidation: true, uriSans: ["spiffe://mesh/web"]}}'));
  assert.match(error ?? '', /^uriSans says whom to trust and disableValidation: true trusts anyone/);
});

test('names in braces of client tls have to be captured by the prefix of the same entry', () => {
  const entry = (prefix: string, keys: string): string[] =>
    errorsOf(
      withRouter('client:', '  kind: io.l5d.static', '  configs:', `  - prefix: ${prefix}`, `    tls: {${keys}}`),
    );
  assert.deepEqual(entry('/#/io.l5d.fs/{ns}-{sa}', 'commonName: "{sa}.{ns}", uriSans: ["spiffe://m/{ns}/{sa}"]'), []);
  const [first, second] = entry('/#/io.l5d.fs/{ns}', 'commonName: "{host}", uriSans: [a, "spiffe://m/{ns}/{sa}"]');
  const prefix = 'is captured by no element of the prefix "/#/io.l5d.fs/{ns}": it captures ns';
  assert.ok(first?.endsWith(`routers[0].client.configs[0].tls.commonName: {host} ${prefix}`), first);
  assert.ok(second?.endsWith(`routers[0].client.configs[0].tls.uriSans[1]: {sa} ${prefix}`), second);
  assert.match(
    entry('/#/io.l5d.fs/*', 'commonName: "{host}"')[0] ?? '',
    /"\/#\/io\.l5d\.fs\/\*": it captures nothing$/,
  );
  assert.match(errorsOf(withRouter('client: {tls: {commonName: "{host}"}}'))[0] ?? '', /of the prefix: there is none$/);
});
