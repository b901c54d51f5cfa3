import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { z } from 'zod';
import { defineKind } from '../../src/base/kind.js';
import type { ResponseClassifier } from '../../src/classifier/classifier.js';
import { kinds } from '../../src/kinds.js';
import { eventually } from '../support/eventually.js';
import { FakeNamer } from '../support/fake-namer.js';
import { kindsWith } from '../support/fake-namer-kind.js';
import type { TestGateway, TestGatewayOptions } from '../support/gateway.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { RawClient } from '../support/raw-client.js';
import { get, Scene } from '../support/scene.js';
import { Traffic } from '../support/traffic.js';
import { fixed, hang, type Upstream } from '../support/upstream.js';

expectNoOpenHandles();

/** Two upstreams that answer with their names, and a gateway whose configuration a test writes and writes again. */
class Reloading {
  readonly scene: Scene;
  readonly a: Upstream;
  readonly b: Upstream;
  gateway!: TestGateway;

  private constructor(scene: Scene, a: Upstream, b: Upstream) {
    this.scene = scene;
    this.a = a;
    this.b = b;
  }

  static async start(t: TestContext): Promise<Reloading> {
    const scene = new Scene(t);
    return new Reloading(scene, await scene.upstream(fixed(200, 'a')), await scene.upstream(fixed(200, 'b')));
  }

  async serve(config: string, options?: TestGatewayOptions): Promise<TestGateway> {
    this.gateway = await this.scene.gateway(config, options);
    return this.gateway;
  }

  to({ port }: Upstream, more = ''): string {
    return `
admin: {port: 0, shutdownGraceMs: 200}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${port}
  servers: [{port: 0}]
${more}`;
  }

