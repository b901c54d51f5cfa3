// An accepted TCP socket and the options of a handshake in, a socket that speaks TLS and pushes what it decrypts out.

import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket, type TLSSocketOptions } from 'node:tls';
import { HOLD_BYTES, type PushReads } from './push-socket.js';

export interface AcceptedTlsOptions {
  readonly secureContext: TLSSocketOptions['secureContext'];
  readonly sniCallback: TLSSocketOptions['SNICallback'] | undefined;
  /** In the order of preference. */
  readonly alpn: readonly string[];
  readonly clientAuth: 'none' | 'optional' | 'required';
}

/** Emits `secure` after the handshake, as a TLSSocket does; `error`, then `close`, when that fails. */
export function acceptTls(accepted: Socket, reads: PushReads, options: AcceptedTlsOptions): AcceptedTlsSocket {
  return new AcceptedTlsSocket(accepted, reads, options);
}

/** What TLSSocket calls to have TLS put around a handle, and of that handle what nothing public tells. */
interface TlsInternals {
  _wrapHandle?: (wrap: Socket | null, handle: object | null, hasActiveWrite: boolean) => TlsHandle;
  _handle?: TlsHandle | null;
  _releaseControl?: () => boolean;
}

interface TlsHandle {
  /** What is wrong with the certificate of the peer; undefined when it holds, or none was asked for. */
  readonly verifyError?: () => Error | undefined;
  readonly isSessionReused?: () => boolean;
}

interface OwnOptions extends TLSSocketOptions {
  readonly accepted?: Socket;
}

const internals = TLSSocket.prototype as unknown as TlsInternals;
/** Where a version of Node has no such method sockets are used as they are, which works and costs more. */
const canPush = typeof internals._wrapHandle === 'function';

/**
 * Node offers `onread` only to sockets that it connects itself: a TLSSocket made without a socket takes the option, and
 * wraps the accepted one all the same because `_wrapHandle` says so. Measured reasons as for plain sockets: push-socket.ts.
 */
export class AcceptedTlsSocket extends TLSSocket {
  readonly #accepted: Socket;

  constructor(accepted: Socket, reads: PushReads, options: AcceptedTlsOptions) {
    const { secureContext, sniCallback, alpn, clientAuth } = options;
    const own: OwnOptions & { readonly [option: string]: unknown } = {
      isServer: true,
      secureContext,
      ALPNProtocols: [...alpn],
      requestCert: clientAuth !== 'none',
      rejectUnauthorized: clientAuth === 'required',
      ...(sniCallback ? { SNICallback: sniCallback } : {}),
      allowHalfOpen: true,
      highWaterMark: HOLD_BYTES,
      ...(canPush ? { accepted, onread: reads.onread() } : {}),
    };
    super((canPush ? undefined : accepted) as unknown as Socket, own);
    this.#accepted = accepted;
    if (canPush) {
      // It takes itself for one that is about to connect.
      (this as { connecting: boolean }).connecting = false;
      accepted.on('error', (error) => this.destroy(error));
    } else {
      this.on('data', (bytes: Buffer) => reads.push(bytes));
    }
    // From here on errors are this socket's own and not kept for a server to ask for.
    (this as unknown as TlsInternals)._releaseControl?.();
  }

  protected _wrapHandle(wrap: Socket | null, handle: object | null, hasActiveWrite: boolean): TlsHandle {
    const { accepted } = (this as unknown as { readonly _tlsOptions: OwnOptions })._tlsOptions;
    const wrapHandle = internals._wrapHandle as NonNullable<TlsInternals['_wrapHandle']>;
    if (!accepted) return wrapHandle.call(this, wrap, handle, hasActiveWrite);
    const inner = (accepted as unknown as { readonly _handle: object | null })._handle;
    return wrapHandle.call(this, accepted, inner, false);
  }

  /** Why the certificate that the peer showed does not hold. Undefined: it does, or there is none. */
  get certificateError(): Error | undefined {
    if (!this.peerCertificate) return undefined;
    const { _handle: handle } = this as unknown as TlsInternals;
    // Whoever cannot ask must not trust.
    return handle?.verifyError ? handle.verifyError() : new Error('this version of Node does not tell');
  }

  get peerCertificate(): X509Certificate | undefined {
    return this.getPeerX509Certificate();
  }

  /** TCP's reset: TLS has none, and Node's own refuses. */
  override resetAndDestroy(): this {
    this.#accepted.resetAndDestroy();
    return this.destroy();
  }
}
