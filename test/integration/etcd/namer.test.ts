import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, afterEach, before, it, type TestContext } from 'node:test';
import { Path, pathFromText } from '../../../src/base/path.js';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { type CutProxy, startCutProxy } from '../registries/cut-proxy.js';
import { type Etcd, startEtcd } from '../registries/etcd.js';
import { registrySuite } from '../registries/registry-suite.js';
import { EtcdScene } from './etcd-scene.js';

expectNoOpenHandles();

registrySuite('etcd', () => {
  let etcd: Etcd;
  before(async () => {
    etcd = await startEtcd();
  });
  after(() => etcd.stop());
  afterEach(() => etcd.deletePrefix('/'));

  const scene = (t: TestContext, options = {}): EtcdScene => new EtcdScene(t, { endpoints: [etcd.url], ...options });
  /** One that the network can be taken from. */
  const proxied = async (t: TestContext): Promise<{ readonly proxy: CutProxy; readonly scene: EtcdScene }> => {
    const proxy = await startCutProxy(etcd);
    t.after(() => proxy.close());
    return { proxy, scene: new EtcdScene(t, { endpoints: [`http://${proxy.address}`] }) };
  };

  it('etcd namer answers Neg for a service without keys, the service once it has one, Neg after the last', async (t) => {
    const shop = scene(t).follow('shop');
    await shop.sees('neg');
    await etcd.put('/services/shop/1', '10.0.0.1:80');
    await shop.sees('/shop: 10.0.0.1:80');
    await etcd.delete('/services/shop/1');
    await shop.sees('neg');
    assert.deepEqual(shop.seen, ['pending', 'neg', '/shop: 10.0.0.1:80', 'neg']);
  });

  it('etcd namer reads the three ways to register, side by side', async (t) => {
    await etcd.put('/services/shop/plain', '10.0.0.1:80');
    await etcd.put(
      '/services/shop/skydns',
      '{"host":"10.0.0.2","port":81,"weight":3,"ttl":30,"metadata":{"zone":"a"}}',
    );
    await etcd.put('/services/shop/grpc', '{"Op":0,"Addr":"10.0.0.3:82","Metadata":{"zone":"b"}}');
    const one = scene(t);
    await one.follow('shop').sees('/shop: 10.0.0.3:82 10.0.0.1:80 10.0.0.2:81*3');
    const tree = one.namer.lookup(pathFromText('shop')).value;
    assert.ok(tree.state === 'ok' && tree.value.type === 'leaf' && tree.value.value.type === 'bound');
    const addr = tree.value.value.bound.addr.value;
    assert.ok(addr.state === 'bound');
    assert.deepEqual(
      addr.addresses.map(({ meta }) => meta),
      [{ zone: 'b' }, {}, { zone: 'a' }],
    );
    assert.equal(one.count('garbage'), 0);
  });

  it('etcd namer follows what is added, changed and removed', async (t) => {
    await etcd.put('/services/shop/1', '10.0.0.1:80');
    const shop = scene(t).follow('shop');
    await shop.sees('/shop: 10.0.0.1:80');
    await etcd.put('/services/shop/2', '10.0.0.2:80');
    await shop.sees('/shop: 10.0.0.1:80 10.0.0.2:80');
    await etcd.put('/services/shop/1', '10.0.0.9:80');
    await shop.sees('/shop: 10.0.0.9:80 10.0.0.2:80');
    await etcd.delete('/services/shop/1');
    await shop.sees('/shop: 10.0.0.2:80');
  });

  it('etcd namer drops an instance whose lease has ended', async (t) => {
    await etcd.put('/services/shop/1', '10.0.0.1:80');
    const lease = (await etcd.put('/services/shop/2', '10.0.0.2:80', { leaseSeconds: 600 })) ?? assert.fail('no lease');
    const short = await etcd.put('/services/shop/3', '10.0.0.3:80', { leaseSeconds: 1 });
    assert.ok(short);
    const shop = scene(t).follow('shop');
    await shop.sees(/^\/shop: 10.0.0.1:80 10.0.0.2:80/);
    await etcd.revoke(lease);
    await shop.sees('/shop: 10.0.0.1:80', 10_000);
  });

  it('etcd namer binds the longest registered name, and what follows is the residual', async (t) => {
    await etcd.put('/services/team/1', '10.0.0.1:80');
    await etcd.put('/services/team/shop/1', '10.0.0.2:80');
    const one = scene(t);
    await one.follow('team').sees('/team: 10.0.0.1:80');
    await one.follow('team', 'pay', 'v1').sees('/team|/pay/v1: 10.0.0.1:80');
    await one.follow('team', 'shop').sees('/team/shop: 10.0.0.2:80');
    await one.follow('team', 'shop', 'v1', 'x').sees('/team/shop|/v1/x: 10.0.0.2:80');
    await one.follow('other', 'team').sees('neg');
  });

  it('etcd namer lets a longer name that comes later take over, and gives it back', async (t) => {
    await etcd.put('/services/team/1', '10.0.0.1:80');
    const path = scene(t).follow('team', 'shop', 'v1');
    await path.sees('/team|/shop/v1: 10.0.0.1:80');
    await etcd.put('/services/team/shop/1', '10.0.0.2:80');
    await path.sees('/team/shop|/v1: 10.0.0.2:80');
    await etcd.delete('/services/team/1');
    await etcd.delete('/services/team/shop/1');
    await path.sees('neg');
  });

  it('etcd namer takes names as bytes: unicode ones work, and an escaped slash separates nothing', async (t) => {
    await etcd.put('/services/größe-名前/1', '10.0.0.1:80');
    await etcd.put('/services/team/shop/1', '10.0.0.2:80');
    const one = scene(t);
    await one.follow('größe-名前').sees(/: 10\.0\.0\.1:80$/);
    await one.follow(new Path(['team/shop'])).sees('neg');
    await one.follow(new Path(['team', 'shop/1'])).sees('neg');
    await one.follow(new Path(['team', 'shop', 'a/b'])).sees('/team/shop|/\\x61\\x2f\\x62: 10.0.0.2:80');
  });

  it('etcd namer looks up hosts that are names', async (t) => {
    await etcd.put('/services/shop/1', 'localhost:80');
    await scene(t).follow('shop').sees('/shop: 127.0.0.1:80');
  });

  it('etcd namer sees only what is below its prefix', async (t) => {
    await etcd.put('/servicesX/shop/1', '10.0.0.1:80');
    await etcd.put('/services.old/shop/1', '10.0.0.1:80');
    await etcd.put('discovery/prod/shop/1', '10.0.0.2:80');
    await scene(t).follow('shop').sees('neg');
    await scene(t, { pathPrefix: 'discovery/prod' }).follow('shop').sees('/shop: 10.0.0.2:80');
    await scene(t, { pathPrefix: '' }).follow('services.old', 'shop').sees('/services.old/shop: 10.0.0.1:80');
  });

  it('etcd namer reads a list of several pages as one', async (t) => {
    for (let i = 0; i < 1200; i += 100) {
      const success = Array.from({ length: 100 }, (_, j) => ({
        requestPut: { key: base64(`/services/s${i + j}/1`), value: base64(`10.0.0.1:${1000 + i + j}`) },
      }));
      await etcd.api('/v3/kv/txn', { success });
    }
    const one = scene(t);
    const first = one.follow('s0');
    await first.sees('/s0: 10.0.0.1:1000');
    await one.follow('s1199').sees('/s1199: 10.0.0.1:2199');
    assert.equal(one.namer.state().services, 1200);
    assert.equal(one.namer.boundNames().length, 1200);
  });

  it('etcd namer has one watch for all names, from the first observer to the linger after the last', async (t) => {
    await etcd.put('/services/shop/1', '10.0.0.1:80');
    const { proxy } = await proxied(t);
    const one = new EtcdScene(t, { endpoints: [`http://${proxy.address}`], lingerMs: 20 });
    one.namer.lookup(pathFromText('shop'));
    assert.equal(proxy.connections, 0);
    const paths = Array.from({ length: 100 }, (_, i) => one.follow(`s${i}`));
    const shop = one.follow('shop');
    await shop.sees('/shop: 10.0.0.1:80');
    assert.deepEqual([proxy.connections, one.count('opens')], [1, 1]);
    for (const path of paths) path.leave();
    assert.equal(one.count('closes'), 0);
    shop.leave();
    await eventually(() => proxy.connections === 0);
    assert.equal(one.count('closes'), 1);
    assert.equal(one.namer.ageMs(), undefined);
    await etcd.put('/services/shop/1', '10.0.0.2:80');
    const again = one.follow('shop');
    await again.sees('/shop: 10.0.0.2:80');
    assert.deepEqual(again.seen, ['pending', '/shop: 10.0.0.2:80'], 'what was known before the pause came back');
  });

  it('etcd namer does no work for a name when another one changes', async (t) => {
    await etcd.put('/services/a/1', '10.0.0.1:80');
    await etcd.put('/services/b/1', '10.0.0.2:80');
    const one = scene(t);
    const [a, b] = [one.follow('a'), one.follow('b')];
    await a.sees('/a: 10.0.0.1:80');
    for (let i = 1; i <= 50; i++) await etcd.put('/services/b/1', `10.0.0.2:${i}`);
    await b.sees('/b: 10.0.0.2:50');
    assert.deepEqual(a.seen, ['pending', '/a: 10.0.0.1:80']);
  });

  it('etcd namer keeps the last good address of what became garbage, warns once and counts it', async (t) => {
    await etcd.put('/services/shop/1', '10.0.0.1:80');
    const one = scene(t);
    const [shop, other] = [one.follow('shop'), one.follow('other')];
    await shop.sees('/shop: 10.0.0.1:80');
    const values = ['nonsense', '10.0.0.1:70000', '{"host":"10.0.0.1","port":80,"weight":-1}', '{"host":', ''];
    for (const value of values) await etcd.put('/services/shop/1', value);
    await etcd.put('/services/shop/1', '10.0.0.1:70000');
    await etcd.put('/services/x', '10.0.0.1:80');
    await etcd.put('/services/other/1', '10.0.0.9:80');
    await other.sees('/other: 10.0.0.9:80');
    assert.equal(shop.seen.at(-1), '/shop: 10.0.0.1:80');
    assert.equal(one.count('garbage'), values.length + 2);
    const warning = `warn etcd 127.0.0.1:${etcd.port}: /services/: `;
    assert.deepEqual(one.logged.slice(1), [
      `${warning}"/services/shop/1": value "10.0.0.1:70000": port "70000" is not in 1-65535; its last good address stays in use`,
      `${warning}"/services/shop/1": value "{"host":"10.0.0.1","port":80,"weight":-1}": weight -1 is not a number from 0 on; its last good address stays in use`,
      `${warning}"/services/shop/1": value "{"host":": is not JSON; its last good address stays in use`,
      `${warning}"/services/shop/1": value "": "" is not host:port; its last good address stays in use`,
      `${warning}key "/services/x" is not /services/<service>/<instance>; it is left out`,
    ]);
    await etcd.put('/services/shop/1', '10.0.0.2:80');
    await shop.sees('/shop: 10.0.0.2:80');
  });

  it('etcd namer that has never had an answer says Neg and why, then recovers', async (t) => {
    await etcd.put('/services/shop/1', '10.0.0.1:80');
    const { proxy, scene: one } = await proxied(t);
    await proxy.refuse();
    const shop = one.follow('shop');
    await shop.sees(`neg because etcd ${proxy.address}: Range: connect ECONNREFUSED ${proxy.address}`);
    await proxy.pass();
    await shop.sees('/shop: 10.0.0.1:80');
    assert.equal(one.failing, undefined);
  });

  it('etcd namer keeps its last answer while the server is dead, then sees what the restarted one has', async (t) => {
    await etcd.put('/services/shop/1', '10.0.0.1:80');
    const one = scene(t);
    const shop = one.follow('shop');
    await shop.sees('/shop: 10.0.0.1:80');
    await etcd.kill();
    await eventually(() => /ECONNREFUSED/.test(one.failing ?? ''));
    await etcd.start();
    await etcd.put('/services/shop/2', '10.0.0.2:80');
    await shop.sees('/shop: 10.0.0.1:80 10.0.0.2:80', 10_000);
    assert.deepEqual(shop.seen, ['pending', '/shop: 10.0.0.1:80', '/shop: 10.0.0.1:80 10.0.0.2:80']);
    assert.equal(one.failing, undefined);
  });

  it('etcd namer sees what changed while it was cut off, though the history of it was compacted (1.x bugs 2, 4)', async (t) => {
    await etcd.put('/services/shop/1', '10.0.0.1:80');
    const { proxy, scene: one } = await proxied(t);
    const [shop, gone] = [one.follow('shop'), one.follow('gone')];
    await etcd.put('/services/gone/1', '10.0.0.3:80');
    await gone.sees('/gone: 10.0.0.3:80');
    await proxy.refuse();
    proxy.cut();
    await eventually(() => one.failing !== undefined);
    await etcd.put('/services/shop/1', '10.0.0.2:80');
    await etcd.delete('/services/gone/1');
    await etcd.compact();
    await proxy.pass();
    await shop.sees('/shop: 10.0.0.2:80', 10_000);
    await gone.sees('neg');
    await etcd.put('/services/shop/1', '10.0.0.4:80');
    await shop.sees('/shop: 10.0.0.4:80');
  });

  it('etcd namer notices a store that was wiped, and follows the new one', async (t) => {
    for (let i = 0; i < 20; i++) await etcd.put('/services/shop/1', '10.0.0.1:80');
    const one = scene(t);
    const shop = one.follow('shop');
    await shop.sees('/shop: 10.0.0.1:80');
    await etcd.kill();
    await rm(`${etcd.folder}/data`, { recursive: true });
    await etcd.start();
    await shop.sees('neg', 10_000);
    assert.match(
      one.logged.join('\n'),
      /the revision of etcd went back from \d+ to 1: its store was wiped or restored/,
    );
    await etcd.put('/services/shop/1', '10.0.0.2:80');
    await shop.sees('/shop: 10.0.0.2:80');
  });

  it('etcd namer notices a frozen server within five seconds, and keeps what it knows', async (t) => {
    await etcd.put('/services/shop/1', '10.0.0.1:80');
    const one = scene(t);
    const shop = one.follow('shop');
    await shop.sees('/shop: 10.0.0.1:80');
    etcd.freeze();
    t.after(() => etcd.thaw());
    await eventually(() => one.failing === 'Range: no answer after 2000 ms', { timeoutMs: 5000 });
    assert.ok((one.namer.ageMs() ?? 0) > 1900);
    assert.equal(shop.seen.at(-1), '/shop: 10.0.0.1:80');
    etcd.thaw();
    await etcd.put('/services/shop/1', '10.0.0.2:80');
    await shop.sees('/shop: 10.0.0.2:80', 10_000);
  });

  it('etcd namer confirms its state every second or two, with or without changes of other keys', async (t) => {
    const one = scene(t);
    await one.follow('shop').sees('neg');
    for (const write of [async () => {}, () => etcd.put('/elsewhere/1', 'x')]) {
      let [oldest, confirmed, before] = [0, 0, 0];
      await write();
      await eventually(
        () => {
          const age = one.namer.ageMs() ?? assert.fail('not watched');
          oldest = Math.max(oldest, age);
          if (age < before) confirmed += 1;
          before = age;
          return confirmed === 2;
        },
        { timeoutMs: 6000 },
      );
      assert.ok(oldest < 2500, `${oldest} ms old`);
    }
    assert.equal(one.count('errors'), 0);
    assert.equal(one.count('updates'), 1);
  });

  it('etcd namer ends everything in close, whatever the server does', async (t) => {
    const { proxy, scene: one } = await proxied(t);
    await one.follow('shop').sees('neg');
    await proxy.blackHole();
    const startedAt = performance.now();
    await one.close();
    assert.ok(performance.now() - startedAt < 500);
    const two = new EtcdScene(t, { endpoints: [`http://${proxy.address}`] });
    two.follow('shop');
    await eventually(() => proxy.connections > 0);
    await two.close();
    await proxy.pass();
    await eventually(() => proxy.connections === 0);
  });
});

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
