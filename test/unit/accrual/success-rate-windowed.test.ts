import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { successRateWindowed } from '../../../src/accrual/success-rate-windowed.js';
import { makeKind } from '../../support/make-kind.js';
import { fail, recordTransitions, succeed } from './transitions.js';

function make(required: number, window: number) {
  const { listener, events } = recordTransitions();
  const config = { successRate: required, window, backoff: { kind: 'constant', ms: 1000 } };
  const factory = makeKind(successRateWindowed, config, { random: () => 0 });
  return { accrual: factory.makeCluster(listener).makeAccrual(), events };
}

describe('accrual kind io.l5d.successRateWindowed', () => {
  it('says nothing before a window has passed since the first request', () => {
    const { accrual } = make(0.9, 10);
    fail(accrual, 5000, 100);
    fail(accrual, 14_999, 100);
    assert.equal(accrual.isAvailable(14_999), true);
    fail(accrual, 15_000);
    assert.equal(accrual.isAvailable(15_000), false);
  });

  it('says nothing of fewer than five requests in a window', () => {
    const { accrual } = make(0.9, 10);
    succeed(accrual, 0, 100);
    fail(accrual, 20_000);
    fail(accrual, 22_000);
    fail(accrual, 24_000);
    fail(accrual, 26_000);
    assert.equal(accrual.isAvailable(26_000), true);
    // The one at 20 s is out of the window of the next, so these are five again, and the fifth of them counts.
    fail(accrual, 30_001);
    assert.equal(accrual.isAvailable(30_001), true);
    fail(accrual, 30_002);
    assert.equal(accrual.isAvailable(30_002), false);
  });

  it('weighs outcomes by time: one bad second of ten is borne, and three are not', () => {
    const failAfter = (seconds: number): boolean => {
      const { accrual } = make(0.8, 10);
      for (let ms = 0; ms < 30_000; ms += 100) succeed(accrual, ms);
      for (let ms = 30_000; ms < 30_000 + seconds * 1000; ms += 100) fail(accrual, ms);
      return accrual.isAvailable(30_000 + seconds * 1000);
    };
    // 1 - e^(-1/10) = 10 % of failures, and 1 - e^(-3/10) = 26 %.
    assert.equal(failAfter(1), true);
    assert.equal(failAfter(3), false);
  });

  it('lets one probe through, and waits a window and five requests after a revival', () => {
    const { accrual, events } = make(0.5, 10);
    for (let ms = 0; ms <= 10_000; ms += 1000) fail(accrual, ms);
    assert.equal(accrual.isAvailable(10_999), false);
    assert.equal(accrual.isAvailable(11_000), true);
    accrual.started(11_000);
    assert.equal(accrual.isAvailable(11_000), false);
    accrual.succeeded(11_001);
    assert.deepEqual(events, [1000, 'probed', 'revived']);
    fail(accrual, 12_000, 100);
    fail(accrual, 21_000);
    assert.equal(accrual.isAvailable(21_000), true);
    fail(accrual, 21_001);
    assert.equal(accrual.isAvailable(21_001), false);
  });

  it('needs a rate from 0 to 1 and a window of whole seconds', () => {
    const valid = { successRate: 0.9, window: 30 };
    assert.deepEqual(successRateWindowed.config.parse(valid), { ...valid, maxEjectedPercent: 100 });
    for (const bad of [
      { successRate: 1.5 },
      { successRate: -1 },
      { successRate: undefined },
      { window: 0 },
      { window: 0.5 },
      { window: undefined },
      { requests: 5 },
    ]) {
      assert.equal(successRateWindowed.config.safeParse({ ...valid, ...bad }).success, false, JSON.stringify(bad));
    }
  });
});
