import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aperture } from '../../../src/balancer/aperture.js';
import { testBalancer } from '../../support/balancer-conformance.js';
import { makeKind } from '../../support/make-kind.js';
import { balancerContext, makeMembers, type TestMember } from './members.js';

// Requests one after another need an aperture of 1, so what all balancers do is seen with all endpoints in it.
testBalancer('aperture', (context) => makeKind(aperture, { minAperture: 100 }, context));

function setUp(size: number, config: object = {}, seed = 1) {
  const factory = makeKind(aperture, config, balancerContext(seed));
  const balancer = factory.makeBalancer<TestMember>();
  const members = makeMembers(factory, size);
  balancer.update(members);
  let now = 0;
  /** Picks for `ms` without sending anything; the members picked. */
  const used = (ms = 2000): Set<TestMember> => {
    const picked = new Set<TestMember>();
    for (const until = now + ms; now < until; now += 10) picked.add(balancer.pick(now) as TestMember);
    return picked;
  };
  /** Keeps `outstanding` requests out for `ms`, one replaced every 10 ms; the members used in the last 500 ms. */
  const load = (outstanding: number, ms: number): Set<TestMember> => {
    const out: TestMember[] = [];
    const recent = new Set<TestMember>();
    for (const until = now + ms; now < until; now += 10) {
      out.shift()?.meter.finish(now, now);
      while (out.length < outstanding) {
        const member = balancer.pick(now) as TestMember;
        member.meter.start(now);
        out.push(member);
        if (until - now <= 500) recent.add(member);
      }
    }
    for (const member of out) member.meter.finish(now, now);
    return recent;
  };
  return { balancer, members, used, load };
}

describe('balancer kind aperture', () => {
  it('has the defaults of Linkerd', () => {
    assert.equal(aperture.kind, 'aperture');
    assert.deepEqual(aperture.config.parse({}), {
      smoothWindowMs: 5000,
      lowLoad: 0.5,
      highLoad: 2,
      minAperture: 1,
      maxEffort: 5,
      enableProbation: false,
    });
  });

  it('refuses what makes no sense, and takes a band without width', () => {
    for (const bad of [
      { smoothWindowMs: 0 },
      { lowLoad: -1 },
      { lowLoad: 3 },
      { highLoad: 0.4 },
      { highLoad: 'high' },
      { minAperture: 0 },
      { minAperture: 1.5 },
      { maxEffort: -1 },
      { maxAperture: 5 },
    ]) {
      assert.equal(aperture.config.safeParse(bad).success, false, JSON.stringify(bad));
    }
    const { error } = aperture.config.safeParse({ lowLoad: 3 });
    assert.equal(error?.issues[0]?.message, '`lowLoad` must not be above `highLoad`');
    assert.equal(aperture.config.safeParse({ lowLoad: 1, highLoad: 1 }).success, true);
  });

  it('uses minAperture members while there is no load, and all when there are fewer', () => {
    assert.equal(setUp(10).used().size, 1);
    assert.equal(setUp(10, { minAperture: 4 }).used().size, 4);
    assert.equal(setUp(3, { minAperture: 4 }).used().size, 3);
  });

  it('grows until each member has less than highLoad, and shrinks again when the load is gone', () => {
    const { used, load } = setUp(20, { smoothWindowMs: 100 });
    // Of 12 requests out one has just ended at each look, and 11 on 5 members are more than 2 each.
    assert.equal(load(12, 5000).size, 6);
    // 4 on 6 are more than lowLoad each, so nothing changes.
    assert.equal(load(5, 5000).size, 6);
    assert.equal(load(1, 5000).size, 1);
    assert.equal(used().size, 1);
  });

  it('follows the load over the smoothing window, not at once', () => {
    const { load, used } = setUp(20, { smoothWindowMs: 10_000 });
    used(100);
    // A twentieth of the window: 1 - e^(-1/20) of 30, so 1.5.
    assert.equal(load(30, 500).size, 1);
    assert.ok(load(30, 20_000).size >= 12);
  });

  it('has no more members than there are, however high the load', () => {
    const { used, load } = setUp(3, { smoothWindowMs: 10, lowLoad: 0 });
    load(100, 1000);
    assert.equal(used(100).size, 3);
  });

  it('opens the same members in the same order through changes of the set, and after the load came and went', () => {
    const { balancer, members, used, load } = setUp(10, { minAperture: 3, smoothWindowMs: 100 });
    const before = used();
    assert.equal(load(40, 2000).size, 10);
    load(1, 2000);
    assert.deepEqual(used(), before);
    balancer.update([...members].reverse());
    assert.deepEqual(used(), before);
    const newcomers = makeMembers(makeKind(aperture, {}, balancerContext()), 2);
    balancer.update([...newcomers, ...members]);
    balancer.update(members);
    assert.deepEqual(used(), before);
    const [gone] = before;
    balancer.update(members.filter((member) => member !== gone));
    const after = used();
    assert.equal([...before].filter((member) => after.has(member)).length, 2);
  });

  it('opens other members in another gateway', () => {
    const first = (seed: number): number => [...setUp(50, {}, seed).used()][0]?.name ?? -1;
    assert.ok(new Set([1, 2, 3, 4, 5].map(first)).size >= 4);
  });

  it('replaces a member that is unavailable at once, and takes it back when it is well', () => {
    const { members, used, balancer } = setUp(10, { minAperture: 2 });
    const before = used();
    const [dead, alive] = [...before] as [TestMember, TestMember];
    dead.available = false;
    const during = used();
    assert.equal(during.has(dead), false);
    assert.equal(during.has(alive), true);
    assert.equal(during.size, 2);
    dead.available = true;
    assert.deepEqual(new Set(used()), new Set(before));
    for (const member of members) member.available = false;
    assert.equal(used(500).size > 0, true);
    assert.equal(balancer.effortExhausted, 50);
  });

  it('has an aperture for each weight', () => {
    const { balancer, members, used } = setUp(10);
    for (const member of members.slice(5)) member.weight = 2;
    balancer.update(members);
    assert.deepEqual([...used()].map((member) => member.weight).sort(), [1, 2]);
  });
});
