import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failed, ok, PENDING } from '../../../src/base/activity.js';
import { EMPTY_DTAB } from '../../../src/base/dtab.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import { leaf, NEG } from '../../../src/base/name-tree.js';
import type { ServiceBreaker } from '../../../src/breaker/breaker.js';
import { ClientCache } from '../../../src/router/client-cache.js';
import { RequestMetrics } from '../../../src/router/request-metrics.js';
import { type Binding, ServiceStack } from '../../../src/router/service-stack.js';
import { FakeClients } from '../../support/fake-clients.js';
import { FakeInterpreter } from '../../support/fake-interpreter.js';
import { FakeNamer } from '../../support/fake-namer.js';
import { metricValue } from '../../support/metric-value.js';
import { serviceSettings } from '../../support/service-settings.js';

function setUp() {
  const clients = new FakeClients();
  const namer = new FakeNamer('/#/fake');
  const interpreter = new FakeInterpreter();
  const { clock, metrics } = clients;
  const cacheOptions = {
    maxEntries: 0,
    idleTtlMs: 1000,
    clock,
    make: clients.make,
    clients: metrics.scope('client'),
    metrics: metrics.scope('bindcache', 'client'),
  };
  const cache = new ClientCache(cacheOptions);
  const settings = serviceSettings();
  let closed = 0;
  const stack = new ServiceStack({
    service: parsePath('/svc/web'),
    localDtab: EMPTY_DTAB,
    interpreter,
    settings,
    metrics: new RequestMetrics(metrics.scope('service', 'svc/web')),
    scope: metrics.scope('service', 'svc/web'),
    clients: cache,
    random: clients.random,
    closed: () => {
      closed += 1;
    },
  });
  const show = (binding: Binding): string => {
    if (binding.state === 'bound') return binding.client.id.show();
    return binding.state === 'failed' ? binding.error.message : binding.state;
  };
  const now = (): string => show(stack.resolve());
  const bindTo = (...names: string[]): void => bindAt(interpreter, ...names);
  const bindAt = (by: FakeInterpreter, ...names: string[]): void => {
    const leaves = names.map((name) => leaf(namer.exists(name, '10.0.0.1:80').bound));
    const [only] = leaves;
    by.binds(
      '/svc/web',
      leaves.length === 1 && only ? only : { type: 'union', branches: leaves.map((tree) => ({ weight: 1, tree })) },
    );
  };
  const waiter = () => {
    const heard: string[] = [];
    const one = { bound: () => heard.push(now()) };
    stack.whenBound(one);
    return { heard, one };
  };
  return {
    clients,
    interpreter,
    entry: interpreter.entry('/svc/web'),
    stack,
    now,
    bindTo,
    bindAt,
    waiter,
    settings,
    metrics,
    /** Every client is made in another way from now on. */
    replaceClients: () => cache.reconfigure(cacheOptions, () => true),
    closed: () => closed,
  };
}

