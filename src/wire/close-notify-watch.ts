// CloseNotifyWatch: the reads of a TLS socket whose end matters in, whether the peer said so or was cut off out.
//
// A peer that ends what it sends says so within TLS (close_notify, RFC 8446 §6.1); TCP ends as well when a process dies or
// somebody on the way wants it to. Node tells both as `end`. The difference is where the end came from: close_notify is bytes
// that were read, and a cut is none. So reading from the kernel stops after each read until the next turn of the event loop:
// an end that comes before reading goes on lay in what had been read already; one that comes later was close_notify only if a
// few bytes came with it. What this cannot see is a cut just after the first bytes of a record, as many as close_notify has.

import type { Socket } from 'node:net';
import { type TcpHandle, tcpHandle } from './push-socket.js';

/** A close_notify of TLS 1.3 is 24 bytes; of TLS 1.2 with a block cipher and SHA-384 it is the longest. */
const MAX_CLOSE_NOTIFY_BYTES = 96;

export class CloseNotifyWatch {
  readonly #socket: Socket;
  readonly #tcp: TcpHandle | undefined;
  /** Nothing has been read from the kernel since the bytes at hand. */
  #isStopped = false;
  /** Bytes from the kernel when the last of them were handed on. */
  #readBytes = 0;

  /** Made while bytes that were read are being handed on. */
  constructor(socket: Socket) {
    this.#socket = socket;
    this.#tcp = tcpHandle(socket);
    this.received();
  }

  /** Bytes are being handed on. */
  received(): void {
    this.#readBytes = this.#kernelBytes;
    this.#stop();
  }

  /** The socket was paused, and is no more: an end that it held back comes before the next read. */
  resumed(): void {
    this.#stop();
  }

  /** Asked at `end`. What cannot be told counts as cut. */
  get isCut(): boolean {
    if (this.#isStopped) return false;
    const since = this.#kernelBytes - this.#readBytes;
    return !(since > 0 && since <= MAX_CLOSE_NOTIFY_BYTES);
  }

  get #kernelBytes(): number {
    const bytes = this.#tcp?.bytesRead;
    return typeof bytes === 'number' ? bytes : Number.NaN;
  }

  #stop(): void {
    this.#tcp?.readStop?.();
    if (this.#isStopped) return;
    this.#isStopped = true;
    setImmediate(() => {
      this.#isStopped = false;
      if (!this.#socket.isPaused() && !this.#socket.destroyed) this.#tcp?.readStart?.();
    });
  }
}
