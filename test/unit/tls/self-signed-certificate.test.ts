import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { makeSelfSignedCertificate } from '../../../src/tls/self-signed-certificate.js';

test('a self-signed certificate is for the one name, signed with its own key, and has no end', () => {
  const { chain, key } = makeSelfSignedCertificate('a.invalid');
  const certificate = new X509Certificate(chain);
  assert.equal(certificate.subject, 'CN=a.invalid');
  assert.equal(certificate.issuer, certificate.subject);
  assert.equal(certificate.subjectAltName, 'DNS:a.invalid');
  assert.equal(certificate.validTo, 'Dec 31 23:59:59 9999 GMT');
  assert.ok(certificate.verify(certificate.publicKey));
  assert.ok(certificate.checkPrivateKey(createPrivateKey(key)));
  assert.equal(certificate.ca, false);
});

test('a self-signed certificate takes names of any length that DNS has', () => {
  for (const length of [1, 60, 64, 127, 128, 253]) {
    const name = 'a'.repeat(length);
    assert.equal(new X509Certificate(makeSelfSignedCertificate(name).chain).subjectAltName, `DNS:${name}`);
  }
});

test('each self-signed certificate has a key and a serial number of its own', () => {
  const [a, b] = [1, 2].map(() => new X509Certificate(makeSelfSignedCertificate('a').chain));
  assert.notEqual(a?.serialNumber, b?.serialNumber);
  assert.notEqual(
    a?.publicKey.export({ type: 'spki', format: 'pem' }),
    b?.publicKey.export({ type: 'spki', format: 'pem' }),
  );
  assert.match(a?.serialNumber ?? '', /^[4-7][0-9A-F]{31}$/);
});
