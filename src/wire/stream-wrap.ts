// StreamWrap: what the handles of Node's sockets tell of the last read and write, which nothing public does.
//
// A handle puts the outcome of each call into one shared array, and needs a request object for each write. Both are of the
// binding `stream_wrap`, which `process.binding` still gives (deprecated in the documentation alone, DEP0111); tried with
// Node 20, 22, 24 and 26. Where it does not, or where it looks otherwise, everybody goes by the public way, which costs more:
// docs/decisions/0002-own-http1-codec.md.

/** What a handle is given with a write (Node's WriteWrap). */
export interface WriteRequest {
  /** Called when the kernel has all of a write for which it had no room; below 0: an error of libuv. */
  oncomplete?: (status: number) => void;
}

export interface StreamWrap {
  readonly makeWriteRequest: () => WriteRequest;
  /** Bytes of the read for which a handle calls its `onread`; below 0: an error of libuv, also for the end. */
  readonly lastRead: () => number;
  /** The last write is not with the kernel yet: its request will be completed later. */
  readonly isLastWriteHeld: () => boolean;
}

/** Undefined where this Node has none that serves. */
export const streamWrap: StreamWrap | undefined = findStreamWrap(process);

interface StreamWrapBinding {
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

/** `from`: the process, but for tests. */
export function findStreamWrap(from: object): StreamWrap | undefined {
  const { binding } = from as { readonly binding?: (name: string) => unknown };
  if (typeof binding !== 'function') return undefined;
  let found: unknown;
  try {
    found = binding.call(from, 'stream_wrap');
  } catch {
    // Not allowed under the permission model.
    return undefined;
  }
  if (!isStreamWrap(found)) return undefined;
  const { WriteWrap, streamBaseState: state, kReadBytesOrError, kLastWriteWasAsync } = found;
  return {
    makeWriteRequest: () => new WriteWrap(),
    lastRead: () => state[kReadBytesOrError] as number,
    isLastWriteHeld: () => state[kLastWriteWasAsync] !== 0,
  };
}

function isStreamWrap(found: unknown): found is StreamWrapBinding {
  if (typeof found !== 'object' || found === null) return false;
  const { WriteWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = found as Partial<StreamWrapBinding>;
  return (
    typeof WriteWrap === 'function' &&
    streamBaseState instanceof Int32Array &&
    [kReadBytesOrError, kLastWriteWasAsync].every((i) => typeof i === 'number' && i >= 0 && i < streamBaseState.length)
  );
}
