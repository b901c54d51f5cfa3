import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { MarathonScene } from './marathon-scene.js';

expectNoOpenHandles();

const NAMER = '/#/io.l5d.marathon';
const one = (host: string, port: number) => ({ tasks: [{ host, ports: [port] }] });

test('marathon binds an app to the host and first port of its tasks, and leaves the rest as residual', async (t) => {
  const scene = await MarathonScene.start(t);
  const tasks = [
    { host: '10.0.0.1', ports: [31001, 31002] },
    { host: '10.0.0.2', ports: [31005] },
  ];
  scene.marathon.apps.set('/shop/web', { tasks });
  const web = scene.follow('/shop/web/users/1');
  await eventually(() => web.now === `${NAMER}/shop/web /users/1: 10.0.0.1:31001 10.0.0.2:31005`);
  assert.deepEqual(web.history, ['pending', web.now]);
  assert.deepEqual(scene.asked(), ['GET /v2/apps', 'GET /v2/apps/shop/web?embed=app.tasks']);
});

test('marathon sends the configured host without a port as Host', async (t) => {
  const scene = await MarathonScene.start(t);
  scene.marathon.apps.set('/web', one('10.0.0.1', 80));
  const web = scene.follow('/web');
  await eventually(() => web.now.includes('10.0.0.1'));
  assert.deepEqual(
    scene.marathon.requests.map(({ headers }) => headers.host),
    ['127.0.0.1', '127.0.0.1'],
  );
});

test('marathon connects to dst, and still says host', async (t) => {
  const target = await MarathonScene.start(t);
  target.marathon.apps.set('/web', one('10.0.0.1', 80));
  const dst = { host: '127.0.0.1', port: target.marathon.port };
  const scene = await MarathonScene.start(t, { host: 'marathon.mesos', port: 80, dst });
  const web = scene.follow('/web');
  await eventually(() => web.now.includes('10.0.0.1'));
  assert.equal(target.marathon.requests[0]?.headers.host, 'marathon.mesos');
  assert.equal(scene.namer.state().registry, `Marathon 127.0.0.1:${dst.port}`);
});

test('marathon asks below uriPrefix, however its slashes stand', async (t) => {
  for (const uriPrefix of ['/marathon', 'marathon/', '/marathon//']) {
    const scene = await MarathonScene.start(t, { uriPrefix }, { uriPrefix: '/marathon' });
    scene.marathon.apps.set('/web', one('10.0.0.1', 80));
    const web = scene.follow('/web');
    await eventually(() => web.now.includes('10.0.0.1'));
    assert.equal(scene.asked()[0], 'GET /marathon/v2/apps');
  }
});

test('marathon takes the shortest beginning of the path that is an app', async (t) => {
  const scene = await MarathonScene.start(t);
  scene.marathon.apps.set('/shop/web/v2', one('10.0.0.3', 80));
  scene.marathon.apps.set('/shop/web', one('10.0.0.2', 80));
  const web = scene.follow('/shop/web/v2/x');
  await eventually(() => web.now === `${NAMER}/shop/web /v2/x: 10.0.0.2:80`);
  scene.marathon.apps.delete('/shop/web');
  scene.clock.skip(5050);
  await eventually(() => web.now === `${NAMER}/shop/web/v2 /x: 10.0.0.3:80`);
  scene.marathon.apps.set('/shop', one('10.0.0.1', 80));
  scene.clock.skip(5050);
  await eventually(() => web.now === `${NAMER}/shop /web/v2/x: 10.0.0.1:80`);
});

test('marathon finds apps in any case, and asks for them as Marathon writes them', async (t) => {
  const scene = await MarathonScene.start(t);
  scene.marathon.apps.set('/Shop/Web', one('10.0.0.1', 80));
  const web = scene.follow('/SHOP/web/Users');
  await eventually(() => web.now === `${NAMER}/shop/web /Users: 10.0.0.1:80`);
  assert.equal(scene.asked()[1], 'GET /v2/apps/Shop/Web?embed=app.tasks');
});

