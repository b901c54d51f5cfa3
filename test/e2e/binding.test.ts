import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ok, PENDING, type State } from '../../src/base/activity.js';
import { ADDR_NEG, ADDR_PENDING, addrBound, addrFailed, makeAddress } from '../../src/base/addr.js';
import { EMPTY, FAIL, leaf, type NameTree, NEG, negBecause } from '../../src/base/name-tree.js';
import type { Name } from '../../src/naming/namer.js';
import { eventually } from '../support/eventually.js';
import { FakeNamer } from '../support/fake-namer.js';
import { kindsWith } from '../support/fake-namer-kind.js';
import type { TestGateway } from '../support/gateway.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawResponse } from '../support/raw-client.js';
import { get, request, Scene } from '../support/scene.js';
import { fixed } from '../support/upstream.js';

expectNoOpenHandles();

/** A gateway whose names are bound to what `namer` says, and upstreams that answer their own name. */
async function start(
  t: TestContext,
  { dtab = '/svc => /#/test.fake', keys = '', initial = PENDING as State<NameTree<Name>> } = {},
) {
  const scene = new Scene(t);
  const clock = new ManualClock();
  const namer = new FakeNamer('/#/test.fake', { initial });
  const [a, b] = [await scene.upstream(fixed(200, 'a')), await scene.upstream(fixed(200, 'b'))];
  const gateway = await scene.gateway(
    `
admin: {port: 0}
namers: [{kind: test.fake}]
routers:
- protocol: http
  dtab: "${dtab}"
  servers: [{port: 0}]
  ${keys}`,
    { clock, kinds: kindsWith(namer) },
  );
  const at = (port: number): string => `127.0.0.1:${port}`;
  const ask = (host = 'web', ...fields: string[]): Promise<RawResponse> =>
    scene.ask(gateway, request('GET /', [`Host: ${host}`, ...fields]));
  return { scene, clock, namer, a, b, gateway, at, ask };
}

const serverPending = (gateway: TestGateway): number =>
  gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'pending');
const cache = (gateway: TestGateway, name: string, kind = 'path'): number =>
  gateway.metric('rt', 'http', 'bindcache', kind, name);

// ---- waiting for a name ----

test('requests wait while a name is pending and all go out once it is bound', async (t) => {
  const { namer, a, gateway, at, ask } = await start(t);
  const asking = Promise.all([ask(), ask(), ask()]);
  await eventually(() => serverPending(gateway) === 3);
  assert.equal(a.requests.length, 0);
  namer.exists('/web', at(a.port));
  assert.deepEqual(
    (await asking).map(({ text }) => text),
    ['a', 'a', 'a'],
  );
  assert.equal(serverPending(gateway), 0);
});

test('name that stays pending is 502 after bindingTimeoutMs, and served once it is bound', async (t) => {
  const { clock, namer, a, gateway, at, ask } = await start(t);
  const asking = ask();
  await eventually(() => serverPending(gateway) === 1);
  clock.advance(9999);
  assert.equal(serverPending(gateway), 1);
  clock.advance(1);
  const response = await asking;
  assert.equal(response.status, 502);
  assert.equal(response.text, 'Exceeded 10.seconds binding timeout while resolving name: /svc/web');
  assert.equal(gateway.metric('rt', 'http', 'service', 'svc/web', 'failures', 'binding-timeout'), 1);
  namer.exists('/web', at(a.port));
  assert.equal((await ask()).text, 'a');
});

test('name whose addresses stay pending is 502 after bindingTimeoutMs, and says what it waited for', async (t) => {
  const { clock, namer, a, gateway, at, ask } = await start(t, { keys: 'bindingTimeoutMs: 1500' });
  namer.exists('/web', at(a.port)).addr.signal.value = ADDR_PENDING;
  const asking = ask();
  await eventually(() => serverPending(gateway) === 1);
  clock.advance(1500);
  const response = await asking;
  assert.equal(response.status, 502);
  assert.equal(
    response.text,
    'Exceeded 1500.milliseconds binding timeout while connecting to /#/test.fake/web for name: /svc/web',
  );
});

test('requests wait for the first addresses of a bound name', async (t) => {
  const { namer, a, gateway, at, ask } = await start(t);
  const { addr } = namer.exists('/web', at(a.port));
  const bound = addr.signal.value;
  addr.signal.value = ADDR_PENDING;
  const asking = Promise.all([ask(), ask()]);
  await eventually(() => serverPending(gateway) === 2);
  addr.signal.value = bound;
  assert.deepEqual(
    (await asking).map(({ text }) => text),
    ['a', 'a'],
  );
});

