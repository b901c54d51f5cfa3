import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { addrBound, makeAddress } from '../../src/base/addr.js';
import { eventually } from '../support/eventually.js';
import { FakeNamer } from '../support/fake-namer.js';
import { kindsWith } from '../support/fake-namer-kind.js';
import { startFullListener } from '../support/full-listener.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawResponse } from '../support/raw-client.js';
import { get, post, Scene } from '../support/scene.js';
import { fixed, type Upstream, type UpstreamHandler } from '../support/upstream.js';

expectNoOpenHandles();

/** A gateway in front of one name with as many endpoints as there are handlers, and the counts of its client. */
async function start(t: TestContext, handlers: readonly UpstreamHandler[], clientKeys = '') {
  const scene = new Scene(t);
  const clock = new ManualClock();
  const namer = new FakeNamer('/#/test.fake', {});
  const upstreams: Upstream[] = [];
  for (const handler of handlers) upstreams.push(await scene.upstream(handler));
  const { addr } = namer.exists('/web');
  /** The set of addresses: ports, or ports with weights. */
  const setAddresses = (...addresses: readonly (number | readonly [port: number, weight: number])[]): void => {
    addr.signal.value = addrBound(
      addresses.map((one) => (typeof one === 'number' ? [one, 1] : one) as [number, number]).map(toAddress),
    );
  };
  setAddresses(...upstreams.map(({ port }) => port));
  const gateway = await scene.gateway(
    `
admin: {port: 0}
namers: [{kind: test.fake}]
routers:
- protocol: http
  dtab: /svc => /#/test.fake
  servers: [{port: 0}]
  client: {${clientKeys}}`,
    { clock, kinds: kindsWith(namer) },
  );
  const client = await scene.client(gateway);
  const ask = async (text = get()): Promise<RawResponse> => {
    await client.send(text);
    return client.readResponse();
  };
  const metric = (...name: string[]): number => gateway.metric('rt', 'http', 'client', '#/test.fake/web', ...name);
  const counts = (): number[] => upstreams.map(({ requests }) => requests.length);
  return { scene, clock, upstreams, setAddresses, gateway, ask, metric, counts };
}

function toAddress([port, weight]: readonly [number, number]) {
  return makeAddress('127.0.0.1', port, weight);
}

const good: UpstreamHandler = fixed(200, 'good');
const bad: UpstreamHandler = fixed(500, 'bad');

/** A port that nobody listens on. */
async function closedPort(scene: Scene): Promise<number> {
  const upstream = await scene.upstream();
  const { port } = upstream;
  await upstream.close();
  return port;
}

// ---- choice ----

test('p2c (the default) picks the endpoint with fewer requests under way', async (t) => {
  const { scene, gateway, upstreams, counts } = await start(t, [() => {}, () => {}]);
  for (let i = 1; i <= 10; i++) {
    const caller = await scene.client(gateway);
    await caller.send(get());
    await eventually(() => upstreams.flatMap(({ requests }) => requests).length === i);
  }
  assert.deepEqual(counts(), [5, 5]);
});

test('ewma prefers the endpoint that answers faster', async (t) => {
  const state: { clock?: ManualClock } = {};
  const takes =
    (ms: number): UpstreamHandler =>
    (arrived) => {
      state.clock?.advance(ms);
      arrived.respond(200);
    };
  const { clock, ask, counts } = await start(t, [takes(1), takes(50)], 'loadBalancer: {kind: ewma}');
  state.clock = clock;
  for (let i = 0; i < 60; i++) await ask();
  const [fast = 0, slow = 0] = counts();
  assert.ok(fast > 5 * slow && slow >= 1, `${fast} : ${slow}`);
});

test('endpoints share requests by their weights', async (t) => {
  const { upstreams, setAddresses, ask, counts, metric } = await start(t, [good, good, good]);
  const [a, b, c] = upstreams.map(({ port }) => port) as [number, number, number];
  setAddresses([a, 3], [b, 1], [c, 0]);
  for (let i = 0; i < 200; i++) await ask();
  const [three = 0, one = 0, none] = counts();
  assert.ok(Math.abs(three - 150) < 25, `${three} : ${one}`);
  assert.equal(none, 0);
  assert.equal(metric('loadbalancer', 'size'), 3);
  assert.equal(metric('loadbalancer', 'meanweight'), 4 / 3);
});

// ---- changes of the set ----

