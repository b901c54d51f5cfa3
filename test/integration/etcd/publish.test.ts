// io.l5d.etcd with `publish` before a real server: which hosts its registrations publish.

import assert from 'node:assert/strict';
import { after, afterEach, before, it, type TestContext } from 'node:test';
import { observe } from '../../../src/base/activity.js';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { startCutProxy } from '../registries/cut-proxy.js';
import { type Etcd, startEtcd } from '../registries/etcd.js';
import { registrySuite } from '../registries/registry-suite.js';
import { EtcdScene } from './etcd-scene.js';

expectNoOpenHandles();

const registration = (n: number, external?: unknown): string =>
  JSON.stringify({
    host: `10.0.0.${n}`,
    port: 80,
    ...(external !== undefined && { metadata: { 'linkgate.io/external': external } }),
  });

registrySuite('etcd', () => {
  let etcd: Etcd;
  before(async () => {
    etcd = await startEtcd();
  });
  after(() => etcd.stop());
  afterEach(() => etcd.deletePrefix('/'));

  const follow = (t: TestContext, url = etcd.url) => {
    const scene = new EtcdScene(t, { endpoints: [url], publish: true, lingerMs: 20 });
    const published = scene.namer.published ?? assert.fail('publishes nothing');
    const seen: string[] = [];
    const stop = observe(
      published,
      (hosts) => void seen.push(hosts.map(({ host, by }) => `${host}: ${by}`).join(', ')),
    );
    t.after(stop);
    const sees = (wanted: string): Promise<void> =>
      eventually(() => seen.at(-1) === wanted || assert.fail(`sees ${seen.at(-1)}, want ${wanted}`), {
        timeoutMs: 5000,
      });
    return { scene, seen, sees, stop };
  };

  it('publishes hosts of metadata, until they are withdrawn, and of two services each', async (t) => {
    const { scene, sees } = follow(t);
    await eventually(() => scene.namer.publishedPending() === undefined);
    const by = `etcd 127.0.0.1:${etcd.port} /services`;
    await etcd.put('/services/team/shop/1', registration(1, 'shop.example.com, *.api.example.com'));
    await sees(`*.api.example.com: ${by}/team/shop, shop.example.com: ${by}/team/shop`);
    await etcd.put('/services/team/shop/1', registration(1, 'shop.example.com'));
    await etcd.put(
      '/services/team/shop/2',
      '{"Addr":"10.0.0.2:80","Metadata":{"linkgate.io/external":"shop.example.com"}}',
    );
    await sees(`shop.example.com: ${by}/team/shop`);
    await etcd.put('/services/web/1', registration(3, 'Shop.example.com'));
    await sees(`shop.example.com: ${by}/team/shop, shop.example.com: ${by}/web`);
    await etcd.delete('/services/team/shop/1');
    await etcd.put('/services/team/shop/2', registration(2));
    await sees(`shop.example.com: ${by}/web`);
    await etcd.delete('/services/web/1');
    await sees('');
    await scene.follow('team', 'shop').sees('/team/shop: 10.0.0.2:80');
    assert.equal(scene.count('opens'), 1, 'one watch for names and for what is published');
    assert.deepEqual(scene.logged, []);
  });

  it('leaves out what is no host, says which once, and goes on with the rest', async (t) => {
    await etcd.put('/services/odd/1', registration(1, '*, odd.example.com'));
    await etcd.put('/services/odd/2', registration(2, 7));
    await etcd.put('/services/odd/3', 'nonsense');
    const { scene, sees } = follow(t);
    const by = `etcd 127.0.0.1:${etcd.port} /services/odd`;
    await sees(`odd.example.com: ${by}`);
    const said = `warn etcd 127.0.0.1:${etcd.port}: /services/: ${by}: linkgate.io/external is`;
    const want = 'want shop.example.com or *.example.com';
    assert.deepEqual(scene.logged.slice(1), [`${said} "*", ${want}`, `${said} "7 (no text)", ${want}`]);
    await scene.follow('odd').sees('/odd: 10.0.0.1:80 10.0.0.2:80');
  });

  it('keeps what is published through an outage, and withdraws after it what went meanwhile', async (t) => {
    const proxy = await startCutProxy(etcd);
    t.after(() => proxy.close());
    await etcd.put('/services/stays/1', registration(1, 'stays.example.com'));
    await etcd.put('/services/goes/1', registration(2, 'goes.example.com'));
    const { scene, seen, sees } = follow(t, `http://${proxy.address}`);
    const by = `etcd ${proxy.address} /services`;
    const both = `goes.example.com: ${by}/goes, stays.example.com: ${by}/stays`;
    await sees(both);
    await proxy.refuse();
    proxy.cut();
    await eventually(() => scene.count('errors') >= 1, { timeoutMs: 8000 });
    await etcd.delete('/services/goes/1');
    assert.equal(seen.at(-1), both);
    assert.equal(scene.namer.publishedPending(), undefined);
    await proxy.pass();
    await sees(`stays.example.com: ${by}/stays`);
    assert.deepEqual(seen, ['', both, `stays.example.com: ${by}/stays`]);
  });

  it('watches while somebody listens and for the linger after', async (t) => {
    const unobserved = new EtcdScene(t, { endpoints: [etcd.url], publish: true });
    assert.equal(unobserved.count('opens'), 0);
    assert.equal(new EtcdScene(t, { endpoints: [etcd.url] }).namer.published, undefined);
    await etcd.put('/services/shop/1', registration(1, 'shop.example.com'));
    const { scene, sees, stop } = follow(t);
    await sees(`shop.example.com: etcd 127.0.0.1:${etcd.port} /services/shop`);
    stop();
    await eventually(() => scene.count('closes') === 1);
    await etcd.delete('/services/shop/1');
    const again: string[] = [];
    t.after(
      observe(scene.namer.published ?? assert.fail(), (hosts) => void again.push(hosts.map(({ host }) => host).join())),
    );
    await eventually(() => scene.namer.publishedPending() === undefined);
    assert.deepEqual([...new Set(again)], [''], 'what was published before the pause came back');
  });
});
