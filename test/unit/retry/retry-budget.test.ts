import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_RETRY_BUDGET, type RetryBudgetConfig } from '../../../config/schema/retry-budget.js';
import type { RetryBudget } from '../../../src/retry/retry.js';
import { makeRetryBudget } from '../../../src/retry/retry-budget.js';
import { ManualClock } from '../../support/manual-clock.js';

function setUp(config: Partial<RetryBudgetConfig>): { clock: ManualClock; budget: RetryBudget } {
  const clock = new ManualClock();
  return { clock, budget: makeRetryBudget({ ...DEFAULT_RETRY_BUDGET, ...config }, clock) };
}

function withdrawAll(budget: RetryBudget): number {
  let retries = 0;
  while (retries < 1_000_000 && budget.tryWithdraw()) retries += 1;
  return retries;
}

function deposit({ budget, clock }: ReturnType<typeof setUp>, requests: number): void {
  for (let i = 0; i < requests; i++) budget.deposit(clock.now());
}

describe('retry budget', () => {
  it('has minRetriesPerSec × ttlSecs without any traffic', () => {
    const { budget } = setUp({});
    assert.equal(budget.balance, 100);
    assert.equal(withdrawAll(budget), 100);
    assert.equal(budget.balance, 0);
    assert.equal(budget.tryWithdraw(), false);
  });

  it('allows minRetriesPerSec in the long run: a withdrawal is forgotten after ttlSecs', () => {
    const { budget, clock } = setUp({ minRetriesPerSec: 3, percentCanRetry: 0, ttlSecs: 2 });
    assert.equal(withdrawAll(budget), 6);
    clock.advance(1700);
    assert.equal(budget.balance, 0);
    clock.advance(300);
    assert.equal(withdrawAll(budget), 6);
  });

  it('adds percentCanRetry of the requests', () => {
    const scene = setUp({ minRetriesPerSec: 0 });
    const { budget } = scene;
    deposit(scene, 4);
    assert.equal(budget.tryWithdraw(), false);
    deposit(scene, 6);
    assert.equal(budget.balance, 2);
    assert.equal(withdrawAll(budget), 2);
  });

  for (const [percentCanRetry, requests, retries] of [
    [0.3, 10, 3],
    [1, 7, 7],
    [2.5, 4, 10],
    [1000, 2, 2000],
    [0.001, 2000, 2],
  ] as const) {
    it(`gives ${retries} retries for ${requests} requests at ${percentCanRetry}`, () => {
      const scene = setUp({ minRetriesPerSec: 0, percentCanRetry });
      const { budget } = scene;
      deposit(scene, requests);
      assert.equal(withdrawAll(budget), retries);
    });
  }

  it('forgets requests after ttlSecs, a tenth of it at a time', () => {
    const scene = setUp({ minRetriesPerSec: 0, percentCanRetry: 1, ttlSecs: 10 });
    const { budget, clock } = scene;
    deposit(scene, 5);
    clock.advance(5000);
    deposit(scene, 3);
    assert.equal(budget.balance, 8);
    clock.advance(4999);
    assert.equal(budget.balance, 8);
    clock.advance(1);
    assert.equal(budget.balance, 3);
    clock.advance(5000);
    assert.equal(budget.balance, 0);
  });

  it('is as new after a pause of any length', () => {
    const scene = setUp({ minRetriesPerSec: 1, ttlSecs: 1 });
    const { budget, clock } = scene;
    deposit(scene, 1000);
    withdrawAll(budget);
    clock.advance(3_600_000);
    assert.equal(budget.balance, 1);
  });

  it('never has a negative balance when requests are forgotten before the retries they paid for', () => {
    const scene = setUp({ minRetriesPerSec: 0, percentCanRetry: 1, ttlSecs: 10 });
    const { budget, clock } = scene;
    deposit(scene, 10);
    clock.advance(9000);
    assert.equal(withdrawAll(budget), 10);
    clock.advance(1000);
    assert.equal(budget.balance, 0);
    deposit(scene, 10);
    assert.equal(budget.tryWithdraw(), false);
  });

  it('of nothing allows nothing', () => {
    const scene = setUp({ minRetriesPerSec: 0, percentCanRetry: 0 });
    const { budget, clock } = scene;
    deposit(scene, 1000);
    clock.advance(5000);
    assert.equal(budget.balance, 0);
    assert.equal(budget.tryWithdraw(), false);
  });

  it('counts a request that came before the last change of the window, and forgets nothing of the window for it', () => {
    const { budget, clock } = setUp({ minRetriesPerSec: 0, percentCanRetry: 1, ttlSecs: 10 });
    clock.advance(5000);
    const came = clock.now();
    clock.advance(3000);
    budget.deposit(clock.now());
    budget.deposit(came);
    assert.equal(budget.balance, 2);
    clock.advance(9999);
    assert.equal(budget.balance, 2);
    clock.advance(1);
    assert.equal(budget.balance, 0);
  });
});