  clientMetric({ port }: Upstream, ...name: string[]): number {
    return this.gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${port}`, ...name);
  }
}

async function ask(client: RawClient, request = get()): Promise<string> {
  await client.send(request);
  const { status, text } = await client.readResponse();
  return status === 200 ? text : String(status);
}

test('reload of a dtab sends requests elsewhere, on connections that stay, without failing one', async (t) => {
  const one = await Reloading.start(t);
  const gateway = await one.serve(one.to(one.a));
  const traffic = await Traffic.start({ port: gateway.port, request: get(), pauseMs: 1 });
  t.after(() => traffic.stop());
  await traffic.settlesOn('a');
  const before = gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'connects');
  await gateway.reload(one.to(one.b));
  await traffic.settlesOn('b');
  await gateway.reload(one.to(one.a));
  await traffic.settlesOn('a');
  await traffic.end();
  assert.equal(gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'connects'), before);
  assert.ok(gateway.metric('rt', 'http', 'service', 'svc/web', 'requests') > 0);
});

test('reload leaves upstream connections, counts and accruals of what did not change alone', async (t) => {
  const clock = new ManualClock();
  const scene = new Scene(t);
  const good = await scene.upstream(fixed(200, 'good'));
  const bad = await scene.upstream(fixed(500, 'bad'));
  const namer = new FakeNamer('/#/test.fake', {});
  namer.exists('/web', `127.0.0.1:${good.port}`, `127.0.0.1:${bad.port}`);
  const config = (timeout: number) => `
admin: {port: 0}
namers: [{kind: test.fake}]
routers:
- protocol: http
  dtab: /svc => /#/test.fake
  servers: [{port: 0}]
  service: {totalTimeoutMs: ${timeout}}
  client: {failureAccrual: {kind: io.l5d.consecutiveFailures, failures: 1}, loadBalancer: {kind: roundRobin}}`;
  const gateway = await scene.gateway(config(5000), { clock, kinds: kindsWith(namer) });
  const client = await scene.client(gateway);
  const metric = (...name: string[]): number => gateway.metric('rt', 'http', 'client', '#/test.fake/web', ...name);
  for (let i = 0; i < 4; i++) await ask(client);
  assert.equal(metric('failure_accrual', 'removals'), 1);
  const [connects, requests] = [metric('connects'), metric('requests')];
  await gateway.reload(config(6000));
  for (let i = 0; i < 6; i++) assert.equal(await ask(client), 'good');
  assert.equal(metric('failure_accrual', 'removals'), 1);
  assert.equal(metric('connects'), connects);
  assert.equal(metric('requests'), requests + 6);
  assert.equal(namer.closed, false);
});

test('reload of client settings replaces the client; what it has under way is finished on it', async (t) => {
  const scene = new Scene(t);
  let answer = (): void => {};
  const upstream = await scene.upstream(async (request) => {
    if (request.target === '/slow') await new Promise<void>((resolve) => (answer = resolve));
    request.respond(200, request.target);
  });
  const config = (maxSize: number) => `
admin: {port: 0, shutdownGraceMs: 100}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0}]
  client: {hostConnectionPool: {maxSize: ${maxSize}, maxWaiters: 0}}`;
  const gateway = await scene.gateway(config(1));
  const [slow, quick] = [await scene.client(gateway), await scene.client(gateway)];
  await slow.send(get('/slow'));
  await eventually(() => upstream.requests.length === 1);
  assert.equal(await ask(quick, get('/refused')), '503');
  await gateway.reload(config(2));
  assert.equal(await ask(quick, get('/now')), '/now');
  assert.equal(await ask(quick, get('/again')), '/again');
  answer();
  assert.equal((await slow.readResponse()).text, '/slow');
  const requests = gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${upstream.port}`, 'requests');
  assert.equal(requests, 4);
  assert.equal(gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${upstream.port}`, 'pending'), 0);
});

test('reload of a namer binds names anew without a gap, and ends the old watch', async (t) => {
  const one = await Reloading.start(t);
  const directory = one.scene.directory();
  for (const [name, { port }] of Object.entries({ a: one.a, b: one.b })) {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, 'web'), `127.0.0.1 ${port}\n`);
  }
  const config = (name: string) => `
admin: {port: 0, shutdownGraceMs: 50}
namers: [{kind: io.l5d.fs, rootDir: ${join(directory, name)}}]
routers:
- protocol: http
  dtab: /svc => /#/io.l5d.fs
  servers: [{port: 0}]`;
  const gateway = await one.serve(config('a'));
  const traffic = await Traffic.start({ port: gateway.port, request: get(), pauseMs: 1 });
  t.after(() => traffic.stop());
  await traffic.settlesOn('a');
  await gateway.reload(config('b'));
  await traffic.settlesOn('b');
  // The namer that is in force now follows its files; the other one is not asked any more.
  writeFileSync(join(directory, 'b', 'web'), `127.0.0.1 ${one.a.port}\n`);
  await traffic.settlesOn('a');
  await traffic.end();
});

test('reload to a namer that has not answered yet goes on with what is known until it does', async (t) => {
  const one = await Reloading.start(t);
  const [before, after] = [new FakeNamer('/#/test.fake', {}), new FakeNamer('/#/test.fake', {})];
  before.exists('/web', `127.0.0.1:${one.a.port}`);
  after.pends('/web');
  const made = [before, after];
  const fake = kindsWith(before);
  const config = (more: string) => `
admin: {port: 0, shutdownGraceMs: 10}
namers: [{kind: test.fake${more}}]
routers:
- protocol: http
  dtab: /svc => /#/test.fake
  servers: [{port: 0}]`;
  const namer = fake.namer.map((kind) =>
    kind.kind === 'test.fake' ? { ...kind, make: () => made.shift() as FakeNamer } : kind,
  );
  const gateway = await one.serve(config(''), { kinds: { ...fake, namer } });
  const client = await one.scene.client(gateway);
  assert.equal(await ask(client), 'a');
  await gateway.reload(config(', prefix: /test.fake'));
  await eventually(() => before.closed);
  assert.equal(await ask(client), 'a');
  after.exists('/web', `127.0.0.1:${one.b.port}`);
  assert.equal(await ask(client), 'b');
});

test('reload to a dtab that cannot be bound answers with its error, not with what was good before', async (t) => {
  const one = await Reloading.start(t);
  const gateway = await one.serve(one.to(one.a));
  const client = await one.scene.client(gateway);
  assert.equal(await ask(client), 'a');
  await gateway.reload(one.to(one.a).replace('/$/inet/127.0.0.1', '/$/nonsense'));
  assert.equal(await ask(client), '502');
  await gateway.reload(one.to(one.a));
  assert.equal(await ask(client), 'a');
});

test('reload adds listeners and drains those that are gone, with what they have under way', async (t) => {
  const scene = new Scene(t);
  let answer = (): void => {};
  const upstream = await scene.upstream(async (request) => {
    if (request.target === '/slow') await new Promise<void>((resolve) => (answer = resolve));
    request.respond(200, 'ok');
  });
  const config = (servers: string) => `
admin: {port: 0, shutdownGraceMs: 5000}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0}${servers}]`;
  const gateway = await scene.gateway(config(''));
  const [, second] = await gateway.reload(config(', {port: 0}'));
  const slow = await scene.client({ port: second as number });
  const idle = await scene.client({ port: second as number });
  await slow.send(get('/slow'));
  await eventually(() => upstream.requests.length === 1);
  assert.equal(await ask(idle), 'ok');
  await gateway.reload(config(''));
  await idle.closedByServer();
  await assert.rejects(RawClient.connect({ port: second as number }));
  answer();
  const response = await slow.readResponse();
  assert.equal(response.status, 200);
  assert.equal(response.header('connection'), 'close');
  assert.equal(await ask(await scene.client(gateway)), 'ok');
});

test('reload that cannot bind a port changes nothing', async (t) => {
  const one = await Reloading.start(t);
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as { port: number };
  const gateway = await one.serve(one.to(one.a));
  const client = await one.scene.client(gateway);
  const two = one.to(one.b).replace('[{port: 0}]', `[{port: 0}, {port: 0, ip: 127.0.0.2}, {port: ${port}}]`);
  await assert.rejects(gateway.reload(two), new RegExp(`Cannot listen on 127.0.0.1:${port}`));
  assert.equal(await ask(client), 'a');
  await gateway.reload(one.to(one.b));
  assert.equal(await ask(client), 'b');
});

test('reload with a plugin that cannot make what a name in use needs changes nothing', async (t) => {
  const one = await Reloading.start(t);
  const broken = defineKind({
    kind: 'test.broken',
    description: 'Is not made.',
    config: z.strictObject({}),
    make: (): ResponseClassifier => {
      throw new Error('no such classes');
    },
  });
  const gateway = await one.serve(one.to(one.a), { kinds: { ...kinds, classifier: [...kinds.classifier, broken] } });
  const client = await one.scene.client(gateway);
  assert.equal(await ask(client), 'a');
  const more = '  service: {responseClassifier: {kind: test.broken}}';
  await assert.rejects(gateway.reload(one.to(one.b, more)), /no such classes/);
  assert.equal(await ask(client), 'a');
  await gateway.reload(one.to(one.b));
  assert.equal(await ask(client), 'b');
});

test('reload that moves a listener to another router keeps its connections, and counts them there', async (t) => {
  const one = await Reloading.start(t);
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  const router = (label: string, upstream: Upstream) => `
admin: {port: 0, shutdownGraceMs: 20}
routers:
- protocol: http
  label: ${label}
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: ${port}}]`;
  const gateway = await one.serve(router('old', one.a));
  const client = await one.scene.client(gateway);
  assert.equal(await ask(client), 'a');
  await gateway.reload(router('new', one.b));
  assert.equal(await ask(client), 'b');
  assert.equal(gateway.metric('rt', 'new', 'server', `127.0.0.1/${port}`, 'requests'), 1);
  assert.equal(gateway.metric('rt', 'new', 'server', `127.0.0.1/${port}`, 'connections'), 1);
  assert.equal(gateway.metrics.scope('rt').children.has('old'), false);
});

test('reload changes limits and headers of connections that are open', async (t) => {
  const one = await Reloading.start(t);
  const gateway = await one.serve(one.to(one.a));
  const client = await one.scene.client(gateway);
  assert.equal(await ask(client), 'a');
  await gateway.reload(one.to(one.a).replace('[{port: 0}]', '[{port: 0, timestampHeader: x-arrived}]'));
  assert.equal(await ask(client), 'a');
  assert.match(one.a.requests[1]?.rawHead ?? '', /x-arrived: \d+/);
});

test('reload keeps a request that waits for its name waiting, and sends it where the new dtab leads', async (t) => {
  const one = await Reloading.start(t);
  const namer = new FakeNamer('/#/test.fake', {});
  namer.pends('/web');
  const config = (dtab: string) => `
