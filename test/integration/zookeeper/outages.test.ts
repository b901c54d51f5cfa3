import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../../support/eventually.js';
import type { FollowedName } from '../../support/follow-name.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { type CutProxy, startCutProxy } from '../registries/cut-proxy.js';
import { freePorts } from '../registries/free-port.js';
import { registrySuite } from '../registries/registry-suite.js';
import {
  startZooKeeper,
  startZooKeeperEnsemble,
  type ZooKeeper,
  type ZooKeeperEnsemble,
} from '../registries/zookeeper.js';
import type { ZooKeeperTestClient } from '../registries/zookeeper-test-client.js';
import { becomes, memberJson, ZkScene } from './zk-scene.js';

expectNoOpenHandles();

/** The shortest that the fixture's servers grant. */
const SESSION_MS = 1000;
const TREES = ['web', 'api'];

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

  const join = (name: string, port: number): Promise<string> =>
    client.create(`${name}/member_`, memberJson(port), { sequential: true, parents: true });

  /** Two services that are followed by way of the proxy, each with a member at port 1. */
  async function startFollowing(t: TestContext, base: string, sessionTimeoutMs = SESSION_MS) {
    const scene = new ZkScene(t, proxy, { sessionTimeoutMs });
    const namer = scene.serversets();
    const followed: FollowedName[] = [];
    for (const name of TREES) {
      await join(`${base}/${name}`, 1);
      followed.push(await scene.first(namer, `${base}/${name}`));
    }
    t.after(() => proxy.pass());
    const sessions = (): { expirations: number; connects: number; server: string | null } => {
      const { sessions: all } = namer.state() as { sessions: Record<string, ReturnType<typeof sessions>> };
      return Object.values(all)[0] as ReturnType<typeof sessions>;
    };
    return { scene, namer, followed, sessions };
  }

  const bothBecome = async (
    base: string,
    followed: readonly FollowedName[],
    ports: readonly number[],
  ): Promise<void> => {
    const addresses = ports.map((port) => `127.0.0.1:${port}`).join(' ');
    for (const [i, name] of TREES.entries()) {
      await becomes(followed[i] as FollowedName, `/#/s${base}/${name} /: ${addresses}`);
    }
  };

  /** That none of them was ever without addresses. */
  const neverEmptied = (followed: readonly FollowedName[]): void => {
    for (const { history } of followed) {
      const afterFirst = history.slice(history.findIndex((now) => now.startsWith('/')));
      assert.deepEqual(
        afterFirst.filter((now) => !/: 127/.test(now)),
        [],
      );
    }
  };

  test('a connection that is reset costs nothing, and what changed meanwhile is seen', async (t) => {
    const { scene, followed, sessions } = await startFollowing(t, '/reset');
    proxy.cut();
    for (const name of TREES) await join(`/reset/${name}`, 2);
    await bothBecome('/reset', followed, [1, 2]);
    neverEmptied(followed);
    assert.deepEqual(scene.warnings, []);
    assert.equal(scene.count('errors'), 0);
    assert.equal(sessions().expirations, 0);
  });

  test('a session that expired is made anew, and every watch set again (1.x bug 29)', async (t) => {
    const { scene, followed, sessions } = await startFollowing(t, '/expired');
    await proxy.refuse();
    proxy.cut();
    // Its last sign of life is known to the server alone.
    await eventually(() => scene.count('errors') > 0);
    for (const name of TREES) await join(`/expired/${name}`, 2);
    await pause(2 * SESSION_MS);
    await proxy.pass();
    await bothBecome('/expired', followed, [1, 2]);
    assert.equal(sessions().expirations, 1);
    for (const name of TREES) await join(`/expired/${name}`, 3);
    await bothBecome('/expired', followed, [1, 2, 3]);
    neverEmptied(followed);
    assert.equal(scene.count('errors'), 2, 'one for each watch, however often it was tried');
    assert.match(scene.warnings.join('\n'), /the session has expired and is made anew/);
    assert.match(
      scene.warnings.join('\n'),
      /\/expired\/web: no session with any server \(127.0.0.1:\d+: ECONNREFUSED\)/,
    );
  });

  test('a restart of the server within the session timeout keeps the session', async (t) => {
    const { followed, sessions } = await startFollowing(t, '/restart', 10_000);
    await zookeeper.kill();
    await zookeeper.start();
    client = await zookeeper.client();
    for (const name of TREES) await join(`/restart/${name}`, 2);
    await bothBecome('/restart', followed, [1, 2]);
    assert.equal(sessions().expirations, 0);
    neverEmptied(followed);
  });

  test('a black hole is noticed within the session timeout, and what changed meanwhile is seen after it', async (t) => {
    const { scene, namer, followed } = await startFollowing(t, '/hole');
    const startedAt = performance.now();
    await proxy.blackHole();
    await eventually(() => scene.logged.some((line) => /no sign of life for \d+ ms/.test(line)), { timeoutMs: 5000 });
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs < SESSION_MS, `${tookMs} ms`);
    for (const name of TREES) await join(`/hole/${name}`, 2);
    await eventually(() => scene.count('errors') === 2, { timeoutMs: 5000 });
    assert.match(scene.warnings.join('\n'), /no session after \d+ ms/);
    assert.ok((namer.ageMs() ?? 0) > 500);
    await proxy.pass();
    await bothBecome('/hole', followed, [1, 2]);
    neverEmptied(followed);
    await eventually(() => (namer.ageMs() ?? Number.NaN) < 500);
  });

  test('a server that was frozen for longer than the session goes on with a new one', async (t) => {
    const { followed } = await startFollowing(t, '/frozen');
    zookeeper.freeze();
    await pause(2 * SESSION_MS);
    zookeeper.thaw();
    client = await zookeeper.client();
    for (const name of TREES) await join(`/frozen/${name}`, 2);
    await bothBecome('/frozen', followed, [1, 2]);
    neverEmptied(followed);
  });

  test('members that come back after an outage that ended all sessions are missed by nobody', async (t) => {
    const { scene, followed, sessions } = await startFollowing(t, '/back');
    await proxy.refuse();
    proxy.cut();
    await client.delete('/back/web/member_0000000000');
    await client.deleteAll('/back/api');
    await eventually(() => scene.count('errors') > 0);
    await pause(2 * SESSION_MS);
    await proxy.pass();
    await eventually(() => sessions()?.expirations === 1);
    await join('/back/web', 2);
    const [web, api] = followed as [FollowedName, FollowedName];
    await becomes(web, '/#/s/back/web /: 127.0.0.1:2');
    // What does not come back within a session timeout is gone.
    await becomes(api, 'neg');
    neverEmptied([web]);
  });

  test('a server that is not there at the start is a Neg with the reason, soon, and is found when it comes', async (t) => {
    await join('/late/web', 1);
    const [port = 0] = await freePorts(1);
    const scene = new ZkScene(t, { host: '127.0.0.1', port });
    const startedAt = performance.now();
    const web = await scene.first(scene.serversets(), '/late/web');
    assert.ok(performance.now() - startedAt < 1000);
    assert.equal(
      web.now,
      `neg because ZooKeeper 127.0.0.1:${port}: no session with any server (127.0.0.1:${port}: ECONNREFUSED)`,
    );
    const server = createServer((socket) => socket.pipe(connect(zookeeper.port, '127.0.0.1')).pipe(socket));
    await once(server.listen(port, '127.0.0.1'), 'listening');
    t.after(() => server.close());
    await becomes(web, '/#/s/late/web /: 127.0.0.1:1');
  });

  test('a server that accepts and never answers at the start is given up after the deadline of an attempt', async (t) => {
    await join('/silent/web', 1);
    await proxy.blackHole();
    const scene = new ZkScene(t, proxy, { sessionTimeoutMs: 2000 });
    t.after(() => proxy.pass());
    const web = await scene.first(scene.serversets(), '/silent/web');
    assert.match(web.now, /^neg because ZooKeeper .*: no session after 1000 ms\)$/);
    await proxy.pass();
    await becomes(web, '/#/s/silent/web /: 127.0.0.1:1');
  });

  test('a server is reached over IPv6', async (t) => {
    await join('/six/web', 1);
    const server = createServer((socket) => socket.pipe(connect(zookeeper.port, '127.0.0.1')).pipe(socket));
    await once(server.listen(0, '::1'), 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const scene = new ZkScene(t, { host: '::1', port });
    const namer = scene.serversets();
    assert.equal((await scene.first(namer, '/six/web')).now, '/#/s/six/web /: 127.0.0.1:1');
    assert.match(JSON.stringify(namer.state()), new RegExp(`"ZooKeeper \\[::1\\]:${port}"`));
  });

  test('close ends everything at once while the registry swallows every byte', async (t) => {
    const { scene } = await startFollowing(t, '/close', 10_000);
    await proxy.blackHole();
    scene.follow(scene.serversets(), '/close/other');
    const startedAt = performance.now();
    await scene.close();
    assert.ok(performance.now() - startedAt < 1500);
  });

  describe('with an ensemble of three', () => {
    let ensemble: ZooKeeperEnsemble;
    before(async () => {
      ensemble = await startZooKeeperEnsemble();
    });
    after(() => ensemble?.stop());

    test('the loss of the server in use moves the session to another one, unseen by those who watch', async (t) => {
      const [first] = ensemble.nodes as [ZooKeeper, ...ZooKeeper[]];
      const setup = await first.client();
      await setup.create('/web');
      await setup.create('/web/member_', memberJson(1), { sequential: true });
      await setup.close();
      const scene = new ZkScene(t, ensemble.nodes, { sessionTimeoutMs: 4000 });
      const namer = scene.serversets();
      const web = await scene.first(namer, '/web');
      await becomes(web, '/#/s/web /: 127.0.0.1:1');
      const server = (): string | null => {
        const { sessions } = namer.state() as { sessions: Record<string, { server: string | null }> };
        return Object.values(sessions)[0]?.server ?? null;
      };
      const used = server();
      const node = ensemble.nodes.find((one) => one.connectString === used) as ZooKeeper;
      const startedAt = performance.now();
      await node.kill();
      await eventually(() => server() !== null && server() !== used, { timeoutMs: 8000 });
      t.diagnostic(`another server after ${(performance.now() - startedAt).toFixed(0)} ms`);
      const other = ensemble.nodes.find((one) => one.connectString === server()) as ZooKeeper;
      const writer = await other.client();
      t.after(() => writer.close());
      await writer.create('/web/member_', memberJson(2), { sequential: true });
      await becomes(web, '/#/s/web /: 127.0.0.1:1 127.0.0.1:2');
      const { sessions } = namer.state() as { sessions: Record<string, { expirations: number }> };
      assert.equal(Object.values(sessions)[0]?.expirations, 0);
    });
  });
});
