// Signals in, one request to stop out.

import type { Logger } from '../base/log.js';

/**
 * Calls `stop` with the name of the first SIGTERM or SIGINT. The second one, of either sort, ends the process with exit
 * code 1. A shutdown that admin was asked for does not count: orchestrators do that first and send SIGTERM behind it,
 * which must not cut requests short.
 */
export function onStopSignal(stop: (signal: string) => void, log: Logger): void {
  let signals = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      signals += 1;
      if (signals === 1) return stop(signal);
      log.warn(`${signal}, the second signal: ending without waiting for running requests`);
      process.exit(1);
    });
  }
}
