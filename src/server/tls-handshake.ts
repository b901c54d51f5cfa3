// TlsHandshake: an accepted socket in; when the handshake is done, a connection of the protocol that it agreed on out.

import { makeLogger } from '../base/log.js';
import type { AcceptedTlsOptions, AcceptedTlsSocket } from '../wire/accepted-tls-socket.js';
import type { CallerSocket, SocketOwner } from './caller-socket.js';
import { isOver, type SweepTime } from './connection-limits.js';
import type { ConnectionMetrics } from './connection-metrics.js';
import type { IdleOrder } from './idle-order.js';
import type { ListenerTls } from './listener-tls.js';
import type { ServerConnection } from './server-connection.js';

/** What the handshakes of one server share. */
export interface TlsHandshakeContext extends SweepTime {
  readonly metrics: ConnectionMetrics;
  readonly draining: boolean;
  readonly idle: IdleOrder<ServerConnection>;
  /** It has come to nothing. */
  closed(connection: ServerConnection): void;
  /** Another connection goes on in place of this one. */
  begin(handshake: TlsHandshake, caller: CallerSocket, protocol: 'h2' | 'http/1.1'): void;
}

const log = makeLogger('tls');

const HTTP1_ONLY = ['http/1.1'];
const H2_FIRST = ['h2', 'http/1.1'];

/** What a handshake with this listener offers. */
export function handshakeOptions(tls: ListenerTls, h2: boolean): AcceptedTlsOptions {
  const { contextFor } = tls;
  return {
    secureContext: tls.context,
    sniCallback: contextFor && ((name, done) => done(null, contextFor(name))),
    alpn: h2 ? H2_FIRST : HTTP1_ONLY,
    clientAuth: tls.clientAuth,
  };
}

/** Counts as an idle connection: of all that a full listener can do without, those that ask for nothing are the first. */
export class TlsHandshake implements ServerConnection, SocketOwner {
  readonly streams = 0;
  readonly isIdle = true;
  older: ServerConnection | undefined;
  newer: ServerConnection | undefined;
  readonly #caller: CallerSocket;
  readonly #context: TlsHandshakeContext;
  readonly #socket: AcceptedTlsSocket;
  readonly #since: number;
  #error: Error | undefined;
  #isDone = false;
  readonly #failed = (error: Error): void => {
    this.#error ??= error;
  };

  constructor(caller: CallerSocket, socket: AcceptedTlsSocket, context: TlsHandshakeContext) {
    this.#caller = caller;
    this.#context = context;
    this.#socket = socket;
    this.#since = context.now;
    caller.handTo(this);
    context.idle.touch(this);
    socket.once('secure', () => this.#secured());
    socket.on('error', this.#failed);
  }

  // ---- the server's side ----

  get openedAt(): number {
    return this.#caller.openedAt;
  }

  /** Nobody has asked for anything yet. */
  drain(): void {
    this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  countAnew(): void {
    this.#caller.writes.sentBytes = this.#context.metrics.bytesSent;
  }

  sweep(): void {
    if (this.#context.draining) {
      this.#socket.destroy();
      return;
    }
    const { limits, metrics } = this.#context;
    if (!isOver(this.#context, this.#since, limits.handshakeMs)) return;
    metrics.tlsHandshakeTimeouts.inc();
    this.#error = new Error(`not done after ${limits.handshakeMs} ms`);
    this.#caller.writes.reset();
  }

  // ---- the socket's side ----

  #secured(): void {
    const { metrics } = this.#context;
    const { certificateError } = this.#socket;
    if (certificateError) {
      this.#error = new Error(`the caller's certificate does not hold: ${certificateError.message}`);
      metrics.tlsBadCertificates.inc();
      this.#socket.destroy();
      return;
    }
    this.#isDone = true;
    this.#socket.off('error', this.#failed);
    metrics.tlsHandshakes.inc();
    if (this.#socket.isSessionReused()) metrics.tlsResumed.inc();
    this.#context.begin(this, this.#caller, this.#socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1');
  }

  /** None before the handshake is done: then another owner has it. */
  onData(): void {}

  onDrain(): void {}

  onEnd(): void {
    this.#socket.destroy();
  }

  onClose(): void {
    if (this.#isDone) return;
    this.#context.metrics.tlsHandshakeErrors.inc();
    const { remoteAddress, remotePort } = this.#caller;
    const why = this.#error?.message ?? 'the caller closed the connection';
    log.debug(`handshake with ${remoteAddress}:${remotePort} failed: ${why}`);
    this.#context.closed(this);
  }
}
