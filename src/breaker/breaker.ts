// ServiceBreaker: the contract of what refuses requests of one logical name while too many of them fail.

import type { Closable } from '../base/closable.js';
import type { GatewayError } from '../base/errors.js';
import type { MetricsScope } from '../base/metrics.js';
import type { Path } from '../base/path.js';

export type CircuitState = 'closed' | 'open' | 'halfOpen';

/** Of one logical name. After `close` it admits everything and counts nothing: requests may still be on their way. */
export interface ServiceBreaker extends Closable {
  readonly state: CircuitState;
  /** What an operator holds it at, whatever requests do; undefined when it follows them. */
  readonly forced: 'open' | 'closed' | undefined;
  /** Where requests go that it refuses; undefined: they are answered with the refusal. */
  readonly fallback: Path | undefined;
  /** Requests admitted and not ended. */
  readonly underWay: number;
  /** Costs some microseconds; for people. */
  readonly window: CircuitWindow;

  /** Asks for one request with all its attempts. An `Admission` must be told how it ended, once. */
  admit(): Admission | Refusal;
  /** A request that was refused goes to `fallback` now. */
  fellBack(): void;
  /** Undefined gives it back to what requests do: it begins closed, with nothing counted. */
  force(to: 'open' | 'closed' | undefined): void;
}

/** Requests that ended within the window, since the circuit closed. */
export interface CircuitWindow {
  readonly requests: number;
  readonly failures: number;
}

export interface Admission {
  readonly admitted: true;
  /** `success` undefined: the caller gave up, which says nothing of the service. */
  ended(success: boolean | undefined): void;
}

export interface Refusal {
  readonly admitted: false;
  /** `circuit-open` or `circuit-full`, with `retryAfterMs`. Shared by the requests that it is said to. */
  readonly error: GatewayError;
}

/** Makes the breaker of one name; `metrics` is `rt/<label>/service/<name>/circuit_breaker`. */
export type MakeServiceBreaker = (name: Path, metrics: MetricsScope) => ServiceBreaker;
