import assert from 'node:assert/strict';
import { after, afterEach, before, it, type TestContext } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { type Etcd, type EtcdCluster, startEtcdCluster } from '../registries/etcd.js';
import { registrySuite } from '../registries/registry-suite.js';
import { EtcdScene } from './etcd-scene.js';

expectNoOpenHandles();

registrySuite('etcd', () => {
  let cluster: EtcdCluster;
  before(async () => {
    cluster = await startEtcdCluster();
    await (await cluster.leader()).put('/services/shop/1', '10.0.0.1:80');
  });
  after(() => cluster.stop());
  const down: Etcd[] = [];
  afterEach(async () => {
    for (const node of down.splice(0)) await node.start();
  });

  const kill = async (node: Etcd): Promise<void> => {
    down.push(node);
    await node.kill();
  };
  const others = (than: Etcd): Etcd[] => cluster.nodes.filter((node) => node !== than);
  /** Asks `first` before the others. */
  const scene = (t: TestContext, first: Etcd): EtcdScene =>
    new EtcdScene(t, { endpoints: [first, ...others(first)].map(({ url }) => url) });
  /** Written through whichever node takes it; while a leader is elected none does. */
  const put = async (value: string): Promise<void> => {
    for (;;) {
      for (const node of cluster.nodes) {
        if (down.includes(node)) continue;
        try {
          await node.put('/services/shop/1', value);
          return;
        } catch {
          // The next one.
        }
      }
    }
  };

  it('etcd namer whose first server is dead is answered by the next, without a Neg before', async (t) => {
    const [first] = cluster.nodes as [Etcd];
    await kill(first);
    const one = scene(t, first);
    const shop = one.follow('shop');
    await shop.sees(/^\/shop: /);
    assert.deepEqual(shop.seen.slice(0, -1), ['pending']);
    assert.equal(one.count('errors'), 0);
  });

  it('etcd namer sees changes again within 1.5 s of the death of the server that it watches', async (t) => {
    const leader = await cluster.leader();
    const [watched] = others(leader) as [Etcd];
    const one = scene(t, watched);
    const shop = one.follow('shop');
    await shop.sees(/^\/shop: /);
    assert.equal(one.namer.state().endpoint, watched.url);
    await kill(watched);
    const startedAt = performance.now();
    await put('10.0.0.2:80');
    await shop.sees('/shop: 10.0.0.2:80');
    assert.ok(performance.now() - startedAt < 1500);
    assert.deepEqual(
      shop.seen.filter((text) => !text.startsWith('/shop: 10')),
      ['pending'],
    );
    assert.match(one.logged[0] ?? '', new RegExp(`127.0.0.1:${watched.port}: Watch: .*its last answer stays in use`));
  });

  it('etcd namer leaves a server that is frozen for another', async (t) => {
    const leader = await cluster.leader();
    const [watched] = others(leader) as [Etcd];
    const one = scene(t, watched);
    const shop = one.follow('shop');
    await shop.sees(/^\/shop: /);
    watched.freeze();
    try {
      await leader.put('/services/shop/1', '10.0.0.3:80');
      await shop.sees('/shop: 10.0.0.3:80', 5000);
      assert.notEqual(one.namer.state().endpoint, watched.url);
    } finally {
      watched.thaw();
    }
  });

  it('etcd namer outlives the loss of the leader', async (t) => {
    const leader = await cluster.leader();
    for (const first of [leader, others(leader)[0] as Etcd]) {
      const one = scene(t, first);
      await one.follow('shop').sees(/^\/shop: /);
    }
    const follower = scene(t, others(leader)[0] as Etcd);
    const shop = follower.follow('shop');
    await shop.sees(/^\/shop: /);
    await kill(leader);
    await put('10.0.0.4:80');
    await shop.sees('/shop: 10.0.0.4:80', 10_000);
    assert.equal(shop.seen.includes('neg'), false);
  });

  it('etcd namer does not take a server without a majority for one that knows, and recovers with the majority', async (t) => {
    const [survivor, ...rest] = cluster.nodes as [Etcd, ...Etcd[]];
    const one = scene(t, survivor);
    const shop = one.follow('shop');
    await shop.sees(/^\/shop: /);
    const { seen } = shop;
    const before = seen.at(-1);
    for (const node of rest) await kill(node);
    await eventually(() => one.failing !== undefined, { timeoutMs: 10_000 });
    assert.equal(seen.at(-1), before);
    const [revived] = down.splice(0, 1) as [Etcd];
    await revived.start();
    await put('10.0.0.5:80');
    await shop.sees('/shop: 10.0.0.5:80', 15_000);
    assert.equal(one.failing, undefined);
  });
});
