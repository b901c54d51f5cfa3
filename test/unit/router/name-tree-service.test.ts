import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Bound } from '../../../src/base/addr.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import { EMPTY, FAIL, leaf, type NameTree, NEG } from '../../../src/base/name-tree.js';
import { ClientCache } from '../../../src/router/client-cache.js';
import { makeServiceTree, pickLeaf, releaseServiceTree } from '../../../src/router/name-tree-service.js';
import { FakeClients } from '../../support/fake-clients.js';
import { FakeNamer } from '../../support/fake-namer.js';
import { metricValue } from '../../support/metric-value.js';

function setUp() {
  const clients = new FakeClients();
  const namer = new FakeNamer('/#/fake');
  const { clock, metrics } = clients;
  const cache = new ClientCache({
    maxEntries: 0,
    idleTtlMs: 1000,
    clock,
    make: clients.make,
    clients: metrics.scope('client'),
    metrics: metrics.scope('bindcache', 'client'),
  });
  const options = { service: parsePath('/svc/web'), clients: cache };
  const bound = (name: string): Bound => namer.exists(name, '10.0.0.1:80').bound;
  const named = (name: string): NameTree<Bound> => leaf(bound(name));
  /** How often each leaf is picked when chance goes evenly through [0, 1). */
  const shares = (tree: NameTree<Bound>, steps = 100): Record<string, number> => {
    const service = makeServiceTree(tree, options);
    const counts: Record<string, number> = {};
    for (let i = 0; i < steps; i++) {
      const id = pickLeaf(service, () => i / steps)?.client.id.show() ?? 'nothing';
      counts[id] = (counts[id] ?? 0) + 1;
    }
    return counts;
  };
  return { clients, metrics, cache, options, bound, named, shares };
}

describe('name tree service', () => {
  it('picks the only leaf, with the headers of its way', () => {
    const { options, bound, cache } = setUp();
    const tree = makeServiceTree(leaf({ ...bound('/web'), residual: parsePath('/a/b') }), options);
    const picked = pickLeaf(tree, () => 0.5);
    assert.equal(picked?.client, cache.stacks()[0]);
    assert.equal(
      picked?.route.http1,
      'l5d-dst-service: /svc/web\r\nl5d-dst-client: /#/fake/web\r\nl5d-dst-residual: /a/b\r\n',
    );
    assert.equal(picked?.syntheticStatus, undefined);
  });

  it('leaves out an empty residual', () => {
    const { options, named } = setUp();
    const route = pickLeaf(makeServiceTree(named('/web'), options), () => 0)?.route;
    assert.deepEqual(
      [...(route?.headers ?? [])].map(([name]) => name),
      ['l5d-dst-service', 'l5d-dst-client'],
    );
  });

  it('keeps the status of a leaf that the gateway answers itself', () => {
    const { options, bound } = setUp();
    const tree = makeServiceTree(leaf({ ...bound('/web'), synthetic: { status: 418 } }), options);
    assert.equal(pickLeaf(tree, () => 0)?.syntheticStatus, 418);
  });

  for (const tree of [NEG, FAIL, EMPTY]) {
    it(`makes nothing of ${tree.type}`, () => {
      const { clients, options } = setUp();
      assert.equal(
        pickLeaf(makeServiceTree(tree, options), () => 0),
        undefined,
      );
      assert.deepEqual(clients.made, []);
    });
  }

  it('shares by weight, in unions within unions too', () => {
    const { named, shares } = setUp();
    assert.deepEqual(
      shares({
        type: 'union',
        branches: [
          { weight: 1, tree: named('/a') },
          {
            weight: 3,
            tree: {
              type: 'union',
              branches: [
                { weight: 0.5, tree: named('/b') },
                { weight: 0.5, tree: named('/c') },
              ],
            },
          },
        ],
      }),
      // The same number decides on both levels here, so the inner halves are those of [0.25, 1).
      { '/#/fake/a': 25, '/#/fake/b': 25, '/#/fake/c': 50 },
    );
  });

  it('never picks a branch of weight 0, unless all have that', () => {
    const { named, shares } = setUp();
    const union = (...weights: number[]): NameTree<Bound> => ({
      type: 'union',
      branches: weights.map((weight, i) => ({ weight, tree: named(`/n${i}`) })),
    });
    assert.deepEqual(shares(union(0, 1, 0)), { '/#/fake/n1': 100 });
    assert.deepEqual(shares(union(0, 0)), { '/#/fake/n0': 50, '/#/fake/n1': 50 });
  });

  it('answers nothing where the branch that was picked is empty: there is no second pick', () => {
    const { named, shares } = setUp();
    const tree: NameTree<Bound> = {
      type: 'union',
      branches: [
        { weight: 1, tree: EMPTY },
        { weight: 1, tree: named('/a') },
      ],
    };
    assert.deepEqual(shares(tree), { nothing: 50, '/#/fake/a': 50 });
  });

  it('counts per client and service, and gives both back', () => {
    const { clients, metrics, options, named, cache } = setUp();
    const tree = makeServiceTree(
      {
        type: 'union',
        branches: [
          { weight: 1, tree: named('/a') },
          { weight: 1, tree: named('/a') },
        ],
      },
      options,
    );
    const picked = pickLeaf(tree, () => 0);
    picked?.metrics.started();
    picked?.metrics.ended(true, 1);
    assert.equal(metricValue(metrics, 'client', '#/fake/a', 'service', 'svc/web', 'requests'), 1);
    const second = makeServiceTree(named('/a'), options);
    releaseServiceTree(tree, options);
    assert.equal(cache.stacks().length, 1);
    assert.equal(metricValue(metrics, 'client', '#/fake/a', 'service', 'svc/web', 'requests'), 1);
    releaseServiceTree(second, options);
    assert.equal(cache.stacks().length, 0);
    assert.deepEqual(
      clients.endpoints.map(({ closed }) => closed),
      [1],
    );
    assert.deepEqual([...metrics.scope('client').children.keys()], []);
  });
});
