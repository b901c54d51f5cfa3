// io.l5d.consul before a real agent: which instances a name is bound to, by what is registered and what is configured.

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { HealthStatus } from '../../../namers/consul/health.js';
import { pathFromText } from '../../../src/base/path.js';
import { eventually } from '../../support/eventually.js';
import { openConnectionsTo } from '../../support/open-connections.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { type Consul, startConsul } from '../registries/consul.js';
import { registrySuite } from '../registries/registry-suite.js';
import { type FollowedName, NamerScene } from './namer-scene.js';

expectNoOpenHandles();

registrySuite('consul', () => {
  let consul: Consul;
  before(async () => {
    consul = await startConsul();
  });
  after(() => consul.stop());

  it('binds a service with the rest of the path as residual', async (t) => {
    await consul.register({ service: 'web', address: '10.0.0.1', port: 80 });
    const scene = new NamerScene(t, consul);
    assert.equal(await scene.answer('/dc1/web'), '/#/io.l5d.consul/dc1/web /: 10.0.0.1:80');
    assert.equal(await scene.answer('/dc1/web/a/b'), '/#/io.l5d.consul/dc1/web /a/b: 10.0.0.1:80');
    assert.equal(scene.count('opens'), 1, 'one watch for both');
  });

  for (const [what, path] of [
    ['no element', '/'],
    ['a datacenter alone', '/dc1'],
    ['a service that is not there', '/dc1/absent'],
    ['a dot for a name', '/dc1/.'],
    ['two dots for a name', '/dc1/..'],
    ['a way out of the services', '/dc1/web\\x2f..\\x2f..\\x2fkv'],
    ['slashes alone', '/dc1/\\x2f\\x2f'],
  ] as const) {
    it(`is Neg for ${what}`, async (t) => {
      const scene = new NamerScene(t, consul);
      assert.equal(await scene.answer(path), 'neg');
    });
  }

  it('follows an instance that comes, moves and goes, with one leaf', async (t) => {
    const scene = new NamerScene(t, consul);
    const name = scene.follow('/dc1/moving');
    await name.becomes('neg');
    await consul.register({ service: 'moving', address: '10.0.0.1', port: 80 });
    await name.becomes('/#/io.l5d.consul/dc1/moving /: 10.0.0.1:80');
    await consul.register({ service: 'moving', id: 'moving-2', address: '10.0.0.2', port: 80 });
    await name.becomes('/#/io.l5d.consul/dc1/moving /: 10.0.0.1:80 10.0.0.2:80');
    await consul.deregister({ service: 'moving' });
    await name.becomes('/#/io.l5d.consul/dc1/moving /: 10.0.0.2:80');
    assert.equal(name.leaves, 1);
    await consul.deregister({ service: 'moving', id: 'moving-2' });
    await name.becomes('neg');
    assert.equal(scene.count('errors'), 0);
  });

  it('gives every address of a service, also several of one node (1.x bug 25)', async (t) => {
    for (const port of [80, 81, 82]) {
      await consul.register({ service: 'many', id: `many-${port}`, address: '10.0.0.1', port, node: 'host-1' });
    }
    await consul.register({ service: 'many', id: 'many-other', address: '10.0.0.2', port: 80 });
    const scene = new NamerScene(t, consul);
    assert.equal(
      await scene.answer('/dc1/many'),
      '/#/io.l5d.consul/dc1/many /: 10.0.0.1:80 10.0.0.1:81 10.0.0.1:82 10.0.0.2:80',
    );
  });

  it('asks for the names that are wanted and for no list of all (1.x bug 26)', async (t) => {
    await consul.register({ service: 'wanted', address: '10.0.0.1', port: 80 });
    const scene = new NamerScene(t, consul);
    const name = scene.follow('/dc1/wanted');
    await name.becomes(/10\.0\.0\.1:80$/);
    for (let i = 0; i < 20; i++) await consul.register({ service: `other-${i}`, address: '10.0.0.9', port: 80 });
    await consul.register({ service: 'wanted', address: '10.0.0.2', port: 80 });
    await name.becomes(/10\.0\.0\.2:80$/);
    assert.equal(scene.count('updates'), 2);
    assert.deepEqual(Object.keys(scene.namer.state().watches), ['dc1/wanted']);
  });

  it('asks in lower case and keeps the case in the id', async (t) => {
    await consul.register({ service: 'cased', address: '10.0.0.1', port: 80, tags: ['blue'] });
    const scene = new NamerScene(t, consul, { includeTag: true });
    assert.equal(await scene.answer('/dc1/BLUE/Cased'), '/#/io.l5d.consul/dc1/BLUE/Cased /: 10.0.0.1:80');
    assert.deepEqual(Object.keys(scene.namer.state().watches), ['dc1/blue/cased']);
  });

  it('binds names that are not ASCII', async (t) => {
    const service = 'naïve-größe-名前';
    await consul.register({ service, address: '10.0.0.1', port: 80 });
    const scene = new NamerScene(t, consul);
    assert.match(await scene.answer(pathFromText('dc1', service)), /: 10\.0\.0\.1:80$/);
  });

  it('takes the datacenter of the agent for .local', async (t) => {
    await consul.register({ service: 'near', address: '10.0.0.1', port: 80 });
    const scene = new NamerScene(t, consul);
    assert.equal(await scene.answer('/.local/near'), '/#/io.l5d.consul/.local/near /: 10.0.0.1:80');
  });

  it('binds the instances with the tag, with includeTag', async (t) => {
    await consul.register({ service: 'tagged', id: 'a', address: '10.0.0.1', port: 80, tags: ['v1', 'blue'] });
    await consul.register({ service: 'tagged', id: 'b', address: '10.0.0.2', port: 80, tags: ['v2'] });
    const scene = new NamerScene(t, consul, { includeTag: true });
    assert.equal(await scene.answer('/dc1/v1/tagged/rest'), '/#/io.l5d.consul/dc1/v1/tagged /rest: 10.0.0.1:80');
    assert.equal(await scene.answer('/dc1/v2/tagged'), '/#/io.l5d.consul/dc1/v2/tagged /: 10.0.0.2:80');
    assert.equal(await scene.answer('/dc1/v3/tagged'), 'neg');
    assert.equal(await scene.answer('/dc1/tagged'), 'neg');
  });

  it('follows a tag that is given and taken', async (t) => {
    const instance = { service: 'retagged', address: '10.0.0.1', port: 80 };
    await consul.register({ ...instance, tags: ['v1'] });
    const scene = new NamerScene(t, consul, { includeTag: true });
    const name = scene.follow('/dc1/v1/retagged');
    await name.becomes(/10\.0\.0\.1:80$/);
    await consul.register({ ...instance, tags: ['v2'] });
    await name.becomes('neg');
    await consul.register({ ...instance, tags: ['v1', 'v2'] });
    await name.becomes(/10\.0\.0\.1:80$/);
  });

  it('weighs by the highest of the tags that match', async (t) => {
    const register = (n: number, ...tags: string[]): Promise<void> =>
      consul.register({ service: 'weighed', id: `w${n}`, address: `10.0.0.${n}`, port: 80, tags });
    await register(1, 'small');
    await register(2, 'small', 'big');
    await register(3, 'other');
    const weights = [
      { tag: 'small', weight: 0.5 },
      { tag: 'big', weight: 4 },
    ];
    const scene = new NamerScene(t, consul, { weights });
    assert.match(await scene.answer('/dc1/weighed'), /: 10\.0\.0\.1:80\*0\.5 10\.0\.0\.2:80\*4 10\.0\.0\.3:80$/);
  });

  it("does not use Consul's own Weights", async (t) => {
    const weights = { passing: 7, warning: 3 };
    await consul.register({ service: 'own-weights', address: '10.0.0.1', port: 80, weights });
    assert.match(await new NamerScene(t, consul).answer('/dc1/own-weights'), /: 10\.0\.0\.1:80$/);
  });

  it("prefers the service's address, or takes the node's", async (t) => {
    await consul.register({ service: 'addressed', address: '10.0.0.1', port: 80 });
    await consul.register({ service: 'unaddressed', address: '', port: 80 });
    const scene = new NamerScene(t, consul);
    assert.match(await scene.answer('/dc1/addressed'), /: 10\.0\.0\.1:80$/);
    assert.match(await scene.answer('/dc1/unaddressed'), /: 127\.0\.0\.1:80$/);
    const nodes = new NamerScene(t, consul, { preferServiceAddress: false });
    assert.match(await nodes.answer('/dc1/addressed'), /: 127\.0\.0\.1:80$/);
  });

  it("sets the Host to the service's name in Consul's DNS", async (t) => {
    await consul.register({ service: 'hosted', address: '10.0.0.1', port: 80, tags: ['v1'] });
    const plain = new NamerScene(t, consul, { setHost: true });
    assert.match(await plain.answer('/dc1/Hosted'), /: 10\.0\.0\.1:80 \{"authority":"hosted\.service\.dc1\.consul"\}$/);
    assert.match(await plain.answer('/.local/hosted'), /\{"authority":"hosted\.service\.dc1\.consul"\}$/);
    const tagged = new NamerScene(t, consul, { setHost: true, includeTag: true });
    assert.match(await tagged.answer('/dc1/v1/hosted'), /\{"authority":"v1\.hosted\.service\.dc1\.consul"\}$/);
  });

  it('copies Meta, except what would set the Host', async (t) => {
    const meta = { version: '7', authority: 'evil.example.com', nodeName: 'x' };
    await consul.register({ service: 'described', address: '10.0.0.1', port: 80, meta });
    assert.match(await new NamerScene(t, consul).answer('/dc1/described'), /: 10\.0\.0\.1:80$/);
    const scene = new NamerScene(t, consul, { transferMetadata: true });
    assert.match(await scene.answer('/dc1/described'), /: 10\.0\.0\.1:80 \{"version":"7"\}$/);
    const health = new NamerScene(t, consul, { transferMetadata: true, useHealthCheck: true });
    assert.match(await health.answer('/dc1/described'), /: 10\.0\.0\.1:80 \{"version":"7"\}$/);
  });

  for (const consistencyMode of ['stale', 'consistent'] as const) {
    it(`follows changes with consistency mode ${consistencyMode}`, async (t) => {
      const service = `read-${consistencyMode}`;
      await consul.register({ service, address: '10.0.0.1', port: 80 });
      const scene = new NamerScene(t, consul, { consistencyMode });
      const name = scene.follow(`/dc1/${service}`);
      await name.becomes(/: 10\.0\.0\.1:80$/);
      await consul.register({ service, address: '10.0.0.2', port: 80 });
      await name.becomes(/: 10\.0\.0\.2:80$/);
    });
  }

  it('follows the health of instances, with useHealthCheck', async (t) => {
    const [one, two] = [1, 2].map(
      (n) => ({ service: 'checked', id: `c${n}`, address: `10.0.0.${n}`, port: 80 }) as const,
    );
    assert.ok(one && two);
    await consul.register(one);
    await consul.register({ ...two, status: 'critical' });
    const byHealth = (...healthStatuses: HealthStatus[]): FollowedName =>
      new NamerScene(t, consul, { useHealthCheck: true, healthStatuses }).follow('/dc1/checked');
    const passing = byHealth('passing');
    const warning = byHealth('passing', 'warning');
    const critical = byHealth('critical');
    await passing.becomes(/: 10\.0\.0\.1:80$/);
    await warning.becomes(/: 10\.0\.0\.1:80$/);
    await critical.becomes(/: 10\.0\.0\.2:80$/);
    await consul.register({ ...two, status: 'warning' });
    await warning.becomes(/: 10\.0\.0\.1:80 10\.0\.0\.2:80$/);
    await critical.becomes('neg');
    await consul.register({ ...two, status: 'passing' });
    await passing.becomes(/: 10\.0\.0\.1:80 10\.0\.0\.2:80$/);
    await consul.register({ ...one, status: 'critical' });
    await consul.register({ ...two, status: 'critical' });
    await passing.becomes('neg');
    await critical.becomes(/: 10\.0\.0\.1:80 10\.0\.0\.2:80$/);
  });

  it('knows maintenance of a service and of a node from a failed check', async (t) => {
    const byHealth = (...healthStatuses: HealthStatus[]): FollowedName =>
      new NamerScene(t, consul, { useHealthCheck: true, healthStatuses }).follow('/dc1/kept');
    await consul.api('PUT', '/v1/agent/service/register', { Name: 'kept', Address: '10.0.0.1', Port: 80 });
    const passing = byHealth('passing');
    const critical = byHealth('critical');
    const maintenance = byHealth('maintenance');
    for (const path of ['/v1/agent/service/maintenance/kept', '/v1/agent/maintenance']) {
      await passing.becomes(/: 10\.0\.0\.1:80$/);
      await consul.api('PUT', `${path}?enable=true`);
      await maintenance.becomes(/: 10\.0\.0\.1:80$/);
      await passing.becomes('neg');
      assert.equal(critical.now, 'neg');
      await consul.api('PUT', `${path}?enable=false`);
      await maintenance.becomes('neg');
    }
    await consul.api('PUT', '/v1/agent/service/deregister/kept');
  });

  it('leaves out an instance with a bad port or address, says which once, and counts it', async (t) => {
    const scene = new NamerScene(t, consul);
    await consul.register({ service: 'mixed', id: 'good', address: '10.0.0.1', port: 80 });
    await consul.register({ service: 'mixed', id: 'far', address: '10.0.0.2', port: 70000 });
    await consul.register({ service: 'mixed', id: 'odd', address: '10.0.0.300', port: 80 });
    await consul.register({ service: 'mixed', id: 'none', address: '10.0.0.3', port: 0 });
    const name = scene.follow('/dc1/mixed');
    await name.becomes(/: 10\.0\.0\.1:80$/);
    await consul.register({ service: 'mixed', id: 'good', address: '10.0.0.4', port: 80 });
    await name.becomes(/: 10\.0\.0\.4:80$/);
    const prefix = `warn Consul 127.0.0.1:${consul.port}: dc1/mixed:`;
    assert.deepEqual([...scene.warnings].sort(), [
      `${prefix} "far on far": port 70000 is not in 1-65535; it is left out`,
      `${prefix} "none on none": port 0 is not in 1-65535; it is left out`,
      `${prefix} "odd on odd": address "10.0.0.300" is neither an IP address nor a host name; it is left out`,
    ]);
    assert.equal(scene.count('garbage'), 6);
  });

  it('keeps the last good address of an instance that is registered anew with a bad one', async (t) => {
    await consul.register({ service: 'slipped', address: '10.0.0.1', port: 80 });
    const scene = new NamerScene(t, consul);
    const name = scene.follow('/dc1/slipped');
    await name.becomes(/: 10\.0\.0\.1:80$/);
    await consul.register({ service: 'slipped', address: '10.0.0.1', port: 70000 });
    await consul.register({ service: 'slipped', id: 'two', address: '10.0.0.2', port: 80 });
    await name.becomes(/: 10\.0\.0\.1:80 10\.0\.0\.2:80$/);
    assert.match(
      scene.warnings.join(),
      /"slipped on slipped": port 70000 is not in 1-65535; its last good address stays/,
    );
  });

  it('binds a service of bad instances alone to no addresses: it exists', async (t) => {
    await consul.register({ service: 'spoilt', address: '10.0.0.1', port: 70000 });
    assert.equal(await new NamerScene(t, consul).answer('/dc1/spoilt'), '/#/io.l5d.consul/dc1/spoilt /: ');
  });

  it('is Neg with the reason, within a second, for a datacenter that does not exist (1.x bug 23)', async (t) => {
    const scene = new NamerScene(t, consul);
    const startedAt = performance.now();
    const answer = await scene.answer('/nowhere/web');
    assert.ok(performance.now() - startedAt < 1000);
    assert.match(
      answer,
      /^neg because Consul 127\.0\.0\.1:\d+: GET \/v1\/catalog\/service\/web\?dc=nowhere: status 500/,
    );
    assert.match(answer, /No path to datacenter/);
  });

  it('publishes nothing for an answer that says the same', async (t) => {
    await consul.register({ service: 'steady', address: '10.0.0.1', port: 80 });
    const scene = new NamerScene(t, consul, { useHealthCheck: true, healthStatuses: ['passing', 'warning'] });
    const name = scene.follow('/dc1/steady');
    await name.becomes(/: 10\.0\.0\.1:80$/);
    // Its index moves on, and so do the two behind it; of what is known only the second one changes anything.
    await consul.register({ service: 'steady', address: '10.0.0.1', port: 80, status: 'warning' });
    await consul.register({ service: 'steady', address: '10.0.0.1', port: 80, meta: { a: 'b' } });
    await consul.register({ service: 'steady', address: '10.0.0.2', port: 80 });
    await name.becomes(/: 10\.0\.0\.2:80$/);
    assert.equal(scene.count('updates'), 2);
  });

  it('ends its watch after the linger, and its connections with it (1.x bug 22)', async (t) => {
    await consul.register({ service: 'left', address: '10.0.0.1', port: 80 });
    const scene = new NamerScene(t, consul, { lingerMs: 0 });
    for (let round = 1; round <= 3; round++) {
      const names = [scene.follow('/dc1/left'), scene.follow('/dc1/absent')];
      await Promise.all([names[0]?.becomes(/: 10\.0\.0\.1:80$/), names[1]?.becomes('neg')]);
      assert.ok(openConnectionsTo(consul.port) > 0);
      for (const name of names) name.stop();
      await eventually(() => scene.count('closes') === 2 * round);
      await eventually(() => openConnectionsTo(consul.port) === 0, { timeoutMs: 3000 });
    }
    assert.deepEqual(scene.namer.state().watches, {});
  });
});
