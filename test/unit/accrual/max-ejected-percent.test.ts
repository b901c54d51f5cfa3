import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FailureAccrual } from '../../../src/accrual/accrual.js';
import { consecutiveFailures } from '../../../src/accrual/consecutive-failures.js';
import { successRate } from '../../../src/accrual/success-rate.js';
import { successRateWindowed } from '../../../src/accrual/success-rate-windowed.js';
import { seededRandom } from '../../../src/base/random.js';
import { makeKind } from '../../support/make-kind.js';
import { fail, recordTransitions, succeed } from './transitions.js';

const ONE_FAILURE = { failures: 1, backoff: { kind: 'constant', ms: 1000 } };

function makeCluster(size: number, maxEjectedPercent: number) {
  const { listener, events } = recordTransitions();
  const config = { ...ONE_FAILURE, maxEjectedPercent };
  const cluster = makeKind(consecutiveFailures, config, { random: () => 0 }).makeCluster(listener);
  const members = Array.from({ length: size }, () => cluster.makeAccrual());
  cluster.update(members);
  const available = (now: number): number => members.filter((member) => member.isAvailable(now)).length;
  return { cluster, members, events, available };
}

describe('maxEjectedPercent', () => {
  for (const [size, percent, stay] of [
    [10, 100, 0],
    [10, 99, 1],
    [10, 50, 5],
    [10, 15, 9],
    [10, 0, 10],
    [3, 50, 2],
    [2, 50, 1],
    [1, 99, 1],
    [1, 100, 0],
  ] as const) {
    it(`of ${percent} leaves ${stay} of ${size} endpoints that all fail`, () => {
      const { members, events, available } = makeCluster(size, percent);
      for (const member of members) fail(member, 0);
      assert.equal(available(0), stay);
      assert.equal(events.filter((event) => event === 'refused').length, stay);
      assert.equal(events.filter((event) => event === 1000).length, size - stay);
    });
  }

  it('refuses at each further failure, and lets the endpoint die once another is back', () => {
    const { members, events } = makeCluster(2, 50);
    const [first, second] = members as [FailureAccrual, FailureAccrual];
    fail(first, 0);
    fail(second, 0, 2);
    assert.deepEqual(events, [1000, 'refused', 'refused']);
    succeed(first, 1000);
    fail(second, 1000);
    assert.equal(first.isAvailable(1000), true);
    assert.equal(second.isAvailable(1000), false);
  });

  it('counts endpoints that are due or being probed as out', () => {
    const { members, available } = makeCluster(4, 50);
    const [a, b, c] = members as [FailureAccrual, FailureAccrual, FailureAccrual];
    fail(a, 0);
    fail(b, 0);
    a.started(1000);
    fail(c, 1000);
    b.started(1000);
    assert.equal(available(1000), 2);
    a.failed(1001);
    b.failed(1001);
    assert.equal(available(1001), 2);
  });

  it('lets endpoints in again when those that were alive leave', () => {
    const { cluster, members, events } = makeCluster(10, 50);
    for (const member of members) fail(member, 0);
    const dead = members.slice(0, 5);
    assert.equal(dead.filter((member) => member.isAvailable(0)).length, 0);
    cluster.update(dead);
    // Of five, two may be out.
    assert.equal(dead.filter((member) => member.isAvailable(0)).length, 3);
    assert.equal(events.filter((event) => event === 'revived').length, 3);
  });

  it('forgets endpoints that left while dead', () => {
    const { cluster, members } = makeCluster(4, 50);
    const [a, b, c, d] = members as [FailureAccrual, FailureAccrual, FailureAccrual, FailureAccrual];
    fail(a, 0);
    fail(b, 0);
    cluster.update([c, d]);
    fail(c, 0);
    assert.equal(c.isAvailable(0), false);
    // What still comes from a request to one that left makes no difference to those that stay.
    fail(a, 2000);
    fail(d, 2000);
    assert.equal(d.isAvailable(2000), true);
  });

  it('keeps the clusters of one client apart', () => {
    const factory = makeKind(consecutiveFailures, { ...ONE_FAILURE, maxEjectedPercent: 50 }, { random: () => 0 });
    const [one, other] = [1, 2].map(() => {
      const cluster = factory.makeCluster(recordTransitions().listener);
      const [first] = [cluster.makeAccrual(), cluster.makeAccrual()];
      return first;
    }) as [FailureAccrual, FailureAccrual];
    fail(one, 0);
    fail(other, 0);
    assert.equal(one.isAvailable(0), false);
    assert.equal(other.isAvailable(0), false);
  });

  it('never empties a cluster, whatever happens in whatever order', () => {
    const random = seededRandom(7);
    for (const percent of [1, 50, 80, 99]) {
      const { cluster, members } = makeCluster(5, percent);
      let now = 0;
      for (let step = 0; step < 2000; step++) {
        now += random() * 300;
        const member = members[Math.floor(random() * members.length)];
        const what = random();
        if (what < 0.05 && members.length > 1) members.splice(Math.floor(random() * members.length), 1);
        else if (what < 0.1 && members.length < 12) members.push(cluster.makeAccrual());
        if (what < 0.1) cluster.update(members);
        else if (what < 0.2) member?.started(now);
        else if (what < 0.3) member?.succeeded(now);
        else if (what < 0.35) member?.ignored(now);
        else member?.failed(now);
        const out = members.filter((each) => !each.isAvailable(now)).length;
        assert.ok(out <= Math.floor((members.length * percent) / 100), `${out} of ${members.length} at ${percent} %`);
      }
    }
  });

  it('is a number from 0 to 100 of every kind that takes endpoints out, 100 by default', () => {
    for (const [kind, required] of [
      [consecutiveFailures, { failures: 5 }],
      [successRate, { successRate: 0.9, requests: 20 }],
      [successRateWindowed, { successRate: 0.9, window: 30 }],
    ] as const) {
      assert.equal(kind.config.parse(required).maxEjectedPercent, 100);
      assert.equal(kind.config.safeParse({ ...required, maxEjectedPercent: 0 }).success, true);
      assert.equal(kind.config.safeParse({ ...required, maxEjectedPercent: -1 }).success, false);
      assert.equal(kind.config.safeParse({ ...required, maxEjectedPercent: 101 }).success, false);
      assert.equal(kind.config.safeParse({ ...required, maxEjectedPercent: 'half' }).success, false);
    }
  });
});
