import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { successRate } from '../../../src/accrual/success-rate.js';
import { makeKind } from '../../support/make-kind.js';
import { fail, recordTransitions, succeed } from './transitions.js';

const BACKOFF = { kind: 'constant', ms: 1000 };

function make(required: number, requests: number) {
  const { listener, events } = recordTransitions();
  const config = { successRate: required, requests, backoff: BACKOFF };
  const factory = makeKind(successRate, config, { random: () => 0 });
  return { accrual: factory.makeCluster(listener).makeAccrual(), events };
}

describe('accrual kind io.l5d.successRate', () => {
  it('says nothing before the configured number of requests, however many failed', () => {
    const { accrual } = make(0.9, 20);
    fail(accrual, 0, 19);
    assert.equal(accrual.isAvailable(0), true);
    fail(accrual, 0);
    assert.equal(accrual.isAvailable(0), false);
  });

  it('stays alive at a rate above the one required and dies below it', () => {
    const { accrual } = make(0.8, 10);
    succeed(accrual, 0, 20);
    // Of 1, each failure leaves e^(-1/10): 0.905, then 0.819, then 0.741.
    fail(accrual, 0, 2);
    assert.equal(accrual.isAvailable(0), true);
    fail(accrual, 0);
    assert.equal(accrual.isAvailable(0), false);
  });

  it('is made good by successes after failures', () => {
    const { accrual } = make(0.8, 10);
    succeed(accrual, 0, 20);
    for (let i = 0; i < 100; i++) {
      fail(accrual, 0);
      succeed(accrual, 0, 9);
    }
    assert.equal(accrual.isAvailable(0), true);
  });

  it('dies at the first failure after enough requests when all must succeed, and never when none must', () => {
    const strict = make(1, 1).accrual;
    fail(strict, 0);
    assert.equal(strict.isAvailable(0), false);
    const lax = make(0, 1).accrual;
    fail(lax, 0, 1000);
    assert.equal(lax.isAvailable(0), true);
  });

  it('lets one probe through, and counts from nothing after a revival', () => {
    const { accrual, events } = make(0.5, 4);
    fail(accrual, 0, 4);
    assert.equal(accrual.isAvailable(999), false);
    assert.equal(accrual.isAvailable(1000), true);
    accrual.started(1000);
    assert.equal(accrual.isAvailable(1000), false);
    accrual.succeeded(1001);
    assert.deepEqual(events, [1000, 'probed', 'revived']);
    fail(accrual, 1001, 3);
    assert.equal(accrual.isAvailable(1001), true);
    fail(accrual, 1001);
    assert.equal(accrual.isAvailable(1001), false);
  });

  it('is dead again after a probe that failed', () => {
    const { accrual, events } = make(0.5, 4);
    fail(accrual, 0, 4);
    fail(accrual, 1000);
    assert.equal(accrual.isAvailable(1999), false);
    assert.deepEqual(events, [1000, 'probed', 1000]);
  });

  it('needs a rate from 0 to 1 and at least one request', () => {
    const valid = { successRate: 0.9, requests: 20 };
    assert.deepEqual(successRate.config.parse(valid), { ...valid, maxEjectedPercent: 100 });
    for (const bad of [
      { successRate: -0.01 },
      { successRate: 1.01 },
      { successRate: 90 },
      { successRate: undefined },
      { requests: 0 },
      { requests: 1.5 },
      { requests: undefined },
      { window: 5 },
      { backoff: { kind: 'linear' } },
    ]) {
      assert.equal(successRate.config.safeParse({ ...valid, ...bad }).success, false, JSON.stringify(bad));
    }
  });
});
