import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePath } from '../../../src/base/name-grammar.js';
import { ClientCache, metricName } from '../../../src/router/client-cache.js';
import { FakeClients } from '../../support/fake-clients.js';
import { FakeNamer } from '../../support/fake-namer.js';
import { metricValue } from '../../support/metric-value.js';

function setUp(maxEntries = 2) {
  const clients = new FakeClients();
  const namer = new FakeNamer('/#/fake');
  const { clock, metrics } = clients;
  const cache = new ClientCache({
    maxEntries,
    idleTtlMs: 1000,
    clock,
    make: clients.make,
    clients: metrics.scope('client'),
    metrics: metrics.scope('bindcache', 'client'),
  });
  const acquire = (name: string) => cache.acquire(namer.exists(name, '10.0.0.1:80').bound);
  const counts = (): number[] =>
    ['misses', 'evicts', 'expires'].map((name) => metricValue(metrics, 'bindcache', 'client', name));
  const scopes = (): string[] => [...metrics.scope('client').children.keys()];
  return { clients, clock, namer, cache, acquire, counts, scopes };
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
});
