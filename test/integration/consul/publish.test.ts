// io.l5d.consul with `publish` before a real agent: which hosts its services publish.

import assert from 'node:assert/strict';
import { after, before, it, type TestContext } from 'node:test';
import { observe } from '../../../src/base/activity.js';
import { captureLog, type LogLine } from '../../support/captured-log.js';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { request, Scene } from '../../support/scene.js';
import { fixed } from '../../support/upstream.js';
import { type Consul, startConsul } from '../registries/consul.js';
import { startCutProxy } from '../registries/cut-proxy.js';
import { registrySuite } from '../registries/registry-suite.js';
import { type ConsulAddress, NamerScene } from './namer-scene.js';

expectNoOpenHandles();

/** What lines of the log that tell of hosts have beside. */
interface Event {
  readonly event?: string;
  readonly host?: string;
  readonly by?: string;
}

const tag = (host: string): string => `linkgate.io/external=${host}`;

registrySuite('consul', () => {
  let consul: Consul;
  before(async () => {
    consul = await startConsul();
  });
  after(() => consul.stop());

  const register = (service: string, ...tags: readonly string[]): Promise<void> =>
    consul.register({ service, address: '10.0.0.1', port: 80, tags });

  const follow = (t: TestContext, at: ConsulAddress, options: object = {}) => {
    const scene = new NamerScene(t, at, { publish: true, lingerMs: 20, ...options });
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

  it('publishes hosts of tags, until they are withdrawn, and of two services each', async (t) => {
    const { scene, sees } = follow(t, consul);
    assert.match(scene.namer.publishedPending() ?? '', /has not answered yet/);
    await eventually(() => scene.namer.publishedPending() === undefined);
    const by = `Consul 127.0.0.1:${consul.port} service`;
    await register('web', 'v1', tag('shop.example.com'), tag('*.api.example.com'));
    await sees(`*.api.example.com: ${by} web, shop.example.com: ${by} web`);
    await register('web2', tag('Shop.example.com'));
    await sees(`*.api.example.com: ${by} web, shop.example.com: ${by} web, shop.example.com: ${by} web2`);
    await register('web', 'v1');
    await sees(`shop.example.com: ${by} web2`);
    await consul.deregister({ service: 'web2' });
    await sees('');
    assert.deepEqual(scene.warnings, []);
    await consul.deregister({ service: 'web' });
  });

  it('leaves out a tag without a host, says which once, and counts it', async (t) => {
    const { scene, sees } = follow(t, consul);
    await register('odd', tag('*'), tag('odd.example.com'));
    const by = `Consul 127.0.0.1:${consul.port} service odd`;
    await sees(`odd.example.com: ${by}`);
    await register('odd', tag('*'), tag('odd2.example.com'));
    await sees(`odd2.example.com: ${by}`);
    const want = 'want shop.example.com or *.example.com';
    assert.deepEqual(scene.warnings, [
      `warn Consul 127.0.0.1:${consul.port}: published hosts: ${by}: linkgate.io/external is "*", ${want}`,
    ]);
    assert.equal(scene.count('garbage'), 2);
    await consul.deregister({ service: 'odd' });
  });

  it('keeps what is published through an outage, and withdraws after it what went meanwhile', async (t) => {
    const proxy = await startCutProxy(consul);
    t.after(() => proxy.close());
    await register('stays', tag('stays.example.com'));
    await register('goes', tag('goes.example.com'));
    const { scene, seen, sees } = follow(t, proxy);
    const by = `Consul ${proxy.host}:${proxy.port} service`;
    const both = `goes.example.com: ${by} goes, stays.example.com: ${by} stays`;
    await sees(both);
    await proxy.refuse();
    // The question for the next change may be under way by now, and would be answered.
    proxy.cut();
    await eventually(() => scene.count('errors') >= 2);
    await consul.deregister({ service: 'goes' });
    assert.equal(seen.at(-1), both);
    assert.equal(scene.namer.publishedPending(), undefined);
    await proxy.pass();
    await sees(`stays.example.com: ${by} stays`);
    assert.deepEqual(seen, ['', both, `stays.example.com: ${by} stays`]);
    await consul.deregister({ service: 'stays' });
  });

  it('asks while somebody listens and for the linger after, and of the datacenter that it is told', async (t) => {
    const unobserved = new NamerScene(t, consul, { publish: true });
    assert.equal(unobserved.count('opens'), 0);
    assert.equal(new NamerScene(t, consul).namer.published, undefined);
    const { scene, stop } = follow(t, consul, { publishDatacenter: 'nowhere' });
    await eventually(() => /dc=nowhere: .*No path to datacenter/.test(scene.namer.publishedPending() ?? ''));
    stop();
    await eventually(() => scene.count('closes') === 1);
    const near = follow(t, consul, { publishDatacenter: 'dc1', consistencyMode: 'consistent' });
    await register('near', tag('near.example.com'));
    await near.sees(`near.example.com: Consul 127.0.0.1:${consul.port} dc1 service near`);
    await consul.deregister({ service: 'near' });
  });

  it('lets callers outside in while a service has the tag, with an event for each host, and admin shows why', async (t) => {
    const lines: readonly (LogLine & Event)[] = captureLog(t);
    const scene = new Scene(t);
    const upstream = await scene.upstream(fixed(200, 'shop'));
    const gateway = await scene.gateway(`
admin: {port: 0}
namers: [{kind: io.l5d.consul, host: ${consul.host}, port: ${consul.port}, publish: true}]
routers:
- protocol: http
  label: edge
  dtab: /ext/live.example.com => /#/io.l5d.consul/dc1/live
  servers: [{port: 0, exposure: external}]
`);
    const ask = async (host: string) => (await scene.ask(gateway, request('GET /', [`Host: ${host}`]))).status;
    const live = { service: 'live', address: '127.0.0.1', port: upstream.port };
    await consul.register(live);
    assert.equal(await ask('live.example.com'), 404);
    await consul.register({ ...live, tags: [tag('live.example.com')] });
    const exposed = (): number => gateway.metric('rt', 'edge', 'server', '127.0.0.1/0', 'exposed_hosts');
    await eventually(() => exposed() === 1, { timeoutMs: 5000 });
    assert.equal(await ask('live.example.com'), 200);
    assert.equal(await ask('live'), 404);
    const by = `Consul 127.0.0.1:${consul.port} service live`;
    const events = lines.filter(({ event }) => event === 'host-exposed');
    assert.deepEqual(
      events.map((line) => [line.host, line.by]),
      [['live.example.com', by]],
    );
    const page = await scene.ask({ port: gateway.adminPort }, request('GET /exposure.json', ['Host: 127.0.0.1']));
    const [listener] = JSON.parse(page.text).listeners;
    assert.deepEqual(listener.hosts[0].publishedBy, [by]);
    assert.equal(listener.hosts[0].names[0].targets[0].addresses, 1);
    await consul.register(live);
    await eventually(() => exposed() === 0, { timeoutMs: 5000 });
    assert.equal(await ask('live.example.com'), 404);
    await consul.deregister({ service: 'live' });
  });

  it('needs the right service:read alone, and publishes only what the token may see', async (t) => {
    const guarded = await startConsul({ acl: true });
    t.after(() => guarded.stop());
    await guarded.register({ service: 'seen', address: '10.0.0.1', port: 80, tags: [tag('seen.example.com')] });
    await guarded.register({ service: 'hidden', address: '10.0.0.1', port: 80, tags: [tag('hidden.example.com')] });
    const token = await guarded.createToken('service "seen" { policy = "read" }');
    const { sees } = follow(t, guarded, { token });
    await sees(`seen.example.com: Consul 127.0.0.1:${guarded.port} service seen`);
  });
});
