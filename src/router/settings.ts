// Settings of a router's services and clients: what the configuration says of one name, ready to use.

import type { AccrualFactory } from '../accrual/accrual.js';
import type { BalancerFactory } from '../balancer/balancer.js';
import type { Backoff } from '../base/backoff.js';
import type { Path } from '../base/path.js';
import type { MakeServiceBreaker } from '../breaker/breaker.js';
import type { ResponseClassifier } from '../classifier/classifier.js';
import type { ConnectionLimits } from '../client/client.js';
import type { RetryBudget } from '../retry/retry.js';

/** Of one logical name. */
export interface ServiceSettings {
  /** Longest time for a request with all its attempts, in ms; undefined for none. */
  readonly totalTimeoutMs: number | undefined;
  readonly classifier: ResponseClassifier;
  makeRetryBudget(): RetryBudget;
  /** Waits before the retries of one request. */
  readonly retryBackoff: Backoff;
  /** Bytes of a request's body that are kept to send it again; of a longer one nothing is. */
  readonly retryBufferBytes: number;
  /** Undefined: the name has no circuit breaker, and its requests pay nothing for one. */
  readonly makeBreaker: MakeServiceBreaker | undefined;
  /** Of what `makeBreaker` was made: where it is the same after a reload the breaker goes on. */
  readonly breakerWords: string;
}

/** Of one bound name. */
export interface ClientSettings {
  readonly balancer: BalancerFactory;
  readonly accrual: AccrualFactory;
  makeRequeueBudget(): RetryBudget;
  /** Longest time for one attempt, in ms; undefined for none. */
  readonly requestAttemptTimeoutMs: number | undefined;
  /** Connections to each endpoint that are not closed for `connectionLimits.poolIdleMs`. */
  readonly minConnections: number;
  readonly maxConnections: number;
  readonly maxWaiters: number;
  readonly connectionLimits: ConnectionLimits;
  /** Waits between the connects of an endpoint that is down; undefined without `failFast`. */
  readonly failFastBackoff: Backoff | undefined;
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
}

/** The settings that apply to a name, by the prefixes of `io.l5d.static` or the one block of `io.l5d.global`. */
export type SettingsOf<Settings> = (name: Path) => Settings;
