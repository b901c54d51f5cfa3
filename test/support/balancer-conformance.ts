// What every balancer kind must do, run against each of them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Balanced, BalancerContext, BalancerFactory, LoadMeter } from '../../src/balancer/balancer.js';
import { seededRandom } from '../../src/base/random.js';
import { ManualClock } from './manual-clock.js';

class Member implements Balanced {
  available = true;
  requests = 0;
  readonly name: string;
  readonly meter: LoadMeter;
  weight: number;

  constructor(name: string, meter: LoadMeter, weight = 1) {
    this.name = name;
    this.meter = meter;
    this.weight = weight;
  }

  isAvailable(): boolean {
    return this.available;
  }
}

export interface BalancerTraits {
  /** It picks whatever the load. Default false. */
  readonly ignoresLoad?: boolean;
}

export function testBalancer(
  name: string,
  makeFactory: (context: BalancerContext) => BalancerFactory,
  { ignoresLoad = false }: BalancerTraits = {},
): void {
  const setUp = (...weights: number[]) => {
    const clock = new ManualClock();
    const factory = makeFactory({ random: seededRandom(42), clock });
    const member = (label: string, weight = 1) => new Member(label, factory.makeMeter(clock.now()), weight);
    const members = weights.map((weight, i) => member(`m${i}`, weight));
    const balancer = factory.makeBalancer<Member>();
    balancer.update(members);
    /** `count` requests of 1 ms one after another. */
    const serve = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const picked = balancer.pick(clock.now());
        assert.ok(picked);
        const startedAt = clock.now();
        picked.meter.start(startedAt);
        picked.requests += 1;
        clock.advance(1);
        picked.meter.finish(clock.now(), startedAt);
      }
    };
    return { clock, balancer, member, members, serve };
  };

  describe(`balancer ${name}`, () => {
    it('picks nothing before its first update and from an empty set', () => {
      const { balancer, members, clock } = setUp(1);
      balancer.update([]);
      assert.equal(balancer.pick(clock.now()), undefined);
      balancer.update(members);
      assert.equal(balancer.pick(clock.now()), members[0]);
    });

    it('picks the only member', () => {
      const { balancer, members, clock } = setUp(1);
      for (let i = 0; i < 20; i++) assert.equal(balancer.pick(clock.now()), members[0]);
      assert.equal(balancer.effortExhausted, 0);
    });

    it('picks a member even when none is available, and counts it', () => {
      const { balancer, members, clock } = setUp(1, 1, 1);
      for (const member of members) member.available = false;
      const picked = balancer.pick(clock.now());
      assert.ok(picked && members.includes(picked));
      assert.equal(balancer.effortExhausted, 1);
    });

    it('passes over an unavailable member while the other is available', () => {
      const { members, serve } = setUp(1, 1);
      (members[0] as Member).available = false;
      serve(100);
      assert.deepEqual(
        members.map((member) => member.requests),
        [0, 100],
      );
    });

    it('uses every member of equal weight alike', () => {
      const { members, serve } = setUp(1, 1, 1, 1);
      serve(8000);
      for (const { requests } of members) assert.ok(Math.abs(requests - 2000) < 200, `${requests}`);
    });

    it('shares requests by weight, whatever the sizes of the groups', () => {
      // Shares: 2 members × 1, 1 member × 3, 1 member × 0.5: 2 : 3 : 0.5.
      const { members, serve } = setUp(1, 3, 1, 0.5);
      serve(11_000);
      const [a, b, c, d] = members.map((member) => member.requests) as [number, number, number, number];
      assert.ok(Math.abs(a + c - 4000) < 250, `${a + c}`);
      assert.ok(Math.abs(b - 6000) < 250, `${b}`);
      assert.ok(Math.abs(d - 1000) < 150, `${d}`);
    });

    it('gives members of weight 0 nothing, unless all have weight 0', () => {
      const { balancer, members, serve } = setUp(0, 1, 0);
      serve(100);
      assert.deepEqual(
        members.map((member) => member.requests),
        [0, 100, 0],
      );
      balancer.update(members.filter((member) => member.weight === 0));
      serve(100);
      assert.equal((members[1] as Member).requests, 100);
      assert.ok((members[0] as Member).requests > 20 && (members[2] as Member).requests > 20);
    });

    const whereLoadCounts = ignoresLoad ? () => {} : it;
    whereLoadCounts('keeps what it knows of members that stay', () => {
      const { balancer, members, member, clock } = setUp(1, 1);
      const [busy, idle] = members as [Member, Member];
      for (let i = 0; i < 3; i++) {
        const startedAt = clock.now();
        idle.meter.start(startedAt);
        busy.meter.start(startedAt);
        clock.advance(1);
        idle.meter.finish(clock.now(), startedAt);
      }
      balancer.update([busy, idle, member('new')]);
      balancer.update([idle, busy]);
      for (let i = 0; i < 50; i++) assert.equal(balancer.pick(clock.now()), idle);
    });

    it('never picks a member that left, and picks one that came', () => {
      const { balancer, members, member, serve } = setUp(1, 1, 2);
      const [first, second, third] = members as [Member, Member, Member];
      const newcomer = member('new', 2);
      balancer.update([first, newcomer]);
      serve(200);
      assert.equal(second.requests + third.requests, 0);
      assert.ok(newcomer.requests > 0 && first.requests > 0);
    });

    it('prefers any available member, be it of another weight, before it gives up', () => {
      const { balancer, members, clock } = setUp(1, 1, 1, 1);
      const [last, ...others] = members as [Member, ...Member[]];
      for (const member of others) member.available = false;
      last.weight = 20;
      balancer.update(members);
      for (let i = 0; i < 20; i++) assert.equal(balancer.pick(clock.now()), last);
      assert.equal(balancer.effortExhausted, 0);
    });

    it('sends requests again to a member that is available again', () => {
      const { members, serve } = setUp(1, 1, 1);
      const [member] = members as [Member];
      member.available = false;
      serve(30);
      member.available = true;
      serve(120);
      assert.ok(member.requests > 20, `${member.requests}`);
    });

    it('follows a change of weight', () => {
      const { balancer, members, serve } = setUp(1, 1);
      const [first, second] = members as [Member, Member];
      second.weight = 0;
      balancer.update([first, second]);
      serve(100);
      assert.equal(second.requests, 0);
    });
  });
}
