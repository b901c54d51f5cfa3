import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import { defineKind } from '../../src/base/kind.js';
import { kinds } from '../../src/kinds.js';
import type { Kinds } from '../../src/linker.js';
import type { TransformerContext } from '../../src/naming/transformer.js';
import { localhostTransformer, makeLocalhost } from '../../src/transformer/localhost.js';
import { freePorts } from '../integration/registries/free-port.js';
import type { TestGateway } from '../support/gateway.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { request, Scene } from '../support/scene.js';
import { fixed, type Upstream } from '../support/upstream.js';

expectNoOpenHandles();

/** What the recipe says, as far as the test turns it. */
interface Recipe {
  admin: { port: number };
  namers: readonly object[];
  routers: {
    label: string;
    dtab: string;
    interpreter: { transformers: { kind: string; port?: number }[] };
    servers: { port: number; ip: string }[];
  }[];
}

/**
 * config/examples/per-host-consul.yaml on a host whose only address is `ip`: with the files of `directory` in Consul's
 * place, and with other ports.
 */
function recipeFor(ip: string, incomingPort: number, directory: string): string {
  const recipe = parse(readFileSync('config/examples/per-host-consul.yaml', 'utf8')) as Recipe;
  const [outgoing, incoming] = recipe.routers;
  const [port] = outgoing?.interpreter.transformers ?? [];
  const [from] = outgoing?.servers ?? [];
  const [to] = incoming?.servers ?? [];
  assert.ok(outgoing && incoming && port && from && to, 'a pair of routers of one listener each');
  assert.deepEqual(
    [port.kind, port.port],
    ['io.l5d.port', to.port],
    "the outgoing router leads to the incoming one's port",
  );
  recipe.admin.port = 0;
  // Without the router of tunnels, whose port would be the same on both hosts.
  recipe.routers = [outgoing, incoming];
  recipe.namers = [{ kind: 'io.l5d.fs', rootDir: directory }];
  for (const router of recipe.routers) router.dtab = router.dtab.replace('/#/io.l5d.consul/.local', '/#/io.l5d.fs');
  port.port = incomingPort;
  Object.assign(from, { port: 0, ip });
  Object.assign(to, { port: incomingPort, ip });
  return JSON.stringify(recipe);
}

/** The built-in kinds, on a machine whose only address is `ip`. */
function kindsOn(ip: string): Kinds {
  const localhost = defineKind({
    ...localhostTransformer,
    config: localhostTransformer.config,
    make: (_config, context: TransformerContext) => makeLocalhost(context, () => [ip]),
  });
  return {
    ...kinds,
    transformer: kinds.transformer.map((kind) => (kind === localhostTransformer ? localhost : kind)),
  };
}

const HOSTS = ['127.0.0.1', '127.0.0.2'] as const;

/** Two hosts with a gateway each, and services that are registered by their lines. */
async function start(t: TestContext) {
  const scene = new Scene(t);
  const directory = scene.directory();
  const [incomingPort] = await freePorts(1);
  assert.ok(incomingPort);
  const instance = (host: string, name: string): Promise<Upstream> => scene.upstream(fixed(200, name), { host });
  const register = (service: string, ...lines: readonly string[]): void =>
    writeFileSync(join(directory, service), `${lines.join('\n')}\n`);
  const gatewayOn = (ip: string): Promise<TestGateway> =>
    scene.gateway(recipeFor(ip, incomingPort, directory), { kinds: kindsOn(ip) });
  const gateways = [await gatewayOn(HOSTS[0]), await gatewayOn(HOSTS[1])] as const;
  const counted = (gateway: TestGateway, router: string, ip: string): number => {
    // Of the file, where the outgoing one is any.
    const port = router === 'incoming' ? incomingPort : 0;
    return gateway.metric('rt', router, 'server', `${ip}/${port}`, 'requests');
  };
  /** As an application on the first host does. */
  const ask = async (service: string): Promise<string> => {
    const { status, text } = await scene.ask(gateways[0], request('GET /', [`Host: ${service}`]));
    return status === 200 ? text : String(status);
  };
  return { scene, incomingPort, gateways, instance, register, counted, ask };
}

test('per-host recipe: requests go through the gateway of the host that the instance runs on', async (t) => {
  const { gateways, instance, register, counted, ask } = await start(t);
  const a = await instance(HOSTS[0], 'a');
  const b = await instance(HOSTS[1], 'b');
  const c = await instance(HOSTS[1], 'c');
  register('web', `${HOSTS[0]} ${a.port}`, `${HOSTS[1]} ${b.port}`, `${HOSTS[1]} ${c.port}`);
  const answers: string[] = [];
  for (let i = 0; i < 60; i++) answers.push(await ask('web'));
  assert.deepEqual([...new Set(answers)].sort(), ['a', 'b', 'c'], 'every instance is reached');
  const answered = (...names: readonly string[]): number => answers.filter((name) => names.includes(name)).length;
  assert.equal(counted(gateways[0], 'outgoing', HOSTS[0]), 60);
  assert.equal(counted(gateways[1], 'outgoing', HOSTS[1]), 0);
  assert.equal(counted(gateways[0], 'incoming', HOSTS[0]), answered('a'));
  assert.equal(counted(gateways[1], 'incoming', HOSTS[1]), answered('b', 'c'));
  assert.deepEqual(
    [a, b, c].map(({ requests }) => requests.length),
    [answered('a'), answered('b'), answered('c')],
  );
  assert.equal(b.requests[0]?.header('l5d-dst-client'), '/%/io.l5d.localhost/#/io.l5d.fs/web');
});

test('per-host recipe: instances that move to another host are followed', async (t) => {
  const { gateways, instance, register, counted, ask } = await start(t);
  const a = await instance(HOSTS[0], 'a');
  register('web', `${HOSTS[0]} ${a.port}`);
  assert.equal(await ask('web'), 'a');
  const b = await instance(HOSTS[1], 'b');
  register('web', `${HOSTS[1]} ${b.port}`);
  const deadline = performance.now() + 2000;
  for (let answer = await ask('web'); answer !== 'b'; answer = await ask('web')) {
    // Both gateways hear of it, one a moment before the other; until both have there may be no instance where one looks.
    assert.ok(['a', '502'].includes(answer) && performance.now() < deadline, answer);
  }
  for (let i = 0; i < 5; i++) assert.equal(await ask('web'), 'b');
  assert.equal(counted(gateways[1], 'incoming', HOSTS[1]), b.requests.length);
});

test('per-host recipe: an incoming router without an instance on its host answers 502, and sends nothing on', async (t) => {
  const { scene, incomingPort, gateways, instance, register } = await start(t);
  const b = await instance(HOSTS[1], 'b');
  register('web', `${HOSTS[1]} ${b.port}`);
  const refused = await scene.ask({ port: incomingPort }, request('GET /', ['Host: web']));
  assert.equal(refused.status, 502);
  assert.equal(b.requests.length, 0);
  assert.equal((await scene.ask(gateways[0], request('GET /', ['Host: web']))).text, 'b');
});
