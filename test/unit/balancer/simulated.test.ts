import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SCENARIOS, type Scenario } from '../../../bench/balancersim/scenario.js';
import { type Outcome, simulate } from '../../../bench/balancersim/simulate.js';
import { aperture } from '../../../src/balancer/aperture.js';
import { heap } from '../../../src/balancer/heap.js';
import { p2cLeastLoaded } from '../../../src/balancer/p2c-least-loaded.js';
import { p2cPeakEwma } from '../../../src/balancer/p2c-peak-ewma.js';
import { roundRobin } from '../../../src/balancer/round-robin.js';
import { makeKind } from '../../support/make-kind.js';

const KINDS = { p2c: p2cLeastLoaded, ewma: p2cPeakEwma, aperture, heap, roundRobin };

const DURATION_MS: Readonly<Record<string, number>> = {
  slow: 5000,
  cold: 20_000,
  failing: 12_000,
  'failing-without-accrual': 12_000,
  heterogeneous: 5000,
};

/** A run of a scenario, shortened, with one balancer. */
function run(balancer: keyof typeof KINDS, scenario: string, seed = 1): Outcome {
  const full = SCENARIOS.find(({ name }) => name === scenario) as Scenario;
  const short = { ...full, durationMs: DURATION_MS[scenario] as number };
  return simulate(short, (context) => makeKind(KINDS[balancer], {}, context), seed);
}

describe('balancers, simulated', () => {
  it('give the same figures for the same seed and others for another', () => {
    assert.deepEqual(run('aperture', 'slow'), run('aperture', 'slow'));
    assert.notDeepEqual(run('aperture', 'slow'), run('aperture', 'slow', 2));
  });

  it('send a backend ten times slower than nine others as little as they know of it, which keeps the p99 low', () => {
    const ewma = run('ewma', 'slow');
    const p2c = run('p2c', 'slow');
    const rotation = run('roundRobin', 'slow');
    // A fair share would be 10 %. Ewma knows its latency, the others that more requests wait there.
    assert.ok(ewma.toOdd < 0.005 && p2c.toOdd < 0.04, `${ewma.toOdd}, ${p2c.toOdd}`);
    for (const balancer of ['heap', 'aperture'] as const) assert.ok(run(balancer, 'slow').toOdd < 0.04, balancer);
    assert.ok(Math.abs(rotation.toOdd - 0.1) < 0.002, `${rotation.toOdd}`);
    assert.ok(ewma.p99 < 40 && ewma.p99 < p2c.p99 / 2, `${ewma.p99}, ${p2c.p99}`);
    assert.ok(p2c.p99 < 200 && rotation.p99 > 1000, `${p2c.p99}, ${rotation.p99}`);
  });

  it('let a cold backend warm up: ewma sends it the least', () => {
    const shares = (['ewma', 'p2c', 'roundRobin'] as const).map((balancer) => run(balancer, 'cold').toOdd);
    const [ewma, p2c, rotation] = shares as [number, number, number];
    assert.ok(ewma < p2c / 2 && p2c < rotation, shares.join());
  });

  it('give backends of less capacity less', () => {
    for (const balancer of ['p2c', 'ewma', 'heap'] as const) {
      assert.ok(run(balancer, 'heterogeneous').toOdd < 0.42, balancer);
    }
    assert.ok(Math.abs(run('roundRobin', 'heterogeneous').toOdd - 0.5) < 0.002);
  });

  it('are drawn to a backend that fails fast, unless failure accrual takes it out', () => {
    for (const balancer of ['p2c', 'ewma', 'heap'] as const) {
      assert.ok(run(balancer, 'failing-without-accrual').failed > 0.015, balancer);
      assert.ok(run(balancer, 'failing').failed < 0.001, balancer);
    }
  });
});
