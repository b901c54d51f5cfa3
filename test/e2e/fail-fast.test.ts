import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { addrBound, makeAddress } from '../../src/base/addr.js';
import { eventually } from '../support/eventually.js';
import { FakeNamer } from '../support/fake-namer.js';
import { kindsWith } from '../support/fake-namer-kind.js';
import { startFullListener } from '../support/full-listener.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { get, post, Scene } from '../support/scene.js';
import { fixed, type Upstream } from '../support/upstream.js';

expectNoOpenHandles();

/** Finagle adds up to a tenth to each wait. */
const WAIT_1_MS = 1100;
const WAIT_2_MS = 2200;

/** A gateway whose time stands still, and a name of as many endpoints that nobody listens at, and as many that are up. */
async function start(t: TestContext, { down, up }: { down: number; up: number }, clientKeys = 'failFast: true') {
  const scene = new Scene(t);
  const clock = new ManualClock();
  const namer = new FakeNamer('/#/test.fake', {});
  const { addr } = namer.exists('/web');
  const upstreams: Upstream[] = [];
  for (let i = 0; i < down + up; i++) upstreams.push(await scene.upstream(fixed(200, 'good')));
  const ports = upstreams.map(({ port }) => port);
  for (const upstream of upstreams.slice(0, down)) await upstream.close();
  const setPorts = (used: readonly number[]): void => {
    addr.signal.value = addrBound(used.map((port) => makeAddress('127.0.0.1', port)));
  };
  setPorts(ports);
  const gateway = await scene.gateway(
    `
admin: {port: 0}
namers: [{kind: test.fake}]
routers:
- protocol: http
  dtab: /svc => /#/test.fake
  servers: [{port: 0}]
  client: {failureAccrual: {kind: none}, ${clientKeys}}`,
    { clock, kinds: kindsWith(namer) },
  );
  const caller = await scene.client(gateway);
  const ask = async (text = get()): Promise<number> => {
    await caller.send(text);
    return (await caller.readResponse()).status;
  };
  const metric = (...name: string[]): number => gateway.metric('rt', 'http', 'client', '#/test.fake/web', ...name);
  const failFast = (name: string): number => metric('failfast', name);
  /** Requests that are all served, until `isEnough`, which chance brings about. */
  const askUntil = async (isEnough: () => boolean): Promise<void> => {
    for (let i = 0; !isEnough(); i++) {
      assert.ok(i < 1000, 'asked 1,000 times; does another program listen at the port of the endpoint that is down?');
      assert.equal(await ask(), 200);
    }
  };
  /** Asks until an endpoint that is down has been picked. */
  const findDown = (): Promise<void> => askUntil(() => failFast('marked_dead') > 0);
  return { scene, clock, ports, upstreams, setPorts, ask, askUntil, metric, failFast, findDown };
}

test('failFast: the first failed connect takes the endpoint out, and no request fails', async (t) => {
  const { ask, metric, failFast, findDown } = await start(t, { down: 1, up: 1 });
  await findDown();
  assert.deepEqual(
    [metric('loadbalancer', 'available'), metric('loadbalancer', 'busy'), metric('retries', 'requeues')],
    [1, 1, 1],
  );
  // A body that could not be sent again goes through as well.
  for (let i = 0; i < 30; i++) assert.equal(await ask(post('x')), 200);
  assert.deepEqual([metric('retries', 'requeues'), metric('connects'), failFast('marked_dead')], [1, 1, 1]);
});

test('failFast is off by default: each failed connect is requeued, and the endpoint stays in', async (t) => {
  const { askUntil, metric } = await start(t, { down: 1, up: 1 }, '');
  await askUntil(() => metric('retries', 'requeues') === 3);
  assert.equal(metric('loadbalancer', 'available'), 2);
  assert.equal(metric('failfast', 'marked_dead'), 0);
});

