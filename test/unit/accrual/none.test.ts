import assert from 'node:assert/strict';
import { it } from 'node:test';
import { noFailureAccrual } from '../../../src/accrual/none.js';

it('accrual kind none never takes an endpoint out', () => {
  assert.equal(noFailureAccrual.kind, 'none');
  assert.equal(noFailureAccrual.config.safeParse({ failures: 5 }).success, false);
  assert.equal(noFailureAccrual.config.safeParse({ maxEjectedPercent: 50 }).success, false);
  const unexpected = (): never => assert.fail('told of a transition');
  const listener = { removed: unexpected, probed: unexpected, revived: unexpected, ejectionRefused: unexpected };
  const cluster = noFailureAccrual.make({}, undefined).makeCluster(listener);
  const accrual = cluster.makeAccrual();
  cluster.update([accrual]);
  for (let i = 0; i < 100; i++) {
    accrual.started(i);
    accrual.failed(i);
    assert.equal(accrual.isAvailable(i), true);
  }
});
