// Direct writes: text to the handle of a TCP socket, with one request object that serves write after write.
//
// For each write Node makes a request object, which the handle needs only when the kernel has no room for all of the text.
// Made once a socket and used again it saves a tenth of the user time of a proxied message; measured:
// docs/decisions/0002-own-http1-codec.md. Where `stream-wrap.ts` has found nothing `writeDirectly` answers 'refused', and the
// caller's ordinary way stays the only one.

import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { streamWrap, type WriteRequest } from './stream-wrap.js';

interface TextHandle {
  /** Text of one byte a character. Answers 0, or an error of libuv. */
  writeLatin1String?(request: WriteRequest, text: string): number;
}

type WriteDone = (error?: Error | null) => void;

/**
 * `taken`: the kernel has all of the text. `held`: it will, and `done` is called then; `request` may not be used again.
 * `refused`: nothing was written.
 */
export function writeDirectly(
  socket: Socket,
  text: string,
  request: WriteRequest,
  done: WriteDone,
): 'taken' | 'held' | 'refused' {
  const { _handle: handle } = socket as unknown as { readonly _handle?: TextHandle | null };
  if (!streamWrap || !handle?.writeLatin1String || handle.writeLatin1String(request, text) !== 0) return 'refused';
  if (!streamWrap.isLastWriteHeld()) return 'taken';
  request.oncomplete = (status) => done(status < 0 ? writeError(status) : null);
  return 'held';
}

/** As Node words it. */
function writeError(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { code, syscall: 'write' });
}
