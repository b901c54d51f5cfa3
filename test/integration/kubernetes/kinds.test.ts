import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { effect, type ReadonlySignal, signal } from '@preact/signals-core';
import { makeConfigMapInterpreter } from '../../../namers/kubernetes/config-map-interpreter.js';
import { makeDaemonsetTransformer } from '../../../namers/kubernetes/daemonset-transformer.js';
import { findLoadBalancer } from '../../../namers/kubernetes/find-load-balancer.js';
import { KubeApi } from '../../../namers/kubernetes/kube-api.js';
import { plainServer } from '../../../namers/kubernetes/kube-server.js';
import type { State } from '../../../src/base/activity.js';
import { ADDR_NEG, type Addr, addrBound, type Bound, makeAddress, showAddress } from '../../../src/base/addr.js';
import { realClock } from '../../../src/base/clock.js';
import { EMPTY_DTAB } from '../../../src/base/dtab.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { parseDtab, parsePath } from '../../../src/base/name-grammar.js';
import type { NameTree } from '../../../src/base/name-tree.js';
import { EMPTY_PATH, pathFromText } from '../../../src/base/path.js';
import { seededRandom } from '../../../src/base/random.js';
import { makeSystemNamer } from '../../../src/naming/built-in-namers.js';
import type { Interpreter } from '../../../src/naming/interpreter.js';
import type { SystemNamer } from '../../../src/naming/namer.js';
import { eventually } from '../../support/eventually.js';
import { type FakeKubeApiserver, service, slice, startFakeKubeApiserver } from '../../support/fake-kube-apiserver.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { type KubeScene, makeScene } from './kube-scene.js';

expectNoOpenHandles();

describe('io.l5d.k8s.external', () => {
  let server: FakeKubeApiserver;
  let scene: KubeScene;
  const balanced = (ingress: readonly object[], labels = {}): void =>
    server.put(
      'prod/services',
      service(
        'web',
        {
          ports: [
            { name: 'http', port: 80, targetPort: 8080 },
            { name: 'tls', port: 443, targetPort: 8443 },
          ],
        },
        { metadata: { name: 'web', labels }, status: { loadBalancer: { ingress } } },
      ),
    );

  beforeEach(async () => {
    server = await startFakeKubeApiserver();
    scene = makeScene(server.port, {
      find: findLoadBalancer,
      resolver: { resolve: () => Promise.resolve(['192.0.2.9']), close: () => {} },
    });
  });
  afterEach(async () => {
    await scene.close();
    await server.close();
  });

  it('answers the balancers with the port of the service, by name and by number', async () => {
    balanced([{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }]);
    const [named, numbered] = [scene.watch('/prod/tls/web'), scene.watch('/prod/443/web')];
    await eventually(() => named.shown === '192.0.2.1:443 192.0.2.2:443' && numbered.shown === named.shown);
    assert.equal(scene.watch('/prod/8080/web').shown, 'neg');
  });

  it('takes a balancer with a host name (1.x bug 11)', async () => {
    balanced([{ hostname: 'lb.example.com', ip: '' }]);
    const web = scene.watch('/prod/http/web');
    await eventually(() => web.shown === '192.0.2.9:80');
  });

  it('is Neg while there is no balancer, and follows it as it comes and goes', async () => {
    balanced([]);
    const web = scene.watch('/prod/http/web');
    await eventually(() => web.shown === 'neg');
    balanced([{ ip: '192.0.2.1' }]);
    await eventually(() => web.shown === '192.0.2.1:80');
    server.delete('prod/services', 'web');
    await eventually(() => web.shown === 'neg');
    assert.equal(server.asked('endpoint'), 0, 'it needs no right to read endpoints');
  });
});

