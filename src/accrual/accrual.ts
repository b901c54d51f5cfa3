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

/** Told of transitions, for the metrics `failure_accrual/{removals,revivals,probes,removed_for_ms,ejections_refused}`. */
export interface AccrualListener {
  removed(forMs: number): void;
  probed(): void;
  /** Alive again: a probe succeeded, or the cluster became too small for so many dead. */
  revived(): void;
  /** An endpoint that should be dead stays alive, since `maxEjectedPercent` of its cluster are dead already. */
  ejectionRefused(): void;
}

/** What `make` of an accrual kind is given. */
export interface AccrualContext {
  readonly random: Random;
}

/** A configured policy, ready to serve any number of clusters. */
export interface AccrualFactory {
  makeCluster(listener: AccrualListener): ClusterAccrual;
}

/** The accruals of one cluster: how many of its endpoints may be dead is known to all of them together. */
export interface ClusterAccrual {
  /** Of a new endpoint. It counts as one of the cluster from the next `update` on, at the latest. */
  makeAccrual(): FailureAccrual;
  /** Called after each change of the set, with the accruals of all endpoints that are in it. */
  update(members: readonly FailureAccrual[]): void;
}
