// Connect error: why no connection to an endpoint could be made in, the error of the requests that waited for it out.

import type { Socket } from 'node:net';
import { type Address, showAddress } from '../base/addr.js';
import { GatewayError } from '../base/errors.js';
import { PeerRefusedError, type UpstreamTls } from '../wire/upstream-socket.js';

/** Time is up. */
class HandshakeTimeoutError extends Error {}

/** What is to be given to `connectError` when it took longer than `limitMs`. Asked while the socket still lives. */
export function connectTimeout(socket: Socket, tls: UpstreamTls | undefined, limitMs: number): Error {
  return tls && !socket.connecting
    ? new HandshakeTimeoutError(`TCP is connected, but there was no TLS handshake within ${limitMs} ms`)
    : new Error(`no connection within ${limitMs} ms`);
}

/** `tls-failed` where TCP was connected and what followed failed, else `connect-failed`. No byte of a request was sent. */
export function connectError(address: Address, tls: UpstreamTls | undefined, cause: Error): GatewayError {
  const where = showAddress(address);
  if (!tls || isTcpError(cause)) {
    const message = `Unable to establish connection to ${where}: ${cause.message}`;
    return new GatewayError('connect-failed', message, { cause, resend: 'safe' });
  }
  const name = tls.serverName === undefined ? '' : ` as ${tls.serverName}`;
  const message = `Unable to establish TLS with ${where}${name}: ${reasonOf(cause)}`;
  return new GatewayError('tls-failed', message, { cause, resend: 'safe' });
}

/**
 * In TLS 1.3 a server looks at our certificate after our side of the handshake is done, and a request may be under way already.
 * True: it was refused with the certificate, unread.
 */
export function isCertificateRefused(cause: Error | undefined): boolean {
  const { code = '' } = (cause ?? {}) as NodeJS.ErrnoException;
  return CERTIFICATE_ALERT.test(code);
}

/** Alerts about certificates (RFC 8446 §6.2), as OpenSSL names them. */
const CERTIFICATE_ALERT =
  /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13)_ALERT_(?:BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|ACCESS_DENIED)$/;

function isTcpError(error: Error): boolean {
  if (error instanceof PeerRefusedError || error instanceof HandshakeTimeoutError) return false;
  const { syscall } = error as NodeJS.ErrnoException;
  // Several addresses of one host, each with an error of its own.
  if (error instanceof AggregateError) return true;
  return syscall === 'connect' || syscall === 'getaddrinfo' || error.message.startsWith('no connection within');
}

/** OpenSSL's own messages have the line of its source in them. */
function reasonOf(error: Error): string {
  const { code = '', reason = '' } = error as NodeJS.ErrnoException & { readonly reason?: string };
  const hint = Object.hasOwn(HINTS, code) ? HINTS[code] : undefined;
  if (hint !== undefined) return `${hint} (${reason || code})`;
  const alert = /alert (?!number)(.+)$/.exec(reason)?.[1];
  if (alert !== undefined) return `it refused the handshake: ${alert}`;
  return reason || error.message || code;
}

const HINTS: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: 'what it answered is not TLS: does the port speak plain text?',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'what it answered is not TLS: does the port speak plain text?',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it speaks only versions of TLS that are not allowed here',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it and `protocols` have no version of TLS in common',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a certificate of ours: set clientAuth',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not trust the CA of our certificate (clientAuth)',
  ECONNRESET: 'it closed the connection during the handshake',
};
