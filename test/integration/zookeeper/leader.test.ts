import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { zkLeaderSystemNamer } from '../../../namers/zookeeper/index.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { seededRandom } from '../../../src/base/random.js';
import { eventually } from '../../support/eventually.js';
import { followName } from '../../support/follow-name.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { registrySuite } from '../registries/registry-suite.js';
import { startZooKeeper, type ZooKeeper } from '../registries/zookeeper.js';
import type { ZooKeeperTestClient } from '../registries/zookeeper-test-client.js';
import { becomes, ZkScene } from './zk-scene.js';

expectNoOpenHandles();

registrySuite('zookeeper', () => {
  let zookeeper: ZooKeeper;
  let client: ZooKeeperTestClient;

  before(async () => {
    zookeeper = await startZooKeeper();
    client = await zookeeper.client();
  });
  after(async () => {
    await client?.close();
    await zookeeper?.stop();
  });

  const run = (election: string, addresses: string): Promise<string> =>
    client.create(`${election}/member_`, addresses, { sequential: true, parents: true });

  test('the leader of a group is followed as leaders come and go', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    const first = await run('/jobs', '127.0.0.1:1');
    await run('/jobs', '127.0.0.1:2,127.0.0.1:3');
    const leader = await scene.first(scene.leader(), '/jobs/status');
    assert.equal(leader.now, '/#/l/jobs /status: 127.0.0.1:1');
    await client.set(first, '127.0.0.1:9');
    await becomes(leader, '/#/l/jobs /status: 127.0.0.1:9');
    await client.delete(first);
    await becomes(leader, '/#/l/jobs /status: 127.0.0.1:2 127.0.0.1:3');
    assert.equal(leader.leaves, 1);
  });

  test('a group without a leader, and one that is not there, are Neg until there is one', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    await client.create('/empty');
    const namer = scene.leader();
    const [empty, absent] = [await scene.first(namer, '/empty'), await scene.first(namer, '/absent')];
    assert.deepEqual([empty.now, absent.now], ['neg', 'neg']);
    await run('/empty', '127.0.0.1:1');
    await run('/absent', '127.0.0.1:2');
    await becomes(empty, '/#/l/empty /: 127.0.0.1:1');
    await becomes(absent, '/#/l/absent /: 127.0.0.1:2');
  });

  test('a leader whose content becomes garbage keeps its last good address; one that never had any has none', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    const first = await run('/garbage', '127.0.0.1:1');
    await run('/garbage', '127.0.0.1:70000');
    const leader = await scene.first(scene.leader(), '/garbage');
    await client.set(first, 'soon');
    await eventually(() => scene.count('garbage') > 0);
    assert.equal(leader.now, '/#/l/garbage /: 127.0.0.1:1');
    await client.delete(first);
    await becomes(leader, 'neg');
    assert.match(
      scene.warnings.join('\n'),
      /"member_0000000000": "soon" is not host:port; its last good address stays/,
    );
    assert.match(scene.warnings.join('\n'), /"member_0000000001": port "70000" is not in 1-65535; it is left out/);
  });

  test('a leader is found with its ensemble in the name', async (t) => {
    await run('/named/election', '127.0.0.1:1');
    const scene = new ZkScene(t, zookeeper);
    const metrics = new MetricsScope();
    const namer = scene.own(zkLeaderSystemNamer.make({ clock: scene.clock, random: seededRandom(1), metrics }));
    const follow = (path: string): ReturnType<typeof followName> => {
      const followed = followName(
        { ...namer, prefix: scene.options('l').prefix, lookup: (p) => namer.lookup(p) },
        path,
      );
      t.after(() => followed.stop());
      return followed;
    };
    const prefix = `/$/io.buoyant.namer.zk.leader/${zookeeper.host}:${zookeeper.port}::${zookeeper.host}:${zookeeper.port}`;
    const leader = follow(`${prefix}/named/election/status`);
    await becomes(leader, `${prefix}/named/election /status: 127.0.0.1:1`);
    await run('/named/election', '127.0.0.1:2');
    await client.delete('/named/election/member_0000000000');
    await becomes(leader, `${prefix}/named/election /status: 127.0.0.1:2`);
    assert.equal(follow('/$/io.buoyant.namer.zk.leader/zk1:2181').now, 'neg');
    assert.match(
      follow('/$/io.buoyant.namer.zk.leader/zk1:99999/a').now,
      /^error Cannot bind "\/\$\/io.buoyant.namer.zk.leader\/zk1:99999\/a": port "99999" is not in 1-65535$/,
    );
  });
});
