import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { routerTo } from '../support/gateway.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawClient } from '../support/raw-client.js';
import { get, Scene } from '../support/scene.js';

expectNoOpenHandles();

/** A gateway whose time stands still, in front of an upstream that answers when the test says so. */
async function start(t: TestContext, clientKeys: string) {
  const scene = new Scene(t);
  const clock = new ManualClock();
  const upstream = await scene.upstream(() => {});
  const gateway = await scene.gateway(routerTo(upstream.port, `  client: {${clientKeys}}`), { clock });
  const metric = (...name: string[]): number =>
    gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${upstream.port}`, ...name);
  const arrived = (requests: number) => upstream.until('the request', () => upstream.requests.length === requests);
  /** One request on its way. */
  const ask = async (caller: RawClient, target = '/'): Promise<void> => {
    const before = upstream.requests.length;
    await caller.send(get(target));
    await arrived(before + 1);
  };
  const answer = async (caller: RawClient, request: number): Promise<void> => {
    upstream.requests[request]?.respond(200, 'done');
    assert.equal((await caller.readResponse()).text, 'done');
  };
  /** So many requests at a time, all of them answered: as many idle connections. */
  const openConnections = async (count: number): Promise<void> => {
    const callers: RawClient[] = [];
    for (let i = 0; i < count; i++) {
      const caller = await scene.client(gateway);
      await ask(caller);
      callers.push(caller);
    }
    for (const [i, caller] of callers.entries()) await answer(caller, i);
    assert.equal(metric('connections'), count);
    assert.equal(metric('pool_cached'), count);
  };
  const left = (connections: number) =>
    upstream.until(`${connections} connections`, () => upstream.openConnections === connections);
  const caller = await scene.client(gateway);
  return { scene, clock, upstream, gateway, caller, metric, arrived, ask, answer, openConnections, left };
}

test('idle connections stay for ever by default', async (t) => {
  const { clock, openConnections, metric } = await start(t, '');
  await openConnections(3);
  clock.advance(500_000);
  assert.equal(metric('connections'), 3);
});

test('idleTimeMs closes idle connections, and minSize of them stay', async (t) => {
  const { clock, openConnections, metric, left } = await start(t, 'hostConnectionPool: {minSize: 2, idleTimeMs: 8000}');
  await openConnections(5);
  clock.advance(8000);
  assert.equal(metric('connections'), 5);
  clock.advance(1000);
  assert.deepEqual([metric('connections'), metric('pool_cached'), metric('closes')], [2, 2, 3]);
  await left(2);
  clock.advance(400_000);
  assert.equal(metric('connections'), 2);
});

test('minSize opens no connection by itself, and counts those in use', async (t) => {
  const { clock, scene, gateway, caller, ask, answer, metric } = await start(
    t,
    'hostConnectionPool: {minSize: 2, idleTimeMs: 8000}',
  );
  await ask(caller);
  clock.advance(10_000);
  assert.equal(metric('connections'), 1);
  const others = [await scene.client(gateway), await scene.client(gateway)];
  for (const other of others) await ask(other);
  for (const [i, other] of others.entries()) await answer(other, i + 1);
  assert.deepEqual([metric('connections'), metric('pool_cached')], [3, 2]);
  clock.advance(10_000);
  assert.deepEqual([metric('connections'), metric('pool_cached')], [2, 1]);
});

test('idleTimeMs of 0: no connection is used twice', async (t) => {
  const { caller, upstream, ask, answer, metric, left } = await start(t, 'hostConnectionPool: {idleTimeMs: 0}');
  for (let i = 0; i < 3; i++) {
    await ask(caller);
    await answer(caller, i);
    await left(0);
  }
  assert.equal(upstream.connections.length, 3);
  assert.deepEqual([metric('connections'), metric('pool_cached')], [0, 0]);
});

test('connection that is used again and again is not idle', async (t) => {
  const { clock, caller, upstream, ask, answer } = await start(t, 'hostConnectionPool: {idleTimeMs: 8000}');
  for (let i = 0; i < 5; i++) {
    await ask(caller);
    await answer(caller, i);
    clock.advance(7000);
  }
  assert.equal(upstream.connections.length, 1);
});

test('idleTimeMs does not close a connection whose response takes longer', async (t) => {
  const { clock, caller, ask, answer } = await start(t, 'hostConnectionPool: {idleTimeMs: 1000}');
  await ask(caller);
  clock.advance(60_000);
  await answer(caller, 0);
});

test('clientSession.idleTimeMs closes every idle connection, whatever minSize says', async (t) => {
  const { clock, openConnections, metric, left } = await start(
    t,
    'hostConnectionPool: {minSize: 2}, clientSession: {idleTimeMs: 8000}',
  );
  await openConnections(3);
  clock.advance(8000);
  assert.equal(metric('connections'), 3);
  clock.advance(1000);
  assert.deepEqual([metric('connections'), metric('expired', 'idle'), metric('expired', 'lifetime')], [0, 3, 0]);
  await left(0);
});

test('the shorter of both idle times counts', async (t) => {
  const { clock, openConnections, metric } = await start(
    t,
    'hostConnectionPool: {idleTimeMs: 4000}, clientSession: {idleTimeMs: 60000}',
  );
  await openConnections(2);
  clock.advance(5000);
  assert.deepEqual([metric('connections'), metric('expired', 'idle')], [0, 0]);
});

test('lifeTimeMs closes an idle connection, however recently it was used', async (t) => {
  const { clock, caller, upstream, ask, answer, metric, left } = await start(t, 'clientSession: {lifeTimeMs: 8000}');
  await ask(caller);
  await answer(caller, 0);
  clock.advance(7000);
  await ask(caller);
  await answer(caller, 1);
  assert.equal(upstream.connections.length, 1);
  clock.advance(2000);
  assert.deepEqual([metric('connections'), metric('expired', 'lifetime')], [0, 1]);
  await left(0);
  await ask(caller);
  await answer(caller, 2);
  assert.equal(upstream.connections.length, 2);
});

test('lifeTimeMs lets a request under way end, and gives the connection no other', async (t) => {
  const { clock, scene, gateway, caller, upstream, ask, answer, arrived, metric, left } = await start(
    t,
    'hostConnectionPool: {maxSize: 1}, clientSession: {lifeTimeMs: 8000}',
  );
  await ask(caller, '/long');
  clock.advance(60_000);
  assert.deepEqual([metric('connections'), metric('expired', 'lifetime')], [1, 0]);
  const waiting = await scene.client(gateway);
  await waiting.send(get('/waits'));
  await eventually(() => metric('pool_waiters') === 1);
  await answer(caller, 0);
  await arrived(2);
  await answer(waiting, 1);
  assert.deepEqual(
    upstream.requests.map(({ target, connection }) => `${connection.id} ${target}`),
    ['0 /long', '1 /waits'],
  );
  assert.equal(metric('expired', 'lifetime'), 1);
  await left(1);
});

test('socketOptions of a client: what only listeners have is accepted without effect', async (t) => {
  const { caller, ask, answer } = await start(
    t,
    'socketOptions: {noDelay: false, keepAlive: true, reuseAddr: false, reusePort: true, backlog: 5}',
  );
  await ask(caller);
  await answer(caller, 0);
});
