// CallerSocket: one accepted socket, read and written for whoever owns it, who may hand it on; and where its caller is.

import type { Socket } from 'node:net';
import type { Counter } from '../base/metrics.js';
import type { Caller } from '../service/exchange.js';
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

export class CallerSocket implements Caller, H2Transport {
  readonly socket: Socket;
  readonly reads: PushReads;
  readonly writes: PushWrites;
  readonly connectionId: number;
  /** `clock.now()` when it was accepted. */
  readonly openedAt: number;
  #owner: SocketOwner;

  constructor(accepted: Socket, connectionId: number, openedAt: number, sentBytes: Counter, owner: SocketOwner) {
    this.#owner = owner;
    this.reads = new PushReads((bytes) => this.#owner.onData(bytes));
    this.socket = adoptPushSocket(accepted, this.reads);
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
    return false;
  }
}

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
