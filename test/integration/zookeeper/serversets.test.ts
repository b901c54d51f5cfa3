import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { pathFromText } from '../../../src/base/path.js';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { registrySuite } from '../registries/registry-suite.js';
import { startZooKeeper, type ZooKeeper } from '../registries/zookeeper.js';
import type { ZooKeeperTestClient } from '../registries/zookeeper-test-client.js';
import { becomes, memberJson, ZkScene } from './zk-scene.js';

expectNoOpenHandles();

registrySuite('zookeeper', () => {
  let zookeeper: ZooKeeper;
  let client: ZooKeeperTestClient;
  /** A folder of each test's own. */
  let base = '';
  let tests = 0;

  before(async () => {
    zookeeper = await startZooKeeper();
    client = await zookeeper.client();
  });
  after(async () => {
    await client?.close();
    await zookeeper?.stop();
  });
  beforeEach(async () => {
    tests += 1;
    base = `/t${tests}`;
    await client.create(base);
  });

  /** Registers a member as announcers do. */
  const join = (name: string, content: string): Promise<string> =>
    client.create(`${base}/${name}/member_`, content, { sequential: true, parents: true });

  test('a serverset is bound to its live members and follows them, in one leaf', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    const first = await join('web', memberJson(1001));
    await join('web', memberJson(1002, { status: 'STARTING' }));
    const web = await scene.first(scene.serversets(), `${base}/web`);
    assert.equal(web.now, `/#/s${base}/web /: 127.0.0.1:1001`);
    await join('web', memberJson(1003));
    await becomes(web, `/#/s${base}/web /: 127.0.0.1:1001 127.0.0.1:1003`);
    await client.delete(first);
    await becomes(web, `/#/s${base}/web /: 127.0.0.1:1003`);
    assert.equal(web.leaves, 1);
  });

  test('a serverset is found by endpoint and shard on the last element (1.x bug 30)', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    const http = (port: number): object => ({ additionalEndpoints: { http: { host: '127.0.0.1', port } } });
    await join('web', memberJson(1001, { ...http(2001), shard: 0 }));
    await join('web', memberJson(1002, { ...http(2002), shard: 1 }));
    await join('web', memberJson(1003, { shard: 1 }));
    const namer = scene.serversets();
    const found = async (name: string): Promise<string> => (await scene.first(namer, `${base}/${name}`)).now;
    assert.equal(await found('web:http'), `/#/s${base}/web:http /: 127.0.0.1:2001 127.0.0.1:2002`);
    assert.equal(await found('web#1'), `/#/s${base}/web#1 /: 127.0.0.1:1002 127.0.0.1:1003`);
    assert.equal(await found('web:http#1'), `/#/s${base}/web:http#1 /: 127.0.0.1:2002`);
    assert.equal(await found('web:grpc'), 'neg');
    assert.equal(await found('web#7'), 'neg');
    assert.equal(scene.count('opens'), 2, 'one watch for the serverset, one for the node above it');
  });

  test('a serverset that is not there is Neg, and is found as soon as it is', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    const web = await scene.first(scene.serversets(), `${base}/not/yet/web`);
    assert.equal(web.now, 'neg');
    const member = await join('not/yet/web', memberJson(1001));
    await becomes(web, `/#/s${base}/not/yet/web /: 127.0.0.1:1001`);
    await client.delete(member);
    await becomes(web, 'neg');
    await client.delete(`${base}/not/yet/web`);
    await join('not/yet/web', memberJson(1002));
    await becomes(web, `/#/s${base}/not/yet/web /: 127.0.0.1:1002`);
    assert.deepEqual(scene.warnings, []);
  });

  test('a serverset is found at the longest path that is one; the rest is the residual', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    await join('web', memberJson(1001));
    const path = await scene.first(scene.serversets(), `${base}/web/users/7`);
    assert.equal(path.now, `/#/s${base}/web /users/7: 127.0.0.1:1001`);
    const member = await join('web/users', memberJson(1002));
    await becomes(path, `/#/s${base}/web/users /7: 127.0.0.1:1002`);
    await client.delete(member);
    await becomes(path, `/#/s${base}/web /users/7: 127.0.0.1:1001`);
  });

  test('a serverset with a name of any letters is found', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    await join('naïve größe 名前', memberJson(1001));
    const path = pathFromText('naïve größe 名前').show();
    const { now } = await scene.first(scene.serversets(), `${base}${path}`);
    assert.equal(now, `/#/s${base}${path} /: 127.0.0.1:1001`);
  });

  test('a name that no node can have is Neg, and the server is not asked for it', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    await join('web', memberJson(1001));
    const namer = scene.serversets();
    for (const name of ['\\x2e\\x2e', 'a\\x2fweb', 'a\\x00', '\\xff\\xfe', '\\xf0\\x9f\\x98\\x80']) {
      assert.equal((await scene.first(namer, `/${name}`)).now, 'neg', name);
    }
    assert.equal(scene.count('opens'), 0);
  });

  test('garbage among the members costs itself alone, is told once and counted', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    await join('web', memberJson(1001));
    await join('web', 'no json');
    await join('web', memberJson(70_000));
    await join('web', memberJson(1004, { status: 'SLEEPY' }));
    await join('web', JSON.stringify({ status: 'ALIVE' }));
    await join('web', `{"x": "${'x'.repeat(900_000)}"}`);
    const web = await scene.first(scene.serversets(), `${base}/web`);
    assert.equal(web.now, `/#/s${base}/web /: 127.0.0.1:1001`);
    assert.equal(scene.count('garbage'), 5);
    await join('web', memberJson(1007));
    await becomes(web, `/#/s${base}/web /: 127.0.0.1:1001 127.0.0.1:1007`);
    const registry = `warn ZooKeeper ${zookeeper.connectString}: ${base}/web:`;
    assert.deepEqual(scene.warnings, [
      `${registry} "member_0000000001": not JSON: "no json"; it is left out`,
      `${registry} "member_0000000002": serviceEndpoint: port 70000 is not in 1-65535; it is left out`,
      `${registry} "member_0000000003": status "SLEEPY" is not one of ALIVE, DEAD, STARTING, STOPPING, STOPPED, WARNING; it is left out`,
      `${registry} "member_0000000004": it has no endpoints; it is left out`,
      `${registry} "member_0000000005": its content of 900009 bytes is larger than 65536; it is left out`,
    ]);
  });

  test('a member with a name of its own is watched, and keeps its last good address when it becomes garbage', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    const path = `${base}/web/member_static`;
    await client.create(path, memberJson(1001), { parents: true });
    const web = await scene.first(scene.serversets(), `${base}/web`);
    await client.set(path, memberJson(1002));
    await becomes(web, `/#/s${base}/web /: 127.0.0.1:1002`);
    await client.set(path, 'no json');
    await eventually(() => scene.count('garbage') > 0);
    assert.match(scene.warnings.join(), /"member_static": not JSON: "no json"; its last good address stays in use/);
    await client.set(path, memberJson(1003));
    await becomes(web, `/#/s${base}/web /: 127.0.0.1:1003`);
  });

  test('a serverset that was deleted and made again is read anew, although its members have the same names', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    await join('web', memberJson(1001));
    const web = await scene.first(scene.serversets(), `${base}/web`);
    // Together, so that the namer sees only the outcome.
    await Promise.all([
      client.delete(`${base}/web/member_0000000000`),
      client.delete(`${base}/web`),
      client.create(`${base}/web`),
      client.create(`${base}/web/member_`, memberJson(1002), { sequential: true }),
    ]);
    await becomes(web, `/#/s${base}/web /: 127.0.0.1:1002`);
  });

  test('a node beside the members is none', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    await join('web', memberJson(1001));
    await client.create(`${base}/web/vector_1`, '{"vector": []}');
    await client.create(`${base}/web/canary`);
    const web = await scene.first(scene.serversets(), `${base}/web`);
    assert.equal(web.now, `/#/s${base}/web /: 127.0.0.1:1001`);
    assert.deepEqual(scene.warnings, []);
  });

  test('5,000 members are read at once, follow changes, and lose none while members come and go', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    await client.create(`${base}/web`);
    const create = (port: number): Promise<string> =>
      client.create(`${base}/web/member_`, memberJson(port), { sequential: true });
    const members: string[] = [];
    for (let from = 1; from <= 5000; from += 500) {
      members.push(...(await Promise.all(Array.from({ length: 500 }, (_, i) => create(from + i)))));
    }
    const startedAt = performance.now();
    const web = await scene.first(scene.serversets(), `${base}/web`);
    const size = (): number => web.now.split(' ').length - 2;
    assert.equal(size(), 5000);
    t.diagnostic(`5,000 members read in ${(performance.now() - startedAt).toFixed(0)} ms`);
    // Removed while others are being read.
    await Promise.all([...members.slice(0, 200).map((member) => client.delete(member)), create(6001), create(6002)]);
    // A group is read for a fifth of the time at most, and on a busy machine 5,000 members take seconds.
    await eventually(() => size() === 4802, { timeoutMs: 30_000 });
    assert.match(web.now, / 127.0.0.1:6002/);
    assert.deepEqual(scene.warnings, []);
  });

  test('a burst of changes ends in the last of them, with far fewer updates', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    await join('web', memberJson(1));
    const web = await scene.first(scene.serversets(), `${base}/web`);
    for (let i = 0; i < 500; i++) await client.delete(await join('web', memberJson(2000 + i)));
    await join('web', memberJson(2));
    await becomes(web, `/#/s${base}/web /: 127.0.0.1:1 127.0.0.1:2`);
    assert.ok(scene.count('updates') < 250, `${scene.count('updates')} updates`);
  });

  test('names that are not there leave no watches at the server once nobody asks for them', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    const namer = scene.serversets({ lingerMs: 0 });
    await join('web', memberJson(1));
    await scene.first(namer, `${base}/web`);
    // It tells of watches on nodes themselves alone, not of those on their children.
    const watched = async (): Promise<number> => {
      return Number(/Total watches:(\d+)/.exec(await zookeeper.fourLetterWord('wchs'))?.[1]);
    };
    assert.equal(await watched(), 0);
    const names = Array.from({ length: 50 }, (_, i) => scene.follow(namer, `${base}/random${i}`));
    await eventually(() => names.every(({ now }) => now === 'neg'));
    assert.equal(await watched(), 50);
    for (const name of names) name.stop();
    await eventually(() => scene.count('closes') === 51);
    const deadline = performance.now() + 2000;
    while ((await watched()) > 0) assert.ok(performance.now() < deadline, 'watches are left at the server');
  });

  test('everything that asks for the same ensemble shares one session, which ends with the last of it', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    await join('web', memberJson(1));
    await client.create(`${base}/lead`);
    const sessions = async (): Promise<number> => (await zookeeper.fourLetterWord('cons')).trim().split('\n').length;
    // The test's own client and the command's own connection.
    const before = await sessions();
    const [one, two, leader] = [scene.serversets(), scene.serversets(), scene.leader()];
    await scene.first(one, `${base}/web`);
    await scene.first(two, `${base}/web`);
    await scene.first(leader, `${base}/lead`);
    assert.equal(await sessions(), before + 1);
    const other = scene.serversets({ session: { ...scene.options('s').session, sessionTimeoutMs: 3000 } });
    await scene.first(other, `${base}/web`);
    assert.equal(await sessions(), before + 2);
    await one.close();
    await leader.close();
    assert.equal(await sessions(), before + 2);
    await two.close();
    assert.equal(await sessions(), before + 1);
  });

  test('the age of a watch stays below a ping while the session lives, and its state is shown without secrets', async (t) => {
    const scene = new ZkScene(t, zookeeper, {
      sessionTimeoutMs: 1000,
      authInfo: { scheme: 'digest', auth: 'user:geheim' },
    });
    await join('web', memberJson(1));
    const namer = scene.serversets();
    await scene.first(namer, `${base}/web`);
    const ages: number[] = [];
    const startedAt = performance.now();
    await eventually(() => {
      ages.push(namer.ageMs() ?? Number.NaN);
      return performance.now() - startedAt > 1500;
    });
    assert.ok(Math.max(...ages) < 600, `${Math.max(...ages)} ms old`);
    assert.ok(Math.max(...ages) > 200, 'it is confirmed by pings alone');
    const state = JSON.stringify(namer.state());
    assert.match(state, new RegExp(`"server":"${zookeeper.connectString}"`));
    assert.doesNotMatch(state + scene.logged.join(), /geheim/);
  });

  test('a chroot is above every path', async (t) => {
    await client.create(`${base}/apps`);
    await join('apps/discovery/web', memberJson(1));
    const scene = new ZkScene(t, zookeeper, { chroot: `${base}/apps` });
    const web = await scene.first(scene.serversets(), '/discovery/web');
    assert.equal(web.now, '/#/s/discovery/web /: 127.0.0.1:1');
    await client.create(`${base}/apps/discovery/web/member_`, memberJson(2), { sequential: true });
    await becomes(web, '/#/s/discovery/web /: 127.0.0.1:1 127.0.0.1:2');
  });
});
