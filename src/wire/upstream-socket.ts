// Upstream socket: where to connect and how to secure it in, a socket that pushes what it reads out.

import type { X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { connect, type SecureContext, TLSSocket } from 'node:tls';
import { chainFault, isFor, showCertificate } from './peer-certificate.js';
import { connectPushSocket, HOLD_BYTES, type PushReads, tcpHandle } from './push-socket.js';

/** How one endpoint is spoken to. Read at each connect: its values may change. */
export interface UpstreamTls {
  /** Our certificate, the CAs that we trust, versions and ciphers. */
  readonly context: SecureContext;
  /** Sent as SNI unless it is an IP address (RFC 6066 §3), and checked. */
  readonly serverName: string | undefined;
  /** Protocols to offer (RFC 7301), best first; none: the extension is left out. */
  readonly alpn: readonly string[];
  /** False: any certificate will do. */
  readonly validate: boolean;
  /** What else the certificate has to be. Not asked where a session is resumed: it was then. */
  readonly identity: ((certificate: X509Certificate) => Error | undefined) | undefined;
  /** Undefined: nobody counts. */
  readonly handshakes?: HandshakeListener | undefined;
}

/** Who counts the handshakes of a client. */
export interface HandshakeListener {
  /** TCP is connected. What it answers is called with the outcome, once. */
  started(): (outcome: 'full' | 'resumed' | 'failed') => void;
}

/** The session of the last connection to one endpoint: handshakes after the first are shorter. */
export class TlsResumption {
  #session: Buffer | undefined;
  #context: SecureContext | undefined;

  /** A session that was made with other CAs or another certificate of ours says nothing of now. */
  sessionFor(context: SecureContext): Buffer | undefined {
    return context === this.#context ? this.#session : undefined;
  }

  keep(session: Buffer, context: SecureContext): void {
    this.#session = session;
    this.#context = context;
  }

  forget(): void {
    this.#session = undefined;
  }
}

export interface UpstreamSocketOptions {
  readonly host: string;
  readonly port: number;
  readonly noDelay: boolean;
  /** TCP keep-alive probes. */
  readonly keepAlive: boolean;
  /** Undefined: plain text. */
  readonly tls: UpstreamTls | undefined;
  /** Undefined: each handshake is a full one. */
  readonly resumption?: TlsResumption | undefined;
}

/** The certificate of an upstream is not the one that is wanted. */
export class PeerRefusedError extends Error {}

/**
 * `onConnected` is called once the socket can be used: after the handshake and the checks, where there is TLS. `error` or
 * `close` may come instead; how long that may take is for the caller to say.
 */
export function connectUpstream(
  options: UpstreamSocketOptions,
  reads: PushReads,
  onConnected: (this: Socket) => void,
): Socket {
  const { host, port, noDelay, keepAlive, tls } = options;
  if (tls) return connectTls(options, tls, reads, onConnected);
  const socket = connectPushSocket({ host, port, noDelay, keepAlive }, reads);
  socket.on('connect', onConnected);
  return socket;
}

/** What ALPN agreed on; undefined for plain text or none. */
export function agreedProtocol(socket: Socket): string | undefined {
  return (socket instanceof TLSSocket && socket.alpnProtocol) || undefined;
}

function connectTls(
  { host, port, noDelay, keepAlive, resumption }: UpstreamSocketOptions,
  tls: UpstreamTls,
  reads: PushReads,
  onConnected: (this: Socket) => void,
): Socket {
  const { context, serverName, handshakes } = tls;
  const session = resumption?.sessionFor(context);
  const socket = connect({
    host,
    port,
    secureContext: context,
    // Both are done below, where the certificate can still be read for the message.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ...(serverName !== undefined && isIP(serverName) === 0 ? { servername: serverName } : {}),
    ...(tls.alpn.length > 0 ? { ALPNProtocols: [...tls.alpn] } : {}),
    ...(session ? { session } : {}),
    // Known to Node, though not to its types.
    ...{ allowHalfOpen: true, onread: reads.onread(), highWaterMark: HOLD_BYTES },
  });
  socket.setNoDelay(noDelay);
  socket.setKeepAlive(keepAlive);
  socket.resetAndDestroy = resetAndDestroy;
  if (handshakes) watchHandshake(socket, handshakes);
  socket.on('secureConnect', () => {
    const fault = tls.validate ? refusal(socket, tls) : undefined;
    if (fault === undefined) {
      onConnected.call(socket);
      return;
    }
    resumption?.forget();
    socket.destroy(new PeerRefusedError(fault));
  });
  // TLS 1.3 sends sessions after the handshake, each to be used once: every connection brings the next.
  if (resumption) socket.on('session', (next: Buffer) => resumption.keep(next, context));
  return socket;
}

/** TCP's reset: TLS has none, and Node's own refuses. */
function resetAndDestroy(this: TLSSocket): TLSSocket {
  const handle = tcpHandle(this);
  const { close, reset } = handle ?? {};
  if (handle && close && reset) {
    // What Node closes below TLS. While it is being shut down there can be no reset.
    handle.close = (closed) => {
      if (reset.call(handle, closed) !== 0) close.call(handle, closed);
    };
  }
  return this.destroy();
}

function watchHandshake(socket: TLSSocket, handshakes: HandshakeListener): void {
  socket.once('connect', () => {
    const finished = handshakes.started();
    const failed = (): void => finished('failed');
    socket.once('close', failed);
    // Before the checks: what they refuse is counted as failed by the end of the connection.
    socket.once('secureConnect', () => {
      if (socket.destroyed) return;
      socket.off('close', failed);
      finished(socket.isSessionReused() ? 'resumed' : 'full');
    });
  });
}

/** Why the certificate will not do; undefined: it will. */
function refusal(socket: TLSSocket, { serverName, identity }: UpstreamTls): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  const fault = chainFault(socket.authorizationError);
  if (!certificate) return fault ?? (socket.isSessionReused() ? undefined : 'it showed no certificate');
  if (fault !== undefined) return `${fault}; it has ${showCertificate(certificate)}`;
  if (socket.isSessionReused()) return undefined;
  if (serverName !== undefined && !isFor(certificate, serverName)) {
    return `its certificate is not for ${serverName}; it has ${showCertificate(certificate)}`;
  }
  const other = identity?.(certificate);
  return other && `${other.message}; it has ${showCertificate(certificate)}`;
}
