import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BACKOFF_MS, BAD_ENDPOINT, recoveryLimitMs } from '../../../bench/faults/settings.js';
import { FaultScene, type FaultSceneConfig } from '../../support/fault-scene.js';
import type { FaultyBackend } from '../../support/faulty-backend.js';

const { limits, ...KEYS } = BAD_ENDPOINT;

const SECOND_MS = 1000;
/** For an answer, and until chance has put it among the two that are compared for a request. */
function slackMs(requestsPerSecond: number): number {
  return 5 + (30 * 1000) / requestsPerSecond;
}

function setUp(options: FaultSceneConfig = KEYS): FaultScene & { readonly bad: FaultyBackend } {
  const scene = new FaultScene(options);
  const [bad] = scene.backends;
  assert.ok(bad);
  return Object.assign(scene, { bad });
}

/** From now on the bad one is well: how long it takes until it answers a request. */
function recoveryMs(scene: ReturnType<typeof setUp>, limitMs: number, requestsPerSecond: number): number {
  const { bad, clock } = scene;
  const wellAt = clock.now();
  bad.behave('answers');
  scene.run(limitMs + slackMs(requestsPerSecond), requestsPerSecond);
  return (bad.firstAnswerAt ?? Number.POSITIVE_INFINITY) - wellAt;
}

describe('one of five backends, at 2,000 requests a second,', () => {
  for (const fault of ['fails', 'hangs', 'resets', 'accepts'] as const) {
    it(`${fault}: no request fails, it is left alone, and it is back within one backoff`, () => {
      const scene = setUp();
      const { bad } = scene;
      scene.run(SECOND_MS);

      bad.behave(fault);
      const first = scene.run(SECOND_MS);
      const before = bad.attempts;
      const later = scene.run(3 * SECOND_MS);
      const toBad = (bad.attempts - before) / later.length;

      const tookMs = recoveryMs(scene, recoveryLimitMs(fault), 2000);
      assert.ok(tookMs <= recoveryLimitMs(fault) + slackMs(2000), `back after ${tookMs} ms`);
      const untilBack = bad.attempts;
      const since = scene.run(SECOND_MS);
      scene.clock.advance(10);
      const share = (bad.attempts - untilBack) / since.length;
      assert.ok(share > 0.15 && share < 0.25, `its share is ${share}`);

      const succeeded = [first, later, since].map((some) => some.filter((one) => one.succeeded).length / some.length);
      assert.deepEqual(succeeded, [1, 1, 1]);
      assert.ok((succeeded[1] as number) >= limits.success && toBad < limits.badShare, `${toBad} of them went there`);
      assert.ok(toBad > 0, 'it is never asked whether it is well');
    });

    it(`${fault}: is back as soon whenever that ends`, () => {
      for (let afterMs = 0; afterMs < BACKOFF_MS + BAD_ENDPOINT.attemptTimeoutMs; afterMs += 50) {
        const scene = setUp();
        scene.run(200, 500);
        scene.bad.behave(fault);
        scene.run(2 * SECOND_MS + afterMs, 200);
        const tookMs = recoveryMs(scene, recoveryLimitMs(fault), 200);
        assert.ok(tookMs <= recoveryLimitMs(fault) + slackMs(200), `${afterMs} ms later it took ${tookMs} ms`);
      }
    });
  }

  it('is asked ever less often with the default backoff, and is back within the wait that it has come to', () => {
    const { failureAccrual: _, ...client } = BAD_ENDPOINT.client;
    const scene = setUp({ service: BAD_ENDPOINT.service, client });
    const { bad } = scene;
    const removedForMs = (): number => scene.ofClient('failure_accrual', 'removed_for_ms');
    scene.run(SECOND_MS, 100);
    bad.behave('fails');
    let waitMs = 0;
    for (let removals = 1; removals <= 4; removals++) {
      const before = removedForMs();
      while (scene.ofClient('failure_accrual', 'removals') < removals) scene.run(100, 100);
      const nextMs = removedForMs() - before;
      assert.ok(nextMs > waitMs, `${nextMs} ms after ${waitMs} ms`);
      waitMs = nextMs;
    }
    assert.ok(recoveryMs(scene, waitMs, 100) <= waitMs + slackMs(100));
  });
});
