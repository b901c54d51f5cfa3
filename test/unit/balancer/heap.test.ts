import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { heap } from '../../../src/balancer/heap.js';
import { testBalancer } from '../../support/balancer-conformance.js';
import { makeKind } from '../../support/make-kind.js';
import { balancerContext, makeMembers, type TestMember } from './members.js';

testBalancer('heap', (context) => makeKind(heap, {}, context));

function setUp(size: number) {
  const factory = makeKind(heap, {}, balancerContext());
  const balancer = factory.makeBalancer<TestMember>();
  const members = makeMembers(factory, size);
  balancer.update(members);
  return { balancer, members };
}

describe('balancer kind heap', () => {
  it('has the defaults of Linkerd, and no maxEffort', () => {
    assert.equal(heap.kind, 'heap');
    assert.deepEqual(heap.config.parse({}), { enableProbation: false });
    assert.equal(heap.config.safeParse({ maxEffort: 5 }).success, false);
  });

  it('picks the least loaded of all, always', () => {
    const { balancer, members } = setUp(50);
    members.forEach((member, i) => {
      for (let load = 0; load < 2 + ((i * 7) % 50); load++) member.meter.start(0);
    });
    for (let i = 0; i < 20; i++) assert.equal(balancer.pick(0), members[0]);
    for (let load = 0; load < 60; load++) members[0]?.meter.start(0);
    for (let i = 0; i < 20; i++) assert.equal((balancer.pick(0) as TestMember).meter.load(0), 3);
  });

  it('prefers the most loaded available member to an idle one that is unavailable', () => {
    const { balancer, members } = setUp(10);
    for (const member of members) member.available = false;
    const busy = members[4] as TestMember;
    busy.available = true;
    for (let load = 0; load < 100; load++) busy.meter.start(0);
    for (let i = 0; i < 20; i++) assert.equal(balancer.pick(0), busy);
    assert.equal(balancer.effortExhausted, 0);
  });

  it('keeps no more than one request difference between members', () => {
    const { balancer, members } = setUp(7);
    for (let i = 0; i < 700; i++) {
      (balancer.pick(0) as TestMember).meter.start(0);
      const loads = members.map((member) => member.meter.load(0));
      assert.ok(Math.max(...loads) - Math.min(...loads) <= 1);
    }
  });

  it('breaks ties by chance, of equally loaded and of unavailable members', () => {
    const { balancer, members } = setUp(4);
    const shares = (): number[] => {
      const picks = [0, 0, 0, 0];
      for (let i = 0; i < 4000; i++) {
        const { name } = balancer.pick(0) as TestMember;
        picks[name] = (picks[name] as number) + 1;
      }
      return picks;
    };
    for (const member of members) member.meter.start(0);
    for (const share of shares()) assert.ok(Math.abs(share - 1000) < 150, `${share}`);
    for (const member of members) member.available = false;
    for (const share of shares()) assert.ok(Math.abs(share - 1000) < 150, `${share}`);
  });

  it('turns to other weights when all of one weight are unavailable, but not to weight 0', () => {
    const { balancer, members } = setUp(4);
    const [a, b, c, drained] = members as [TestMember, TestMember, TestMember, TestMember];
    a.weight = 1000;
    b.weight = 1000;
    drained.weight = 0;
    balancer.update(members);
    a.available = false;
    b.available = false;
    for (let i = 0; i < 20; i++) assert.equal(balancer.pick(0), c);
    c.available = false;
    for (let i = 0; i < 20; i++) assert.notEqual(balancer.pick(0), drained);
    assert.equal(balancer.effortExhausted, 20);
  });
});