admin: {port: 0}
namers: [{kind: test.fake}]
routers:
- protocol: http
  dtab: ${dtab}
  servers: [{port: 0}]`;
  const gateway = await one.serve(config('/svc => /#/test.fake'), { kinds: kindsWith(namer) });
  const client = await one.scene.client(gateway);
  await client.send(get());
  await eventually(() => gateway.metric('rt', 'http', 'service', 'svc/web', 'pending') === 1);
  await gateway.reload(config(`/svc/* => /$/inet/127.0.0.1/${one.b.port}`));
  assert.equal((await client.readResponse()).text, 'b');
});

test('gateway that drains refuses to reload', async (t) => {
  const one = await Reloading.start(t);
  const hanging = await one.scene.upstream(hang);
  const gateway = await one.serve(one.to(hanging));
  const client = await one.scene.client(gateway);
  await client.send(get());
  await eventually(() => hanging.requests.length === 1);
  const drained = gateway.drain();
  await assert.rejects(gateway.reload(one.to(one.b)), /the gateway is draining/);
  await drained;
});

test('two hundred reloads under traffic fail no request and leave nothing behind', async (t) => {
  const one = await Reloading.start(t);
  const gateway = await one.serve(one.to(one.a));
  const traffic = await Traffic.start({ port: gateway.port, request: get(), callers: 4, pauseMs: 1 });
  t.after(() => traffic.stop());
  for (let i = 0; i < 200; i++) {
    const upstream = i % 2 === 0 ? one.b : one.a;
    const more = [
      `  client: {hostConnectionPool: {maxSize: ${10 + (i % 3)}}}`,
      `  service: {totalTimeoutMs: ${5000 + (i % 4)}}`,
    ];
    await gateway.reload(one.to(upstream, more.join('\n')));
  }
  await traffic.settlesOn('a');
  await traffic.end();
});
