// A whole gateway with io.l5d.consul before a real agent: requests, outages and what admin and callers are told.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, it } from 'node:test';
import { parseConfig } from '../../../config/schema/parse.js';
import { captureLog } from '../../support/captured-log.js';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { get, Scene } from '../../support/scene.js';
import { Traffic } from '../../support/traffic.js';
import { echo, fixed, type Upstream } from '../../support/upstream.js';
import { type Consul, startConsul } from '../registries/consul.js';
import { registrySuite } from '../registries/registry-suite.js';
import { kinds } from './kinds.js';

expectNoOpenHandles();

registrySuite('consul', () => {
  let consul: Consul;
  before(async () => {
    consul = await startConsul({ persistent: true });
  });
  after(() => consul.stop());

  const register = (service: string, { port }: Upstream): Promise<void> =>
    consul.register({ service, address: '127.0.0.1', port });

  function config({ keys = {}, dtab = '/svc => /#/io.l5d.consul/dc1', routers = 1 } = {}): string {
    return JSON.stringify({
      admin: { port: 0 },
      namers: [{ kind: 'io.l5d.consul', host: consul.host, port: consul.port, ...keys }],
      routers: Array.from({ length: routers }, (_, i) => ({
        protocol: 'http',
        label: `r${i}`,
        dtab,
        servers: [{ port: 0 }],
      })),
    });
  }

  it('serves two routers by one watch through the death of the agent, without a failed request, and sees the change after', async (t) => {
    captureLog(t);
    const scene = new Scene(t);
    const [a, b] = [await scene.upstream(fixed(200, 'a')), await scene.upstream(fixed(200, 'b'))];
    await register('web', a);
    const gateway = await scene.gateway(config({ routers: 2 }), { kinds });
    const service = (name: string): number => gateway.metric('namer', 'io.l5d.consul', 'service', name);
    const traffics = await Promise.all(
      gateway.ports.map((port) => Traffic.start({ port, request: get(), callers: 4 })),
    );
    await consul.kill();
    await eventually(() => service('errors') >= 5, { timeoutMs: 10_000 });
    await consul.start();
    await register('web', b);
    for (const traffic of traffics) {
      await traffic.settlesOn('b');
      assert.ok((await traffic.end()) > 100);
    }
    assert.equal(service('opens'), 1);
  });

  it("sends the service's DNS name as Host, with setHost", async (t) => {
    const scene = new Scene(t);
    const upstream = await scene.upstream(echo);
    await register('api', upstream);
    const gateway = await scene.gateway(
      config({ keys: { setHost: true }, dtab: '/svc/web => /#/io.l5d.consul/dc1/api' }),
      { kinds },
    );
    const { text } = await scene.ask(gateway, get());
    assert.match(text, /\r\nhost: api\.service\.dc1\.consul\r\n/i);
  });

  it('falls through to the next alternative where the service, or its datacenter, does not exist', async (t) => {
    captureLog(t);
    const scene = new Scene(t);
    await register('api', await scene.upstream(fixed(200, 'fallback')));
    const dtab = '/svc/web => /#/io.l5d.consul/nowhere/api | /#/io.l5d.consul/dc1/absent | /#/io.l5d.consul/dc1/api';
    const gateway = await scene.gateway(config({ dtab }), { kinds });
    assert.equal((await scene.ask(gateway, get())).text, 'fallback');
  });

  it('answers 502 with the reason where Consul does not answer as it should', async (t) => {
    captureLog(t);
    const scene = new Scene(t);
    const dtab = '/svc => /#/io.l5d.consul/nowhere';
    const { status, text } = await scene.ask(await scene.gateway(config({ dtab }), { kinds }), get());
    assert.equal(status, 502);
    assert.match(text, new RegExp(`Consul 127\\.0\\.0\\.1:${consul.port}: .*No path to datacenter`));
  });

  it('shows its watches in namer_state', async (t) => {
    const scene = new Scene(t);
    await register('web', await scene.upstream(fixed(200, 'a')));
    const gateway = await scene.gateway(config(), { kinds });
    await scene.ask(gateway, get());
    const { text } = await scene.ask(
      { port: gateway.adminPort },
      'GET /namer_state/io.l5d.consul.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
    );
    const state = JSON.parse(text);
    assert.equal(state.registry, `Consul 127.0.0.1:${consul.port}`);
    assert.equal(state.watches['dc1/web'].state, 'ok');
    assert.equal(state.blockingQueries, 1);
  });

  it('runs the example of the documents', async (t) => {
    const scene = new Scene(t);
    await register('web', await scene.upstream(fixed(200, 'by its name')));
    const text = readFileSync('config/examples/consul.yaml', 'utf8');
    const here = text.replaceAll('port: 8500', `port: ${consul.port}`).replaceAll(/port: (9990|8080|4140)/g, 'port: 0');
    assert.ok(parseConfig(text, 'consul.yaml', kinds).ok);
    const gateway = await scene.gateway(here, { kinds });
    const ask = (host: string): Promise<{ readonly status: number; readonly text: string }> =>
      scene.ask(gateway, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.equal((await ask('absent')).status, 502);
    await consul.register({
      service: 'shop',
      address: '127.0.0.1',
      port: (await scene.upstream(fixed(200, 'shop'))).port,
      status: 'warning',
    });
    assert.equal((await ask('shop')).text, 'shop');
    await consul.setKey('namerd/dtabs/internal', '/svc/inside => /#/io.l5d.consul/dc1/shop');
    const inside = await scene.ask({ port: gateway.ports[1] ?? 0 }, 'GET / HTTP/1.1\r\nHost: inside\r\n\r\n');
    assert.equal(inside.text, 'shop');
  });
});
