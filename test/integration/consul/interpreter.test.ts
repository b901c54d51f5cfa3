// io.l5d.consul.interpreter through a whole gateway, before a real agent and a server that misbehaves.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it, type TestContext } from 'node:test';
import { captureLog } from '../../support/captured-log.js';
import { eventually } from '../../support/eventually.js';
import type { TestGateway } from '../../support/gateway.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { request, Scene } from '../../support/scene.js';
import { fixed } from '../../support/upstream.js';
import { type Consul, startConsul } from '../registries/consul.js';
import { registrySuite } from '../registries/registry-suite.js';
import { FakeConsul } from './fake-consul.js';
import { kinds } from './kinds.js';
import type { ConsulAddress } from './namer-scene.js';

expectNoOpenHandles();

const KEY = 'namerd/dtabs/default';

/** A gateway whose dtab is in Consul, upstreams `a` and `b`, and what a request for a host is answered by. */
async function start(t: TestContext, at: ConsulAddress, { keys = {}, dtab = '' } = {}) {
  const scene = new Scene(t);
  const [a, b] = [await scene.upstream(fixed(200, 'a')), await scene.upstream(fixed(200, 'b'))];
  const [toA, toB] = [a, b].map(({ port }) => `/$/inet/127.0.0.1/${port}`);
  const interpreter = { kind: 'io.l5d.consul.interpreter', host: at.host, port: at.port, ...keys };
  const router = { protocol: 'http', dtab: dtab.replace('A', `${toA}`), interpreter, servers: [{ port: 0 }] };
  const gateway = await scene.gateway(JSON.stringify({ admin: { port: 0 }, routers: [router] }), { kinds });
  const ask = async (host = 'web'): Promise<string> => {
    const { status, text } = await scene.ask(gateway, request('GET /', [`Host: ${host}`]));
    return status === 200 ? text : `${status} ${text}`;
  };
  const becomes = async (wanted: string | RegExp, host?: string): Promise<void> => {
    const deadline = performance.now() + 5000;
    for (;;) {
      const answer = await ask(host);
      if (typeof wanted === 'string' ? answer === wanted : wanted.test(answer)) return;
      assert.ok(performance.now() < deadline, `is not ${wanted} but ${answer}`);
    }
  };
  return { scene, gateway, ask, becomes, toA, toB };
}

const count = (gateway: TestGateway, name: string): number =>
  gateway.metric('rt', 'http', 'interpreter', 'io.l5d.consul.interpreter', 'service', name);