describe('io.l5d.k8s.configMap', () => {
  let server: FakeKubeApiserver;
  let interpreter: Interpreter;
  let system: SystemNamer & { close(): unknown };
  let stop: (() => void) | undefined;
  let bound: State<NameTree<Bound>> = { state: 'pending' };
  const metrics = new MetricsScope();

  beforeEach(async () => {
    server = await startFakeKubeApiserver();
    system = makeSystemNamer({ clock: realClock, random: seededRandom(1), metrics, more: [] });
    const api = plainServer('127.0.0.1', server.port);
    interpreter = makeConfigMapInterpreter({
      api: new KubeApi(() => api),
      namespace: 'edge',
      name: 'routes',
      filename: 'dtab',
      dtab: parseDtab('/svc => /$/inet/127.0.0.1/1 ; /a => /svc'),
      namers: [],
      system,
      clock: realClock,
      random: seededRandom(1),
      metrics,
      log: { error() {}, warn() {}, info() {}, debug() {} },
    });
  });
  afterEach(async () => {
    stop?.();
    await interpreter.close();
    await system.close();
    await server.close();
  });

  const bind = (path: string): void => {
    const activity = interpreter.bind(EMPTY_DTAB, parsePath(path));
    stop = effect(() => {
      bound = activity.value;
    });
  };
  const shown = (): string => {
    if (bound.state !== 'ok') return bound.state;
    return bound.value.type === 'leaf' ? bound.value.value.id.show() : bound.value.type;
  };
  const write = (data: object | undefined): void =>
    server.put('edge/configmaps', { metadata: { name: 'routes' }, data });

  it("binds by the dtab in the ConfigMap with the router's behind it, and follows each change", async () => {
    write({ dtab: '/svc/web => /$/inet/10.0.0.1/80 ; /a => /svc/web' });
    bind('/a');
    // The router's entry comes later, so it is tried first.
    await eventually(() => shown() === '/$/inet/127.0.0.1/1');
    stop?.();
    bind('/svc/web');
    await eventually(() => shown() === '/$/inet/127.0.0.1/1');
    stop?.();
    write({ dtab: '/b => /$/inet/10.0.0.2/80' });
    bind('/b');
    await eventually(() => shown() === '/$/inet/10.0.0.2/80');
    write({ dtab: '/b => /$/inet/10.0.0.3/80' });
    await eventually(() => shown() === '/$/inet/10.0.0.3/80');
    assert.equal(
      server.asked('fieldSelector=metadata.name%3Droutes'),
      server.requests.length,
      'the right to one object is enough',
    );
  });

  it('is an empty dtab while the ConfigMap or the key is not there', async () => {
    bind('/b');
    await eventually(() => shown() === 'neg');
    write({ dtab: '/b => /$/inet/10.0.0.2/80' });
    await eventually(() => shown() === '/$/inet/10.0.0.2/80');
    write({ other: '/b => /$/inet/10.0.0.3/80' });
    await eventually(() => shown() === 'neg');
    write({ dtab: '/b => /$/inet/10.0.0.2/80' });
    await eventually(() => shown() === '/$/inet/10.0.0.2/80');
    server.delete('edge/configmaps', 'routes');
    await eventually(() => shown() === 'neg');
  });

  it('keeps the last dtab when one does not parse, and is not stuck after it (1.x bug 19)', async () => {
    write({ dtab: '/b => /$/inet/10.0.0.2/80' });
    bind('/b');
    await eventually(() => shown() === '/$/inet/10.0.0.2/80');
    const garbage = metrics.counter('service', 'garbage').value;
    write({ dtab: '/b -> nonsense' });
    await eventually(() => metrics.counter('service', 'garbage').value === garbage + 1);
    assert.equal(shown(), '/$/inet/10.0.0.2/80');
    write({ dtab: '/b => /$/inet/10.0.0.4/80' });
    await eventually(() => shown() === '/$/inet/10.0.0.4/80');
  });

  it('is an empty dtab when the first one does not parse', async () => {
    write({ dtab: 'nonsense' });
    bind('/b');
    await eventually(() => shown() === 'neg');
  });

  it('goes on after 404 while a watch is begun anew (1.x bug 12)', async () => {
    write({ dtab: '/b => /$/inet/10.0.0.2/80' });
    bind('/b');
    await eventually(() => shown() === '/$/inet/10.0.0.2/80' && server.streams() === 1);
    server.apis = [];
    server.drop();
    const errors = metrics.counter('service', 'errors');
    const before = errors.value;
    await eventually(() => errors.value > before + 2);
    assert.equal(shown(), '/$/inet/10.0.0.2/80');
    server.apis = ['/api/v1'];
    write({ dtab: '/b => /$/inet/10.0.0.5/80' });
    await eventually(() => shown() === '/$/inet/10.0.0.5/80');
  });

  it('shows its state and its age', async () => {
    write({ dtab: '/b => /$/inet/10.0.0.2/80' });
    bind('/b');
    await eventually(() => shown() === '/$/inet/10.0.0.2/80');
    const state = interpreter.state?.() as {
      registry: string;
      dtab: string;
      watches: Record<string, { state: string }>;
    };
    assert.equal(state.registry, `Kubernetes 127.0.0.1:${server.port}`);
    assert.equal(state.dtab, '/b=>/$/inet/10.0.0.2/80');
    assert.equal(state.watches['configmap edge/routes dtab']?.state, 'ok');
    assert.ok((interpreter.ageMs?.() ?? -1) >= 0);
  });
});