test('marathon finds apps of other letters, and takes an escaped slash for none between segments', async (t) => {
  const scene = await MarathonScene.start(t);
  scene.marathon.apps.set('/größe', one('10.0.0.1', 80));
  scene.marathon.apps.set('/a/b', one('10.0.0.2', 80));
  const escaped = (text: string): string => [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16)}`).join('');
  const unicode = scene.follow(`/${escaped('GRÖßE')}`);
  await eventually(() => unicode.now.endsWith('10.0.0.1:80'));
  const slash = scene.follow(`/${escaped('a/b')}`);
  await eventually(() => slash.now === 'neg');
});

test('marathon answers Neg for a path that begins with no app, and for none at all', async (t) => {
  const scene = await MarathonScene.start(t);
  scene.marathon.apps.set('/web', one('10.0.0.1', 80));
  assert.equal(scene.follow('/').now, 'neg');
  const missing = scene.follow('/missing/web');
  await eventually(() => missing.now === 'neg');
  assert.deepEqual(scene.asked(), ['GET /v2/apps']);
});

test('marathon answers Neg for an app with zero replicas, and binds it when it has some (1.x bug 32)', async (t) => {
  const scene = await MarathonScene.start(t);
  scene.marathon.apps.set('/web', { tasks: [] });
  const web = scene.follow('/web');
  await eventually(() => web.now === 'neg');
  scene.marathon.apps.set('/web', one('10.0.0.1', 80));
  scene.clock.skip(5050);
  await eventually(() => web.now === `${NAMER}/web /: 10.0.0.1:80`);
  scene.marathon.apps.set('/web', { tasks: [] });
  scene.clock.skip(5050);
  await eventually(() => web.now === 'neg');
});

test('marathon with useHealthCheck sends nothing to tasks in their grace period (1.x bug 32)', async (t) => {
  const scene = await MarathonScene.start(t, { useHealthCheck: true });
  const old = { host: '10.0.0.1', ports: [80], alive: [true], id: 'old' };
  scene.marathon.apps.set('/web', { healthChecks: 1, tasks: [old, { host: '10.0.0.2', ports: [80], id: 'new' }] });
  const web = scene.follow('/web');
  await eventually(() => web.now === `${NAMER}/web /: 10.0.0.1:80`);
  scene.marathon.apps.set('/web', {
    healthChecks: 1,
    tasks: [old, { host: '10.0.0.2', ports: [80], id: 'new', alive: [true] }],
  });
  scene.clock.skip(5050);
  await eventually(() => web.now === `${NAMER}/web /: 10.0.0.1:80 10.0.0.2:80`);
  scene.marathon.apps.set('/web', { healthChecks: 1, tasks: [{ ...old, alive: [false] }] });
  scene.clock.skip(5050);
  await eventually(() => web.now === 'neg');
});

test('marathon binds tasks with addresses of their own to the discovery port', async (t) => {
  const scene = await MarathonScene.start(t);
  scene.marathon.apps.set('/web', {
    discoveryPort: 8080,
    tasks: [{ host: '10.0.0.1', ports: [31001], ips: ['9.0.0.1', '9.0.0.2'] }],
  });
  const web = scene.follow('/web');
  await eventually(() => web.now === `${NAMER}/web /: 9.0.0.1:8080`);
});

test('marathon looks up hosts that are names', async (t) => {
  const scene = await MarathonScene.start(t);
  scene.resolver.answers.set('agent-1.example', ['10.0.0.7']);
  scene.marathon.apps.set('/web', one('agent-1.example', 31001));
  const web = scene.follow('/web');
  await eventually(() => web.now === `${NAMER}/web /: 10.0.0.7:31001`);
});

test('marathon keeps its leaf while tasks come and go, and sees an app go and come', async (t) => {
  const scene = await MarathonScene.start(t);
  scene.marathon.apps.set('/web', one('10.0.0.1', 80));
  const web = scene.follow('/web');
  await eventually(() => web.now.endsWith('10.0.0.1:80'));
  scene.marathon.apps.set('/web', one('10.0.0.2', 80));
  scene.clock.skip(5050);
  await eventually(() => web.now.endsWith('10.0.0.2:80'));
  assert.equal(web.leaves, 1);
  scene.marathon.apps.delete('/web');
  scene.clock.skip(5050);
  await eventually(() => web.now === 'neg');
  scene.marathon.apps.set('/web', one('10.0.0.3', 80));
  scene.clock.skip(5050);
  await eventually(() => web.now.endsWith('10.0.0.3:80'));
});

test('marathon watches the list once for all names and each app once, until a while after the last observer', async (t) => {
  const scene = await MarathonScene.start(t, { lingerMs: 10_000 });
  scene.marathon.apps.set('/web', one('10.0.0.1', 80));
  scene.marathon.apps.set('/api', one('10.0.0.2', 80));
  const names = ['/web', '/web/x', '/WEB', '/api', '/missing'].map((path) => scene.follow(path));
  await eventually(() => names.every(({ now }) => now !== 'pending'));
  assert.deepEqual(scene.asked().sort(), [
    'GET /v2/apps',
    'GET /v2/apps/api?embed=app.tasks',
    'GET /v2/apps/web?embed=app.tasks',
  ]);
  assert.deepEqual(Object.keys(scene.namer.state().watches).sort(), ['app /api', 'app /web', 'apps']);
  names[3]?.stop();
  scene.clock.skip(10_000);
  assert.deepEqual(Object.keys(scene.namer.state().watches).sort(), ['app /web', 'apps']);
  for (const name of names) name.stop();
  scene.clock.skip(10_000);
  assert.deepEqual(scene.namer.state().watches, {});
  assert.equal(scene.metric('opens'), 3);
  assert.equal(scene.metric('closes'), 3);
});

test('marathon asks again after ttlMs, give or take jitterMs', async (t) => {
  for (const [draw, ms] of [
    [0, 800],
    [0.5, 1000],
    [0.999999, 1199],
  ] as const) {
    const scene = await MarathonScene.start(t, { ttlMs: 1000, jitterMs: 200, random: () => draw });
    scene.follow('/missing');
    await eventually(() => scene.metric('updates') === 1);
    // Until the namer waits for its next turn.
    await new Promise((resolve) => setImmediate(resolve));
    scene.clock.skip(ms - 300);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(scene.asked().length, 1, `before ${ms} ms`);
    scene.clock.skip(300);
    await eventually(() => scene.asked().length === 2);
  }
});
