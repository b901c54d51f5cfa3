// FakeSocket: one end of a connection without a network: what the peer sends in, what it has taken out.

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

export class FakeSocket extends Duplex {
  readonly remoteAddress = '10.0.0.1';
  readonly remotePort = 40_000;
  readonly localAddress = '10.0.0.2';
  readonly localPort = 80;
  readonly connecting = false;
  /** What the peer has taken (latin1). */
  taken = '';
  wasReset = false;
  wasEnded = false;
  bytesWritten = 0;
  #isTaking = true;
  #held: (() => void)[] = [];

  constructor() {
    super({ decodeStrings: false, allowHalfOpen: true, highWaterMark: 16 * 1024 });
  }

  get asSocket(): Socket {
    return this as unknown as Socket;
  }

  /** The peer sends these bytes (latin1). */
  receive(text: string): void {
    this.emit('data', Buffer.from(text, 'latin1'));
  }

  /** The peer takes nothing from now on. */
  hold(): void {
    this.#isTaking = false;
  }

  /** It takes everything again, what was held first. */
  takeOn(): void {
    this.#isTaking = true;
    for (const settle of this.#held.splice(0)) settle();
  }

  resetAndDestroy(): this {
    this.wasReset = true;
    return this.destroy();
  }

  override _read(): void {}

  override _write(chunk: string | Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    const text = chunk.toString('latin1');
    this.bytesWritten += text.length;
    const settle = (): void => {
      this.taken += text;
      done();
    };
    if (this.#isTaking) settle();
    else this.#held.push(settle);
  }

  override _final(done: () => void): void {
    this.wasEnded = true;
    done();
  }
}
