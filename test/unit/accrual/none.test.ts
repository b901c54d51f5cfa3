import assert from 'node:assert/strict';
import { it } from 'node:test';
import { noFailureAccrual } from '../../../src/accrual/none.js';

it('accrual kind none never takes an endpoint out', () => {
  assert.equal(noFailureAccrual.kind, 'none');
  assert.equal(noFailureAccrual.config.safeParse({ failures: 5 }).success, false);
  const unexpected = (): never => assert.fail('told of a transition');
  const accrual = noFailureAccrual.make(
    {},
    undefined,
  )({ removed: unexpected, probed: unexpected, revived: unexpected });
  for (let i = 0; i < 100; i++) {
    accrual.started(i);
    accrual.failed(i);
    assert.equal(accrual.isAvailable(i), true);
  }
});
