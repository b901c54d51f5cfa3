import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { signal } from '@preact/signals-core';
import {
  ADDR_NEG,
  ADDR_PENDING,
  type Addr,
  type Address,
  addrBound,
  addrFailed,
  makeAddress,
} from '../../../src/base/addr.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import { FakeClients } from '../../support/fake-clients.js';
import { metricValue } from '../../support/metric-value.js';

const A = makeAddress('10.0.0.1', 80);
const B = makeAddress('10.0.0.2', 80);
const C = makeAddress('::1', 81);

function setUp(first: Addr = ADDR_PENDING, clients = new FakeClients()) {
  const stack = clients.make(parsePath('/#/fake/web'));
  const addr = signal<Addr>(first);
  stack.follow(addr);
  const bind = (...addresses: Address[]): void => {
    addr.value = addrBound(addresses);
  };
  const shown = (): string[] => stack.endpoints.map(String);
  const metric = (...name: string[]): number => metricValue(clients.metrics, 'client', '#/fake/web', ...name);
  const waiter = () => {
    const calls: string[] = [];
    const one = { addressesKnown: () => calls.push(stack.addr.state) };
    stack.whenKnown(one);
    return { calls, one };
  };
  return { clients, clock: clients.clock, stack, addr, bind, shown, metric, waiter };
}

