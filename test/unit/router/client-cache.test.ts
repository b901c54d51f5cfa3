import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePath } from '../../../src/base/name-grammar.js';
import { ClientCache, metricName } from '../../../src/router/client-cache.js';
import { FakeClients } from '../../support/fake-clients.js';
import { FakeNamer } from '../../support/fake-namer.js';
import { metricValue } from '../../support/metric-value.js';

function setUp(maxEntries = 2, idleTtlMs = 1000) {
  const clients = new FakeClients();
  const namer = new FakeNamer('/#/fake');
  const { clock, metrics } = clients;
  const options = {
    maxEntries,
    idleTtlMs,
    clock,
    make: clients.make,
    clients: metrics.scope('client'),
    metrics: metrics.scope('bindcache', 'client'),
  };
  const cache = new ClientCache(options);
  const acquire = (name: string) => cache.acquire(namer.exists(name, '10.0.0.1:80').bound);
  const counts = (): number[] =>
    ['misses', 'evicts', 'expires'].map((name) => metricValue(metrics, 'bindcache', 'client', name));
  const scopes = (): string[] => [...metrics.scope('client').children.keys()];
  /** As a configuration does that makes clients of these names in another way. */
  const replace = (...names: readonly string[]): void =>
    cache.reconfigure(options, ({ id }) => names.some((name) => id.show() === `/#/fake${name}`));
  const closed = (): number[] => clients.endpoints.map((endpoint) => endpoint.closed);
  return { clients, clock, metrics, namer, cache, options, acquire, replace, closed, counts, scopes };
}

