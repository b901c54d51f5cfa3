// Frames: pieces of a TCP stream in, whole frames out, each without the length in front of it.

import { GarbageError } from '../shared/registry-watch.js';

/** As ZooKeeper's own client has it (`jute.maxbuffer`): the names of some 200,000 members. */
export const MAX_FRAME_BYTES = 4 * 1024 * 1024;

const LENGTH_BYTES = 4;

export class FrameSplitter {
  readonly #onFrame: (frame: Buffer) => void;
  /** Of the frame under way, its length included. Joined once, when all are there. */
  #pieces: Buffer[] = [];
  #size = 0;
  /** Of the whole frame with its length; undefined until that has arrived. */
  #wanted: number | undefined;

  constructor(onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /** Throws GarbageError at a length that no honest server sends, before anything is kept for it. */
  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      const missing = (this.#wanted ?? LENGTH_BYTES) - this.#size;
      this.#pieces.push(rest.subarray(0, missing));
      this.#size += Math.min(missing, rest.length);
      rest = rest.subarray(missing);
      if (this.#size < (this.#wanted ?? LENGTH_BYTES)) return;
      const bytes = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
      if (this.#wanted === undefined) {
        this.#pieces = [bytes];
        this.#wanted = LENGTH_BYTES + checkLength(bytes);
      }
      if (this.#size < this.#wanted) continue;
      this.#pieces = [];
      this.#size = 0;
      this.#wanted = undefined;
      this.#onFrame(bytes.subarray(LENGTH_BYTES));
    }
  }
}

function checkLength(bytes: Buffer): number {
  const length = bytes.readInt32BE(0);
  if (length >= 0 && length <= MAX_FRAME_BYTES) return length;
  // The likeliest reason by far: some other server listens there.
  throw new GarbageError(
    `an answer begins with ${JSON.stringify(bytes.toString('latin1'))}, which as a length is ${length} bytes, not 0-${MAX_FRAME_BYTES}; is it a ZooKeeper server?`,
  );
}