test('request that waits for addresses goes where the name is bound anew meanwhile', async (t) => {
  const { namer, a, b, gateway, at, ask } = await start(t, {
    dtab: '/svc => /#/test.fake/backup ; /svc => /#/test.fake',
  });
  namer.exists('/backup', at(b.port));
  namer.exists('/web', at(a.port)).addr.signal.value = ADDR_PENDING;
  const asking = ask();
  await eventually(() => serverPending(gateway) === 1);
  namer.answers('/web', NEG);
  assert.equal((await asking).text, 'b');
  // The addresses that come after all are nobody's any more.
  namer.entry('/web').addr.signal.value = addrBound([makeAddress('127.0.0.1', a.port)]);
  assert.equal(a.requests.length, 0);
  assert.equal(serverPending(gateway), 0);
});

test('name that is pushed out of the cache while requests wait for it is bound for them all the same', async (t) => {
  const { namer, a, b, gateway, at, ask } = await start(t, { keys: 'bindingCache: {paths: 1}' });
  const waiting = Promise.all([ask('web'), ask('web')]);
  await eventually(() => serverPending(gateway) === 2);
  namer.exists('/other', at(b.port));
  assert.equal((await ask('other')).text, 'b');
  assert.equal(cache(gateway, 'evicts'), 1);
  namer.exists('/web', at(a.port));
  assert.deepEqual(
    (await waiting).map(({ text }) => text),
    ['a', 'a'],
  );
  // Then it lets go.
  await eventually(() => !namer.entry('/web').tree.isWatched);
});

test('caller that leaves while it waits for a name is forgotten', async (t) => {
  const { scene, namer, a, gateway, at } = await start(t);
  const caller = await scene.client(gateway);
  await caller.send(get());
  await eventually(() => serverPending(gateway) === 1);
  caller.close();
  await eventually(() => serverPending(gateway) === 0);
  namer.exists('/web', at(a.port));
  assert.equal(a.requests.length, 0);
});

// ---- what a name is bound to ----

test('namer that fails is 502 at once, with its message, until it knows', async (t) => {
  const { namer, a, at, ask } = await start(t);
  namer.fails('/web', new Error('registry is on fire'));
  const response = await ask();
  assert.deepEqual([response.status, response.text], [502, 'registry is on fire']);
  namer.exists('/web', at(a.port));
  assert.equal((await ask()).text, 'a');
});

test('last good binding serves through failures and pendings of the namer', async (t) => {
  const { namer, a, at, ask } = await start(t);
  namer.exists('/web', at(a.port));
  assert.equal((await ask()).text, 'a');
  namer.fails('/web', new Error('registry is on fire'));
  assert.equal((await ask()).text, 'a');
  namer.pends('/web');
  assert.equal((await ask()).text, 'a');
  assert.equal(a.connections.length, 1);
});

test('last good addresses serve through failures and pendings of the registry, but not through Neg', async (t) => {
  const { namer, a, at, ask } = await start(t);
  const { addr } = namer.exists('/web', at(a.port));
  assert.equal((await ask()).text, 'a');
  addr.signal.value = addrFailed(new Error('registry is on fire'));
  assert.equal((await ask()).text, 'a');
  addr.signal.value = ADDR_PENDING;
  assert.equal((await ask()).text, 'a');
  assert.equal(a.connections.length, 1);
  addr.signal.value = ADDR_NEG;
  assert.match((await ask()).text, /^Unable to route request!/);
  await a.until('its connection to be closed', () => a.openConnections === 0);
});

test('bound name without addresses is 502 and does not fall back', async (t) => {
  const { namer, b, at, ask } = await start(t, { dtab: '/svc => /#/test.fake/backup ; /svc => /#/test.fake' });
  namer.exists('/backup', at(b.port));
  namer.exists('/web');
  const response = await ask();
  assert.equal(response.status, 502);
  assert.match(response.text, /^Unable to route request!\n\nservice name: \/svc\/web\n/);
});

