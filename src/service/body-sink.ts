// BodySink: the contract of what takes one message's body, whichever way it flows.

import type { Headers } from './headers.js';

/** Takes the chunks of one body, then `end` or `fail`, once. */
export interface BodySink {
  /** True: the chunk's bytes have been used or copied. False: they are held until `resume`, and so is the producer. */
  data(chunk: Buffer): boolean;
  /** The body is complete. */
  end(trailers: Headers | undefined): void;
  /** The body will never be complete. */
  fail(error: Error): void;
}