describe('io.l5d.k8s.daemonset', () => {
  let server: FakeKubeApiserver;
  let scene: KubeScene;
  let stop: () => void = () => {};

  beforeEach(async () => {
    server = await startFakeKubeApiserver();
  });
  afterEach(async () => {
    stop();
    await scene.close();
    await server.close();
  });

  const transform = (source: ReadonlySignal<Addr>, hostNetwork = false): (() => string) => {
    scene = makeScene(server.port);
    const transformer = makeDaemonsetTransformer({
      prefix: pathFromText('%', 'io.l5d.k8s.daemonset'),
      namespace: 'edge',
      port: 'incoming',
      service: 'l5d',
      hostNetwork,
      namer: scene.namer,
    });
    const made = transformer.transform({ id: parsePath('/#/x/web'), residual: EMPTY_PATH, addr: source });
    assert.ok(made.state === 'ok' && made.value.type === 'leaf');
    const { id, addr } = made.value.value;
    assert.equal(id.show(), '/%/io.l5d.k8s.daemonset/edge/incoming/l5d/#/x/web');
    let now: Addr = { state: 'pending' };
    stop = effect(() => {
      now = addr.value;
    });
    return () => (now.state === 'bound' ? now.addresses.map(showAddress).sort().join(' ') : now.state);
  };
  const pods = (...hosts: readonly string[]): Addr => addrBound(hosts.map((host) => makeAddress(host, 80)));
  const incoming = { ports: [{ name: 'incoming', port: 4141 }] };

  it('replaces each address by that of the gateway in its /24, and follows both', async () => {
    server.put('edge/endpointslices', slice('l5d', ['10.1.1.9', '10.1.2.9'], incoming));
    const source = signal(pods('10.1.1.1', '10.1.1.2', '10.1.3.1', 'fd00::1'));
    const shown = transform(source);
    await eventually(() => shown() === '10.1.1.9:4141');
    source.value = pods('10.1.1.1', '10.1.2.1');
    assert.equal(shown(), '10.1.1.9:4141 10.1.2.9:4141');
    server.put('edge/endpointslices', slice('l5d', ['10.1.2.10'], incoming));
    await eventually(() => shown() === '10.1.2.10:4141');
    source.value = pods('10.1.9.1');
    assert.equal(shown(), 'neg');
    source.value = ADDR_NEG;
    assert.equal(shown(), 'neg');
  });

  it('replaces by the name of the node in the network of the host', async () => {
    const gateway = { addresses: ['172.16.0.1'], nodeName: 'node-1' };
    server.put(
      'edge/endpointslices',
      slice('l5d', [gateway, { addresses: ['172.16.0.2'], nodeName: 'node-2' }], incoming),
    );
    const source = signal(
      addrBound([makeAddress('10.1.1.1', 80, 1, { nodeName: 'node-1' }), makeAddress('10.1.1.2', 80)]),
    );
    const shown = transform(source, true);
    await eventually(() => shown() === '172.16.0.1:4141');
  });

  it('waits while the gateways are not known, and lets addresses pass when there are none or nobody can tell', async () => {
    const source = signal(pods('10.1.1.1'));
    const shown = transform(source);
    assert.equal(shown(), 'pending');
    await eventually(() => shown() === '10.1.1.1:80');
    server.put('edge/endpointslices', slice('l5d', ['10.1.1.9'], incoming));
    await eventually(() => shown() === '10.1.1.9:4141');
  });

  it('keeps the gateways through an outage, and leaves no connection behind (1.x bug 15)', async () => {
    server.put('edge/endpointslices', slice('l5d', ['10.1.1.9'], incoming));
    const source = signal(pods('10.1.1.1'));
    const shown = transform(source);
    await eventually(() => shown() === '10.1.1.9:4141' && server.streams() === 1);
    await server.close();
    await eventually(() => scene.count('errors') > 3);
    assert.equal(shown(), '10.1.1.9:4141');
    server = await startFakeKubeApiserver();
  });
});
