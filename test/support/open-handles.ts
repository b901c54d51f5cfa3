// Open handles: asserts that a test file closed every socket, listener and file watch that it opened.

import { after, before } from 'node:test';
import { eventually } from './eventually.js';

/** What a forgotten `close()` leaves behind, by Node's names. Pipes are stdio. */
const HANDLES: ReadonlySet<string> = new Set([
  'TCPSocketWrap',
  'TCPServerWrap',
  'TCPConnectWrap',
  'UDPWrap',
  'FSEventWrap',
]);

/** Once at the top of a test file: after its last test there are no more handles open than before its first. */
export function expectNoOpenHandles(): void {
  let atStart = 0;
  before(() => {
    atStart = openHandles().length;
  });
  after(async () => {
    try {
      // Sockets that were destroyed close in a later turn of the event loop.
      await eventually(() => openHandles().length <= atStart);
    } catch {
      throw new Error(`left open after the last test: ${openHandles().join(', ')}; there were ${atStart} before it`);
    }
  });
}

function openHandles(): string[] {
  return process.getActiveResourcesInfo().filter((name) => HANDLES.has(name));
}
