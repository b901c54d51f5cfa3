import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ServersetsAnnouncer, type ServersetsAnnouncerOptions } from '../../../namers/zookeeper/announcer.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import { eventually } from '../../support/eventually.js';
import { metricValue } from '../../support/metric-value.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { type CutProxy, startCutProxy } from '../registries/cut-proxy.js';
import { registrySuite } from '../registries/registry-suite.js';
import { startZooKeeper, type ZooKeeper } from '../registries/zookeeper.js';
import type { ZooKeeperTestClient } from '../registries/zookeeper-test-client.js';
import { becomes, ZkScene } from './zk-scene.js';

expectNoOpenHandles();

const SESSION_MS = 1000;
const US = { host: '10.0.0.7', port: 4140 };

registrySuite('zookeeper', () => {
  let zookeeper: ZooKeeper;
  let client: ZooKeeperTestClient;
  let proxy: CutProxy;

  before(async () => {
    zookeeper = await startZooKeeper();
    client = await zookeeper.client();
    proxy = await startCutProxy(zookeeper);
  });
  after(async () => {
    await client?.close();
    await proxy?.close();
    await zookeeper?.stop();
  });

  function start(t: TestContext, more: Partial<ServersetsAnnouncerOptions> = {}) {
    t.after(() => proxy.pass());
    const scene = new ZkScene(t, proxy, { sessionTimeoutMs: SESSION_MS });
    const announcer = scene.own(new ServersetsAnnouncer({ ...scene.options('s'), pathPrefix: '/discovery', ...more }));
    return { scene, announcer };
  }

  /** Members below `/discovery<name>`; none where there is no such node. */
  const members = (name: string): Promise<readonly string[]> => client.children(`/discovery${name}`).catch(() => []);

  async function registered(name: string, count: number, timeoutMs = 5000): Promise<readonly string[]> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const now = await members(name);
      if (now.length === count) return now;
      assert.ok(performance.now() < deadline, `${now.length} members of ${name}, want ${count}`);
    }
  }

  test('a listener is registered as Linkerd writes it, and taken back when it closes', async (t) => {
    const { scene, announcer } = start(t);
    const announcement = announcer.announce(parsePath('/prod/web'), US);
    const [member = ''] = await registered('/prod/web', 1);
    assert.match(member, /^member_\d{10}$/);
    assert.deepEqual(JSON.parse(await client.get(`/discovery/prod/web/${member}`)), {
      serviceEndpoint: US,
      additionalEndpoints: {},
      status: 'ALIVE',
    });
    const web = await scene.first(scene.serversets(), '/discovery/prod/web');
    assert.equal(web.now, '/#/s/discovery/prod/web /: 10.0.0.7:4140');
    assert.equal(metricValue(scene.metrics, 'announced'), 1);
    await announcement.close();
    assert.deepEqual(await members('/prod/web'), []);
    await becomes(web, 'neg');
    assert.equal(metricValue(scene.metrics, 'announced'), 0);
  });

  test('several listeners share one session', async (t) => {
    const { scene, announcer } = start(t);
    // That of the test before.
    await eventually(() => proxy.connections === 0);
    announcer.announce(parsePath('/two'), US);
    announcer.announce(parsePath('/two'), { ...US, port: 4141 });
    await registered('/two', 2);
    assert.equal(proxy.connections, 1);
    await scene.close();
    assert.deepEqual(await members('/two'), []);
  });

  test('a listener is registered again once its session has expired', async (t) => {
    const { scene, announcer } = start(t);
    announcer.announce(parsePath('/expired'), US);
    const [first = ''] = await registered('/expired', 1);
    // Known to both ends: an answer that is lost is another test.
    await eventually(() => metricValue(scene.metrics, 'announced') === 1);
    await proxy.refuse();
    proxy.cut();
    await registered('/expired', 0);
    assert.ok(metricValue(scene.metrics, 'errors') > 0);
    await proxy.pass();
    const [second = ''] = await registered('/expired', 1);
    assert.notEqual(second, first);
    await eventually(() => metricValue(scene.metrics, 'announces') === 2);
    assert.equal(scene.warnings.filter((line) => line.includes('cannot announce')).length, 1);
  });

  test('a listener stays registered, once, through the loss of a connection', async (t) => {
    const { scene, announcer } = start(t);
    announcer.announce(parsePath('/cut'), US);
    const [first] = await registered('/cut', 1);
    await eventually(() => metricValue(scene.metrics, 'announced') === 1);
    for (let i = 0; i < 3; i++) {
      proxy.cut();
      await eventually(() => proxy.connections === 1);
      await pause(50);
    }
    assert.deepEqual(await members('/cut'), [first]);
    assert.equal(metricValue(scene.metrics, 'announces'), 1);
  });

  test('a registration whose answer was lost is found again, and not made twice', async (t) => {
    const { announcer } = start(t);
    await client.create('/discovery/lost', '', { parents: true });
    let created = false;
    // The connection is cut as soon as the node is there: often before its name has come back.
    for (let i = 0; i < 10; i++) {
      const announcement = announcer.announce(parsePath('/lost'), US);
      while (!created) created = (await members('/lost')).length > 0;
      proxy.cut();
      await eventually(() => proxy.connections === 1);
      await pause(100);
      assert.equal((await members('/lost')).length, 1);
      await announcement.close();
      await registered('/lost', 0);
      created = false;
    }
  });

  test('a listener whose node somebody deletes is registered again', async (t) => {
    const { announcer } = start(t);
    announcer.announce(parsePath('/deleted'), US);
    const [first = ''] = await registered('/deleted', 1);
    await client.delete(`/discovery/deleted/${first}`);
    const deadline = performance.now() + 2000;
    while ((await members('/deleted'))[0] === undefined || (await members('/deleted'))[0] === first) {
      assert.ok(performance.now() < deadline);
    }
  });

  test('an announcement waits for a server that is not there at the start', async (t) => {
    await proxy.refuse();
    const { scene, announcer } = start(t);
    announcer.announce(parsePath('/late'), US);
    await eventually(() => metricValue(scene.metrics, 'errors') > 0);
    assert.match(
      scene.warnings.join(),
      /cannot announce at \/discovery\/late: no session with any server .*ECONNREFUSED/,
    );
    await proxy.pass();
    await registered('/late', 1);
  });

  test('an announcement is closed soon while the server swallows every byte', async (t) => {
    const { scene, announcer } = start(t);
    const announcement = announcer.announce(parsePath('/hole'), US);
    await registered('/hole', 1);
    await proxy.blackHole();
    const startedAt = performance.now();
    await announcement.close();
    await scene.close();
    assert.ok(performance.now() - startedAt < 2500);
    await registered('/hole', 0);
  });

  test('what is made with credentials can be changed with them alone, and read by all', async (t) => {
    const authInfo = { scheme: 'digest', auth: 'gate:geheim' };
    const { scene } = start(t);
    const options = scene.options('s');
    const { announcer } = start(t, { session: { ...options.session, authInfo } });
    announcer.announce(parsePath('/owned/web'), US);
    const [member = ''] = await registered('/owned/web', 1);
    assert.match(await client.get(`/discovery/owned/web/${member}`), /ALIVE/);
    await assert.rejects(client.delete(`/discovery/owned/web/${member}`), /-102/);
  });

  test('a name that no node can have is refused at once', (t) => {
    const { announcer } = start(t);
    assert.throws(
      () => announcer.announce(parsePath('/a\\x2fb'), US),
      /Cannot announce "\/#\/s\/\\x61\\x2f\\x62": no node of ZooKeeper can have that path/,
    );
  });
});
