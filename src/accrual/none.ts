// Kind `none`: an endpoint is never taken out.

import { z } from 'zod';
import { defineKind } from '../base/kind.js';
import type { AccrualFactory, ClusterAccrual, FailureAccrual } from './accrual.js';

export const noFailureAccrual = defineKind({
  kind: 'none',
  description: 'Never takes an endpoint out, however often it fails.',
  config: z.strictObject({}),
  make: (): AccrualFactory => ({ makeCluster: () => CLUSTER }),
});

const ALWAYS_ALIVE: FailureAccrual = {
  isAvailable: () => true,
  started: () => {},
  succeeded: () => {},
  failed: () => {},
  ignored: () => {},
};

const CLUSTER: ClusterAccrual = { makeAccrual: () => ALWAYS_ALIVE, update: () => {} };
