import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ALL_DOWN, BACKOFF_MS } from '../../../bench/faults/settings.js';
import type { FakeExchange } from '../../support/fake-exchange.js';
import { FaultScene, type FaultSceneConfig } from '../../support/fault-scene.js';
import type { Behaviour } from '../../support/faulty-backend.js';

const { limits, totalTimeoutMs, ...KEYS } = ALL_DOWN;

interface Outage {
  readonly name: string;
  /** Of the five. */
  readonly behaviours: readonly Behaviour[];
}

const OUTAGES: readonly Outage[] = [
  ...(['fails', 'hangs', 'resets', 'accepts', 'refuses'] as const).map((behaviour) => ({
    name: `each ${behaviour}`,
    behaviours: Array<Behaviour>(5).fill(behaviour),
  })),
  { name: 'each in another way', behaviours: ['fails', 'hangs', 'resets', 'accepts', 'refuses'] },
];

/** Good answers for a while, then the outage, until its last request is answered. */
function setUp({ behaviours }: Outage, options: FaultSceneConfig = KEYS) {
  const scene = new FaultScene(options);
  const well = scene.run(500);
  for (const [i, backend] of scene.backends.entries()) backend.behave(behaviours[i] as Behaviour);
  const down = scene.run(2000);
  scene.clock.advance(2 * totalTimeoutMs);
  return { scene, well, down, requests: well.length + down.length };
}

function slowestMs(exchanges: readonly FakeExchange[]): number {
  return exchanges.reduce((slowest, { tookMs }) => Math.max(slowest, tookMs), 0);
}

describe('all backends are down, at 2,000 requests a second:', () => {
  for (const outage of OUTAGES) {
    it(`${outage.name}: retries and requeues together stay within the budget, and answers within the timeout`, () => {
      const { scene, down, requests } = setUp(outage);
      const extra = scene.attemptsOf() - requests;
      assert.ok(extra > 0 && extra <= limits.extra * requests, `${extra} more attempts than ${requests} requests`);
      assert.equal(extra, scene.ofService('retries', 'total') + scene.ofClient('retries', 'requeues'));
      assert.ok(slowestMs(down) <= totalTimeoutMs, `${slowestMs(down)} ms`);
      assert.ok(down.every(({ status, failed }) => !failed && status !== undefined && status >= 500));
    });
  }

  it('what hangs is told to stop: nothing is under way once all is answered', () => {
    const { scene } = setUp({ name: 'hang', behaviours: Array<Behaviour>(5).fill('hangs') });
    assert.ok(scene.backends.every(({ cancelled }) => cancelled > 0));
    assert.deepEqual(
      [scene.ofClient('pending'), scene.ofService('pending'), scene.ofClient('loadbalancer', 'load')],
      [0, 0, 0],
    );
  });

  it('the reserve of a budget comes on top of its share, once in a window', () => {
    const budget = { minRetriesPerSec: 10, percentCanRetry: 0.2, ttlSecs: 10 };
    const service = { ...KEYS.service, retries: { budget } };
    const outage = { name: 'fail', behaviours: Array<Behaviour>(5).fill('fails') };
    const { scene, requests } = setUp(outage, { ...KEYS, service });
    assert.equal(scene.attemptsOf() - requests, limits.extra * requests + 10 * 10);
  });

  it('once they are well requests succeed again, and within one backoff none of them is out', () => {
    const { scene } = setUp(OUTAGES.at(-1) as Outage);
    for (const backend of scene.backends) backend.behave('answers');
    const settleMs = BACKOFF_MS + KEYS.client.requestAttemptTimeoutMs;
    scene.run(settleMs);
    const later = scene.run(200);
    scene.clock.advance(10);
    assert.ok(later.every(({ succeeded }) => succeeded));
    assert.equal(scene.ofClient('loadbalancer', 'available'), 5);
  });
});
