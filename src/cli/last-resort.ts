// Last resorts: a process that is broken is ended with a log line and exit code 1, so that a supervisor starts a new one.

import type { Clock } from '../base/clock.js';
import { flushLogs, type Logger } from '../base/log.js';

/**
 * Ends the process when something threw that nothing caught, or a promise was rejected that nobody looks at.
 *
 * Going on would keep connections up, but the exception left somewhere in the middle: a response half written on a
 * connection that is used again could reach another caller, a pool could hand out what it no longer counts. An edge
 * process must not guess. No drain either, because that would run the same broken parts for ten more seconds.
 */
export function exitOnDefect(log: Logger): void {
  // Rejections come here as well: Node raises those that are not handled as exceptions.
  process.on('uncaughtException', (error: unknown, origin) => {
    try {
      const stack = error instanceof Error ? error.stack : String(error);
      log.error(`defect (${origin}): ending the process, its state is unknown: ${messageOf(error)}`, { stack });
      flushLogs();
    } finally {
      process.exit(1);
    }
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Ends the process when it is still there after `afterMs`: a part that does not close, or one that left something open. It
 * names what holds the process. Does not keep it alive itself.
 */
export function exitWhenStuck(afterMs: number, clock: Clock, log: Logger): void {
  clock.after(afterMs, () => {
    log.error(`defect: not shut down after ${afterMs} ms: ending the process`, {
      open: process.getActiveResourcesInfo(),
    });
    flushLogs();
    process.exit(1);
  });
}
