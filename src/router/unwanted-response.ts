// UnwantedResponse: the rest of a failed response, read to keep its connection, as long as that is short and comes soon.

import type { Clock, TimerHandle } from '../base/clock.js';
import type { ResponseHead } from '../service/message.js';

const MAX_BYTES = 64 * 1024;
const MAX_MS = 1000;

/** Whether the end of the response is worth waiting for. Of unknown length it is: an error page is short as a rule. */
export function isWorthReading({ contentLength, hasBody }: ResponseHead): boolean {
  return !hasBody || contentLength <= MAX_BYTES;
}

export class UnwantedResponse {
  readonly #giveUp: () => void;
  readonly #timer: TimerHandle;
  #bytesLeft = MAX_BYTES;

  /** `giveUp` is called when it turns out to be too long, or to take too long; not after `end`. */
  constructor(clock: Clock, giveUp: () => void) {
    this.#giveUp = giveUp;
    this.#timer = clock.after(MAX_MS, giveUp);
  }

  data({ length }: Buffer): void {
    this.#bytesLeft -= length;
    if (this.#bytesLeft < 0) this.#giveUp();
  }

  end(): void {
    this.#timer.cancel();
  }
}
