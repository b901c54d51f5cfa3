import assert from 'node:assert/strict';
import { constants } from 'node:crypto';
import { test } from 'node:test';
import { createSecureContext, getCiphers } from 'node:tls';
import { serverProfile } from '../../../src/tls/server-profile.js';

const suites = (...ciphers: string[]): string[] => (serverProfile({ ciphers }).context.ciphers ?? '').split(':');

test('the default profile has TLS 1.2 and 1.3, forward secrecy and authenticated encryption throughout', () => {
  const { context, warnings } = serverProfile({});
  assert.deepEqual(warnings, []);
  assert.equal(context.minVersion, 'TLSv1.2');
  assert.equal(context.maxVersion, 'TLSv1.3');
  const known = new Set(getCiphers());
  for (const suite of (context.ciphers ?? '').split(':')) {
    assert.ok(known.has(suite.toLowerCase()), suite);
    assert.match(suite, /^(TLS_|ECDHE-).*(GCM|POLY1305)/);
  }
  const { secureOptions = 0 } = context;
  assert.ok(secureOptions & constants.SSL_OP_NO_RENEGOTIATION);
  assert.equal(secureOptions & constants.SSL_OP_CIPHER_SERVER_PREFERENCE, 0);
  assert.doesNotThrow(() => createSecureContext(context));
});

test('configured ciphers keep their order, in the spelling of OpenSSL, and decide', () => {
  const java = ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'];
  const openssl = ['ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305'];
  assert.deepEqual(suites(...java).slice(0, 2), openssl);
  assert.deepEqual(suites(...openssl).slice(0, 2), openssl);
  const { secureOptions = 0 } = serverProfile({ ciphers: java }).context;
  assert.ok(secureOptions & constants.SSL_OP_CIPHER_SERVER_PREFERENCE);
});

test('a list of one version leaves the suites of the other as they are', () => {
  assert.ok(suites('ECDHE-RSA-AES128-GCM-SHA256').includes('TLS_AES_128_GCM_SHA256'));
  assert.ok(suites('TLS_AES_128_GCM_SHA256').includes('ECDHE-RSA-AES128-GCM-SHA256'));
  assert.ok(!suites('TLS_AES_128_GCM_SHA256').includes('TLS_AES_256_GCM_SHA384'));
});

test('weak ciphers and protocols beside good ones are left out with a warning', () => {
  const ciphers = ['AES128-SHA', 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'];
  const { context, warnings } = serverProfile({ ciphers, protocols: ['TLSv1', 'TLSv1.2'] });
  assert.doesNotMatch(context.ciphers ?? '', /AES128-SHA/);
  assert.equal(context.maxVersion, 'TLSv1.2');
  assert.deepEqual(warnings, [
    'protocols: TLSv1 are broken and not offered',
    'ciphers: some are without forward secrecy or authenticated encryption, and not offered: AES128-SHA, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256',
  ]);
});

test('ciphers of TLS 1.3 alone do not go with TLS 1.2 alone', () => {
  const config = { ciphers: ['TLS_AES_128_GCM_SHA256'], protocols: ['TLSv1.2'] };
  assert.throws(() => serverProfile(config), /ciphers: none of TLS_AES_128_GCM_SHA256 is for TLSv1\.2/);
});
