import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { roundRobin } from '../../../src/balancer/round-robin.js';
import { testBalancer } from '../../support/balancer-conformance.js';
import { makeKind } from '../../support/make-kind.js';
import { balancerContext, makeMembers, type TestMember } from './members.js';

testBalancer('roundRobin', (context) => makeKind(roundRobin, {}, context), { ignoresLoad: true });

function setUp(size: number, config: object = {}, seed = 1) {
  const factory = makeKind(roundRobin, config, balancerContext(seed));
  const balancer = factory.makeBalancer<TestMember>();
  const members = makeMembers(factory, size);
  balancer.update(members);
  const names = (count: number): number[] => Array.from({ length: count }, () => balancer.pick(0)?.name ?? -1);
  return { balancer, members, names };
}

describe('balancer kind roundRobin', () => {
  it('has the defaults of Linkerd', () => {
    assert.equal(roundRobin.kind, 'roundRobin');
    assert.deepEqual(roundRobin.config.parse({}), { maxEffort: 5, enableProbation: false });
    assert.equal(roundRobin.config.safeParse({ maxEffort: -1 }).success, false);
    assert.equal(roundRobin.config.safeParse({ decayTimeMs: 1 }).success, false);
  });

  it('takes one after the other and begins anew, whatever their load', () => {
    const { members, names } = setUp(3);
    const [first = 0] = names(1);
    for (let i = 0; i < 5; i++) members[(first + 1) % 3]?.meter.start(0);
    assert.deepEqual(
      names(6),
      [1, 2, 3, 4, 5, 6].map((step) => (first + step) % 3),
    );
  });

  it('begins anywhere', () => {
    const starts = new Set([1, 2, 3, 4, 5, 6, 7, 8].map((seed) => setUp(4, {}, seed).names(1)[0]));
    assert.ok(starts.size > 1);
  });

  it('passes over any number of unavailable members, which gives none of the others more than its share', () => {
    const { members, names, balancer } = setUp(20);
    for (const member of members.slice(3, 15)) member.available = false;
    const picked = names(80);
    for (const member of members) {
      assert.equal(picked.filter((name) => name === member.name).length, member.available ? 10 : 0);
    }
    assert.equal(balancer.effortExhausted, 0);
  });

  it('goes on after the last one picked when the set changes', () => {
    const { balancer, members, names } = setUp(4);
    const [last = 0] = names(1);
    balancer.update(members.filter((member) => member.name !== (last + 1) % 4));
    assert.deepEqual(names(3), [(last + 2) % 4, (last + 3) % 4, last]);
  });

  it('rotates within each weight', () => {
    const { balancer, members } = setUp(4);
    (members[2] as TestMember).weight = 3;
    (members[3] as TestMember).weight = 3;
    balancer.update(members);
    const heavy: number[] = [];
    for (let i = 0; i < 100; i++) {
      const picked = balancer.pick(0) as TestMember;
      if (picked.weight === 3) heavy.push(picked.name);
    }
    assert.ok(heavy.length > 60);
    for (let i = 1; i < heavy.length; i++) assert.notEqual(heavy[i], heavy[i - 1]);
  });
});
