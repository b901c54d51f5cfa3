// ListenerTls: what a listener that speaks TLS asks of its certificates; made by src/tls/server-certificates.ts.

import type { SecureContext } from 'node:tls';

export interface ListenerTls {
  /** For the next handshake of a caller that names no server, or one that no certificate is for. */
  readonly context: SecureContext;
  /** For one that names this server. Undefined: the listener has one certificate, so names make no difference. */
  readonly contextFor: ((serverName: string) => SecureContext) | undefined;
  /** `optional`: callers may show a certificate, and whoever shows one that does not hold is refused all the same. */
  readonly clientAuth: 'none' | 'optional' | 'required';
  /** From accept to the end of the handshake. */
  readonly handshakeTimeoutMs: number;
  /**
   * A request for `host` came over a connection whose handshake named another server, which has another certificate
   * (RFC 9110 §7.4). `host` as in the request: with a port or without, in any case.
   */
  isMisdirected(serverName: string, host: string): boolean;
}
