// Simulation of one balancer in one scenario: no sockets and no real time, the same figures for the same seed.
//
// Requests come when they come, however many are out (open loop, Poisson): a balancer that keeps them waiting at a slow
// backend cannot slow the callers down, as in production.

import type { FailureAccrual } from '../../src/accrual/accrual.js';
import { consecutiveFailures } from '../../src/accrual/consecutive-failures.js';
import { noFailureAccrual } from '../../src/accrual/none.js';
import type { Balanced, BalancerContext, BalancerFactory, LoadMeter } from '../../src/balancer/balancer.js';
import { type Random, seededRandom } from '../../src/base/random.js';
import { EventQueue } from './event-queue.js';
import type { BackendModel, Scenario } from './scenario.js';

export interface Outcome {
  readonly requests: number;
  /** Of every request, failed ones too; ms. */
  readonly p50: number;
  readonly p99: number;
  /** Shares of all requests, 0 to 1. */
  readonly failed: number;
  readonly toOdd: number;
}

type MakeBalancerFactory = (context: BalancerContext) => BalancerFactory;

/** Gateways, each of which draws its own order of endpoints: with one alone an aperture may miss what is odd by luck. */
const RUNS = 5;

/** The requests of several runs, one after the other, each with other chances. */
export function simulate(scenario: Scenario, makeFactory: MakeBalancerFactory, seed: number): Outcome {
  const seeds = seededRandom(seed);
  const totals: Totals = { latencies: [], failed: 0, toOdd: 0 };
  for (let run = 0; run < RUNS; run++) simulateOne(scenario, makeFactory, Math.floor(seeds() * 2 ** 32), totals);

  const { latencies, failed, toOdd } = totals;
  latencies.sort((a, b) => a - b);
  const requests = latencies.length;
  const quantile = (q: number): number => latencies[Math.min(requests - 1, Math.floor(requests * q))] as number;
  return { requests, p50: quantile(0.5), p99: quantile(0.99), failed: failed / requests, toOdd: toOdd / requests };
}

interface Totals {
  readonly latencies: number[];
  failed: number;
  toOdd: number;
}

/** Each kind of chance has a source of its own, so that all balancers of one seed meet the same requests. */
function simulateOne(scenario: Scenario, makeFactory: MakeBalancerFactory, seed: number, totals: Totals): void {
  const arrivals = seededRandom(seed);
  const services = seededRandom(seed + 1);
  const random = seededRandom(seed + 2);
  const queue = new EventQueue();
  const factory = makeFactory({ random, clock: NO_CLOCK });
  const balancer = factory.makeBalancer<Backend>();
  const accruals = makeAccruals(scenario, random);
  const members: Backend[] = [];

  const join = (model: BackendModel, now: number): void => {
    members.push(new Backend(model, factory.makeMeter(now), accruals.makeAccrual()));
    balancer.update(members);
  };
  const request = (now: number): void => {
    const backend = balancer.pick(now) as Backend;
    if (backend.model.isOdd) totals.toOdd += 1;
    const { endsAt, fails } = backend.begin(now, services);
    queue.put(endsAt, (end) => {
      backend.finish(end, now, fails);
      totals.latencies.push(end - now);
      if (fails) totals.failed += 1;
    });
    const next = now + exponential(1000 / scenario.requestsPerSecond, arrivals);
    if (next < scenario.durationMs) queue.put(next, request);
  };

  for (const model of scenario.backends) {
    if (model.joinsAt === undefined) join(model, 0);
    else queue.put(model.joinsAt, (now) => join(model, now));
  }
  queue.put(0, request);
  queue.run();
}

class Backend implements Balanced {
  readonly weight = 1;
  readonly model: BackendModel;
  readonly meter: LoadMeter;
  readonly #accrual: FailureAccrual;
  /** When each worker is done with what it has. */
  readonly #freeAt: number[];

  constructor(model: BackendModel, meter: LoadMeter, accrual: FailureAccrual) {
    this.model = model;
    this.meter = meter;
    this.#accrual = accrual;
    this.#freeAt = Array.from({ length: model.workers }, () => 0);
  }

  isAvailable(now: number): boolean {
    return this.#accrual.isAvailable(now);
  }

  /** Half of a service time is fixed and half is exponential, so the fastest takes half the mean. */
  begin(now: number, random: Random): { endsAt: number; fails: boolean } {
    this.meter.start(now);
    this.#accrual.started(now);
    const freeAt = this.#freeAt;
    const worker = freeAt.indexOf(Math.min(...freeAt));
    const beginsAt = Math.max(now, freeAt[worker] as number);
    const mean = this.model.meanServiceMs(beginsAt);
    const endsAt = beginsAt + mean / 2 + exponential(mean / 2, random);
    freeAt[worker] = endsAt;
    return { endsAt, fails: this.model.fails?.(beginsAt) ?? false };
  }

  finish(now: number, startedAt: number, failed: boolean): void {
    this.meter.finish(now, startedAt);
    if (failed) this.#accrual.failed(now);
    else this.#accrual.succeeded(now);
  }
}

function makeAccruals(scenario: Scenario, random: Random) {
  const factory = scenario.accrual
    ? consecutiveFailures.make({ failures: 5, maxEjectedPercent: 100 }, { random })
    : noFailureAccrual.make({}, undefined);
  return factory.makeCluster({ removed: () => {}, probed: () => {}, revived: () => {}, ejectionRefused: () => {} });
}

function exponential(mean: number, random: Random): number {
  return -mean * Math.log(1 - random());
}

/** Balancers are told the time at each call. */
const NO_CLOCK: BalancerContext['clock'] = {
  now: () => 0,
  epochMs: () => 0,
  after: () => {
    throw new Error('no timers in a simulation');
  },
};
