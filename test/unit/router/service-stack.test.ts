import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failed, PENDING } from '../../../src/base/activity.js';
import { EMPTY_DTAB } from '../../../src/base/dtab.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import { leaf, NEG } from '../../../src/base/name-tree.js';
import { ClientCache } from '../../../src/router/client-cache.js';
import { RequestMetrics } from '../../../src/router/request-metrics.js';
import { type Binding, ServiceStack } from '../../../src/router/service-stack.js';
import { FakeClients } from '../../support/fake-clients.js';
import { FakeInterpreter } from '../../support/fake-interpreter.js';
import { FakeNamer } from '../../support/fake-namer.js';
import { serviceSettings } from '../../support/service-settings.js';

function setUp() {
  const clients = new FakeClients();
  const namer = new FakeNamer('/#/fake');
  const interpreter = new FakeInterpreter();
  const { clock, metrics } = clients;
  const cache = new ClientCache({
    maxEntries: 0,
    idleTtlMs: 1000,
    clock,
    make: clients.make,
    clients: metrics.scope('client'),
    metrics: metrics.scope('bindcache', 'client'),
  });
  let closed = 0;
  const stack = new ServiceStack({
    service: parsePath('/svc/web'),
    localDtab: EMPTY_DTAB,
    interpreter,
    settings: serviceSettings(),
    metrics: new RequestMetrics(metrics.scope('service', 'svc/web')),
    retryScope: metrics.scope('service', 'svc/web', 'retries'),
    clients: cache,
    random: clients.random,
    closed: () => {
      closed += 1;
    },
  });
  const show = (binding: Binding): string => {
    if (binding.state === 'bound') return binding.leaf?.client.id.show() ?? 'nothing';
    return binding.state === 'failed' ? binding.error.message : 'pending';
  };
  const now = (): string => show(stack.resolve());
  const bindTo = (...names: string[]): void => {
    const leaves = names.map((name) => leaf(namer.exists(name, '10.0.0.1:80').bound));
    const [only] = leaves;
    interpreter.binds(
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
    waiter,
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