describe('client cache', () => {
  it('shares one stack among all users of an id', () => {
    const { clients, cache, acquire, counts } = setUp();
    const web = acquire('/web');
    assert.equal(acquire('/web'), web);
    assert.notEqual(acquire('/other'), web);
    assert.deepEqual(clients.made, ['/#/fake/web', '/#/fake/other']);
    assert.deepEqual(counts(), [2, 0, 0]);
    assert.equal(cache.stacks().length, 2);
  });

  it('keeps a stack while it has a user, however long that is', () => {
    const { clients, clock, cache, acquire } = setUp();
    const web = acquire('/web');
    acquire('/web');
    cache.release(web);
    clock.advance(100_000);
    assert.equal(clients.endpoints[0]?.closed, 0);
    assert.equal(acquire('/web'), web);
  });

  it('closes a stack that has been without users for the idle time, and forgets its metrics', () => {
    const { clients, clock, namer, cache, acquire, counts, scopes } = setUp();
    const web = acquire('/web');
    cache.release(web);
    clock.advance(999);
    assert.deepEqual([clients.endpoints[0]?.closed, scopes()], [0, ['#/fake/web']]);
    assert.ok(namer.entry('/web').addr.isWatched);
    clock.advance(1);
    assert.deepEqual([clients.endpoints[0]?.closed, scopes()], [1, []]);
    assert.ok(!namer.entry('/web').addr.isWatched);
    assert.deepEqual(counts(), [1, 0, 1]);
    assert.notEqual(acquire('/web'), web);
    assert.deepEqual(counts(), [2, 0, 1]);
  });

  it('gives back a stack that has no users at the moment, its idle time over', () => {
    const { clock, cache, acquire } = setUp();
    const web = acquire('/web');
    cache.release(web);
    clock.advance(900);
    assert.equal(acquire('/web'), web);
    clock.advance(5000);
    assert.equal(acquire('/web'), web);
    assert.equal(clock.pendingTimers, 0);
  });

  it('closes the one longest without users when they are too many; those in use do not count', () => {
    const { cache, acquire, counts, scopes } = setUp(1);
    const [a, b, c] = [acquire('/a'), acquire('/b'), acquire('/c')];
    acquire('/d');
    for (const stack of [b, a]) cache.release(stack);
    assert.deepEqual(scopes(), ['#/fake/a', '#/fake/c', '#/fake/d']);
    cache.release(c);
    assert.deepEqual(scopes(), ['#/fake/c', '#/fake/d']);
    assert.deepEqual(counts(), [4, 2, 0]);
  });

  it('follows the addresses of whoever acquired last, and keeps endpoints that both have', () => {
    const { clients, namer, cache, acquire } = setUp();
    const web = acquire('/web');
    const other = namer.exists('/elsewhere', '10.0.0.1:80', '10.0.0.2:80');
    cache.acquire({ ...namer.entry('/web').bound, addr: other.addr.signal });
    assert.deepEqual(web.endpoints.map(String), ['10.0.0.1:80', '10.0.0.2:80']);
    assert.equal(clients.endpoints.length, 2);
    assert.ok(!namer.entry('/web').addr.isWatched);
  });

  it('ignores the release of a stack that it closed already', () => {
    const { clock, cache, acquire, counts } = setUp();
    const old = acquire('/web');
    cache.release(old);
    clock.advance(1000);
    const web = acquire('/web');
    cache.release(old);
    clock.advance(1000);
    assert.equal(acquire('/web'), web);
    assert.deepEqual(counts(), [2, 0, 1]);
  });

  it('closes all stacks and timers', () => {
    const { clients, clock, cache, acquire, scopes } = setUp();
    acquire('/a');
    cache.release(acquire('/b'));
    cache.close();
    assert.deepEqual(
      clients.endpoints.map(({ closed }) => closed),
      [1, 1],
    );
    assert.equal(clock.pendingTimers, 0);
    assert.deepEqual(scopes(), []);
    assert.deepEqual(cache.stacks(), []);
  });

  it('names metric scopes without the leading slash', () => {
    assert.equal(metricName(parsePath('/#/io.l5d.fs/web')), '#/io.l5d.fs/web');
  });

  describe('whose stacks are obsolete', () => {
    it('replaces them at the next acquire, once, and leaves the others as they are', () => {
      const { cache, acquire, replace, clients, counts } = setUp();
      const [web, other] = [acquire('/web'), acquire('/other')];
      replace('/web');
      const next = acquire('/web');
      assert.notEqual(next, web);
      assert.equal(acquire('/web'), next);
      assert.equal(acquire('/other'), other);
      assert.deepEqual(clients.made, ['/#/fake/web', '/#/fake/other', '/#/fake/web']);
      assert.deepEqual(cache.stacks(), [next, other]);
      assert.deepEqual(counts(), [3, 0, 0]);
    });

    it('asks of each that is in use whether it is obsolete', () => {
      const { cache, acquire, replace, options } = setUp();
      const web = acquire('/web');
      replace('/web');
      const next = acquire('/web');
      const asked: unknown[] = [];
      cache.reconfigure(options, (stack) => {
        asked.push(stack);
        return false;
      });
      assert.deepEqual(asked, [next]);
      assert.notEqual(next, web);
    });

    it('lets those who use them go on, with the addresses as they change', () => {
      const { clock, namer, cache, acquire, replace, closed } = setUp();
      const old = acquire('/web');
      replace('/web');
      acquire('/web');
      clock.advance(100_000);
      namer.exists('/web', '10.0.0.1:80', '10.0.0.2:80');
      assert.deepEqual(old.endpoints.map(String), ['10.0.0.1:80', '10.0.0.2:80']);
      cache.release(old);
      assert.equal(closed()[0], 0);
    });

    it('keeps them for 10 s after their last user has gone, for requests under way', () => {
      const { clock, cache, acquire, replace, closed } = setUp(2, 600_000);
      const old = acquire('/web');
      acquire('/web');
      replace('/web');
      const next = acquire('/web');
      cache.release(old);
      clock.advance(20_000);
      assert.deepEqual(closed(), [0, 0]);
      cache.release(old);
      clock.advance(9_999);
      assert.deepEqual(closed(), [0, 0]);
      clock.advance(1);
      assert.deepEqual(closed(), [1, 0]);
      assert.deepEqual(cache.stacks(), [next]);
      assert.equal(clock.pendingTimers, 0);
    });

    it('keeps them no longer than any without users', () => {
      const { clock, cache, acquire, replace, closed } = setUp(2, 1000);
      const old = acquire('/web');
      replace('/web');
      acquire('/web');
      cache.release(old);
      clock.advance(1000);
      assert.deepEqual(closed(), [1, 0]);
    });

    it('closes those without users at once, with their metrics', () => {
      const { clock, cache, acquire, replace, closed, scopes } = setUp();
      const web = acquire('/web');
      acquire('/other');
      cache.release(web);
      replace('/web', '/other');
      assert.deepEqual([closed(), scopes(), clock.pendingTimers], [[1, 0], ['#/fake/other'], 0]);
      assert.notEqual(acquire('/web'), web);
    });

    it('does not count them among the unused ones that it keeps: none is pushed out while requests are under way', () => {
      const { cache, acquire, replace, closed, counts } = setUp(0);
      const olds = [acquire('/a'), acquire('/b')];
      replace('/a', '/b');
      for (const name of ['/a', '/b']) acquire(name);
      for (const old of olds) cache.release(old);
      assert.deepEqual(
        [closed(), counts()],
        [
          [0, 0, 0, 0],
          [4, 0, 0],
        ],
      );
    });

    it('keeps the metrics of their id while a successor lives, however they end', () => {
      const { clock, cache, acquire, replace, scopes } = setUp();
      const old = acquire('/web');
      replace('/web');
      const next = acquire('/web');
      cache.release(old);
      clock.advance(1000);
      assert.deepEqual(scopes(), ['#/fake/web']);
      cache.release(next);
      clock.advance(1000);
      assert.deepEqual(scopes(), []);
    });

    it('forgets the metrics with them where nobody asked for a successor', () => {
      const { clock, cache, acquire, replace, scopes } = setUp();
      const old = acquire('/web');
      replace('/web');
      assert.deepEqual(cache.stacks(), [old], 'it is what there is until then');
      cache.release(old);
      clock.advance(1000);
      assert.deepEqual([scopes(), cache.stacks()], [[], []]);
    });

    it('goes on counting requests where they stopped', () => {
      const { metrics, acquire, replace } = setUp();
      const count = (name: string): number => metricValue(metrics, 'client', '#/fake/web', name);
      const old = acquire('/web');
      old.metrics.started();
      old.metrics.ended(true, 1);
      old.metrics.started();
      old.statuses.record(200, 1);
      old.requeues.inc();
      const service = old.services.acquire('svc/web');
      replace('/web');
      const next = acquire('/web');
      next.metrics.started();
      next.statuses.record(200, 1);
      next.requeues.inc();
      assert.equal(next.services.acquire('svc/web'), service);
      assert.equal(count('pending'), 2);
      // The one that began with the old stack ends.
      old.metrics.ended(true, 1);
      assert.deepEqual([count('requests'), count('pending'), count('requeues')], [2, 1, 0]);
      assert.equal(metricValue(metrics, 'client', '#/fake/web', 'retries', 'requeues'), 2);
      assert.equal(metricValue(metrics, 'client', '#/fake/web', 'status', '200'), 2);
    });

    it('replaces a successor as well when that is obsolete', () => {
      const { clock, cache, acquire, replace, closed } = setUp();
      const first = acquire('/web');
      replace('/web');
      const second = acquire('/web');
      replace('/web');
      const third = acquire('/web');
      assert.equal(new Set([first, second, third]).size, 3);
      for (const stack of [second, first]) cache.release(stack);
      clock.advance(1000);
      assert.deepEqual(closed(), [1, 1, 0]);
      assert.equal(acquire('/web'), third);
    });

    it('closes all of them with the rest', () => {
      const { clock, cache, acquire, replace, closed } = setUp();
      acquire('/web');
      replace('/web');
      acquire('/web');
      const other = acquire('/other');
      replace('/other');
      cache.release(other);
      cache.close();
      assert.deepEqual(closed(), [1, 1, 1]);
      assert.deepEqual([clock.pendingTimers, cache.stacks()], [0, []]);
    });
  });

  it('keeps as many as its new limits say', () => {
    const { clock, cache, options, acquire, closed } = setUp(2);
    const stacks = [acquire('/a'), acquire('/b'), acquire('/c'), acquire('/d')];
    cache.reconfigure({ ...options, maxEntries: 1, idleTtlMs: 3000 }, () => false);
    for (const stack of stacks.slice(0, 3)) cache.release(stack);
    assert.deepEqual(closed(), [1, 1, 0, 0]);
    clock.advance(2999);
    assert.deepEqual(closed(), [1, 1, 0, 0]);
    clock.advance(1);
    assert.deepEqual(closed(), [1, 1, 1, 0]);
  });
});