test('change of the set keeps connections, accrual and requests of the endpoints that stay', async (t) => {
  const { scene, gateway, upstreams, setAddresses, ask, counts, metric } = await start(t, [bad, good, good]);
  const [a, b, c] = upstreams.map(({ port }) => port) as [number, number, number];
  setAddresses(a, b);
  // Five failures in a row take a out; b has a connection.
  while ((counts()[0] ?? 0) < 5) await ask();
  assert.equal(metric('failure_accrual', 'removals'), 1);
  for (const set of [
    [a, b, c],
    [c, b, a],
    [a, b],
  ] as const) {
    setAddresses(...set);
    for (let i = 0; i < 20; i++) assert.equal((await ask()).status, 200);
  }
  setAddresses([a, 2], [b, 2]);
  for (let i = 0; i < 20; i++) assert.equal((await ask()).status, 200);
  assert.equal(counts()[0], 5);
  assert.equal(upstreams[1]?.connections.length, 1);
  assert.deepEqual([metric('loadbalancer', 'adds'), metric('loadbalancer', 'removes')], [3, 1]);
  assert.equal(metric('loadbalancer', 'available'), 1);

  // One that leaves and comes back starts anew.
  setAddresses(b);
  setAddresses(a, b);
  assert.equal(metric('loadbalancer', 'available'), 2);
  // What is under way while its endpoint leaves is finished.
  const caller = await scene.client(gateway);
  const slow = await scene.upstream(() => {});
  setAddresses(slow.port);
  await caller.send(get());
  await slow.until('the request', () => slow.requests.length === 1);
  setAddresses(b);
  slow.requests[0]?.respond(200, 'finished');
  assert.equal((await caller.readResponse()).text, 'finished');
  await slow.until('its connection to be closed', () => slow.openConnections === 0);
});

// ---- failure accrual ----

test('five failures in a row take an endpoint out; one probe after 5 s brings it back', async (t) => {
  let isWell = false;
  const ill: UpstreamHandler = (arrived) => arrived.respond(isWell ? 200 : 503);
  const { clock, ask, counts, metric } = await start(t, [ill, good]);
  const accrual = (name: string): number => metric('failure_accrual', name);
  while ((counts()[0] ?? 0) < 5) await ask();
  assert.deepEqual([accrual('removals'), accrual('removed_for_ms')], [1, 5000]);
  assert.deepEqual([metric('loadbalancer', 'available'), metric('loadbalancer', 'busy')], [1, 1]);
  for (let i = 0; i < 20; i++) assert.equal((await ask()).status, 200);
  clock.advance(4999);
  for (let i = 0; i < 20; i++) await ask();
  assert.equal(counts()[0], 5);

  // The probe fails: dead again, for longer.
  clock.advance(1);
  for (let i = 0; i < 20; i++) await ask();
  assert.equal(counts()[0], 6);
  assert.deepEqual([accrual('probes'), accrual('removals'), accrual('revivals')], [1, 2, 0]);
  const secondMs = accrual('removed_for_ms') - 5000;
  assert.ok(secondMs >= 5000 && secondMs <= 10_000, `${secondMs}`);

  isWell = true;
  clock.advance(secondMs);
  for (let i = 0; i < 20; i++) await ask();
  assert.deepEqual([accrual('probes'), accrual('revivals')], [2, 1]);
  assert.ok((counts()[0] ?? 0) > 8, `${counts()}`);
  assert.equal(metric('loadbalancer', 'available'), 2);
});

test('one request alone is the probe', async (t) => {
  let isIll = true;
  const { scene, clock, gateway, upstreams, ask, counts } = await start(t, [
    (arrived) => {
      if (isIll) arrived.respond(500);
    },
    good,
  ]);
  while ((counts()[0] ?? 0) < 5) await ask();
  isIll = false;
  clock.advance(5000);
  // The probe hangs; all others go to the one that is alive.
  let probed = 0;
  for (let i = 0; i < 20; i++) {
    const caller = await scene.client(gateway);
    await caller.send(get());
    await eventually(() => counts().reduce((sum, count) => sum + count, 0) > probed);
    probed = counts().reduce((sum, count) => sum + count, 0);
  }
  assert.equal(upstreams[0]?.requests.length, 6);
});

test('success in between starts the count of failures anew', async (t) => {
  let count = 0;
  const { ask, metric } = await start(t, [(arrived) => arrived.respond(count++ % 5 === 4 ? 200 : 500)]);
  for (let i = 0; i < 20; i++) await ask();
  assert.equal(metric('failure_accrual', 'removals'), 0);
  assert.equal(metric('failures'), 16);
});

test('with all endpoints dead requests still go out', async (t) => {
  const { ask, metric, counts } = await start(t, [bad, bad]);
  for (let i = 0; i < 30; i++) assert.equal((await ask()).status, 500);
  assert.equal(metric('loadbalancer', 'available'), 0);
  assert.ok(metric('loadbalancer', 'max_effort_exhausted') > 0);
  assert.equal(
    counts().reduce((sum, count) => sum + count, 0),
    30,
  );
});

test('4xx is no failure of the endpoint; kind none never takes one out', async (t) => {
  const notFound = await start(t, [fixed(404, '')]);
  for (let i = 0; i < 10; i++) await notFound.ask();
  assert.equal(notFound.metric('failure_accrual', 'removals'), 0);
  const never = await start(t, [bad], 'failureAccrual: {kind: none}');
  for (let i = 0; i < 10; i++) await never.ask();
  assert.equal(never.metric('failure_accrual', 'removals'), 0);
  assert.equal(never.metric('loadbalancer', 'available'), 1);
});

