import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { createSecureContext } from 'node:tls';
import { makeAddress } from '../../../src/base/addr.js';
import { connectError, connectTimeout, isCertificateRefused } from '../../../src/client/connect-error.js';
import { PeerRefusedError, type UpstreamTls } from '../../../src/wire/upstream-socket.js';

const address = makeAddress('10.0.0.1', 443);
const tls: UpstreamTls = {
  context: createSecureContext(),
  serverName: 'web',
  alpn: [],
  validate: true,
  identity: undefined,
};

/** As Node and OpenSSL make them. */
function failure(message: string, more: object = {}): Error {
  return Object.assign(new Error(message), more);
}

for (const [title, cause, code, message] of [
  [
    'refused TCP connection',
    failure('connect ECONNREFUSED 10.0.0.1:443', { code: 'ECONNREFUSED', syscall: 'connect' }),
    'connect-failed',
    'Unable to establish connection to 10.0.0.1:443: connect ECONNREFUSED 10.0.0.1:443',
  ],
  [
    'host without an address',
    failure('getaddrinfo ENOTFOUND web', { code: 'ENOTFOUND', syscall: 'getaddrinfo' }),
    'connect-failed',
    'Unable to establish connection to 10.0.0.1:443: getaddrinfo ENOTFOUND web',
  ],
  [
    'certificate that will not do',
    new PeerRefusedError('its certificate has expired'),
    'tls-failed',
    'Unable to establish TLS with 10.0.0.1:443 as web: its certificate has expired',
  ],
  [
    'reset in the handshake',
    failure('read ECONNRESET', { code: 'ECONNRESET', syscall: 'read' }),
    'tls-failed',
    'Unable to establish TLS with 10.0.0.1:443 as web: it closed the connection during the handshake (ECONNRESET)',
  ],
  [
    'alert',
    failure('80CB:error:0A000410:SSL routines:ssl3_read_bytes', {
      code: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
      reason: 'sslv3 alert handshake failure',
    }),
    'tls-failed',
    'Unable to establish TLS with 10.0.0.1:443 as web: it refused the handshake: handshake failure',
  ],
  [
    'answer in plain text',
    failure('80CB:error:0A00010B', { code: 'ERR_SSL_WRONG_VERSION_NUMBER', reason: 'wrong version number' }),
    'tls-failed',
    'Unable to establish TLS with 10.0.0.1:443 as web: what it answered is not TLS: does the port speak plain text? (wrong version number)',
  ],
] as const) {
  test(`connect error of a ${title} is ${code}, and the request may be sent again`, () => {
    const error = connectError(address, tls, cause);
    assert.equal(error.code, code);
    assert.equal(error.message, message);
    assert.equal(error.resend, 'safe');
    assert.equal(error.cause, cause);
    assert.equal(connectError(address, undefined, cause).code, 'connect-failed', 'in plain text');
  });
}

test('connect timeout says whether it was TCP or the handshake that took too long', () => {
  const socket = new Socket();
  const connected = connectError(address, tls, connectTimeout(socket, tls, 1000));
  assert.match(connected.message, /TCP is connected, but there was no TLS handshake within 1000 ms$/);
  assert.equal(connected.code, 'tls-failed');
  Object.defineProperty(socket, 'connecting', { value: true });
  const connecting = connectError(address, tls, connectTimeout(socket, tls, 1000));
  assert.match(connecting.message, /^Unable to establish connection to 10\.0\.0\.1:443: no connection within 1000 ms$/);
  assert.equal(connecting.code, 'connect-failed');
  socket.destroy();
});

test('alerts about our certificate say that the request was not read; other errors do not', () => {
  for (const name of ['TLSV13_ALERT_CERTIFICATE_REQUIRED', 'SSLV3_ALERT_BAD_CERTIFICATE', 'TLSV1_ALERT_UNKNOWN_CA']) {
    assert.equal(isCertificateRefused(failure('x', { code: `ERR_SSL_${name}` })), true, name);
  }
  for (const code of ['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', 'ECONNRESET', undefined]) {
    assert.equal(isCertificateRefused(failure('x', { code })), false, code);
  }
  assert.equal(isCertificateRefused(undefined), false);
});
