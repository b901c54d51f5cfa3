// Telemeter: the contract of what carries metrics or traces out of the gateway. This file is the telemeter author's manual.

import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { MetricsScope } from '../base/metrics.js';
import type { Random } from '../base/random.js';

/**
 * Made once for each entry of `telemetry:`, before the first request. One that pushes starts its timers in `make`, with
 * `context.clock`; one that is polled offers pages instead. `close` sends what is still held back, then lets go.
 */
export interface Telemeter extends Closable {
  /** What it serves on the admin port; empty for one that only pushes. */
  readonly pages: readonly TelemeterPage[];
}

/** One page of the admin port, GET only. */
export interface TelemeterPage {
  /** Whole path, from the first slash. The built-in pages keep theirs, and so does an earlier telemeter. */
  readonly path: string;
  readonly contentType: string;
  /** One sentence for the index page. */
  readonly description: string;
  /**
   * The body in pieces, for one request. The event loop turns between two pieces, traffic with it: so give one after
   * some milliseconds of work at most; an empty piece only gives way. Metrics may change between pieces.
   */
  render(): Iterable<string>;
}

/** What `make` of a telemeter kind is given. */
export interface TelemeterContext {
  /** The root of the metrics tree: read it, or add what the telemeter counts itself below `telemeter/<kind>`. */
  readonly metrics: MetricsScope;
  readonly clock: Clock;
  readonly random: Random;
}