test('failFast: connects are tried in the background with growing waits, and bring the endpoint back', async (t) => {
  const { scene, clock, ports, askUntil, metric, failFast, findDown } = await start(t, { down: 1, up: 1 });
  await findDown();
  clock.advance(999);
  assert.equal(failFast('unhealthy_num_tries'), 0);
  clock.advance(WAIT_1_MS - 999);
  await eventually(() => failFast('unhealthy_num_tries') === 1);
  assert.equal(failFast('unhealthy_for_ms'), WAIT_1_MS);
  clock.advance(1999);
  assert.equal(failFast('unhealthy_num_tries'), 1);
  clock.advance(WAIT_2_MS - 1999);
  await eventually(() => failFast('unhealthy_num_tries') === 2);

  const back = await scene.upstream(fixed(200, 'back'), { port: ports[0] as number });
  assert.equal(back.connections.length, 0);
  clock.advance(4400);
  await eventually(() => failFast('marked_available') === 1);
  assert.deepEqual([failFast('marked_dead'), failFast('unhealthy_num_tries'), failFast('unhealthy_for_ms')], [1, 0, 0]);
  assert.equal(metric('loadbalancer', 'available'), 2);
  // The connection that proved it is idle, and takes the first request.
  await back.until('the connection', () => back.connections.length === 1);
  assert.equal(metric('pool_cached'), 2);
  await askUntil(() => back.requests.length > 0);
  assert.equal(back.connections.length, 1);
});

test('failFast: an upstream that closed the connection unused costs no idempotent request', async (t) => {
  const { scene, clock, ports, ask, failFast, metric } = await start(t, { down: 1, up: 0 });
  assert.equal(await ask(), 502);
  // Its first connection is reset at its first request, as by an upstream that closes it just then.
  const back = await scene.upstream(
    (arrived) => (arrived.connection.id === 0 ? arrived.connection.reset() : arrived.respond(200, 'back')),
    { port: ports[0] as number },
  );
  clock.advance(WAIT_1_MS);
  await eventually(() => failFast('marked_available') === 1);
  const before = metric('retries', 'requeues');
  assert.equal(await ask(), 200);
  assert.equal(metric('retries', 'requeues'), before + 1);
  assert.deepEqual(
    back.requests.map(({ connection }) => connection.id),
    [0, 1],
  );
});

test('failFast: with all endpoints out requests go to them all the same, and the first that connects brings one back', async (t) => {
  const { scene, ports, ask, metric, failFast } = await start(t, { down: 2, up: 0 });
  assert.equal(await ask(), 502);
  await eventually(() => failFast('marked_dead') === 2);
  assert.equal(metric('loadbalancer', 'available'), 0);
  const back = await scene.upstream(fixed(200, 'back'), { port: ports[1] as number });
  // Time stands still: no try of its own has been made.
  for (let i = 0; i < 10; i++) assert.equal(await ask(), 200);
  assert.equal(back.requests.length, 10);
  assert.deepEqual([failFast('marked_available'), metric('loadbalancer', 'available')], [1, 1]);
});

test('failFast: an endpoint that leaves the set is tried no more', async (t) => {
  const { scene, clock, ports, setPorts, ask, failFast, findDown } = await start(t, { down: 1, up: 1 });
  await findDown();
  setPorts(ports.slice(1));
  const back = await scene.upstream(fixed(200, 'back'), { port: ports[0] as number });
  assert.equal(failFast('unhealthy_for_ms'), 0);
  clock.advance(120_000);
  // A connect would have arrived before what these bring back.
  for (let i = 0; i < 10; i++) assert.equal(await ask(), 200);
  assert.equal(back.connections.length, 0);
  assert.equal(failFast('marked_available'), 0);
});

test('failFast: a connect in the background takes a second at most, and is given up when the endpoint leaves', async (t) => {
  const { clock, setPorts, ask, metric, failFast } = await start(t, { down: 0, up: 1 });
  const gone = await startFullListener(t);
  setPorts([gone.port]);
  const asking = ask();
  await eventually(() => metric('connections') === 1);
  clock.advance(1000);
  await eventually(() => failFast('marked_dead') === 1);
  // The request goes there again and again, as it is the only endpoint.
  while (metric('pending') > 0) {
    clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(await asking, 502);
  const tries = failFast('unhealthy_num_tries');
  await eventually(() => {
    clock.advance(1000);
    return failFast('unhealthy_num_tries') > tries;
  });
  await eventually(() => {
    clock.advance(1000);
    return metric('connections') === 1;
  });
  setPorts([]);
  assert.deepEqual([metric('connections'), failFast('unhealthy_for_ms')], [0, 0]);
});

test('failFast: an upstream that answers with failures is not its business', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(fixed(500, 'bad'));
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0}]
  client: {failFast: true, failureAccrual: {kind: none}}`);
  for (let i = 0; i < 10; i++) assert.equal((await scene.ask(gateway, get())).status, 500);
  const metric = (...name: string[]): number =>
    gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${upstream.port}`, ...name);
  assert.deepEqual([metric('failfast', 'marked_dead'), metric('loadbalancer', 'available')], [0, 1]);
});
