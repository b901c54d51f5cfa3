// What the tests of balancer kinds share: members with a meter of the kind under test, and a context.

import type { Balanced, BalancerContext, BalancerFactory, LoadMeter } from '../../../src/balancer/balancer.js';
import { seededRandom } from '../../../src/base/random.js';
import { ManualClock } from '../../support/manual-clock.js';

export interface TestMember extends Balanced {
  readonly name: number;
  readonly meter: LoadMeter;
  available: boolean;
  weight: number;
}

export function makeMembers(factory: BalancerFactory, count: number): TestMember[] {
  return Array.from({ length: count }, (_, name) => ({
    name,
    meter: factory.makeMeter(0),
    available: true,
    weight: 1,
    isAvailable(): boolean {
      return this.available;
    },
  }));
}

export function balancerContext(seed = 1): BalancerContext {
  return { random: seededRandom(seed), clock: new ManualClock() };
}
