import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { eventually } from '../../support/eventually.js';
import {
  CORE,
  DISCOVERY_V1,
  DISCOVERY_V1BETA1,
  endpoints,
  type FakeKubeApiserver,
  service,
  slice,
  startFakeKubeApiserver,
} from '../../support/fake-kube-apiserver.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { boundIn, type KubeScene, makeScene, type SceneOptions } from './kube-scene.js';

expectNoOpenHandles();

describe('io.l5d.k8s', () => {
  let server: FakeKubeApiserver;
  let scene: KubeScene;
  const open = (options: SceneOptions = {}): KubeScene => {
    scene = makeScene(server.port, options);
    return scene;
  };

  beforeEach(async () => {
    server = await startFakeKubeApiserver();
  });
  afterEach(async () => {
    await scene.close();
    await server.close();
  });

  it('answers the ready addresses of a named port, and follows each change', async () => {
    server.put('prod/endpointslices', slice('web', ['10.0.0.1', '10.0.0.2']));
    const web = open().watch('/prod/http/web/rest');
    await eventually(() => web.shown === '10.0.0.1:8080 10.0.0.2:8080');
    const bound = boundIn(web.tree);
    assert.equal(bound?.id.show(), '/#/io.l5d.k8s/prod/http/web');
    assert.equal(bound?.residual.show(), '/rest');
    const { tree } = web;

    server.put('prod/endpointslices', slice('web', ['10.0.0.2', '10.0.0.3']));
    await eventually(() => web.shown === '10.0.0.2:8080 10.0.0.3:8080');
    assert.equal(web.tree, tree, 'the tree stays the same object while the service exists');
    assert.equal(server.asked('watch='), 1);
    assert.equal(scene.count('updates'), 2);
  });

  it('is Neg for a service that does not exist, until it does, and again when it is deleted (1.x bug 7)', async () => {
    const web = open().watch('/prod/http/web');
    await eventually(() => web.shown === 'neg');
    server.put('prod/endpointslices', slice('web', ['10.0.0.1']));
    await eventually(() => web.shown === '10.0.0.1:8080');
    server.delete('prod/endpointslices', 'web-1');
    await eventually(() => web.shown === 'neg');
  });

  it('shares one list and one watch of a namespace between all its names, and ends them after the last', async () => {
    for (let i = 0; i < 20; i++) server.put('prod/endpointslices', slice(`s${i}`, [`10.0.0.${i + 1}`]));
    open();
    const names = Array.from({ length: 20 }, (_, i) => scene.watch(`/prod/http/s${i}`));
    await eventually(() => names.every(({ shown }, i) => shown === `10.0.0.${i + 1}:8080`));
    await eventually(() => server.streams() === 1);
    assert.equal(server.requests.length, 2);
    for (const name of names) name.stop();
    await eventually(() => server.streams() === 0);
    assert.deepEqual([scene.count('opens'), scene.count('closes')], [1, 1]);
  });

  it('lower-cases names', async () => {
    server.put('prod/endpointslices', slice('web', ['10.0.0.1']));
    const web = open().watch('/PROD/Http/Web/Rest');
    await eventually(() => web.shown === '10.0.0.1:8080');
    assert.equal(boundIn(web.tree)?.id.show(), '/#/io.l5d.k8s/prod/http/web');
    assert.equal(boundIn(web.tree)?.residual.show(), '/Rest');
  });

  it('asks nothing for paths that are too short and for namespaces that cannot be', async () => {
    open();
    for (const path of ['/prod', '/prod/http', '/..%2f/http/web', '/pro\\x2fd/http/web', '/pro\\xff/http/web']) {
      assert.equal(scene.watch(path).shown, 'neg', path);
    }
    assert.equal(server.requests.length, 0);
  });

  it('merges the slices of a service, each with its own port', async () => {
    server.put('prod/endpointslices', slice('web', ['10.0.0.1'], { part: 'a' }));
    server.put('prod/endpointslices', slice('web', ['10.0.0.2'], { part: 'b', ports: [{ name: 'http', port: 9090 }] }));
    const web = open().watch('/prod/http/web');
    await eventually(() => web.shown === '10.0.0.1:8080 10.0.0.2:9090');
    server.delete('prod/endpointslices', 'web-a');
    await eventually(() => web.shown === '10.0.0.2:9090');
  });

  for (const [title, apis, source] of [
    ['v1 slices', [CORE, DISCOVERY_V1, DISCOVERY_V1BETA1], 'discovery.k8s.io/v1 endpointslices'],
    ['v1beta1 slices', [CORE, DISCOVERY_V1BETA1], 'discovery.k8s.io/v1beta1 endpointslices'],
    ['Endpoints', [CORE], 'v1 endpoints'],
  ] as const) {
    it(`reads ${title} where they are the best that the server has`, async () => {
      server.apis = apis;
      server.put('prod/endpointslices', slice('web', ['10.0.0.1']));
      server.put(
        'prod/endpoints',
        endpoints('web', [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ name: 'http', port: 8080 }] }]),
      );
      const web = open().watch('/prod/http/web');
      await eventually(() => web.shown === '10.0.0.1:8080');
      assert.deepEqual((scene.namer.state() as { namespaces: unknown }).namespaces, {
        prod: { endpointsFrom: source, services: 1 },
      });
    });
  }

  it('reads Endpoints where slices may not be read, as with the rights that 1.x needed', async () => {
    server.forbidden.add('prod/endpointslices');
    server.put(
      'prod/endpoints',
      endpoints('web', [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ name: 'http', port: 8080 }] }]),
    );
    const web = open().watch('/prod/http/web');
    await eventually(() => web.shown === '10.0.0.1:8080');
  });

  it('keeps to slices that it could read when a server that has just started refuses them for a moment', async () => {
    server.put('prod/endpointslices', slice('web', ['10.0.0.1']));
    const web = open().watch('/prod/http/web');
    await eventually(() => web.shown === '10.0.0.1:8080');
    server.forbidden.add('prod/endpointslices');
    server.compact();
    server.drop();
    await eventually(() => scene.warnings.some((warning) => warning.includes('403')));
    server.forbidden.clear();
    server.put('prod/endpointslices', slice('web', ['10.0.0.2']));
    await eventually(() => web.shown === '10.0.0.2:8080');
    assert.equal(server.asked('/endpoints?'), 0);
  });

  it('keeps to slices after a moment in which nothing was found, and one in which nothing was allowed', async () => {
    server.put('prod/endpointslices', slice('web', ['10.0.0.1']));
    const web = open().watch('/prod/http/web');
    await eventually(() => web.shown === '10.0.0.1:8080');
    server.apis = [];
    server.drop();
    await eventually(() => scene.warnings.some((warning) => warning.includes('404')));
    server.apis = [CORE, DISCOVERY_V1];
    await eventually(() => server.streams() === 1);
    server.forbidden.add('prod/endpointslices');
    server.drop();
    await eventually(() => scene.warnings.some((warning) => warning.includes('403')));
    server.forbidden.clear();
    server.put('prod/endpointslices', slice('web', ['10.0.0.2']));
    await eventually(() => web.shown === '10.0.0.2:8080');
    assert.match(JSON.stringify(scene.namer.state()), /"endpointsFrom":"discovery\.k8s\.io\/v1 endpointslices"/);
  });

  it('goes on with v1 when a server that was upgraded no longer has v1beta1', async () => {
    server.apis = [CORE, DISCOVERY_V1BETA1];
    server.put('prod/endpointslices', slice('web', ['10.0.0.1']));
    const web = open().watch('/prod/http/web');
    await eventually(() => web.shown === '10.0.0.1:8080');
    server.apis = [CORE, DISCOVERY_V1];
    server.drop();
    server.put('prod/endpointslices', slice('web', ['10.0.0.2']));
    await eventually(() => web.shown === '10.0.0.2:8080');
  });

  it('finds the target of a port number in the service', async () => {
    server.put(
      'prod/endpointslices',
      slice('web', ['10.0.0.1'], {
        ports: [
          { name: 'http', port: 8080 },
          { name: 'grpc', port: 9000 },
        ],
      }),
    );
    server.put(
      'prod/services',
      service('web', {
        ports: [
          { name: 'http', port: 80, targetPort: 8080 },
          { name: 'grpc', port: 81, targetPort: 'rpc' },
        ],
      }),
    );
    open();
    const [http, grpc, none] = [scene.watch('/prod/80/web'), scene.watch('/prod/81/web'), scene.watch('/prod/82/web')];
    await eventually(() => http.shown === '10.0.0.1:8080' && grpc.shown === '10.0.0.1:9000' && none.shown === 'neg');
    // The service's own change moves the port.
    server.put('prod/services', service('web', { ports: [{ name: 'http', port: 82, targetPort: 8080 }] }));
    await eventually(() => http.shown === 'neg' && none.shown === '10.0.0.1:8080');
  });

  it('binds named ports without the right to read services, and says which right a port number lacks', async () => {
    server.forbidden.add('prod/services');
    server.put('prod/endpointslices', slice('web', ['10.0.0.1']));
    open();
    const [named, numbered] = [scene.watch('/prod/http/web'), scene.watch('/prod/80/web')];
    await eventually(() => named.shown === '10.0.0.1:8080');
    await eventually(() =>
      /^neg: port 80 is looked for in the service, which cannot be read: .* status 403 "services is forbidden/.test(
        numbered.shown,
      ),
    );
  });

  it('gives an ExternalName service the addresses of that name, and its name as Host', async () => {
    server.put('prod/services', service('db', { type: 'ExternalName', externalName: 'db.example.com' }));
    const asked: string[] = [];
    open({
      resolver: {
        resolve: (host) => {
          asked.push(host);
          return Promise.resolve(['192.0.2.7']);
        },
        close: () => {},
      },
    });
    const [plain, other] = [scene.watch('/prod/443/db'), scene.watch('/prod/8443/db')];
    await eventually(() => plain.shown === '192.0.2.7:443' && other.shown === '192.0.2.7:8443');
    assert.deepEqual(asked, ['db.example.com']);
    assert.equal(plain.addresses[0]?.meta.authority, 'db.example.com');
    assert.equal(other.addresses[0]?.meta.authority, 'db.example.com:8443');
  });

  it('selects by a label whose value is in the path', async () => {
    server.put('prod/endpointslices', slice('web', ['10.0.0.1'], { part: 'a', labels: { version: 'V1' } }));
    server.put('prod/endpointslices', slice('web', ['10.0.0.2'], { part: 'b', labels: { version: 'v2' } }));
    open({ labelSelector: 'version' });
    const [v1, v2, v3, none] = ['/v1/rest', '/v2', '/v3', ''].map((end) => scene.watch(`/prod/http/web${end}`));
    await eventually(() => v1?.shown === '10.0.0.1:8080' && v2?.shown === '10.0.0.2:8080' && v3?.shown === 'neg');
    assert.equal(none?.shown, 'neg');
    assert.equal(boundIn(v1?.tree ?? { state: 'pending' })?.id.show(), '/#/io.l5d.k8s/prod/http/web/v1');
    server.put('prod/endpointslices', slice('web', ['10.0.0.1'], { part: 'a', labels: { version: 'v3' } }));
    await eventually(() => v1?.shown === 'neg' && v3?.shown === '10.0.0.1:8080');
  });

  it('tells observers nothing when a change leaves their service as it was', async () => {
    server.put('prod/endpointslices', slice('web', ['10.0.0.1', '10.0.0.2']));
    open();
    const [web, other] = [scene.watch('/prod/http/web'), scene.watch('/prod/http/other')];
    await eventually(() => web.shown === '10.0.0.1:8080 10.0.0.2:8080');
    const before = web.changes;
    server.put('prod/endpointslices', slice('web', ['10.0.0.2', '10.0.0.1'], { labels: { more: 'labels' } }));
    server.put('prod/endpointslices', slice('other', ['10.0.0.3']));
    await eventually(() => other.shown === '10.0.0.3:8080');
    assert.equal(web.changes, before);
  });
});
