// Balancer: the contract of what picks an endpoint of one bound cluster for each request.
//
// Measure of load (LoadMeter, one an endpoint) and choice of endpoint (Balancer) are separate parts. Both run on the hot
// path: no allocation in `pick`, `start`, `finish`. Balancers are told of no starts and ends of requests: they ask meters.

import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';

/** How loaded one endpoint is. Lives as long as the endpoint, through changes of the set. */
export interface LoadMeter {
  /** Lower is better; only compared with meters of the same kind. `now` is `clock.now()`, in ms. */
  load(now: number): number;
  /** A request was given to the endpoint. */
  start(now: number): void;
  /** It ended (in any way); `startedAt` is what `start` was told. */
  finish(now: number, startedAt: number): void;
}

/** What a balancer chooses among: the client stack's endpoints implement it. */
export interface Balanced {
  /** Changes only through `Balancer.update`. */
  readonly weight: number;
  readonly meter: LoadMeter;
  /** False while failure accrual or the pool keeps it out. Asked at each pick; `now` is `clock.now()`. */
  isAvailable(now: number): boolean;
}

export interface Balancer<T extends Balanced> {
  /** Replaces the set. Called at each change, never from within `pick`. The balancer keeps no member that left. */
  update(members: readonly T[]): void;
  /**
   * A member, available if one was found within `maxEffort` re-picks, else the last one looked at: with all endpoints
   * dead requests still go out. Undefined only for an empty set.
   */
  pick(now: number): T | undefined;
  /** Re-picks given up because none was available: `loadbalancer/max_effort_exhausted`. */
  readonly effortExhausted: number;
}

/** What `make` of a balancer kind is given; the result makes one balancer and one meter at a time. */
export interface BalancerContext {
  readonly random: Random;
  readonly clock: Clock;
}

/** A configured balancer kind, ready to serve any number of clusters. */
export interface BalancerFactory {
  /**
   * `enableProbation`: the client stack keeps an endpoint that left the set among the balancer's members while it is
   * healthy, because a registry may forget what still works. Balancers themselves make no difference.
   */
  readonly keepsRemoved: boolean;
  makeMeter(now: number): LoadMeter;
  makeBalancer<T extends Balanced>(): Balancer<T>;
}