describe('service stack', () => {
  it('is pending, then bound, and follows every change', () => {
    const { interpreter, now, bindTo } = setUp();
    assert.equal(now(), 'pending');
    bindTo('/a');
    assert.equal(now(), '/#/fake/a');
    bindTo('/b');
    assert.equal(now(), '/#/fake/b');
    interpreter.binds('/svc/web', NEG);
    assert.equal(now(), 'nothing');
  });

  it('picks anew for each request among the branches of a union', () => {
    const { bindTo, now } = setUp();
    bindTo('/a', '/b');
    const seen = new Set(Array.from({ length: 50 }, now));
    assert.deepEqual([...seen].sort(), ['/#/fake/a', '/#/fake/b']);
  });

  it('answers the same object again and again, so that a request allocates nothing', () => {
    const { stack, bindTo } = setUp();
    bindTo('/a');
    assert.equal(stack.resolve(), stack.resolve());
    bindTo('/a', '/b');
    assert.equal(new Set(Array.from({ length: 50 }, () => stack.resolve())).size, 2);
  });

  it('is failed before the first good tree, and recovers', () => {
    const { entry, now, bindTo } = setUp();
    entry.value = failed(new Error('no such namer'));
    assert.equal(now(), 'no such namer');
    entry.value = failed(new Error('still none'));
    assert.equal(now(), 'still none');
    bindTo('/a');
    assert.equal(now(), '/#/fake/a');
  });

  it('keeps its last good tree through failures and pendings', () => {
    const { clients, entry, now, bindTo } = setUp();
    bindTo('/a');
    entry.value = failed(new Error('registry is away'));
    assert.equal(now(), '/#/fake/a');
    entry.value = PENDING;
    assert.equal(now(), '/#/fake/a');
    assert.deepEqual(clients.made, ['/#/fake/a']);
    assert.equal(clients.endpoints[0]?.closed, 0);
  });

  it('keeps clients that are in both the old and the new tree', () => {
    const { clients, bindTo } = setUp();
    bindTo('/a', '/b');
    bindTo('/b', '/c');
    assert.deepEqual(clients.made, ['/#/fake/a', '/#/fake/b', '/#/fake/c']);
    assert.deepEqual(
      clients.endpoints.map(({ closed }) => closed),
      [1, 0, 0],
    );
  });

  it('tells who waits of every change until they are forgotten', () => {
    const { entry, stack, bindTo, waiter } = setUp();
    const [first, second] = [waiter(), waiter()];
    entry.value = failed(new Error('no'));
    stack.forget(second.one);
    bindTo('/a');
    assert.deepEqual(first.heard, ['no', '/#/fake/a']);
    assert.deepEqual(second.heard, ['no']);
  });

  it('lets go of its name and clients when it is closed, once', () => {
    const { clients, interpreter, stack, bindTo, closed } = setUp();
    bindTo('/a');
    assert.deepEqual(interpreter.watched, ['/svc/web']);
    stack.close();
    stack.close();
    assert.deepEqual(interpreter.watched, []);
    assert.deepEqual([clients.endpoints[0]?.closed, closed()], [1, 1]);
  });

  it('goes on for who waits after it was closed, and lets go when the last is gone', () => {
    const { clients, interpreter, stack, bindTo, waiter, closed } = setUp();
    const [first, second] = [waiter(), waiter()];
    stack.close();
    assert.deepEqual([interpreter.watched, closed()], [['/svc/web'], 0]);
    bindTo('/a');
    assert.deepEqual([first.heard, second.heard], [['/#/fake/a'], ['/#/fake/a']]);
    stack.forget(first.one);
    assert.equal(closed(), 0);
    stack.forget(second.one);
    assert.deepEqual([interpreter.watched, closed(), clients.endpoints[0]?.closed], [[], 1, 1]);
    stack.forget(second.one);
    assert.equal(closed(), 1);
  });
});

