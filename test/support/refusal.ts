// Refusal: waits until a port takes no more connections, as a listener that drains does a moment after it was told.

import { setTimeout as pause } from 'node:timers/promises';
import { RawClient } from './raw-client.js';

/** Those that it still takes are closed. */
export async function refusal(port: number): Promise<void> {
  for (;;) {
    try {
      (await RawClient.connect({ port })).close();
    } catch (error) {
      // A reset is for one that was not accepted any more.
      if (String(error).includes('ECONNREFUSED')) return;
    }
    // While others come the listener stays.
    await pause(5);
  }
}