test('Neg falls back; Fail and Empty do not', async (t) => {
  const { namer, b, at, ask } = await start(t, { dtab: '/svc => /#/test.fake/backup ; /svc => /#/test.fake' });
  namer.exists('/backup', at(b.port));
  for (const [tree, status] of [
    [NEG, 200],
    [FAIL, 502],
    [NEG, 200],
    [EMPTY, 502],
    [NEG, 200],
  ] as const) {
    namer.answers('/web', tree);
    assert.equal((await ask()).status, status, tree.type);
  }
});

test('union shares requests by weight, and a branch without addresses is no second pick', async (t) => {
  const { namer, a, b, at, ask } = await start(t, {
    dtab: '/svc => 9 * /#/test.fake/big & 1 * /#/test.fake/small & 0 * /#/test.fake/none',
  });
  namer.exists('/big', at(a.port));
  namer.exists('/small', at(b.port));
  namer.exists('/none');
  const statuses = new Set<number>();
  for (let i = 0; i < 100; i++) statuses.add((await ask()).status);
  assert.deepEqual([...statuses], [200]);
  assert.ok(a.requests.length > 75 && b.requests.length > 0, `${a.requests.length} : ${b.requests.length}`);
  namer.entry('/small').addr.signal.value = addrBound([]);
  let refused = 0;
  for (let i = 0; i < 60; i++) if ((await ask()).status === 502) refused += 1;
  assert.ok(refused > 0 && refused < 30, `${refused}`);
});

// ---- changes ----

test('change of one name re-binds what depends on it and nothing else', async (t) => {
  const { namer, a, b, gateway, at, ask } = await start(t, {
    dtab: '/svc => /#/test.fake/backup ; /svc => /#/test.fake',
  });
  namer.exists('/backup', at(b.port));
  namer.exists('/other', at(a.port));
  namer.answers('/web', NEG);
  assert.equal((await ask('web')).text, 'b');
  assert.equal((await ask('other')).text, 'a');
  const { lookups } = namer;
  const updates = (id: string): number =>
    gateway.metric('rt', 'http', 'client', `#/test.fake/${id}`, 'loadbalancer', 'updates');
  const before = [updates('other'), updates('backup')];
  for (let i = 0; i < 3; i++) {
    namer.exists('/web', at(a.port));
    assert.equal((await ask('web')).text, 'a');
    namer.answers('/web', NEG);
    assert.equal((await ask('web')).text, 'b');
    assert.equal((await ask('other')).text, 'a');
  }
  // Two clients to a, each with one connection that outlived every flip; one to b.
  assert.equal(a.connections.length, 2);
  assert.equal(b.connections.length, 1);
  assert.deepEqual([updates('other'), updates('backup')], before);
  assert.equal(cache(gateway, 'misses', 'client'), 3);
  assert.equal(cache(gateway, 'misses'), 2);
  // Each change looks up the name itself, and its fallback where that is needed.
  assert.equal(namer.lookups - lookups, 9);
});

test('request under way when its name is bound elsewhere is finished where it is', async (t) => {
  const { scene, namer, gateway, at, ask, b } = await start(t);
  const slow = await scene.upstream(() => {});
  namer.exists('/web', at(slow.port));
  const asking = ask();
  await slow.until('the request', () => slow.requests.length === 1);
  namer.exists('/web', at(b.port));
  assert.equal((await ask()).text, 'b');
  slow.requests[0]?.respond(200, 'slow but sure');
  assert.equal((await asking).text, 'slow but sure');
  await slow.until('its connection to be closed', () => slow.openConnections === 0);
  assert.equal(gateway.metric('rt', 'http', 'client', '#/test.fake/web', 'connections'), 1);
});

test('names that are observed by nobody are let go: idle names expire, their metrics with them', async (t) => {
  const { clock, namer, a, gateway, at, ask } = await start(t, { keys: 'bindingCache: {idleTtlSecs: 60}' });
  const entry = namer.exists('/web', at(a.port));
  assert.equal((await ask()).text, 'a');
  assert.ok(entry.tree.isWatched && entry.addr.isWatched);
  const scopes = (kind: string): string[] => [...gateway.metrics.scope('rt', 'http', kind).children.keys()];
  assert.deepEqual(scopes('service'), ['svc/web']);
  assert.deepEqual(scopes('client'), ['#/test.fake/web']);

  clock.advance(59_000);
  assert.equal((await ask()).text, 'a');
  clock.advance(59_999);
  assert.equal(cache(gateway, 'expires'), 0);
  clock.advance(1);
  assert.equal(cache(gateway, 'expires'), 1);
  assert.ok(!entry.tree.isWatched);
  assert.deepEqual(scopes('service'), []);
  // The client has no user now, and stays as long again: a name that comes back finds its connections.
  assert.deepEqual(scopes('client'), ['#/test.fake/web']);
  assert.equal((await ask()).text, 'a');
  assert.equal(a.connections.length, 1);
  assert.equal(cache(gateway, 'misses'), 2);

  clock.advance(60_000);
  clock.advance(60_000);
  assert.equal(cache(gateway, 'expires', 'client'), 1);
  assert.deepEqual(scopes('client'), []);
  assert.ok(!entry.addr.isWatched);
  await a.until('its connection to be closed', () => a.openConnections === 0);
  assert.equal((await ask()).text, 'a');
  assert.equal(a.connections.length, 2);
});

