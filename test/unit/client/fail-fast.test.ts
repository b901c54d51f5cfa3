import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricsScope } from '../../../src/base/metrics.js';
import type { DownEndpoint } from '../../../src/client/client.js';
import { FailFast, failFastBackoff } from '../../../src/client/fail-fast.js';
import { ManualClock } from '../../support/manual-clock.js';

/** One endpoint with Finagle's waits, without their random part, and the times at which connects were begun, in s. */
function setUp(canConnect = () => true) {
  const clock = new ManualClock();
  const scope = new MetricsScope();
  const down = new Set<DownEndpoint>();
  const metrics = { markedDead: scope.counter('dead'), markedAvailable: scope.counter('available'), down };
  const connects: number[] = [];
  const failFast = new FailFast({ backoff: failFastBackoff(() => 0), metrics }, clock, () => {
    connects.push(clock.now() / 1000);
    return canConnect();
  });
  const counts = (): number[] => [metrics.markedDead.value, metrics.markedAvailable.value, down.size];
  return { clock, failFast, connects, counts };
}

describe('failFast', () => {
  it('is up at first, down after one failed connect, and tries once after a second', () => {
    const { clock, failFast, connects, counts } = setUp();
    assert.equal(failFast.isUp, true);
    failFast.connectFailed();
    assert.equal(failFast.isUp, false);
    assert.deepEqual(counts(), [1, 0, 1]);
    clock.advance(60_000);
    assert.deepEqual(connects, [1]);
  });

  it('tries after 1, 2, 4, 8, 16 and then 32 s each, counting in vain tries', () => {
    const { clock, failFast, connects, counts } = setUp();
    failFast.connectFailed();
    for (const [i, seconds] of [1, 2, 4, 8, 16, 32, 32, 32].entries()) {
      clock.advance(seconds * 1000);
      assert.equal(connects.length, i + 1);
      assert.equal(failFast.tries, i);
      failFast.connectFailed();
    }
    assert.deepEqual(connects, [1, 3, 7, 15, 31, 63, 95, 127]);
    assert.deepEqual(counts(), [1, 0, 1]);
    assert.equal(failFast.downSince, 0);
  });

  it('is up as soon as a connect succeeds, and then starts over', () => {
    const { clock, failFast, connects, counts } = setUp();
    failFast.connectFailed();
    clock.advance(1000);
    failFast.connectFailed();
    clock.advance(2000);
    failFast.connected();
    assert.equal(failFast.isUp, true);
    assert.deepEqual(counts(), [1, 1, 0]);
    assert.equal(clock.pendingTimers, 0);
    failFast.connectFailed();
    assert.deepEqual([failFast.tries, failFast.downSince], [0, 3000]);
    clock.advance(1000);
    assert.deepEqual(connects, [1, 3, 4]);
    assert.deepEqual(counts(), [2, 1, 1]);
  });

  it('comes up with a connect of a request while it waits for its own', () => {
    const { clock, failFast, counts } = setUp();
    failFast.connectFailed();
    failFast.connected();
    assert.equal(failFast.isUp, true);
    assert.deepEqual(counts(), [1, 1, 0]);
    assert.equal(clock.pendingTimers, 0);
  });

  it('takes failures of requests while it waits for no tries of its own', () => {
    const { clock, failFast, connects } = setUp();
    failFast.connectFailed();
    for (let i = 0; i < 100; i++) failFast.connectFailed();
    assert.equal(failFast.tries, 0);
    assert.equal(clock.pendingTimers, 1);
    clock.advance(1000);
    assert.deepEqual(connects, [1]);
  });

  it('waits on when no connect can be begun', () => {
    let can = false;
    const { clock, failFast, connects } = setUp(() => can);
    failFast.connectFailed();
    clock.advance(3000);
    assert.deepEqual([connects, failFast.isUp, failFast.tries], [[1, 3], false, 0]);
    can = true;
    clock.advance(4000);
    assert.deepEqual(connects, [1, 3, 7]);
    assert.equal(clock.pendingTimers, 0);
  });

  it('takes success for nothing new while it is up', () => {
    const { failFast, counts } = setUp();
    failFast.connected();
    assert.deepEqual(counts(), [0, 0, 0]);
  });

  it('tries no more once closed, and is no longer counted as down', () => {
    const { clock, failFast, connects, counts } = setUp();
    failFast.connectFailed();
    failFast.close();
    clock.advance(60_000);
    assert.deepEqual(connects, []);
    assert.equal(clock.pendingTimers, 0);
    assert.deepEqual(counts(), [1, 0, 0]);
  });
});

describe('waits of failFast', () => {
  it('are up to a tenth longer, by chance', () => {
    const next = failFastBackoff(() => 0.5)();
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6, 7].map(() => next.next()),
      [1050, 2100, 4200, 8400, 16_800, 33_600, 33_600],
    );
  });
});
