// Byte flow: a sender that sends as fast as it is let, a receiver that throws away, and when the one has stopped the other.

import type { Socket } from 'node:net';
import { eventually } from './eventually.js';

const PIECE = Buffer.alloc(256 * 1024, 'x');

/** Writes `total` bytes to `socket`, a piece whenever it takes more. */
export function pump(socket: Socket, total: number): void {
  let left = total;
  const write = (): void => {
    while (left > 0) {
      const piece = left < PIECE.length ? PIECE.subarray(0, left) : PIECE;
      left -= piece.length;
      if (!socket.write(piece)) return;
    }
    socket.off('drain', write);
  };
  socket.on('drain', write);
  write();
}

/** Bytes that the kernel has taken from `socket` so far. */
export function bytesTaken(socket: Socket): number {
  return socket.bytesWritten - socket.writableLength;
}

/** Resolves when `value` is above 0 and has been the same for 200 ms. */
export async function stoppedGrowing(value: () => number): Promise<void> {
  let last = 0;
  let since = performance.now();
  await eventually(
    () => {
      const now = value();
      if (now !== last) since = performance.now();
      last = now;
      return last > 0 && performance.now() - since > 200;
    },
    { timeoutMs: 10_000 },
  );
}
