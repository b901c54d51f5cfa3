import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Signal, signal } from '@preact/signals-core';
import { type ServiceSet, ServiceTrees, sameServiceSet } from '../../../../namers/shared/service-trees.js';
import { failed, observe, ok, PENDING, type State } from '../../../../src/base/activity.js';
import { type Addr, type Bound, showAddress } from '../../../../src/base/addr.js';
import { parsePath } from '../../../../src/base/name-grammar.js';
import type { NameTree } from '../../../../src/base/name-tree.js';
import { EMPTY_PATH } from '../../../../src/base/path.js';
import { makeInet } from '../../../../src/naming/inet.js';
import type { Name } from '../../../../src/naming/namer.js';
import { FakeHostResolver, settled } from '../../../support/fake-host-resolver.js';
import { ManualClock } from '../../../support/manual-clock.js';

type Service = State<ServiceSet | undefined>;

function setUp(t: TestContext, initial: Service = PENDING) {
  const resolver = new FakeHostResolver();
  const inet = makeInet({ clock: new ManualClock(), resolver });
  t.after(() => inet.close());
  const value: Signal<Service> = signal(initial);
  const trees = new ServiceTrees(inet);
  const service = { value };
  const tree = trees.tree(parsePath('/#/r/web'), parsePath('/a'), service);
  const seen: State<NameTree<Name>>[] = [];
  t.after(observe(tree, (now) => void seen.push(now)));
  return { resolver, value, trees, service, tree, seen };
}

function exists(...hosts: readonly string[]): Service {
  return ok({ endpoints: hosts.map((host) => ({ host, port: 80 })) });
}

function boundOf(state: State<NameTree<Name>>): Bound {
  assert.ok(state.state === 'ok' && state.value.type === 'leaf' && state.value.value.type === 'bound');
  return state.value.value.bound;
}

function show(addr: Addr): string {
  return addr.state === 'bound' ? addr.addresses.map((a) => `${showAddress(a)}*${a.weight}`).join(' ') : addr.state;
}

describe('tree of a service', () => {
  it('is pending, Neg and a leaf as the registry says', (t) => {
    const { value, seen } = setUp(t);
    value.value = ok(undefined);
    value.value = exists('10.0.0.1');
    value.value = ok(undefined);
    assert.deepEqual(
      seen.map((now) => (now.state === 'ok' ? now.value.type : now.state)),
      ['pending', 'neg', 'leaf', 'neg'],
    );
  });

  it('has the id and the residual that it was made with, and stays one object through all changes of endpoints', (t) => {
    const { value, seen, tree } = setUp(t, exists('10.0.0.1'));
    const { id, residual } = boundOf(tree.value);
    assert.deepEqual([id.show(), residual.show()], ['/#/r/web', '/a']);
    value.value = exists('10.0.0.2', '10.0.0.3');
    value.value = exists();
    assert.equal(seen.length, 1);
  });

  it('is Neg with the reason while the registry has never answered', (t) => {
    const { tree } = setUp(t, failed(new Error('refused')));
    const now = tree.value;
    assert.ok(now.state === 'ok' && now.value.type === 'neg');
    assert.deepEqual(
      now.value.reasons?.map(({ message }) => message),
      ['refused'],
    );
  });

  it('shares its addresses among all paths of one service', (t) => {
    const { trees, service, tree } = setUp(t, exists('10.0.0.1'));
    const other = trees.tree(parsePath('/#/r/web'), EMPTY_PATH, service);
    assert.equal(boundOf(tree.value).addr, boundOf(other.value).addr);
  });

  it('carries the freshness of its watch', (t) => {
    const { trees, value } = setUp(t, exists());
    const freshness = () => ({ registry: 'R', ageMs: 1, updates: 1, error: undefined });
    const tree = trees.tree(parsePath('/#/r/web'), EMPTY_PATH, { value, freshness });
    assert.equal(boundOf(tree.value).freshness, freshness);
  });
});

describe('addresses of a service', () => {
  const followed = (t: TestContext, service: Service) => {
    const scene = setUp(t, service);
    const addrs: string[] = [];
    t.after(observe(boundOf(scene.tree.value).addr, (now) => void addrs.push(show(now))));
    return { ...scene, addrs };
  };

  it('follow the endpoints, with their weights and metadata', (t) => {
    const { value, addrs, tree } = followed(t, exists('10.0.0.1'));
    value.value = ok({
      endpoints: [{ host: '::1', port: 81, weight: 3, meta: { nodeName: 'n' } }],
      meta: { ssl: true },
    });
    assert.deepEqual(addrs, ['10.0.0.1:80*1', '[::1]:81*3']);
    const addr = boundOf(tree.value).addr.value;
    assert.ok(addr.state === 'bound');
    assert.deepEqual([addr.meta, addr.addresses[0]?.meta], [{ ssl: true }, { nodeName: 'n' }]);
  });

  it('are an empty set for a service without endpoints, and Neg when it is gone', (t) => {
    const { value, addrs } = followed(t, exists());
    value.value = ok(undefined);
    assert.deepEqual(addrs, ['', 'neg']);
  });

  it('are one for two endpoints with one address, with the weight of the last', (t) => {
    const { value, addrs } = followed(t, exists());
    value.value = ok({
      endpoints: [
        { host: '10.0.0.1', port: 80 },
        { host: '10.0.0.1', port: 80, weight: 2 },
      ],
    });
    assert.equal(addrs.at(-1), '10.0.0.1:80*2');
  });

  it('of a host name are looked up, and one that is unknown costs its own endpoint alone', async (t) => {
    const { resolver, value, addrs } = followed(t, exists());
    resolver.answers.set('web.local', ['10.1.0.1', '10.1.0.2']);
    value.value = exists('10.0.0.1', 'web.local', 'unknown.local');
    await settled();
    assert.equal(addrs.at(-1), '10.0.0.1:80*1 10.1.0.1:80*1 10.1.0.2:80*1');
  });

  it('are not looked up again when another endpoint changes', async (t) => {
    const { resolver, value } = followed(t, exists('web.local'));
    resolver.answers.set('web.local', ['10.1.0.1']);
    await settled();
    value.value = exists('web.local', '10.0.0.1');
    value.value = exists('web.local', '10.0.0.2');
    await settled();
    assert.deepEqual(resolver.asked, ['web.local']);
  });
});

describe('two sets of endpoints', () => {
  const set = (...hosts: string[]): ServiceSet => ({ endpoints: hosts.map((host) => ({ host, port: 80 })) });
  for (const [what, a, b, same] of [
    ['in another order are the same', set('a', 'b'), set('b', 'a'), true],
    ['with another host are not', set('a'), set('b'), false],
    ['with one endpoint twice are not those with it once', set('a', 'a'), set('a', 'b'), false],
    ['of another size are not', set('a'), set('a', 'b'), false],
    [
      'with a default weight written out are the same',
      set('a'),
      { endpoints: [{ host: 'a', port: 80, weight: 1 }] },
      true,
    ],
    ['with another weight are not', set('a'), { endpoints: [{ host: 'a', port: 80, weight: 2 }] }, false],
    ['with other metadata are not', set('a'), { endpoints: [{ host: 'a', port: 80, meta: { x: 1 } }] }, false],
    ['with other metadata of the set are not', set('a'), { ...set('a'), meta: { ssl: true } }, false],
    ['an empty one and none are not', set(), undefined, false],
    ['none and none are', undefined, undefined, true],
  ] as const) {
    it(what, () => assert.equal(sameServiceSet(a, b), same));
  }
});
