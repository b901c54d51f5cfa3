import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { untracked } from '@preact/signals-core';
import { parsePath } from '../../../src/base/name-grammar.js';
import { eventually } from '../../support/eventually.js';
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

  const instance = (port: number | null, more: object = {}): string =>
    JSON.stringify({
      name: 'web',
      id: 'x',
      address: '127.0.0.1',
      port,
      sslPort: null,
      serviceType: 'DYNAMIC',
      ...more,
    });
  const register = (path: string, content: string): Promise<string> => client.create(path, content, { parents: true });

  test('a service is bound to its instances and follows them, also where they are written anew', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    await register('/services/web/a', instance(1));
    const web = await scene.first(scene.curator('/services'), '/web/users');
    assert.equal(web.now, '/#/c/web /users: 127.0.0.1:1');
    await register('/services/web/b', instance(2));
    await becomes(web, '/#/c/web /users: 127.0.0.1:1 127.0.0.1:2');
    await client.set('/services/web/a', instance(3));
    await becomes(web, '/#/c/web /users: 127.0.0.1:2 127.0.0.1:3');
    await client.set('/services/web/b', instance(2, { enabled: false }));
    await becomes(web, '/#/c/web /users: 127.0.0.1:3');
    await client.delete('/services/web/a');
    await becomes(web, '/#/c/web /users: ');
    await client.delete('/services/web/b');
    await client.delete('/services/web');
    await becomes(web, 'neg');
    assert.equal(web.leaves, 1);
  });

  test('a service with a TLS port is reached there, and its set says so', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    await register('/tls/a', instance(1, { sslPort: 443 }));
    await register('/tls/b', instance(2));
    const namer = scene.curator();
    const tls = await scene.first(namer, '/tls');
    assert.equal(tls.now, '/#/c/tls /: 127.0.0.1:2 127.0.0.1:443');
    const state = untracked(() => namer.lookup(parsePath('/tls')).value);
    assert.ok(state.state === 'ok' && state.value.type === 'leaf' && state.value.value.type === 'bound');
    const addr = untracked(
      () => state.value.type === 'leaf' && state.value.value.type === 'bound' && state.value.value.bound.addr.value,
    );
    assert.deepEqual(addr && addr.state === 'bound' && addr.meta, { ssl: true });
  });

  test('an instance that becomes garbage keeps its last good address', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    await register('/bad/a', instance(1));
    await register('/bad/b', instance(null));
    const bad = await scene.first(scene.curator(), '/bad');
    assert.equal(bad.now, '/#/c/bad /: 127.0.0.1:1');
    await client.set('/bad/a', '{');
    await eventually(() => scene.warnings.length === 2);
    assert.equal(bad.now, '/#/c/bad /: 127.0.0.1:1');
    assert.match(scene.warnings.join('\n'), /"b": port null is not in 1-65535; it is left out/);
    assert.match(scene.warnings.join('\n'), /"a": not JSON: "\{"; its last good address stays in use/);
  });

  test('the root of the names is no service', async (t) => {
    const scene = new ZkScene(t, zookeeper);
    assert.equal(scene.follow(scene.curator(), '/').now, 'neg');
  });
});
