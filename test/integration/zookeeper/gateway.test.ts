import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { captureLog } from '../../support/captured-log.js';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { Scene } from '../../support/scene.js';
import { Traffic } from '../../support/traffic.js';
import { fixed, type Upstream } from '../../support/upstream.js';
import { type CutProxy, startCutProxy } from '../registries/cut-proxy.js';
import { registrySuite } from '../registries/registry-suite.js';
import { startZooKeeperEnsemble, type ZooKeeper, type ZooKeeperEnsemble } from '../registries/zookeeper.js';
import type { ZooKeeperTestClient } from '../registries/zookeeper-test-client.js';
import { memberJson } from './zk-scene.js';

expectNoOpenHandles();

registrySuite('zookeeper', () => {
  let ensemble: ZooKeeperEnsemble;
  let proxies: readonly CutProxy[];
  let client: ZooKeeperTestClient;

  before(async () => {
    ensemble = await startZooKeeperEnsemble();
    proxies = await Promise.all(ensemble.nodes.map((node) => startCutProxy(node)));
    client = await settledClient(ensemble);
  });
  after(async () => {
    await client?.close();
    await Promise.all((proxies ?? []).map((proxy) => proxy.close()));
    await ensemble?.stop();
  });

  const join = (name: string, upstream: Upstream, more: object = {}): Promise<string> =>
    client.create(`${name}/member_`, memberJson(upstream.port, more), { sequential: true, parents: true });

  const request = (host: string): string => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

  test('a gateway fails no request while servers of the ensemble die and its connections are cut and swallowed', async (t) => {
    captureLog(t);
    const scene = new Scene(t);
    const [a, b, c] = [
      await scene.upstream(fixed(200, 'a')),
      await scene.upstream(fixed(200, 'b')),
      await scene.upstream(fixed(200, 'c')),
    ];
    const first = await join('/discovery/prod/web', a);
    const gateway = await scene.gateway(`
admin: {port: 0}
namers:
- kind: io.l5d.serversets
  sessionTimeoutMs: 2000
  zkAddrs: ${JSON.stringify(proxies.map(({ host, port }) => ({ host, port })))}
routers:
- protocol: http
  dtab: /svc => /#/io.l5d.serversets/discovery/prod
  servers: [{port: 0}]
`);
    const traffic = await Traffic.start({ port: gateway.port, request: request('web') });
    t.after(() => traffic.stop());
    await traffic.settlesOn('a');

    // Every way to the ensemble swallows bytes, for longer than the session lives.
    for (const proxy of proxies) await proxy.blackHole();
    const second = await join('/discovery/prod/web', b);
    await client.delete(first);
    await eventually(() => gateway.metric('namer', 'io.l5d.serversets', 'service', 'errors') > 0, { timeoutMs: 8000 });
    for (const proxy of proxies) await proxy.pass();
    await traffic.settlesOn('b');

    // And the server in use dies: one that neither leads, which would end all connections, nor has the test's own.
    const leader = await ensemble.leader();
    const used = ensemble.nodes.findLastIndex((node) => node !== leader);
    for (const [i, proxy] of proxies.entries()) if (i !== used) await proxy.refuse();
    for (const proxy of proxies) proxy.cut();
    await eventually(() => (proxies[used]?.connections ?? 0) > 0, { timeoutMs: 8000 });
    for (const proxy of proxies) await proxy.pass();
    const node = ensemble.nodes[used] as ZooKeeper;
    await node.kill();
    await join('/discovery/prod/web', c);
    await client.delete(second);
    await traffic.settlesOn('c');
    t.diagnostic(`${await traffic.end()} requests, none failed`);
    await node.start();
  });

  test('the example of the documents routes by serverset, endpoint, shard, leader and Curator, and announces itself', async (t) => {
    captureLog(t);
    const scene = new Scene(t);
    const [service, admin, leader, curator] = [
      await scene.upstream(fixed(200, 'service')),
      await scene.upstream(fixed(200, 'admin')),
      await scene.upstream(fixed(200, 'leader')),
      await scene.upstream(fixed(200, 'curator')),
    ];
    const additionalEndpoints = { admin: { host: '127.0.0.1', port: admin.port } };
    await join('/discovery/prod/shop', service, { additionalEndpoints, shard: 0 });
    await client.create('/elections/scheduler/member_', `127.0.0.1:${leader.port}`, {
      sequential: true,
      parents: true,
    });
    await client.create(
      '/services/billing/1',
      JSON.stringify({ name: 'billing', id: '1', address: '127.0.0.1', port: curator.port, sslPort: null }),
      { parents: true },
    );
    const text = readFileSync('config/examples/zookeeper.yaml', 'utf8');
    const config = text
      .replaceAll('prod/web', 'prod/shop')
      .replaceAll('port: 2181', `port: ${(ensemble.nodes[0] as ZooKeeper).port}`)
      .replaceAll(/port: (9990|8080)/g, 'port: 0');
    const gateway = await scene.gateway(config);
    const ask = async (host: string): Promise<string> => (await scene.ask(gateway, request(host))).text;
    assert.equal(await ask('shop'), 'service');
    assert.equal(await ask('web-admin'), 'admin', 'a colon in a dtab');
    assert.equal(await ask('web-first'), 'service', 'a # in a dtab (1.x bug 30)');
    assert.equal(await ask('scheduler'), 'leader');
    assert.equal(await ask('billing'), 'curator');

    const edge = '/discovery/prod/edge';
    await eventually(() => gateway.metric('announcer', 'io.l5d.serversets', 'announced') === 1);
    const [member] = await client.children(edge);
    assert.deepEqual(JSON.parse(await client.get(`${edge}/${member}`)).serviceEndpoint, {
      host: '127.0.0.1',
      port: gateway.port,
    });
    await gateway.drain();
    assert.deepEqual(await client.children(edge), []);
  });

  test('a name with the ensemble in it is bound by the built-in namer of the gateway', async (t) => {
    const scene = new Scene(t);
    const upstream = await scene.upstream(fixed(200, 'leader'));
    await client.create('/elections/named/member_', `127.0.0.1:${upstream.port}`, { sequential: true, parents: true });
    const hosts = ensemble.connectString.replaceAll(',', '::');
    const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc => /$/io.buoyant.namer.zk.leader/${hosts}/elections
  servers: [{port: 0}]
`);
    assert.equal((await scene.ask(gateway, request('named'))).text, 'leader');
  });

  test('credentials are in no page of the admin port', async (t) => {
    captureLog(t);
    const scene = new Scene(t);
    const { host, port } = ensemble.nodes[0] as ZooKeeper;
    const gateway = await scene.gateway(`
admin: {port: 0}
namers:
- kind: io.l5d.serversets
  zkAddrs: [{host: ${host}, port: ${port}}]
  authInfo: {scheme: digest, auth: "gate:geheim"}
routers:
- protocol: http
  dtab: /svc => /#/io.l5d.serversets
  servers: [{port: 0}]
`);
    assert.equal((await scene.ask(gateway, request('absent'))).status, 502);
    for (const page of ['/config.json', '/namer_state/io.l5d.serversets.json', '/admin/metrics.json']) {
      const { status, text } = await scene.ask(
        { port: gateway.adminPort },
        `GET ${page} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`,
      );
      assert.equal(status, 200, page);
      assert.doesNotMatch(text, /geheim/, page);
    }
  });
});

/** The first writes after the start may still end with an election. */
async function settledClient(ensemble: ZooKeeperEnsemble): Promise<ZooKeeperTestClient> {
  for (let attempt = 1; ; attempt++) {
    const client = await (ensemble.nodes[0] as ZooKeeper).client();
    try {
      for (const path of ['/discovery', '/elections', '/services']) {
        if (!(await client.exists(path))) await client.create(path);
      }
      return client;
    } catch (error) {
      client.drop();
      if (attempt === 20) throw error;
      await pause(100);
    }
  }
}
