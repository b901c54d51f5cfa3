// ReceiveWindow: what a peer has sent and what has been taken of it in, WINDOW_UPDATE increments out (RFC 9113 §6.9).

import { MAX_WINDOW } from './frames.js';

/** Of one stream, or of a connection. It is given back by halves, so that most messages need no WINDOW_UPDATE at all. */
export class ReceiveWindow {
  /** Octets that the peer may still send. Below 0 only after `shrink`. */
  #left: number;
  /** Octets to be given back. */
  #owed = 0;
  readonly #worthTelling: number;

  /** `worthTelling`: so many octets are given back at once, and not fewer; half of the size. */
  constructor(size: number, worthTelling: number) {
    this.#left = size;
    this.#worthTelling = worthTelling;
  }

  /** `octets` came. False: more than the window allowed. */
  take(octets: number): boolean {
    this.#left -= octets;
    return this.#left >= 0 || octets === 0;
  }

  /** `octets` of those that came may come again. The increment to announce now, or 0. */
  giveBack(octets: number): number {
    this.#owed += octets;
    if (this.#owed === 0 || this.#owed < this.#worthTelling) return 0;
    const increment = this.#owed;
    this.#owed = 0;
    this.#left += increment;
    return increment;
  }

  /** The peer has learned of a size that is smaller by so many octets (RFC 9113 §6.9.2). */
  shrink(octets: number): void {
    this.#left -= octets;
  }
}

/** A window of the peer's after an increment; undefined: past what RFC 9113 §6.9.1 allows. */
export function grownWindow(window: number, increment: number): number | undefined {
  const grown = window + increment;
  return grown > MAX_WINDOW ? undefined : grown;
}
