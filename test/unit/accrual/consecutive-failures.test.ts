import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { consecutiveFailures } from '../../../src/accrual/consecutive-failures.js';
import { makeKind } from '../../support/make-kind.js';
import { fail, recordTransitions } from './transitions.js';

/** Jitter at its lowest. */
const random = () => 0;

function make(config: object, chance = random) {
  const factory = makeKind(consecutiveFailures, config, { random: chance });
  const { listener, events } = recordTransitions();
  return { accrual: factory.makeCluster(listener).makeAccrual(), events, factory };
}

const THREE = { failures: 3, backoff: { kind: 'constant', ms: 1000 } };

describe('consecutive failures', () => {
  it('takes the endpoint out at the configured failure in a row, not before', () => {
    const { accrual, events } = make(THREE);
    fail(accrual, 0, 2);
    assert.equal(accrual.isAvailable(0), true);
    fail(accrual, 0);
    assert.equal(accrual.isAvailable(0), false);
    assert.deepEqual(events, [1000]);
  });

  it('starts counting over at a success', () => {
    const { accrual } = make(THREE);
    fail(accrual, 0, 2);
    accrual.succeeded(0);
    fail(accrual, 0, 2);
    assert.equal(accrual.isAvailable(0), true);
  });

  it('counts a request without a verdict as neither', () => {
    const { accrual } = make(THREE);
    fail(accrual, 0, 2);
    accrual.ignored(0);
    fail(accrual, 0);
    assert.equal(accrual.isAvailable(0), false);
  });

  it('lets exactly one probe through when the time is up', () => {
    const { accrual, events } = make(THREE);
    fail(accrual, 0, 3);
    assert.equal(accrual.isAvailable(999.9), false);
    assert.equal(accrual.isAvailable(1000), true);
    accrual.started(1000);
    assert.equal(accrual.isAvailable(1000), false);
    assert.equal(accrual.isAvailable(1e9), false);
    accrual.started(1e9);
    assert.deepEqual(events, [1000, 'probed']);
  });

  it('is alive again after a probe that succeeded, with its count at nothing', () => {
    const { accrual, events } = make(THREE);
    fail(accrual, 0, 3);
    accrual.started(1000);
    accrual.succeeded(1005);
    assert.equal(accrual.isAvailable(1005), true);
    assert.deepEqual(events, [1000, 'probed', 'revived']);
    fail(accrual, 1005, 2);
    assert.equal(accrual.isAvailable(1005), true);
    fail(accrual, 1005);
    assert.equal(accrual.isAvailable(1005), false);
  });

  it('is dead again after a probe that failed, from the end of the probe', () => {
    const { accrual, events } = make(THREE);
    fail(accrual, 0, 3);
    accrual.started(1000);
    accrual.failed(1500);
    assert.equal(accrual.isAvailable(2499), false);
    assert.equal(accrual.isAvailable(2500), true);
    assert.deepEqual(events, [1000, 'probed', 1000]);
  });

  it('gives the slot back when the probe was cancelled', () => {
    const { accrual, events } = make(THREE);
    fail(accrual, 0, 3);
    accrual.started(1000);
    accrual.ignored(1100);
    assert.equal(accrual.isAvailable(1100), true);
    accrual.started(1100);
    assert.equal(accrual.isAvailable(1100), false);
    assert.deepEqual(events, [1000, 'probed', 'probed']);
  });

  it('takes what is sent to a dead endpoint for no probe, and its outcome for no verdict', () => {
    const { accrual, events } = make(THREE);
    fail(accrual, 0, 3);
    accrual.started(500);
    accrual.succeeded(510);
    fail(accrual, 520, 5);
    accrual.ignored(530);
    assert.equal(accrual.isAvailable(999), false);
    assert.equal(accrual.isAvailable(1000), true);
    assert.deepEqual(events, [1000]);
  });

  it('needs `failures`, at least 1, and refuses unknown keys', () => {
    assert.equal(consecutiveFailures.config.safeParse({}).success, false);
    assert.equal(consecutiveFailures.config.safeParse({ failures: 0 }).success, false);
    assert.equal(consecutiveFailures.config.safeParse({ failures: 1.5 }).success, false);
    assert.equal(consecutiveFailures.config.safeParse({ failures: 1, requests: 2 }).success, false);
    assert.equal(consecutiveFailures.config.safeParse({ failures: 1 }).success, true);
  });

  it('waits decorrelated jitter where the backoff is jittered', () => {
    const { accrual, events } = make({ failures: 1, backoff: { kind: 'jittered', minMs: 10, maxMs: 100 } }, () => 0.5);
    fail(accrual, 0);
    fail(accrual, 1000);
    // 10 + 0.5 × (3 × 10 - 10), then 10 + 0.5 × (3 × 20 - 10).
    assert.deepEqual(events, [20, 'probed', 35]);
  });
});

describe('failure accrual without a backoff', () => {
  it('dies of five failures in a row, for 5 s growing to 300 s with equal jitter', () => {
    const { accrual, events } = make({ failures: 5 });
    fail(accrual, 0, 4);
    assert.deepEqual(events, []);
    fail(accrual, 0);
    let now = 0;
    for (let i = 0; i < 8; i++) {
      now += 400_000;
      fail(accrual, now);
    }
    const waits = events.filter((event) => event !== 'probed');
    // The lower half of 10, 20, 40, … s is certain; with no luck there is nothing on top.
    assert.deepEqual(waits, [5000, 5000, 10_000, 20_000, 40_000, 80_000, 150_000, 150_000, 150_000]);
  });

  it('starts the backoff over after a revival', () => {
    const { accrual, events } = make({ failures: 5 }, () => 0.999);
    fail(accrual, 0, 5);
    fail(accrual, 400_000);
    accrual.started(800_000);
    accrual.succeeded(800_000);
    fail(accrual, 800_000, 5);
    assert.equal(events[0], 5000);
    assert.ok((events[2] as number) > 9000);
    assert.deepEqual(events.slice(3), ['probed', 'revived', 5000]);
  });

  it('keeps each endpoint to itself', () => {
    const cluster = make({ failures: 5 }).factory.makeCluster(recordTransitions().listener);
    const [first, second] = [cluster.makeAccrual(), cluster.makeAccrual()];
    fail(first, 0, 5);
    assert.equal(first.isAvailable(0), false);
    assert.equal(second.isAvailable(0), true);
  });
});