describe('client stack', () => {
  it('is pending until the registry says something, and then tells who waits, once', () => {
    const { stack, bind, waiter } = setUp();
    assert.equal(stack.isPending, true);
    assert.equal(stack.pick(0), undefined);
    const [first, second] = [waiter(), waiter()];
    stack.forget(second.one);
    bind(A);
    bind(A, B);
    assert.equal(stack.isPending, false);
    assert.deepEqual([first.calls, second.calls], [['bound'], []]);
  });

  for (const [what, addr] of [
    ['Neg', ADDR_NEG],
    ['a failure', addrFailed(new Error('no'))],
    ['an empty set', addrBound([])],
  ] as const) {
    it(`takes ${what} for an answer: no endpoint`, () => {
      const { stack, addr: source, waiter } = setUp();
      const { calls } = waiter();
      source.value = addr;
      assert.equal(calls.length, 1);
      assert.equal(stack.pick(0), undefined);
    });
  }

  it('makes each endpoint with the settings of its name and one set of counters', () => {
    const { clients, bind, metric } = setUp();
    bind(A, C);
    const [first, second] = clients.endpoints.map(({ options }) => options);
    assert.equal(first?.address, A);
    assert.deepEqual(
      [first?.connectTimeoutMs, first?.minConnections, first?.maxConnections, first?.maxWaiters],
      [1000, 2, 5, 6],
    );
    assert.equal(first?.limits.poolIdleMs, 7000);
    assert.equal(first?.ticker, second?.ticker);
    assert.deepEqual([first?.maxInitialLineBytes, first?.maxHeaderBytes], [4096, 8192]);
    assert.equal(first?.metrics, second?.metrics);
    first?.metrics.connects.inc();
    if (second) second.metrics.now.connections = 3;
    assert.deepEqual([metric('connects'), metric('connections'), metric('pool_size')], [1, 3, 3]);
  });

  it('keeps endpoints that stay, in any order, and closes those that leave', () => {
    const { clients, bind, shown, metric } = setUp();
    bind(A, B);
    bind(C, B, A);
    bind(B, C);
    assert.deepEqual(shown().sort(), ['10.0.0.2:80', '[::1]:81']);
    assert.deepEqual(
      clients.endpoints.map(({ closed }) => closed),
      [1, 0, 0],
    );
    assert.deepEqual(
      ['adds', 'removes', 'updates', 'size'].map((name) => metric('loadbalancer', name)),
      [3, 1, 3, 2],
    );
  });

  it('takes a new weight over to an endpoint that stays', () => {
    const { clients, stack, bind, metric } = setUp();
    bind(A, B);
    const before = [...stack.endpoints];
    bind({ ...A, weight: 0 }, { ...B, weight: 4 });
    assert.deepEqual([...stack.endpoints], before);
    for (let i = 0; i < 20; i++) assert.equal(String(stack.pick(0)), '10.0.0.2:80');
    assert.equal(metric('loadbalancer', 'meanweight'), 2);
    assert.equal(clients.endpoints.length, 2);
  });

  it('takes an address under another authority for another endpoint', () => {
    const { clients, bind } = setUp();
    bind(A);
    bind({ ...A, meta: { authority: 'web.internal' } });
    assert.deepEqual(
      clients.endpoints.map(({ closed, options }) => [closed, options.address.meta.authority]),
      [
        [1, undefined],
        [0, 'web.internal'],
      ],
    );
  });

  it('counts an address that is listed twice once', () => {
    const { bind, shown } = setUp();
    bind(A, A);
    assert.deepEqual(shown(), ['10.0.0.1:80']);
  });

  it('keeps accrual and load of endpoints that stay', () => {
    const { clock, stack, bind, metric } = setUp();
    bind(A);
    const [a] = stack.endpoints;
    for (let i = 0; i < 2; i++) {
      a?.started(clock.now());
      a?.finished(clock.now(), clock.now(), false);
    }
    a?.started(clock.now());
    bind(B, A);
    assert.equal(
      stack.endpoints.find((endpoint) => endpoint === a),
      a,
    );
    assert.deepEqual([metric('loadbalancer', 'available'), metric('loadbalancer', 'busy')], [1, 1]);
    assert.equal(metric('loadbalancer', 'load'), 1);
    for (let i = 0; i < 20; i++) assert.equal(String(stack.pick(clock.now())), '10.0.0.2:80');
    assert.deepEqual([metric('failure_accrual', 'removals'), metric('failure_accrual', 'removed_for_ms')], [1, 5000]);
    clock.advance(5000);
    assert.equal(metric('loadbalancer', 'available'), 2);
    a?.started(clock.now());
    a?.finished(clock.now(), clock.now(), true);
    assert.deepEqual([metric('failure_accrual', 'probes'), metric('failure_accrual', 'revivals')], [1, 1]);
  });

  describe('with probation', () => {
    const onProbation = () => setUp(ADDR_PENDING, new FakeClients({ enableProbation: true }));
    const fail = ({ stack, clock }: ReturnType<typeof setUp>, name: string, times: number): void => {
      const endpoint = stack.endpoints.find((one) => String(one) === name);
      for (let i = 0; i < times; i++) {
        endpoint?.started(clock.now());
        endpoint?.finished(clock.now(), clock.now(), false);
      }
    };

    it('goes on using an endpoint that left the set until it fails for good', () => {
      const scene = onProbation();
      const { clients, stack, bind, shown, metric } = scene;
      bind(A, B);
      bind(B);
      assert.deepEqual(shown(), ['10.0.0.1:80', '10.0.0.2:80']);
      const picked = new Set(Array.from({ length: 40 }, () => String(stack.pick(0))));
      assert.equal(picked.size, 2);
      fail(scene, '10.0.0.1:80', 1);
      assert.equal(shown().length, 2);
      fail(scene, '10.0.0.1:80', 1);
      assert.deepEqual(shown(), ['10.0.0.2:80']);
      assert.deepEqual([clients.endpoints[0]?.closed, metric('loadbalancer', 'removes')], [1, 1]);
    });

    it('lets one that is dead already go at once', () => {
      const scene = onProbation();
      scene.bind(A, B);
      fail(scene, '10.0.0.1:80', 2);
      scene.bind(B);
      assert.deepEqual(scene.shown(), ['10.0.0.2:80']);
    });

    it('is over for one that comes back', () => {
      const scene = onProbation();
      scene.bind(A, B);
      scene.bind(B);
      scene.bind(A, B);
      fail(scene, '10.0.0.1:80', 2);
      assert.deepEqual(scene.shown().sort(), ['10.0.0.1:80', '10.0.0.2:80']);
    });

    it('keeps nothing of a service that is gone', () => {
      const { addr, bind, shown } = onProbation();
      bind(A, B);
      addr.value = ADDR_NEG;
      assert.deepEqual(shown(), []);
    });
  });

  describe('asked for another endpoint than one', () => {
    it('picks that one only when there is no other that is healthy', () => {
      const { clock, stack, bind } = setUp();
      bind(A, B);
      const [a, b] = stack.endpoints;
      for (let i = 0; i < 50; i++) assert.equal(stack.pick(clock.now(), a), b);
      b?.started(clock.now());
      b?.finished(clock.now(), clock.now(), false);
      b?.started(clock.now());
      b?.finished(clock.now(), clock.now(), false);
      assert.equal(stack.pick(clock.now(), a), a);
      bind(A);
      assert.equal(stack.pick(clock.now(), a), a);
    });
  });

  it('keeps the last good addresses through failures and pendings, and gives them up for Neg', () => {
    const { stack, addr, bind, shown } = setUp();
    bind(A);
    addr.value = addrFailed(new Error('registry is away'));
    assert.deepEqual(shown(), ['10.0.0.1:80']);
    addr.value = ADDR_PENDING;
    assert.deepEqual([shown(), stack.isPending, stack.addr.state], [['10.0.0.1:80'], false, 'bound']);
    addr.value = ADDR_NEG;
    assert.deepEqual([shown(), stack.addr.state], [[], 'neg']);
    bind(B);
    assert.deepEqual(shown(), ['10.0.0.2:80']);
  });

  it('follows another signal without losing the endpoints that both have', () => {
    const { clients, stack, bind, addr, shown } = setUp();
    bind(A, B);
    const next = signal<Addr>(ADDR_PENDING);
    stack.follow(next);
    assert.deepEqual(shown(), ['10.0.0.1:80', '10.0.0.2:80']);
    next.value = addrBound([B, C]);
    addr.value = addrBound([A]);
    assert.deepEqual(shown(), ['10.0.0.2:80', '[::1]:81']);
    assert.deepEqual(
      clients.endpoints.map(({ closed }) => closed),
      [1, 0, 0],
    );
  });

  it('closes its endpoints and hears no more of the registry', () => {
    const { clients, stack, bind } = setUp();
    bind(A, B);
    stack.close();
    bind(C);
    assert.deepEqual(
      clients.endpoints.map(({ closed }) => closed),
      [1, 1],
    );
    assert.equal(stack.pick(0), undefined);
    assert.deepEqual(stack.endpoints, []);
  });
});