describe('service stack that is bound by another interpreter', () => {
  /** Bound to `/a` by the old interpreter; the next one has not answered. */
  function setUpRebinding() {
    const scene = setUp();
    const next = new FakeInterpreter();
    scene.bindTo('/a');
    scene.stack.rebind(next);
    return { ...scene, next, nextEntry: next.entry('/svc/web') };
  }

  it('stays bound as it was until that has an answer, and by that from then on', () => {
    const { interpreter, next, now, bindTo, bindAt } = setUpRebinding();
    assert.equal(now(), '/#/fake/a');
    bindAt(next, '/b');
    assert.equal(now(), '/#/fake/b');
    bindTo('/c');
    assert.equal(now(), '/#/fake/b');
    bindAt(next, '/d');
    assert.equal(now(), '/#/fake/d');
    assert.deepEqual([interpreter.watched, next.watched], [[], ['/svc/web']]);
  });

  it('takes an answer that is there at once', () => {
    const { interpreter, stack, now, bindTo, bindAt } = setUp();
    bindTo('/a');
    const next = new FakeInterpreter();
    bindAt(next, '/b');
    stack.rebind(next);
    assert.equal(now(), '/#/fake/b');
    assert.deepEqual([interpreter.watched, next.watched], [[], ['/svc/web']]);
  });

  it('follows the old one until then', () => {
    const { interpreter, next, now, bindTo, waiter } = setUpRebinding();
    const { heard } = waiter();
    bindTo('/b');
    assert.equal(now(), '/#/fake/b');
    assert.deepEqual(heard, ['/#/fake/b']);
    assert.deepEqual([interpreter.watched, next.watched], [['/svc/web'], ['/svc/web']]);
  });

  it('says that it is being bound anew until then, so that nobody is refused for what the old one has not', () => {
    const { interpreter, next, stack, entry } = setUpRebinding();
    assert.ok(stack.isRebinding);
    interpreter.binds('/svc/web', NEG);
    assert.ok(stack.isRebinding);
    entry.value = PENDING;
    next.binds('/svc/web', NEG);
    assert.ok(!stack.isRebinding);
  });

  it('keeps clients that both have, with their endpoints', () => {
    const { clients, next, now, bindAt } = setUpRebinding();
    const before = clients.endpoints[0];
    bindAt(next, '/a');
    assert.equal(now(), '/#/fake/a');
    assert.deepEqual([clients.made, before?.closed], [['/#/fake/a'], 0]);
  });

  it('gives up its last good tree where the answer is an error, and recovers', () => {
    const { clients, interpreter, next, nextEntry, now, bindAt, waiter } = setUpRebinding();
    const { heard } = waiter();
    nextEntry.value = failed(new Error('no such namer'));
    assert.equal(now(), 'no such namer');
    assert.deepEqual([heard, interpreter.watched, clients.endpoints[0]?.closed], [['no such namer'], [], 1]);
    bindAt(next, '/b');
    assert.equal(now(), '/#/fake/b');
    nextEntry.value = failed(new Error('registry is away'));
    assert.equal(now(), '/#/fake/b', 'this one has been good');
  });

  it('is bound to nothing where the answer is that', () => {
    const { next, now } = setUpRebinding();
    next.binds('/svc/web', NEG);
    assert.equal(now(), 'nothing');
  });

  it('before its first tree waits for whichever answers first, and ends with the new one', () => {
    const { interpreter, stack, now, bindTo, bindAt, waiter } = setUp();
    const { heard } = waiter();
    const next = new FakeInterpreter();
    stack.rebind(next);
    assert.equal(now(), 'pending');
    bindTo('/a');
    assert.equal(now(), '/#/fake/a');
    bindAt(next, '/b');
    assert.equal(now(), '/#/fake/b');
    assert.deepEqual([heard, interpreter.watched], [['/#/fake/a', '/#/fake/b'], []]);
  });

  it('is pending, not failed, where only the old one had an error', () => {
    const { entry, stack, now, bindAt } = setUp();
    entry.value = failed(new Error('no such namer'));
    const next = new FakeInterpreter();
    stack.rebind(next);
    assert.equal(now(), 'pending');
    bindAt(next, '/b');
    assert.equal(now(), '/#/fake/b');
  });

  it('gives up one that never answered for a third, and is still bound by the first meanwhile', () => {
    const { interpreter, next, stack, now, bindTo, bindAt } = setUpRebinding();
    const third = new FakeInterpreter();
    stack.rebind(third);
    assert.deepEqual(
      [interpreter, next, third].map(({ watched }) => watched.length),
      [1, 0, 1],
    );
    bindAt(next, '/of-the-second');
    assert.equal(now(), '/#/fake/a');
    bindTo('/b');
    assert.equal(now(), '/#/fake/b');
    bindAt(third, '/c');
    assert.equal(now(), '/#/fake/c');
    assert.deepEqual(
      [interpreter, next, third].map(({ watched }) => watched.length),
      [0, 0, 1],
    );
  });

  it('goes back to the first when that is what comes third', () => {
    const { interpreter, next, stack, now, bindTo, bindAt } = setUpRebinding();
    stack.rebind(interpreter);
    assert.equal(now(), '/#/fake/a');
    assert.ok(!stack.isRebinding);
    bindAt(next, '/b');
    bindTo('/c');
    assert.equal(now(), '/#/fake/c');
    assert.deepEqual([interpreter.watched, next.watched], [['/svc/web'], []]);
  });

  it('does nothing where it is the same', () => {
    const { interpreter, stack, entry, bindTo, now } = setUp();
    bindTo('/a');
    entry.value = failed(new Error('registry is away'));
    stack.rebind(interpreter);
    assert.equal(now(), '/#/fake/a');
    assert.ok(!stack.isRebinding);
  });

  it('lets go of both when it is closed in between', () => {
    const { clients, interpreter, next, stack, bindAt, closed } = setUpRebinding();
    stack.close();
    assert.deepEqual([interpreter.watched, next.watched, closed()], [[], [], 1]);
    bindAt(next, '/b');
    assert.deepEqual([clients.made, clients.endpoints[0]?.closed], [['/#/fake/a'], 1]);
  });

  it('lets go of the new one when it is closed by who was told of its answer', () => {
    const { interpreter, stack, bindTo, bindAt, closed } = setUp();
    bindTo('/a');
    const next = new FakeInterpreter();
    bindAt(next, '/b');
    const closer = {
      bound: () => {
        stack.forget(closer);
        stack.close();
      },
    };
    stack.whenBound(closer);
    stack.rebind(next);
    assert.deepEqual([interpreter.watched, next.watched, closed()], [[], [], 1]);
  });

  it('is not when it has been pushed out of the cache: who waits goes on with the old one', () => {
    const { interpreter, stack, bindTo, bindAt, waiter, closed } = setUp();
    const { heard, one } = waiter();
    stack.close();
    const next = new FakeInterpreter();
    bindAt(next, '/b');
    stack.rebind(next);
    assert.deepEqual([heard, next.watched], [[], []]);
    bindTo('/a');
    assert.deepEqual(heard, ['/#/fake/a']);
    stack.forget(one);
    stack.rebind(next);
    assert.deepEqual([interpreter.watched, next.watched, closed()], [[], [], 1]);
  });
});

