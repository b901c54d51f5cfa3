// Retirement: parts that a new configuration has no use for in; closed when the requests that began with them have ended.

import type { Clock } from './base/clock.js';
import type { Closable } from './base/closable.js';
import { closeAll } from './parts.js';

export class Retirement implements Closable {
  /** Resolves when all is closed. */
  readonly ended: Promise<void>;
  #end: () => void = () => {};

  /**
   * @param parts in the order in which to close them
   * @param graceMs how long requests may go on with them
   */
  constructor(parts: readonly Closable[], graceMs: number, clock: Clock) {
    const over = new Promise<void>((resolve) => {
      const timer = clock.after(graceMs, resolve);
      this.#end = () => {
        timer.cancel();
        resolve();
      };
    });
    this.ended = over.then(() => closeAll(parts));
  }

  /** Closes them now. */
  close(): Promise<void> {
    this.#end();
    return this.ended;
  }
}
