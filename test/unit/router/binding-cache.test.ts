import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EMPTY_DTAB } from '../../../src/base/dtab.js';
import { parseDtab, parsePath } from '../../../src/base/name-grammar.js';
import { leaf, NEG } from '../../../src/base/name-tree.js';
import type { Path } from '../../../src/base/path.js';
import { BindingCache } from '../../../src/router/binding-cache.js';
import { SharedRequestMetrics } from '../../../src/router/request-metrics.js';
import type { ServiceStack } from '../../../src/router/service-stack.js';
import { FakeClients } from '../../support/fake-clients.js';
import { FakeInterpreter } from '../../support/fake-interpreter.js';
import { FakeNamer } from '../../support/fake-namer.js';
import { metricValue } from '../../support/metric-value.js';
import { serviceSettings } from '../../support/service-settings.js';

function setUp(maxPaths = 3) {
  const clients = new FakeClients();
  const interpreter = new FakeInterpreter();
  const namer = new FakeNamer('/#/fake');
  const asked: string[] = [];
  const { clock, metrics, random } = clients;
  const options = {
    interpreter,
    serviceSettings: (name: Path) => {
      asked.push(name.show());
      return serviceSettings({ totalTimeoutMs: 1 });
    },
    makeClient: clients.make,
    maxPaths,
    maxClients: 10,
    idleTtlMs: 1000,
    clock,
    random,
    serviceMetrics: new SharedRequestMetrics(metrics.scope('service')),
    metrics,
  };
  const cache = new BindingCache(options);
  const get = (name: string, dtab = ''): ServiceStack =>
    cache.get(parsePath(name), dtab === '' ? EMPTY_DTAB : parseDtab(dtab), clock.now());
  const services = (): string[] => [...metrics.scope('service').children.keys()];
  const count = (name: string): number => metricValue(metrics, 'bindcache', 'path', name);
  return { clients, clock, metrics, interpreter, namer, cache, options, asked, get, services, count };
}

describe('binding cache', () => {
  it('binds a name once and remembers it', () => {
    const { interpreter, asked, get, services, count } = setUp();
    const web = get('/svc/web');
    assert.equal(get('/svc/web'), web);
    assert.equal(web.service.show(), '/svc/web');
    assert.deepEqual(interpreter.watched, ['/svc/web']);
    assert.deepEqual(asked, ['/svc/web']);
    assert.deepEqual(services(), ['svc/web']);
    assert.equal(count('misses'), 1);
  });

  it('binds the same name with another local dtab by itself, with the same counters', () => {
    const { interpreter, get, services, metrics } = setUp();
    const plain = get('/svc/web');
    const override = get('/svc/web', '/svc=>/a');
    assert.notEqual(override, plain);
    assert.equal(get('/svc/web', '/svc => /a'), override);
    assert.notEqual(get('/svc/web', '/svc=>/b'), override);
    assert.deepEqual(interpreter.watched, ['/svc/web', '/svc/web /svc=>/a', '/svc/web /svc=>/b']);
    plain.metrics.started();
    override.metrics.started();
    assert.deepEqual(services(), ['svc/web']);
    assert.equal(metricValue(metrics, 'service', 'svc/web', 'pending'), 2);
  });

  it('tells names apart that would read alike as text', () => {
    const { get } = setUp();
    assert.notEqual(get(String.raw`/svc/a\x20\x2fb\x3d\x3e\x2fc`), get('/svc/a', '/b=>/c'));
  });

  it('drops the least recently used name, and with it its metrics and its observation', () => {
    const { interpreter, get, services, count } = setUp(2);
    get('/svc/a');
    get('/svc/b');
    get('/svc/a');
    get('/svc/c');
    assert.deepEqual(services(), ['svc/a', 'svc/c']);
    assert.deepEqual(interpreter.watched, ['/svc/a', '/svc/c']);
    assert.equal(count('evicts'), 1);
  });

  it('keeps the metrics of a name while one of its bindings is there', () => {
    const { get, services } = setUp(2);
    get('/svc/web');
    get('/svc/web', '/a=>/b');
    get('/svc/other');
    assert.deepEqual(services(), ['svc/web', 'svc/other']);
    get('/svc/third');
    assert.deepEqual(services(), ['svc/other', 'svc/third']);
  });

  it('forgets idle names after the idle time, their clients after as much again', () => {
    const { clients, clock, interpreter, namer, get, services, count } = setUp();
    interpreter.binds('/svc/web', leaf(namer.exists('/web', '10.0.0.1:80').bound));
    get('/svc/web');
    clock.advance(999);
    get('/svc/web');
    clock.advance(999);
    assert.equal(count('expires'), 0);
    clock.advance(1);
    assert.deepEqual([count('expires'), services(), interpreter.watched], [1, [], []]);
    assert.equal(clients.endpoints[0]?.closed, 0);
    clock.advance(1000);
    assert.equal(clients.endpoints[0]?.closed, 1);
  });

  it('starts a name that had expired from nothing', () => {
    const { clock, get, count } = setUp();
    const web = get('/svc/web');
    clock.advance(1000);
    assert.notEqual(get('/svc/web'), web);
    assert.equal(count('misses'), 2);
  });

  it('shares one client among names that end in it', () => {
    const { clients, interpreter, namer, get, cache } = setUp();
    const { bound } = namer.exists('/web', '10.0.0.1:80');
    for (const name of ['/svc/a', '/svc/b']) interpreter.binds(name, leaf(bound));
    get('/svc/a');
    get('/svc/b');
    assert.deepEqual(clients.made, ['/#/fake/web']);
    assert.equal(cache.clients.stacks().length, 1);
  });

  it('closes everything', () => {
    const { clients, clock, interpreter, namer, cache, get, services } = setUp();
    interpreter.binds('/svc/web', leaf(namer.exists('/web', '10.0.0.1:80').bound));
    get('/svc/web');
    get('/svc/pending');
    cache.close();
    assert.deepEqual([interpreter.watched, services(), clients.endpoints[0]?.closed], [[], [], 1]);
    assert.equal(clock.pendingTimers, 0);
  });
});