describe('service stack with other settings', () => {
  function fakeBreakers() {
    const made: { readonly closed: () => number }[] = [];
    const makeBreaker = (): ServiceBreaker => {
      let closed = 0;
      made.push({ closed: () => closed });
      return {
        close: () => {
          closed += 1;
        },
      } as unknown as ServiceBreaker;
    };
    return { made, makeBreaker };
  }

  it('keeps its retry budget and its breaker where they are the same', () => {
    const { stack, settings } = setUp();
    const { made, makeBreaker } = fakeBreakers();
    const withBreaker = { ...settings, makeBreaker, breakerWords: 'a' };
    stack.reconfigure(withBreaker);
    const { retryBudget, breaker, retries } = stack;
    assert.ok(breaker);
    stack.reconfigure(withBreaker);
    assert.deepEqual([stack.retryBudget, stack.breaker, stack.retries], [retryBudget, breaker, retries]);
    assert.equal(stack.retryBudget, retryBudget);
    assert.equal(stack.breaker, breaker);
    assert.deepEqual([made.length, made[0]?.closed()], [1, 0]);
  });

  it('keeps its breaker where other keys differ', () => {
    const { stack, settings } = setUp();
    const { made, makeBreaker } = fakeBreakers();
    stack.reconfigure({ ...settings, makeBreaker, breakerWords: 'a' });
    const { breaker } = stack;
    stack.reconfigure({ ...settings, makeBreaker: fakeBreakers().makeBreaker, breakerWords: 'a', totalTimeoutMs: 5 });
    assert.equal(stack.breaker, breaker);
    assert.equal(made[0]?.closed(), 0);
  });

  it('begins with a new budget, which the gauge shows, and goes on counting retries', () => {
    const { stack, settings, metrics } = setUp();
    const count = (name: string): number => metricValue(metrics, 'service', 'svc/web', 'retries', name);
    const { retryBudget, retries } = stack;
    retries.total.inc();
    const balance = (amount: number) => ({ deposit: () => {}, tryWithdraw: () => true, balance: amount });
    const next = { ...settings, totalTimeoutMs: 5, makeRetryBudget: () => balance(7) };
    stack.reconfigure(next);
    assert.equal(stack.settings, next);
    assert.notEqual(stack.retryBudget, retryBudget);
    stack.retries.total.inc();
    assert.deepEqual([count('budget'), count('total')], [7, 2]);
  });

  it('begins with a new breaker, or none, and closes the old one', () => {
    const { stack, settings } = setUp();
    const [first, second] = [fakeBreakers(), fakeBreakers()];
    stack.reconfigure({ ...settings, makeBreaker: first.makeBreaker, breakerWords: 'first' });
    const { breaker } = stack;
    stack.reconfigure({ ...settings, makeBreaker: second.makeBreaker, breakerWords: 'second' });
    assert.ok(stack.breaker && stack.breaker !== breaker);
    assert.deepEqual([first.made[0]?.closed(), second.made[0]?.closed()], [1, 0]);
    stack.reconfigure(settings);
    assert.deepEqual([stack.breaker, second.made[0]?.closed()], [undefined, 1]);
  });

  it('exchanges clients that are obsolete at once, whoever binds it, and tells who waits', () => {
    const { clients, stack, settings, now, bindTo, waiter, replaceClients } = setUp();
    bindTo('/a', '/b');
    const { heard } = waiter();
    stack.rebind(new FakeInterpreter());
    replaceClients();
    stack.reconfigure(settings);
    assert.deepEqual(clients.made, ['/#/fake/a', '/#/fake/b', '/#/fake/a', '/#/fake/b']);
    assert.equal(heard.length, 1);
    clients.clock.advance(1000);
    assert.deepEqual(
      clients.endpoints.map(({ closed }) => closed),
      [1, 1, 0, 0],
    );
    const seen = new Set(Array.from({ length: 50 }, now));
    assert.deepEqual([...seen].sort(), ['/#/fake/a', '/#/fake/b']);
  });

  it('keeps clients that are not obsolete', () => {
    const { clients, stack, settings, bindTo } = setUp();
    bindTo('/a');
    const before = stack.resolve();
    stack.reconfigure({ ...settings });
    const after = stack.resolve();
    assert.deepEqual(clients.made, ['/#/fake/a']);
    assert.ok(before.state === 'bound' && after.state === 'bound');
    assert.equal(before.client, after.client);
    assert.equal(before.metrics, after.metrics);
    clients.clock.advance(10_000);
    assert.equal(clients.endpoints[0]?.closed, 0);
  });

  it('stays as it is before its first tree', () => {
    const { entry, stack, settings, now } = setUp();
    stack.reconfigure({ ...settings });
    assert.equal(now(), 'pending');
    entry.value = failed(new Error('no such namer'));
    stack.reconfigure({ ...settings });
    assert.equal(now(), 'no such namer');
    entry.value = ok(NEG);
    stack.reconfigure({ ...settings });
    assert.equal(now(), 'nothing');
  });
});
