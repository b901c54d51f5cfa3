// Direct writes: text to the handle of a TCP socket, with one request object that serves write after write.
//
// For each write Node makes a request object, which the handle needs only when the kernel has no room for all of the text.
// Made once a socket and used again it saves a tenth of the user time of a proxied message; measured:
// docs/decisions/0002-own-http1-codec.md. Handle and object are not public API: where a version of Node has them otherwise
// `writeDirectly` answers 'refused', and the caller's ordinary way stays the only one.

import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';

/** What Node gives a handle with a write (its WriteWrap). */
export interface WriteRequest {
  /** Called when the kernel has all of a write for which it had no room; below 0: an error of libuv. */
  oncomplete?: (status: number) => void;
  /** -1 while no write is under way with it. A second one then would have Node abort the process. */
  getAsyncId(): number;
}

interface TextHandle {
  /** Text of one byte a character. Answers 0, or an error of libuv. */
  writeLatin1String?(request: WriteRequest, text: string): number;
}

type WriteDone = (error?: Error | null) => void;

/** Undefined until a socket of this process has written, and for good where Node shows none that serves. */
let RequestClass: (new () => WriteRequest) | undefined;
/** Looking costs more than a write, so it is done once. */
let hasLooked = false;

/** For `writeDirectly`; undefined as long as `writeOrdinarily` has not seen one. */
export function makeWriteRequest(): WriteRequest | undefined {
  return RequestClass ? new RequestClass() : undefined;
}

/** `socket._write`, which at the first time in a process is watched for what Node gives the handle. */
export function writeOrdinarily(socket: Socket, text: string, done: WriteDone): void {
  const handle = hasLooked ? undefined : textHandle(socket);
  const original = handle?.writeLatin1String;
  if (!handle || !original) {
    socket._write(text, 'latin1', done);
    return;
  }
  hasLooked = true;
  handle.writeLatin1String = (request, written) => {
    if (typeof request.getAsyncId === 'function') RequestClass = request.constructor as new () => WriteRequest;
    return original.call(handle, request, written);
  };
  try {
    socket._write(text, 'latin1', done);
  } finally {
    delete handle.writeLatin1String;
  }
}

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
  const handle = textHandle(socket);
  if (handle?.writeLatin1String === undefined || handle.writeLatin1String(request, text) !== 0) return 'refused';
  if (request.getAsyncId() === -1) return 'taken';
  request.oncomplete = (status) => done(status < 0 ? writeError(status) : null);
  return 'held';
}

function textHandle(socket: Socket): TextHandle | undefined {
  return (socket as unknown as { readonly _handle?: TextHandle | null })._handle ?? undefined;
}

/** As Node words it. */
function writeError(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { code, syscall: 'write' });
}
