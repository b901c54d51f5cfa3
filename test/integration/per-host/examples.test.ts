// The per-host examples of the documents, as they are in config/examples but for their ports, before real registries.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import { captureLog } from '../../support/captured-log.js';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { get, request, Scene } from '../../support/scene.js';
import { Traffic } from '../../support/traffic.js';
import { fixed, type Upstream } from '../../support/upstream.js';
import { type Consul, startConsul } from '../registries/consul.js';
import { freePorts } from '../registries/free-port.js';
import { registrySuite } from '../registries/registry-suite.js';
import { startZooKeeper, type ZooKeeper } from '../registries/zookeeper.js';
import type { ZooKeeperTestClient } from '../registries/zookeeper-test-client.js';

expectNoOpenHandles();

const HOST = '127.0.0.1';

/** What the recipes say, as far as the tests turn it. */
interface Recipe {
  readonly admin: { port: number };
  readonly namers: readonly [{ port?: number; readonly zkAddrs?: readonly { port: number }[] }];
  readonly routers: readonly {
    readonly interpreter?: { readonly transformers: readonly { port?: number }[] };
    readonly servers: readonly { port: number; ip: string }[];
  }[];
}

/** On free ports, and on loopback alone. */
function recipeOf(registry: 'consul' | 'zookeeper', registryPort: number, incomingPort: number): string {
  const recipe = parse(readFileSync(`config/examples/per-host-${registry}.yaml`, 'utf8')) as Recipe;
  recipe.admin.port = 0;
  const [namer] = recipe.namers;
  // The announcer has the same list: an alias in the file is one object here.
  const [address] = namer.zkAddrs ?? [namer];
  if (address) address.port = registryPort;
  for (const { interpreter, servers } of recipe.routers) {
    for (const transformer of interpreter?.transformers ?? []) if (transformer.port) transformer.port = incomingPort;
    for (const server of servers) Object.assign(server, { port: server.port === 4141 ? incomingPort : 0, ip: HOST });
  }
  return JSON.stringify(recipe);
}

async function startExample(t: TestContext, registry: 'consul' | 'zookeeper', registryPort: number) {
  captureLog(t);
  const scene = new Scene(t);
  const [incoming = 0] = await freePorts(1);
  const gateway = await scene.gateway(recipeOf(registry, registryPort, incoming));
  const [outgoing = 0, , tunnels = 0] = gateway.ports;
  /** As an application with http_proxy does. */
  const ask = async (service: string): Promise<string> => {
    const answer = await scene.ask({ port: outgoing }, request(`GET http://${service}/`, [`Host: ${service}`]));
    return answer.status === 200 ? answer.text : String(answer.status);
  };
  const becomes = async (service: string, wanted: string): Promise<void> => {
    const deadline = performance.now() + 5000;
    let answer = await ask(service);
    for (; answer !== wanted; answer = await ask(service)) assert.ok(performance.now() < deadline, answer);
  };
  /** As an application with https_proxy does: what a request for `web` inside of a tunnel is answered. */
  const askThroughTunnel = async (authority: string): Promise<string> => {
    const caller = await scene.client({ port: tunnels });
    await caller.send(request(`CONNECT ${authority}`, [`Host: ${authority}`]));
    // The head alone: what follows it is the tunnel's.
    const [, status = ''] = (await caller.reader.takeThrough('\r\n\r\n')).split(' ');
    if (status !== '200') return status;
    await caller.send(get());
    return (await caller.readResponse()).text;
  };
  const counted = (router: string): number =>
    gateway.metric('rt', router, 'server', `${HOST}/${router === 'incoming' ? incoming : 0}`, 'requests');
  return { scene, gateway, incoming, outgoing, ask, becomes, askThroughTunnel, counted };
}

registrySuite('consul', () => {
  let consul: Consul;
  before(async () => {
    consul = await startConsul({ persistent: true });
  });
  after(() => consul.stop());

  const register = ({ port }: Upstream, id: string, more: object = {}): Promise<void> =>
    consul.register({ service: 'web', id, address: HOST, port, ...more });

  test('per-host example of Consul: requests and tunnels reach what is registered, also while Consul is down', async (t) => {
    const { scene, ask, becomes, askThroughTunnel, counted, outgoing } = await startExample(t, 'consul', consul.port);
    assert.equal(await ask('web'), '502', 'before there is one');
    assert.equal(await askThroughTunnel('web:443'), '502');
    const [a, b] = [await scene.upstream(fixed(200, 'a')), await scene.upstream(fixed(200, 'b'))];
    await register(a, 'a');
    await becomes('web', 'a');
    const before = counted('incoming');
    assert.equal(await ask('web'), 'a');
    assert.equal(counted('incoming'), before + 1, 'by way of the incoming router');
    assert.equal(await askThroughTunnel('web:443'), 'a');
    assert.equal(counted('incoming'), before + 1, 'a tunnel goes straight to the instance');

    const traffic = await Traffic.start({ port: outgoing, request: get(), callers: 2 });
    await consul.kill();
    assert.equal(await ask('web'), 'a');
    await consul.start();
    await register(b, 'b');
    await register(a, 'a', { status: 'critical' });
    await traffic.settlesOn('b');
    await traffic.end();
  });
});

registrySuite('zookeeper', () => {
  let zookeeper: ZooKeeper;
  let client: ZooKeeperTestClient;
  before(async () => {
    zookeeper = await startZooKeeper();
    client = await zookeeper.client();
  });
  after(async () => {
    await client.close();
    await zookeeper.stop();
  });

  /** As Finagle does. */
  const join = (service: string, { port }: Upstream): Promise<string> =>
    client.create(
      `/discovery/prod/${service}/member_`,
      JSON.stringify({ serviceEndpoint: { host: HOST, port }, additionalEndpoints: {}, status: 'ALIVE' }),
      { sequential: true, parents: true },
    );

  test('per-host example of ZooKeeper: requests and tunnels reach members, and gateways are found in a serverset', async (t) => {
    const { scene, gateway, incoming, ask, becomes, askThroughTunnel, counted } = await startExample(
      t,
      'zookeeper',
      zookeeper.port,
    );
    assert.equal(await ask('web'), '502', 'before there is one');
    const member = await join('web', await scene.upstream(fixed(200, 'a')));
    await becomes('web', 'a');
    const before = counted('incoming');
    assert.equal(await ask('web'), 'a');
    assert.equal(counted('incoming'), before + 1, 'by way of the incoming router');
    assert.equal(await askThroughTunnel('web:443'), 'a');
    assert.equal(counted('incoming'), before + 1, 'a tunnel goes straight to the member');

    await eventually(() => gateway.metric('announcer', 'io.l5d.serversets', 'announced') === 1);
    const [announced] = await client.children('/discovery/gateways');
    const { serviceEndpoint } = JSON.parse(await client.get(`/discovery/gateways/${announced}`));
    assert.deepEqual(serviceEndpoint, { host: HOST, port: incoming });

    await client.delete(member);
    await join('web', await scene.upstream(fixed(200, 'b')));
    await becomes('web', 'b');
    await gateway.drain();
    assert.deepEqual(await client.children('/discovery/gateways'), [], 'taken back before it drains');
  });
});