registrySuite('consul', () => {
  let consul: Consul;
  before(async () => {
    consul = await startConsul({ persistent: true });
  });
  beforeEach(() => consul.deleteKey(KEY));
  after(() => consul.stop());

  it('binds by the dtab of the key, and anew at each change', async (t) => {
    const { becomes, gateway, toA, toB } = await start(t, consul);
    await becomes(/^502 /);
    await consul.setKey(KEY, `/svc/web => ${toA} ;`);
    await becomes('a');
    await consul.setKey(KEY, `/svc/web => ${toB} ;`);
    await becomes('b');
    await consul.deleteKey(KEY);
    await becomes(/^502 /);
    assert.equal(count(gateway, 'opens'), 1);
  });

  it("comes before the router's own dtab, which is all there is while the key is missing", async (t) => {
    const { ask, becomes, toB } = await start(t, consul, { dtab: '/svc/web => A' });
    assert.equal(await ask(), 'a');
    await consul.setKey(KEY, `/svc => ${toB}`);
    await becomes('b', 'other');
    assert.equal(await ask(), 'a');
  });

  it('reads another key by pathPrefix and namespace', async (t) => {
    const keys = { pathPrefix: '/a/b', namespace: 'my space' };
    const { ask, toB } = await start(t, consul, { keys });
    await consul.setKey('a/b/my%20space', `/svc => ${toB}`);
    assert.equal(await ask(), 'b');
  });

  it('keeps the last dtab while the value is none, says where it is wrong, and goes on with the next good one (1.x bug 19)', async (t) => {
    const log = captureLog(t);
    const { ask, becomes, gateway, toA, toB } = await start(t, consul);
    await consul.setKey(KEY, `/svc => ${toA}`);
    await becomes('a');
    await consul.setKey(KEY, '/svc => ;;; nonsense');
    await eventually(() => count(gateway, 'garbage') === 1);
    assert.equal(await ask(), 'a');
    assert.equal(await ask('new'), 'a');
    const warnings = log.filter(({ level }) => level === 'warn').map(({ msg }) => msg);
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0] ?? '',
      /^Consul 127\.0\.0\.1:\d+: namerd\/dtabs\/default: the value is no dtab: .*; the dtab before it stays in use$/,
    );
    await consul.setKey(KEY, `/svc => ${toB}`);
    await becomes('b');
  });

  it('answers 502 with what is wrong while the value has never been a dtab, and recovers at once', async (t) => {
    captureLog(t);
    await consul.setKey(KEY, '/svc => ;;; nonsense');
    const { ask, becomes, toA } = await start(t, consul);
    assert.match(await ask(), /^502 .*Consul 127\.0\.0\.1:\d+: namerd\/dtabs\/default: the value is no dtab: /s);
    await consul.setKey(KEY, `/svc => ${toA}`);
    await becomes('a');
  });

  it('keeps the last dtab while Consul is dead, and follows it after that', async (t) => {
    captureLog(t);
    const { ask, becomes, gateway, toA, toB } = await start(t, consul);
    await consul.setKey(KEY, `/svc => ${toA}`);
    await becomes('a');
    await consul.kill();
    await eventually(() => count(gateway, 'errors') >= 3);
    assert.equal(await ask(), 'a');
    assert.equal(await ask('new'), 'a');
    await consul.start();
    await consul.setKey(KEY, `/svc => ${toB}`);
    await becomes('b');
  });

  it('shows the dtab and its watch in interpreter_state', async (t) => {
    const { ask, scene, gateway, toA } = await start(t, consul);
    await consul.setKey(KEY, `/svc => ${toA}`);
    await ask();
    const page = 'GET /http/interpreter_state/io.l5d.consul.interpreter.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
    const state = JSON.parse((await scene.ask({ port: gateway.adminPort }, page)).text);
    assert.match(state.dtab, /^\/svc=>\/\$\/inet/);
    assert.equal(state.watches[KEY].state, 'ok');
  });
});

registrySuite('consul', () => {
  let consul: Consul;
  before(async () => {
    consul = await startConsul({ acl: true });
  });
  after(() => consul.stop());

  it('reads with its token, and answers 502 with the reason and without the token where it has no rights', async (t) => {
    captureLog(t);
    const [allowed, denied] = [
      await consul.createToken('key_prefix "namerd/" { policy = "read" }'),
      await consul.createToken('key_prefix "other/" { policy = "read" }'),
    ];
    const { ask, toA } = await start(t, consul, { keys: { token: allowed } });
    await consul.setKey(KEY, `/svc => ${toA}`);
    assert.equal(await ask(), 'a');
    const answer = await (await start(t, consul, { keys: { token: denied } })).ask();
    assert.match(answer, /^502 .*GET \/v1\/kv\/namerd\/dtabs\/default\?raw=true: status 403 "Permission denied"/s);
    assert.ok(!answer.includes(denied));
  });
});

describe('io.l5d.consul.interpreter', () => {
  it('asks for datacenter and consistency, and waits by the index', async (t) => {
    const fake = await FakeConsul.start(t, ({ blocking }) =>
      blocking ? undefined : { index: 7, body: '/svc => /$/nil' },
    );
    const { ask } = await start(t, fake, { keys: { datacenter: 'dc2', readConsistencyMode: 'stale', token: 't0ken' } });
    assert.match(await ask(), /^502 /);
    await eventually(() => fake.queries.length === 2);
    const [plain, blocking] = fake.queries;
    assert.equal(plain?.path, `/v1/kv/${KEY}`);
    assert.equal(plain?.headers['x-consul-token'], 't0ken');
    assert.deepEqual(plain?.parameters, { raw: 'true', dc: 'dc2', stale: 'true' });
    assert.deepEqual(blocking?.parameters, { ...plain?.parameters, index: '7', wait: '30000ms' });
  });

  it('refuses a value larger than Consul could hold', async (t) => {
    captureLog(t);
    const fake = await FakeConsul.start(t, () => ({ index: 7, body: '#'.repeat(2 << 20) }));
    const { ask } = await start(t, fake);
    assert.match(await ask(), /^502 .*the answer is larger than 1048576 bytes/s);
  });
});
