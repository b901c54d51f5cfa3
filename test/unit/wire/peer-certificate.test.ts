import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { chainFault, isFor, showCertificate } from '../../../src/wire/peer-certificate.js';
import { type IssueOptions, TestCertificates } from '../../support/test-certificates.js';

const certificates = new TestCertificates();

async function certificate(name: string, options?: IssueOptions): Promise<X509Certificate> {
  return new X509Certificate(readFileSync((await certificates.issue(name, options)).certPath));
}

test('certificate is for its DNS names, wildcards standing for one whole label', async () => {
  const one = await certificate('names', { altNames: 'DNS:web.example,DNS:*.shop.example', subject: '/CN=common' });
  for (const name of ['web.example', 'WEB.example', 'a.shop.example']) assert.equal(isFor(one, name), true, name);
  for (const name of [
    'example',
    'a.web.example',
    'shop.example',
    'a.b.shop.example',
    'common',
    '',
    'a\0b',
    '10.0.0.1',
  ]) {
    assert.equal(isFor(one, name), false, JSON.stringify(name));
  }
});

test('certificate is for its common name only where it has no alternative names', async () => {
  assert.equal(isFor(await certificate('plain', { altNames: '' }), 'plain'), true);
  assert.equal(isFor(await certificate('uri', { altNames: 'URI:spiffe://mesh/web' }), 'uri'), false);
});

test('certificate is for the IP addresses that it has as such', async () => {
  const one = await certificate('ips', { altNames: 'IP:10.0.0.1,IP:::1,DNS:10.0.0.2' });
  for (const ip of ['10.0.0.1', '::1', '0:0::1']) assert.equal(isFor(one, ip), true, ip);
  for (const ip of ['10.0.0.2', '10.0.0.3', '::2']) assert.equal(isFor(one, ip), false, ip);
});

test('certificate is shown in one line, with the first of many names', async () => {
  const altNames = Array.from({ length: 30 }, (_, i) => `DNS:n${i}`).join(',');
  const shown = showCertificate(await certificate('many', { altNames, subject: '/O=Zürich/CN=many' }));
  assert.match(shown, /^DNS:n0, DNS:n1, .*DNS:n9 and 20 more, subject O=Z.*rich,CN=many, issuer CN=test-ca, valid to /);
  assert.match(shown, /^[ -~]+$/);
});

test('fault of a chain is said in words, with the code of OpenSSL', () => {
  assert.equal(chainFault(undefined), undefined);
  assert.equal(chainFault(null), undefined);
  assert.equal(chainFault('CERT_HAS_EXPIRED'), 'its certificate has expired (CERT_HAS_EXPIRED)');
  assert.equal(chainFault('PATH_LENGTH_EXCEEDED'), 'its certificate was not verified (PATH_LENGTH_EXCEEDED)');
  assert.equal(chainFault('constructor'), 'its certificate was not verified (constructor)');
  assert.equal(chainFault(new Error('odd')), 'its certificate was not verified (odd)');
});
