// TakenWatch: whether a caller takes any of the bytes that are held for it; asked once a sweep, so that writes note nothing.

import type { PushWrites } from '../wire/push-socket.js';
import type { SweepTime } from './connection-limits.js';

export class TakenWatch {
  /** When the caller was last seen to have taken a byte, and how many it had; the latter -1: none was held. */
  #takenAt = 0;
  #taken = -1;

  /** Bytes have been held for `writeMs`, and the caller took none of them. */
  takesNothing(writes: PushWrites, { now, limits }: SweepTime): boolean {
    if (!writes.isHeld) {
      this.#taken = -1;
      return false;
    }
    const taken = writes.takenBytes;
    if (taken === this.#taken) return now - this.#takenAt >= limits.writeMs;
    this.#taken = taken;
    this.#takenAt = now;
    return false;
  }
}
