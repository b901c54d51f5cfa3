import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { alternativeNames } from '../../../src/wire/alternative-names.js';
import { forwardedClientCert } from '../../../src/wire/forwarded-client-cert.js';

/** As Node shows a certificate. */
function certificate(subject: string, subjectAltName?: string): X509Certificate {
  return { subject, subjectAltName, fingerprint256: 'AB:CD' } as X509Certificate;
}

test('alternative names are read as Node shows them, quoted ones included', () => {
  const shown = 'DNS:a.example, URI:spiffe://mesh/a, IP Address:10.0.0.1, DNS:"b, URI:spiffe://evil"';
  assert.deepEqual(alternativeNames({ subjectAltName: shown }), {
    dns: ['a.example', 'b, URI:spiffe://evil'],
    uris: ['spiffe://mesh/a'],
  });
});

test('alternative names that read like nothing known are none', () => {
  for (const subjectAltName of [undefined, '', 'x', 'DNS:"a', 'DNS:a,URI:b', 'DNS:a, ;']) {
    assert.deepEqual(alternativeNames({ subjectAltName }), { dns: [], uris: [] }, subjectAltName);
  }
});

test('x-forwarded-client-cert has hash, names and subject in the order and form of Linkerd', () => {
  const value = forwardedClientCert(certificate('C=DE\nO=Shop\nCN=web', 'DNS:web, URI:spiffe://m/w, URI:spiffe://m/x'));
  assert.equal(value, 'Hash=ABCD;SAN=spiffe://m/w;SAN=spiffe://m/x;DNS=web;Subject="CN=web,O=Shop,C=DE"');
});

test('x-forwarded-client-cert holds what a certificate says within its own field', () => {
  const value = forwardedClientCert(certificate('CN=a\\"\\;b', 'URI:"spiffe://m/a,Hash=1;Subject=\\"x\\""'));
  assert.equal(value, 'Hash=ABCD;SAN="spiffe://m/a,Hash=1;Subject=\\"x\\"";Subject="CN=a\\"\\;b"');
});

test('x-forwarded-client-cert is plain text, whatever the certificate holds', () => {
  const value = forwardedClientCert(certificate('CN=Grün\r\u0000', 'DNS:\u00e9'));
  assert.equal(value, 'Hash=ABCD;DNS="\\\\C3\\\\A9";Subject="CN=Gr\\C3\\BCn\\0D\\00"');
});
