// The keys that accrual kinds share, as the configuration file has them, and the factory that they and a rule make.

import { z } from 'zod';
import { type Backoff, equalJitteredBackoff } from '../base/backoff.js';
import { type BackoffConfig, backoffConfig, makeBackoff } from '../base/backoff-config.js';
import type { Random } from '../base/random.js';
import type { AccrualFactory, AccrualListener, ClusterAccrual } from './accrual.js';
import { DeadAliveProbe, type DeathRule } from './dead-alive-probe.js';
import { EjectionLimit } from './ejection-limit.js';

const DEFAULT_BACKOFF_MIN_MS = 5_000;
const DEFAULT_BACKOFF_MAX_MS = 300_000;

/** Keys of every kind that takes endpoints out. */
export const accrualKeys = {
  backoff: backoffConfig
    .exactOptional()
    .describe('How long it stays dead. Default: 5 s growing to 300 s, half of it random (equal jitter).'),
  maxEjectedPercent: z
    .number()
    .min(0)
    .max(100)
    .default(100)
    .describe(
      "Share of a cluster's endpoints that may be dead at once, rounded down; with 100 all may, as in Linkerd.",
    ),
};

/** What `accrualKeys` of a file give. */
export interface AccrualConfig {
  readonly backoff?: BackoffConfig;
  readonly maxEjectedPercent: number;
}

/** `makeRule` is called once for each endpoint. */
export function makeAccrualFactory(config: AccrualConfig, random: Random, makeRule: () => DeathRule): AccrualFactory {
  const backoff = config.backoff ? makeBackoff(config.backoff, random) : defaultBackoff(random);
  return {
    makeCluster: (listener) =>
      config.maxEjectedPercent === 100
        ? unlimitedCluster(backoff, listener, makeRule)
        : limitedCluster(config.maxEjectedPercent, backoff, listener, makeRule),
  };
}

/** Dead times of every policy that is given no `backoff`: 5 s growing to 300 s, equal-jittered. */
function defaultBackoff(random: Random): Backoff {
  return equalJitteredBackoff(DEFAULT_BACKOFF_MIN_MS, DEFAULT_BACKOFF_MAX_MS, random);
}

function unlimitedCluster(backoff: Backoff, listener: AccrualListener, makeRule: () => DeathRule): ClusterAccrual {
  return { makeAccrual: () => new DeadAliveProbe(makeRule(), backoff, listener), update: () => {} };
}

function limitedCluster(
  maxEjectedPercent: number,
  backoff: Backoff,
  listener: AccrualListener,
  makeRule: () => DeathRule,
): ClusterAccrual {
  const limit = new EjectionLimit(maxEjectedPercent);
  return {
    makeAccrual: () => {
      const accrual = new DeadAliveProbe(makeRule(), backoff, listener, limit);
      limit.add(accrual);
      return accrual;
    },
    update: (members) => limit.update(members),
  };
}
