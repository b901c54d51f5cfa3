// FailureAccrual: the contract of what marks one endpoint dead, lets a probe through, and revives it.

import type { Random } from '../base/random.js';

/** One per endpoint, living through changes of the set. Hot path: no allocation while the endpoint is alive. */
export interface FailureAccrual {
  /** False while dead and while a probe is out. `now` is `clock.now()`, in ms. */
  isAvailable(now: number): boolean;
  /** A request is about to go out. When the endpoint was due for a probe, this request is the probe. */
  started(now: number): void;
  /** A request ended well (response classified as success). */
  succeeded(now: number): void;
  /** A request ended badly: classified as failure, or an exception. Not a cancellation by the caller. */
  failed(now: number): void;
  /** A request ended without a verdict (cancelled): a probe slot is given back. */
  ignored(now: number): void;
}

/** Told of transitions, for the metrics `failure_accrual/{removals,revivals,probes,removed_for_ms}`. */
export interface AccrualListener {
  removed(forMs: number): void;
  probed(): void;
  revived(): void;
}

/** What `make` of an accrual kind is given. */
export interface AccrualContext {
  readonly random: Random;
}

/** A configured policy: makes the accrual of one endpoint. */
export type AccrualFactory = (listener: AccrualListener) => FailureAccrual;
