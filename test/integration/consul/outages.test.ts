// io.l5d.consul before real agents that crash, restart empty, freeze, lose their leader or the way to them.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { startConsul, startConsulCluster } from '../registries/consul.js';
import { startCutProxy } from '../registries/cut-proxy.js';
import { registrySuite } from '../registries/registry-suite.js';
import { NamerScene } from './namer-scene.js';

expectNoOpenHandles();

const web = (n: number): { service: string; address: string; port: number } => ({
  service: 'web',
  address: `10.0.0.${n}`,
  port: 80,
});
const bound = (n: number): string => `/#/io.l5d.consul/dc1/web /: 10.0.0.${n}:80`;

registrySuite('consul', () => {
  it('keeps its addresses while the agent is dead, and follows one that restarts with a lower index within two seconds', async (t) => {
    const consul = await startConsul();
    t.after(() => consul.stop());
    for (let i = 0; i < 50; i++) await consul.setKey(`k${i}`, 'raises the index');
    await consul.register(web(1));
    const scene = new NamerScene(t, consul);
    const name = scene.follow('/dc1/web');
    await name.becomes(bound(1));

    await consul.kill();
    await eventually(() => scene.count('errors') >= 3);
    assert.equal(name.now, bound(1));
    assert.match(
      scene.warnings.join(),
      /: dc1\/web: GET \/v1\/catalog\/service\/web\?dc=dc1: connect ECONNREFUSED .*; its last answer stays in use/,
    );
    assert.equal(scene.namer.state().watches['dc1/web']?.failing, true);

    await consul.start();
    await consul.register(web(2));
    await name.becomes(bound(2), 2000);
    assert.equal(scene.namer.state().watches['dc1/web']?.failing, false);
  });

  it('reconnects to an agent that refused connections from the start (1.x bug 24)', async (t) => {
    const consul = await startConsul();
    t.after(() => consul.stop());
    const proxy = await startCutProxy(consul);
    t.after(() => proxy.close());
    await proxy.refuse();
    const scene = new NamerScene(t, proxy);
    const name = scene.follow('/dc1/web');
    await name.becomes(/^neg because Consul 127\.0\.0\.1:\d+: GET .*: connect ECONNREFUSED/);
    await consul.register(web(1));
    await proxy.pass();
    await name.becomes(bound(1));
  });

  it('asks again at once when its connection is cut, and says nothing if that works', async (t) => {
    const consul = await startConsul();
    t.after(() => consul.stop());
    const proxy = await startCutProxy(consul);
    t.after(() => proxy.close());
    await consul.register(web(1));
    const scene = new NamerScene(t, proxy);
    const name = scene.follow('/dc1/web');
    await name.becomes(bound(1));
    proxy.cut();
    await consul.register(web(2));
    await name.becomes(bound(2), 1000);
    assert.deepEqual(scene.warnings, []);
  });

  it('keeps its addresses while the agent is frozen, their age known, and sees what changed after that', async (t) => {
    const consul = await startConsul();
    t.after(() => consul.stop());
    await consul.register(web(1));
    const scene = new NamerScene(t, consul, { waitMs: 500 });
    const name = scene.follow('/dc1/web');
    await name.becomes(bound(1));
    consul.freeze();
    await eventually(() => (scene.namer.ageMs() ?? 0) > 1500, { timeoutMs: 5000 });
    assert.equal(name.now, bound(1));
    consul.thaw();
    await consul.register(web(2));
    await name.becomes(bound(2));
    await eventually(() => (scene.namer.ageMs() ?? 9999) < 1000);
    assert.equal(name.leaves, 1);
  });

  it('confirms its addresses at each end of the wait, so that their age stays small', async (t) => {
    const consul = await startConsul();
    t.after(() => consul.stop());
    await consul.register(web(1));
    const scene = new NamerScene(t, consul, { waitMs: 100 });
    await scene.follow('/dc1/web').becomes(bound(1));
    let oldest = 0;
    const startedAt = performance.now();
    await eventually(() => {
      oldest = Math.max(oldest, scene.namer.ageMs() ?? 0);
      return performance.now() - startedAt > 1500;
    });
    assert.ok(oldest < 1000, `${oldest} ms old`);
    assert.equal(scene.count('updates'), 1);
  });

  it('keeps its addresses while the cluster elects another leader, and follows that one', async (t) => {
    const cluster = await startConsulCluster();
    t.after(() => cluster.stop());
    const leader = await cluster.leader();
    const [other, third] = cluster.nodes.filter((node) => node !== leader);
    assert.ok(other && third);
    await other.register(web(1));
    const scene = new NamerScene(t, other);
    const name = scene.follow('/dc1/web');
    await name.becomes(bound(1));
    await leader.kill();
    while (!(await other.leads()) && !(await third.leads())) assert.equal(name.now, bound(1));
    await third.register(web(2));
    await name.becomes(bound(2), 10_000);
    assert.equal(name.leaves, 1, 'it was Neg in between');
  });
});