describe('binding cache with another configuration', () => {
  const never = (): boolean => false;

  it('binds every name that it has by the new interpreter, and new names by it alone', () => {
    const { interpreter, cache, options, get } = setUp();
    const [web, override] = [get('/svc/web'), get('/svc/web', '/a=>/b')];
    const next = new FakeInterpreter();
    for (const key of ['/svc/web', '/svc/web /a=>/b']) next.binds(key, NEG);
    cache.reconfigure({ ...options, interpreter: next }, never);
    assert.deepEqual([get('/svc/web'), get('/svc/web', '/a=>/b')], [web, override]);
    get('/svc/new');
    assert.deepEqual([interpreter.watched, next.watched], [[], ['/svc/web', '/svc/web /a=>/b', '/svc/new']]);
  });

  it('asks for the settings of every name anew', () => {
    const { cache, options, get } = setUp();
    const [web, api] = [get('/svc/web'), get('/svc/api')];
    const kept = serviceSettings();
    const settingsOf = (name: Path) => (name.show() === '/svc/web' ? serviceSettings({ totalTimeoutMs: 2 }) : kept);
    cache.reconfigure({ ...options, serviceSettings: settingsOf }, never);
    assert.equal(web.settings.totalTimeoutMs, 2);
    assert.equal(api.settings, kept);
    assert.equal(get('/svc/new').settings, kept);
    const { retryBudget } = api;
    cache.reconfigure({ ...options, serviceSettings: settingsOf }, never);
    assert.equal(api.retryBudget, retryBudget);
  });

  it('keeps as many names, for as long, as it says', () => {
    const { clock, cache, options, get, services } = setUp(3);
    for (const name of ['/svc/a', '/svc/b', '/svc/c']) get(name);
    cache.reconfigure({ ...options, maxPaths: 2, idleTtlMs: 200 }, never);
    assert.deepEqual(services(), ['svc/b', 'svc/c']);
    get('/svc/d');
    assert.deepEqual(services(), ['svc/c', 'svc/d']);
    clock.advance(200);
    assert.deepEqual(services(), []);
  });

  it('exchanges the clients that are obsolete, once for all names that share one', () => {
    const { clients, interpreter, namer, cache, options, get } = setUp();
    for (const name of ['/svc/a', '/svc/b']) interpreter.binds(name, leaf(namer.exists('/web', '10.0.0.1:80').bound));
    interpreter.binds('/svc/c', leaf(namer.exists('/other', '10.0.0.2:80').bound));
    for (const name of ['/svc/a', '/svc/b', '/svc/c']) get(name);
    const made: string[] = [];
    const makeClient: typeof options.makeClient = (id, predecessor) => {
      made.push(id.show());
      return clients.make(id, predecessor);
    };
    cache.reconfigure({ ...options, makeClient }, ({ id }) => id.show() === '/#/fake/web');
    assert.deepEqual(made, ['/#/fake/web']);
    assert.equal(cache.clients.stacks().length, 2);
    clients.clock.advance(500);
    for (const name of ['/svc/a', '/svc/b', '/svc/c']) get(name);
    clients.clock.advance(500);
    assert.deepEqual(
      clients.endpoints.map(({ closed }) => closed),
      [1, 0, 0],
    );
  });

  it('leaves a client to the name that is bound anew, where another name that shares it is not yet', () => {
    const { interpreter, namer, cache, options, get } = setUp();
    const old = namer.exists('/web', '10.0.0.1:80');
    for (const name of ['/svc/a', '/svc/b']) interpreter.binds(name, leaf(old.bound));
    for (const name of ['/svc/a', '/svc/b']) get(name);
    // Of the same id, as the same registry at another address gives it.
    const next = new FakeInterpreter();
    const moved = new FakeNamer('/#/fake').exists('/web', '10.0.0.9:80');
    next.binds('/svc/a', leaf(moved.bound));
    cache.reconfigure({ ...options, interpreter: next }, never);
    const [web] = cache.clients.stacks();
    assert.deepEqual(web?.endpoints.map(String), ['10.0.0.9:80']);
    assert.ok(!old.addr.isWatched);
  });
});