test('least recently used name is pushed out of a full cache', async (t) => {
  const { namer, a, gateway, at, ask } = await start(t, { keys: 'bindingCache: {paths: 2}' });
  for (const name of ['/one', '/two', '/three']) namer.exists(name, at(a.port));
  for (const name of ['one', 'two', 'one', 'three']) assert.equal((await ask(name)).status, 200);
  assert.equal(cache(gateway, 'evicts'), 1);
  assert.deepEqual([...gateway.metrics.scope('rt', 'http', 'service').children.keys()].sort(), [
    'svc/one',
    'svc/three',
  ]);
  assert.ok(!namer.entry('/two').tree.isWatched);
  assert.equal((await ask('one')).status, 200);
  assert.equal(cache(gateway, 'misses'), 3);
});

test('many names that end in one client leave no more behind than the cache holds', async (t) => {
  const { namer, a, gateway, at, ask } = await start(t, {
    dtab: '/svc/* => /#/test.fake/web',
    keys: 'bindingCache: {paths: 5}',
  });
  namer.exists('/web', at(a.port));
  const count = (): number => {
    let metrics = 0;
    gateway.metrics.walk(() => {
      metrics += 1;
    });
    return metrics;
  };
  for (let i = 0; i < 5; i++) await ask(`host${i}`);
  const full = count();
  for (let i = 5; i < 60; i++) assert.equal((await ask(`host${i}`)).text, 'a');
  assert.equal(count(), full);
  const client = ['rt', 'http', 'client', '#/test.fake/web'] as const;
  assert.deepEqual(
    [...gateway.metrics.scope(...client, 'service').children.keys()],
    [55, 56, 57, 58, 59].map((i) => `svc/host${i}`),
  );
  assert.equal(gateway.metric(...client, 'requests'), 60);
  assert.equal(a.connections.length, 1);
  assert.equal(cache(gateway, 'evicts'), 55);
});

test('clients that no name uses any more are bounded too', async (t) => {
  const { namer, a, gateway, at, ask } = await start(t, { keys: 'bindingCache: {paths: 1, clients: 2}' });
  for (let i = 0; i < 6; i++) {
    namer.exists(`/n${i}`, at(a.port));
    assert.equal((await ask(`n${i}`)).text, 'a');
  }
  // The one in use, and two of those that were.
  assert.deepEqual(
    [...gateway.metrics.scope('rt', 'http', 'client').children.keys()],
    ['#/test.fake/n3', '#/test.fake/n4', '#/test.fake/n5'],
  );
  assert.equal(cache(gateway, 'evicts', 'client'), 3);
  await a.until('their connections to be closed', () => a.openConnections === 3);
});

test('local dtabs have bindings of their own and metrics in common', async (t) => {
  const { namer, a, b, gateway, at, ask } = await start(t);
  namer.exists('/web', at(a.port));
  namer.exists('/canary', at(b.port));
  const override = 'l5d-dtab: /svc/web => /#/test.fake/canary';
  assert.equal((await ask('web', override)).text, 'b');
  assert.equal((await ask('web')).text, 'a');
  assert.equal((await ask('web', override)).text, 'b');
  assert.equal(cache(gateway, 'misses'), 2);
  assert.equal(gateway.metric('rt', 'http', 'service', 'svc/web', 'requests'), 3);
  assert.equal(gateway.metric('rt', 'http', 'client', '#/test.fake/canary', 'requests'), 2);
});

