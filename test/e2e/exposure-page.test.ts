// What admin tells of a running gateway: what callers outside can reach, and where routes are from.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { parseConfig } from '../../config/schema/parse.js';
import { realClock } from '../../src/base/clock.js';
import { pathFromText } from '../../src/base/path.js';
import { seededRandom } from '../../src/base/random.js';
import type { ExposureReport } from '../../src/exposure/exposure.js';
import type { ShownRoute } from '../../src/identifier/identifier.js';
import { makeLinker } from '../../src/linker.js';
import { captureLog } from '../support/captured-log.js';
import { FakeRouteSource, kindsWithRoutes } from '../support/fake-route-source.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { request, Scene } from '../support/scene.js';

expectNoOpenHandles();

/** Tells of its routes and its state, and remembers what it was started for. */
class ShownRouteSource extends FakeRouteSource {
  readonly startedFor: (string | undefined)[] = [];
  shown: readonly ShownRoute[] = [];

  override start(purpose?: 'serve' | 'look'): void {
    this.startedFor.push(purpose);
  }

  routes(): readonly ShownRoute[] {
    return this.shown;
  }

  state(): unknown {
    return { routes: this.shown.length };
  }

  /** One for callers outside, one for those inside. */
  useBoth(): void {
    const routes = [
      { host: 'shop.example.com', name: pathFromText('shop'), exposure: 'external' },
      { host: 'admin.example.com', name: pathFromText('admin'), exposure: 'internal' },
    ] as const;
    this.use(routes);
    this.shown = routes.map((route) => ({ ...route, path: '/*', by: `route ${route.host}` }));
  }
}

const CONFIG = `
admin: {port: 0}
routers:
- protocol: http
  label: edge
  identifier: {kind: test.routes}
  dtab: |
    /ext/shop => /$/inet/127.0.0.1/1;
    /ext/old => /$/inet/127.0.0.1/2
  servers:
  - {port: 0}
  - {port: 0, exposure: external, externalHosts: [gone.example.com]}
`;

const REPORT_OF_HOSTS = [
  {
    host: 'gone.example.com',
    publishedBy: ['externalHosts'],
    names: [
      { path: '*', by: null, name: null, outcome: 'nothing', note: 'no route for gone.example.com', targets: [] },
    ],
  },
  {
    host: 'shop.example.com',
    publishedBy: ['route shop.example.com'],
    names: [
      {
        path: '/*',
        by: 'route shop.example.com',
        name: '/ext/shop',
        outcome: 'reached',
        note: null,
        targets: [{ id: '/$/inet/127.0.0.1/1', inUse: true, addresses: 1, denied: 0, status: null, error: null }],
      },
    ],
  },
];

test('admin shows what callers outside reach now, by the very listeners that serve them', async (t) => {
  captureLog(t);
  const { source, gateway, page } = await start(t);
  const before = (await page('/exposure.json')) as ExposureReport;
  assert.deepEqual(
    before.listeners.map(({ listener, hosts }) => [listener, ...hosts.map(({ host }) => host)]),
    [[`127.0.0.1:${gateway.ports[1]}`, 'gone.example.com']],
  );
  source.useBoth();
  const { listeners, unanswered } = (await page('/exposure.json')) as ExposureReport;
  assert.deepEqual(unanswered, []);
  assert.deepEqual(listeners[0]?.hosts, REPORT_OF_HOSTS);
  assert.deepEqual(listeners[0]?.deadRules, ['/ext/old=>/$/inet/127.0.0.1/2']);
  assert.deepEqual(source.startedFor, [undefined]);
});

test('admin shows the state of sources of routes', async (t) => {
  captureLog(t);
  const { source, page } = await start(t);
  source.useBoth();
  assert.deepEqual(await page('/identifier_state/edge.json'), [{ routes: 2 }]);
});

test('a linker that only looks has sources look, and listens nowhere', async () => {
  const source = new ShownRouteSource();
  source.useBoth();
  const kinds = kindsWithRoutes(source);
  const parsed = parseConfig(CONFIG, 'linkerd.yaml', kinds);
  assert.ok(parsed.ok);
  const build = { name: 'linkgate', version: '0', startedAt: 0 };
  const time = { clock: realClock, random: seededRandom(1) };
  const linker = makeLinker({ ...parsed, kinds, build, ...time, onShutdownRequest: () => {} });
  linker.look();
  const { listeners } = await linker.exposure(1000);
  await linker.close();
  assert.deepEqual(source.startedFor, ['look']);
  assert.deepEqual(
    listeners.map(({ listener, hosts }) => ({ listener, hosts })),
    [{ listener: '127.0.0.1:0', hosts: REPORT_OF_HOSTS }],
  );
});

async function start(t: TestContext) {
  const scene = new Scene(t);
  const source = new ShownRouteSource();
  const gateway = await scene.gateway(CONFIG, { kinds: kindsWithRoutes(source) });
  const page = async (path: string): Promise<unknown> => {
    const { status, text } = await scene.ask({ port: gateway.adminPort }, request(`GET ${path}`, ['Host: 127.0.0.1']));
    assert.equal(status, 200);
    return JSON.parse(text);
  };
  return { source, gateway, page };
}
