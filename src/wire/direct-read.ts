// Direct reads: bytes from the handle of a TCP socket to who wants them, past what Node does between the two.
//
// With the `onread` option Node's own callback passes each read on. It serves every kind of stream, so what it looks up is
// slow to find; taking its place saves a tenth of the user time of a proxied message (docs/decisions/0002-own-http1-codec.md).
// Errors and ends of the stream stay its business.

import type { Socket } from 'node:net';
import { streamWrap } from './stream-wrap.js';

interface ReadHandle {
  /** Called by the handle after each read, as `OnRead` is here. */
  onread?: OnRead;
  useUserBuffer?: unknown;
}

/** Answers where the next read is to go; undefined: where this one went. `bytes` are not there with buffers of ours. */
type OnRead = (this: ReadHandle, bytes: ArrayBuffer | undefined) => Uint8Array | undefined;

/** Of a socket made with the `onread` option: `take` is called in place of its callbacks. Where it cannot be they still are. */
export function readDirectly(socket: Socket, take: (read: number) => Uint8Array | undefined): void {
  const { _handle: handle } = socket as unknown as { readonly _handle?: ReadHandle | null };
  const original = handle?.onread;
  if (!streamWrap || typeof handle?.useUserBuffer !== 'function' || typeof original !== 'function') return;
  const { lastRead } = streamWrap;
  handle.onread = function (bytes) {
    const read = lastRead();
    return read > 0 ? take(read) : original.call(this, bytes);
  };
}
