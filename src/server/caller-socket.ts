// CallerSocket: one accepted socket, read and written for whoever owns it, who may hand it on; and who its caller is.

import type { Socket } from 'node:net';
import type { Counter } from '../base/metrics.js';
import type { Caller } from '../service/exchange.js';
import { type AcceptedTlsOptions, AcceptedTlsSocket, acceptTls } from '../wire/accepted-tls-socket.js';
import { forwardedClientCert } from '../wire/forwarded-client-cert.js';
import type { H2Transport } from '../wire/h2/session-contract.js';
import { adoptPushSocket, PushReads, PushWrites } from '../wire/push-socket.js';

/** A connection, as its socket sees it. */
export interface SocketOwner {
  /** `bytes` are there during the call only, but for what `PushReads` says. */
  onData(bytes: Buffer): void;
  onDrain(): void;
  /** The caller closed its side. */
  onEnd(): void;
  onClose(): void;
}

const CALLER = Symbol('caller');
type OwnedSocket = Socket & { [CALLER]: CallerSocket };

export interface AcceptedSocket {
  readonly socket: Socket;
  readonly connectionId: number;
  /** `clock.now()` when it was accepted. */
  readonly openedAt: number;
  readonly sentBytes: Counter;
  /** Undefined: plain text. */
  readonly tls?: AcceptedTlsOptions | undefined;
}

export class CallerSocket implements Caller, H2Transport {
  readonly socket: Socket;
  readonly reads: PushReads;
  readonly writes: PushWrites;
  readonly connectionId: number;
  /** `clock.now()` when it was accepted. */
  readonly openedAt: number;
  #owner: SocketOwner = NOBODY;
  /** Worked out for the first who asks. */
  #forwardedClientCert: string | undefined;

  /** Nobody hears of it before `handTo`. */
  constructor({ socket, connectionId, openedAt, sentBytes, tls }: AcceptedSocket) {
    this.reads = new PushReads((bytes) => this.#owner.onData(bytes));
    this.socket = tls ? acceptTls(socket, this.reads, tls) : adoptPushSocket(socket, this.reads);
    this.writes = new PushWrites(this.socket, sentBytes);
    this.connectionId = connectionId;
    this.openedAt = openedAt;
    // Shared listeners that find the owner on the socket: ten thousand idle connections need no closures of their own.
    (this.socket as OwnedSocket)[CALLER] = this;
    this.socket.on('drain', onDrain);
    this.socket.on('end', onEnd);
    this.socket.on('error', onError);
    this.socket.on('close', onClose);
  }

  /** From here on another one hears of it. */
  handTo(owner: SocketOwner): void {
    this.#owner = owner;
  }

  get owner(): SocketOwner {
    return this.#owner;
  }

  // ---- H2Transport ----

  write(bytes: Buffer): boolean {
    return this.writes.bytes(bytes);
  }

  end(): void {
    this.writes.end();
  }

  destroy(): void {
    this.writes.reset();
  }

  // ---- Caller ----

  get remoteAddress(): string {
    return this.socket.remoteAddress ?? '';
  }

  get remotePort(): number {
    return this.socket.remotePort ?? 0;
  }

  get localAddress(): string {
    return this.socket.localAddress ?? '';
  }

  get localPort(): number {
    return this.socket.localPort ?? 0;
  }

  get secure(): boolean {
    return this.tls !== undefined;
  }

  get forwardedClientCert(): string | undefined {
    if (this.#forwardedClientCert !== undefined) return this.#forwardedClientCert;
    // None gets as far as a request with one that does not hold.
    const certificate = this.tls?.peerCertificate;
    if (certificate) this.#forwardedClientCert = forwardedClientCert(certificate);
    return this.#forwardedClientCert;
  }

  get serverName(): string | undefined {
    return this.tls?.servername || undefined;
  }

  /** Undefined in plain text. */
  get tls(): AcceptedTlsSocket | undefined {
    return this.socket instanceof AcceptedTlsSocket ? this.socket : undefined;
  }
}

const NOBODY: SocketOwner = { onData() {}, onDrain() {}, onEnd() {}, onClose() {} };

function onDrain(this: Socket): void {
  (this as OwnedSocket)[CALLER].owner.onDrain();
}

function onEnd(this: Socket): void {
  (this as OwnedSocket)[CALLER].owner.onEnd();
}

/** A reset by the caller; `close` follows and does the work. */
function onError(this: Socket): void {}

function onClose(this: Socket): void {
  (this as OwnedSocket)[CALLER].owner.onClose();
}