test('client settings follow the bound id, service settings the name', async (t) => {
  const { clock, scene, namer, at, ask } = await start(t, {
    keys: `service:
    kind: io.l5d.static
    configs: [{prefix: /svc/impatient, totalTimeoutMs: 100}]
  client:
    kind: io.l5d.static
    configs: [{prefix: "/#/test.fake/slow", requestAttemptTimeoutMs: 200}]`,
  });
  const slow = await scene.upstream(() => {});
  for (const name of ['/impatient', '/slow', '/patient']) namer.exists(name, at(slow.port));
  for (const [name, limitMs] of [
    ['impatient', 100],
    ['slow', 200],
  ] as const) {
    const count = slow.requests.length;
    const asking = ask(name);
    await slow.until('the request', () => slow.requests.length === count + 1);
    clock.advance(limitMs);
    assert.equal((await asking).status, 503, name);
  }
  const count = slow.requests.length;
  const asking = ask('patient');
  await slow.until('the request', () => slow.requests.length === count + 1);
  clock.advance(3_600_000);
  slow.requests.at(-1)?.respond(200, 'at last');
  assert.equal((await asking).text, 'at last');
});

// ---- registries that have never answered ----

test('registry that never answered is 502 that says why, at once, and served without a restart when it answers', async (t) => {
  const { namer, a, at, ask } = await start(t, {
    initial: ok(negBecause(new Error('Consul 127.0.0.1:8500: refused'))),
  });
  const response = await ask();
  assert.equal(response.status, 502);
  assert.match(response.text, /^Unable to route request!\n\nservice name: \/svc\/web\n/);
  assert.match(response.text, /\nnot known, as there was no answer:\n {2}Consul 127\.0\.0\.1:8500: refused$/);
  namer.exists('/web', at(a.port));
  assert.equal((await ask()).text, 'a');
});

test('registry that never answered does not keep alternatives from being used', async (t) => {
  const { namer, a, at, ask } = await start(t, {
    dtab: '/svc => /#/test.fake/backup ; /svc => /#/test.fake',
    initial: ok(negBecause(new Error('Consul 127.0.0.1:8500: refused'))),
  });
  namer.exists('/backup', at(a.port));
  assert.equal((await ask()).text, 'a');
});

// ---- l5d-explain ----

const freshness = () => ({ registry: 'Consul 127.0.0.1:8500', ageMs: 1500, updates: 2, error: undefined });
const EXPLAINED = '/#/test.fake/web; registry="Consul 127.0.0.1:8500"; age=1.50; updates=2';

function explained(response: RawResponse): string[] {
  return response.fields.filter(([name]) => name === 'l5d-explain').map(([, value]) => value);
}

test('l5d-explain: 1 tells what a name is bound to and how old that is, and no other value does', async (t) => {
  const { namer, a, at, ask } = await start(t);
  const { bound, tree } = namer.exists('/web', at(a.port));
  tree.signal.value = ok(leaf({ type: 'bound', bound: { ...bound, freshness } }));
  assert.deepEqual(explained(await ask('web', 'l5d-explain: 1')), [EXPLAINED]);
  assert.deepEqual(explained(await ask('web', 'l5d-explain: 0')), []);
  assert.deepEqual(explained(await ask('web')), []);
});

test('l5d-explain comes with the gateway’s own errors and does not hide what a gateway behind it says', async (t) => {
  const { scene, namer, at, ask } = await start(t);
  const behind = await scene.upstream(fixed(200, 'b', [['l5d-explain', '/#/behind/web']]));
  const { bound, tree } = namer.exists('/web', at(behind.port));
  tree.signal.value = ok(leaf({ type: 'bound', bound: { ...bound, freshness } }));
  assert.deepEqual(explained(await ask('web', 'l5d-explain: 1')), ['/#/behind/web', EXPLAINED]);
  assert.match(behind.requests[0]?.rawHead ?? '', /\r\nl5d-explain: 1\r\n/);
  await behind.close();
  const refused = await ask('web', 'l5d-explain: 1');
  assert.equal(refused.status, 502);
  assert.deepEqual(explained(refused), [EXPLAINED]);
});

test('l5d-explain from outside is not answered', async (t) => {
  const scene = new Scene(t);
  const a = await scene.upstream(fixed(200, 'a'));
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc => /$/inet/127.0.0.1/${a.port}
  servers: [{port: 0, clearContext: true}]`);
  const response = await scene.ask(gateway, get('/', 'l5d-explain: 1'));
  assert.equal(response.text, 'a');
  assert.deepEqual(explained(response), []);
  assert.doesNotMatch(a.requests[0]?.rawHead ?? '', /l5d-explain/);
});
