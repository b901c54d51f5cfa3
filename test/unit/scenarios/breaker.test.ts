import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ALL_DOWN, BAD_ENDPOINT } from '../../../bench/faults/settings.js';
import { setLogLevel } from '../../../src/base/log.js';
import type { ServiceBreaker } from '../../../src/breaker/breaker.js';
import { FaultScene } from '../../support/fault-scene.js';

setLogLevel('breaker', 'OFF');

/** Admits all, and counts. */
function countingBreaker() {
  const calls = { made: 0, admitted: 0, succeeded: 0, failed: 0, gaveUp: 0 };
  const breaker: ServiceBreaker = {
    state: 'closed',
    forced: undefined,
    fallback: undefined,
    underWay: 0,
    window: { requests: 0, failures: 0 },
    admit: () => {
      calls.admitted += 1;
      return {
        admitted: true,
        ended: (success) => {
          calls[success === undefined ? 'gaveUp' : success ? 'succeeded' : 'failed'] += 1;
        },
      };
    },
    fellBack: () => {},
    force: () => {},
    close: () => {},
  };
  const makeBreaker = (): ServiceBreaker => {
    calls.made += 1;
    return breaker;
  };
  return { calls, makeBreaker };
}

describe('circuit breaker of a service, at 2,000 requests a second', () => {
  it('that is not configured is not there: nothing is made, counted or timed for it', () => {
    const scene = new FaultScene(BAD_ENDPOINT);
    const timersOfCaches = 1;
    scene.run(500);
    // Requests share timers, which run on until they find nobody.
    scene.clock.advance(2000);
    const names: string[] = [];
    scene.metrics.walk((path) => names.push(path.join('/')));
    assert.ok(names.some((name) => name.startsWith('service/svc/web/')));
    assert.deepEqual(
      names.filter((name) => name.includes('circuit_breaker')),
      [],
    );
    assert.equal(scene.clock.pendingTimers, timersOfCaches);
  });

  it('is asked once for each request and told once how it ended, whatever attempts that took', () => {
    const { calls, makeBreaker } = countingBreaker();
    const scene = new FaultScene({ ...BAD_ENDPOINT, overrides: { makeBreaker } });
    for (const backend of scene.backends.slice(0, 2)) backend.behave('fails');
    const good = scene.run(500);
    for (const backend of scene.backends) backend.behave('hangs');
    const bad = scene.run(50);
    const gone = scene.run(50);
    for (const { listener } of gone) listener?.callerGone(new Error('gone'));
    scene.clock.advance(2000);
    assert.ok(good.every(({ succeeded }) => succeeded) && scene.ofService('retries', 'total') > 0);
    const requests = good.length + bad.length + gone.length;
    assert.deepEqual(calls, {
      made: 1,
      admitted: requests,
      succeeded: good.length,
      failed: bad.length,
      gaveUp: gone.length,
    });
  });

  it('ends an outage for the backends at once, answers at once, and is over after one good probe', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const resetTimeoutMs = 5000;
    const circuitBreaker = { volumeThreshold: 20, errorPercent: 50, resetTimeoutMs };
    const scene = new FaultScene({ ...ALL_DOWN, service: { ...ALL_DOWN.service, circuitBreaker } });
    for (const backend of scene.backends) backend.behave('fails');
    const exchanges = scene.run(1000);
    scene.clock.advance(10);
    assert.ok(scene.attemptsOf() < 50, `${scene.attemptsOf()} attempts`);
    const refused = exchanges.slice(50);
    assert.ok(refused.every(({ status, tookMs }) => status === 503 && tookMs === 0));
    assert.equal(refused[0]?.response?.headers.get('retry-after'), '5');

    for (const backend of scene.backends) backend.behave('answers');
    const before = scene.attemptsOf();
    t.mock.timers.tick(resetTimeoutMs);
    const [probe, ...others] = scene.run(1);
    assert.equal(scene.attemptsOf() - before, 1);
    assert.ok(others.length > 0 && others.every(({ status }) => status === 503));
    scene.clock.advance(10);
    assert.equal(probe?.status, 200);
    // A success is counted a microtask later.
    await Promise.resolve();
    const after = scene.run(500);
    scene.clock.advance(10);
    assert.ok(after.every(({ succeeded }) => succeeded));
    scene.router.close();
  });
});