test('configured count and backoff are obeyed', async (t) => {
  const { clock, ask, counts, metric } = await start(
    t,
    [bad, good],
    'failureAccrual: {kind: io.l5d.consecutiveFailures, failures: 2, backoff: {kind: constant, ms: 1000}}',
  );
  while ((counts()[0] ?? 0) < 2) await ask();
  for (let i = 0; i < 20; i++) await ask();
  assert.equal(counts()[0], 2);
  for (let probe = 1; probe <= 3; probe++) {
    clock.advance(1000);
    for (let i = 0; i < 20; i++) await ask();
    assert.equal(counts()[0], 2 + probe);
  }
  assert.equal(metric('failure_accrual', 'removed_for_ms'), 4000);
});

// ---- requeues ----

test('request whose connection is refused goes to another endpoint, whatever its method', async (t) => {
  const { scene, upstreams, setAddresses, ask, metric } = await start(t, [good]);
  setAddresses(await closedPort(scene), upstreams[0]?.port ?? 0);
  for (let i = 0; i < 20; i++) assert.equal((await ask(post(`body ${i}`))).status, 200);
  assert.ok(metric('retries', 'requeues') >= 5, `${metric('retries', 'requeues')}`);
  assert.deepEqual([metric('requests'), metric('success')], [20, 20]);
  // The dead one was taken out on the way.
  assert.equal(metric('failure_accrual', 'removals'), 1);
  assert.equal((await upstreams[0]?.requests[3]?.body())?.bytes.toString(), 'body 3');
});

test('requeues of one request end at a fifth of the balance', async (t) => {
  const { scene, setAddresses, ask, metric } = await start(t, []);
  setAddresses(await closedPort(scene));
  // 10 a second for 10 s are 100 in reserve; the request's own deposit adds a fifth of one.
  assert.equal((await ask()).status, 502);
  assert.equal(metric('retries', 'requeues'), 20);
  assert.equal(metric('retries', 'request_limit'), 1);
  assert.equal(metric('retries', 'budget'), 80);
});

test('requeues end with the budget, and come back with time', async (t) => {
  const { scene, clock, setAddresses, ask, metric } = await start(
    t,
    [],
    'requeueBudget: {minRetriesPerSec: 1, percentCanRetry: 0, ttlSecs: 10}',
  );
  setAddresses(await closedPort(scene));
  for (let i = 0; i < 12; i++) assert.equal((await ask()).status, 502);
  assert.equal(metric('retries', 'budget'), 0);
  const spent = metric('retries', 'requeues');
  assert.equal(spent, 10);
  assert.ok(metric('retries', 'budget_exhausted') + metric('retries', 'request_limit') === 12);
  clock.advance(10_000);
  await ask();
  assert.equal(metric('retries', 'requeues'), spent + 2);
});

test('without a requeue budget a refused connection is 502 at once', async (t) => {
  const { scene, setAddresses, ask, metric } = await start(
    t,
    [],
    'requeueBudget: {minRetriesPerSec: 0, percentCanRetry: 0}',
  );
  const [one, two] = [await closedPort(scene), await closedPort(scene)];
  setAddresses(one, two);
  const response = await ask();
  assert.equal(response.status, 502);
  assert.ok(response.text.includes(`addresses: [127.0.0.1:${one}, 127.0.0.1:${two}]`), response.text);
  assert.equal(metric('retries', 'requeues'), 0);
});

test('answer of an endpoint, however bad, is never requeued', async (t) => {
  const { ask, counts, metric } = await start(t, [bad, good]);
  let failures = 0;
  while (failures === 0) if ((await ask()).status === 500) failures += 1;
  assert.equal(counts()[0], 1);
  assert.equal(metric('retries', 'requeues'), 0);
});

test('connection that is not made within 1 s is given up and the request sent to another endpoint', async (t) => {
  const { clock, upstreams, setAddresses, ask, metric } = await start(t, [good]);
  const full = await startFullListener(t);
  setAddresses(full.port);
  const asking = ask();
  await eventually(() => metric('connections') === 1);
  setAddresses(full.port, upstreams[0]?.port ?? 0);
  clock.advance(999);
  assert.equal(metric('retries', 'requeues'), 0);
  clock.advance(1);
  assert.equal(metric('retries', 'requeues') >= 1, true);
  // Each further try at the full one takes its second too.
  await eventually(() => {
    clock.advance(1000);
    return metric('success') === 1;
  });
  assert.equal((await asking).text, 'good');
});

test('caller that leaves while a connection is being made takes the attempt with it', async (t) => {
  const { scene, gateway, setAddresses, metric } = await start(t, []);
  const full = await startFullListener(t);
  setAddresses(full.port);
  const caller = await scene.client(gateway);
  await caller.send(get());
  await eventually(() => metric('connections') === 1);
  const sockets = (): number =>
    process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap' || name === 'TCPConnectWrap').length;
  const before = sockets();
  caller.close();
  await eventually(() => metric('connections') === 0);
  // Both ends of the caller, and the socket that was connecting: not in two minutes, when the system gives up.
  await eventually(() => sockets() <= before - 3);
  assert.equal(metric('failure_accrual', 'removals'), 0);
});
