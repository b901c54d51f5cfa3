import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addrBound } from '../../../src/base/addr.js';
import { EMPTY_DTAB } from '../../../src/base/dtab.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import { leaf } from '../../../src/base/name-tree.js';
import type { BackendProtocol } from '../../../src/identifier/identifier.js';
import { makeAddressTransformer } from '../../../src/naming/transformed-addr.js';
import { Bindings } from '../../../src/router/bindings.js';
import type { Realm } from '../../../src/router/realm.js';
import type { ServiceStack } from '../../../src/router/service-stack.js';
import { FakeClients } from '../../support/fake-clients.js';
import { FakeInterpreter } from '../../support/fake-interpreter.js';
import { FakeNamer } from '../../support/fake-namer.js';
import { metricValue } from '../../support/metric-value.js';
import { serviceSettings } from '../../support/service-settings.js';

/** Leaves out the addresses of 10.0.0.0/24. */
function makeRealm(words: string): Realm {
  const transformer = makeAddressTransformer({
    name: 'linkgate.external',
    prefix: parsePath('/%/linkgate.external'),
    change: ({ addresses }) => addrBound(addresses.filter(({ host }) => !host.startsWith('10.0.0.'))),
  });
  return { words, transformer };
}

/** `/svc/web` is at 10.0.0.1:80 and 10.0.1.1:80. */
function setUp() {
  const clients = new FakeClients();
  const interpreter = new FakeInterpreter();
  const namer = new FakeNamer('/#/fake');
  const { clock, metrics, random } = clients;
  const settings = serviceSettings();
  const options = {
    interpreter,
    realms: [],
    serviceSettings: () => settings,
    makeClient: clients.make,
    maxPaths: 2,
    maxClients: 10,
    idleTtlMs: 600_000,
    clock,
    random,
    metrics,
  };
  const bindings = new Bindings(options);
  interpreter.binds('/svc/web', leaf(namer.exists('/web', '10.0.0.1:80', '10.0.1.1:80').bound));
  const get = (realm?: Realm, backend?: BackendProtocol, name = '/svc/web'): ServiceStack =>
    bindings.of(realm, backend).get(parsePath(name), EMPTY_DTAB, clock.now());
  const ids = (): string[] => bindings.clients().map(({ id }) => id.show());
  const hostsOf = (stack: ServiceStack): string[] => {
    const binding = stack.resolve();
    assert.ok(binding.state === 'bound');
    return binding.client.endpoints.map(({ address }) => address.host);
  };
  return { bindings, options, clients, interpreter, namer, clock, metrics, get, ids, hostsOf };
}

const all = (): boolean => false;

describe('bindings of a router', () => {
  it('are made for a realm when a name is first asked for in it', () => {
    const { get, ids } = setUp();
    const plain = get();
    assert.equal(get(), plain);
    assert.deepEqual(ids(), ['/#/fake/web']);
    const external = makeRealm('a');
    const outside = get(external);
    assert.notEqual(outside, plain);
    assert.equal(get(external), outside);
    assert.equal(get(makeRealm('a')), outside, 'the same words are the same realm');
    get(external, 'grpc');
    get(undefined, 'grpc');
    assert.deepEqual(ids(), [
      '/#/fake/web',
      '/%/linkgate.backend/grpc/#/fake/web',
      '/%/linkgate.external/#/fake/web',
      '/%/linkgate.backend/grpc/%/linkgate.external/#/fake/web',
    ]);
  });

  it('of a realm have the addresses that it leaves, now and later', () => {
    const { get, hostsOf, namer } = setUp();
    const [plain, outside] = [get(), get(makeRealm('a'), 'https')];
    assert.deepEqual(hostsOf(plain), ['10.0.0.1', '10.0.1.1']);
    assert.deepEqual(hostsOf(outside), ['10.0.1.1']);
    namer.exists('/web', '10.0.0.2:80', '10.0.2.1:80');
    assert.deepEqual(hostsOf(outside), ['10.0.2.1']);
  });

  it('count a name once, whatever the realms, and for as long as one of them knows it', () => {
    const { get, metrics, bindings } = setUp();
    for (const stack of [get(), get(makeRealm('a'))]) stack.metrics.started();
    assert.equal(metricValue(metrics, 'service', 'svc/web', 'pending'), 2);
    assert.equal(metricValue(metrics, 'bindcache', 'path', 'misses'), 2);
    assert.equal(bindings.services().length, 2);
    get(undefined, undefined, '/svc/b');
    get(undefined, undefined, '/svc/c');
    assert.ok(metrics.scope('service').children.has('svc/web'), 'another realm still has it');
  });

  it('have the limits of the router for each realm', () => {
    const { get, bindings } = setUp();
    for (const name of ['/svc/a', '/svc/b', '/svc/c']) {
      get(undefined, undefined, name);
      get(makeRealm('a'), undefined, name);
    }
    assert.equal(bindings.services().length, 4);
  });

  it('go on through a reload that has their realm, bound by the new interpreter', () => {
    const { bindings, options, get, hostsOf, namer } = setUp();
    const outside = get(makeRealm('a'));
    const next = new FakeInterpreter();
    bindings.reconfigure({ ...options, interpreter: next, realms: [makeRealm('a')] }, all);
    assert.deepEqual(hostsOf(outside), ['10.0.1.1'], 'until there is an answer');
    next.binds('/svc/web', leaf(namer.exists('/web', '10.0.3.1:80').bound));
    assert.equal(get(makeRealm('a')), outside);
    assert.deepEqual(hostsOf(outside), ['10.0.3.1']);
  });

  it('are not bound anew by a reload with the same interpreter', () => {
    const { bindings, options, get, interpreter } = setUp();
    get(makeRealm('a'), 'https');
    let asked = 0;
    const bind = interpreter.bind.bind(interpreter);
    interpreter.bind = (dtab, path) => {
      asked += 1;
      return bind(dtab, path);
    };
    bindings.reconfigure({ ...options, realms: [makeRealm('a')] }, all);
    assert.equal(asked, 0);
  });

  it('of a realm that no listener is in any more end after what is under way', () => {
    const { bindings, options, get, ids, clock, interpreter } = setUp();
    get(makeRealm('a'));
    bindings.reconfigure({ ...options, realms: [makeRealm('b')] }, all);
    clock.advance(9_000);
    assert.deepEqual(ids(), ['/%/linkgate.external/#/fake/web']);
    clock.advance(1_001);
    assert.deepEqual(ids(), []);
    assert.deepEqual(interpreter.watched, []);
  });

  it('of a realm that is back in time go on', () => {
    const { bindings, options, get, clock } = setUp();
    const outside = get(makeRealm('a'));
    bindings.reconfigure({ ...options, realms: [] }, all);
    bindings.reconfigure({ ...options, realms: [makeRealm('a')] }, all);
    clock.advance(20_000);
    assert.equal(get(makeRealm('a')), outside);
    assert.equal(outside.resolve().state, 'bound');
  });

  it('let go of everything when they are closed', () => {
    const { bindings, options, get, clock, interpreter } = setUp();
    get();
    get(makeRealm('a'));
    get(undefined, 'grpc');
    bindings.reconfigure({ ...options, realms: [] }, all);
    bindings.close();
    assert.deepEqual(interpreter.watched, []);
    assert.equal(clock.pendingTimers, 0);
  });
});
