// MemoryConnection: a connection without a socket for Node's HTTP server and client; what they write to it is dropped.

import { Duplex } from 'node:stream';

export class MemoryConnection extends Duplex {
  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done();
  }

  // What http.request expects of a socket.
  setTimeout(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  ref(): void {}

  unref(): void {}
}
