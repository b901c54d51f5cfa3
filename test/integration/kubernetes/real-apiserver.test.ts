import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { effect } from '@preact/signals-core';
import { parseAllDocuments } from 'yaml';
import { serverOf } from '../../../namers/kubernetes/api-options.js';
import { makeConfigMapInterpreter } from '../../../namers/kubernetes/config-map-interpreter.js';
import { KubeApi } from '../../../namers/kubernetes/kube-api.js';
import type { State } from '../../../src/base/activity.js';
import type { Bound } from '../../../src/base/addr.js';
import { realClock } from '../../../src/base/clock.js';
import { EMPTY_DTAB } from '../../../src/base/dtab.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import type { NameTree } from '../../../src/base/name-tree.js';
import { seededRandom } from '../../../src/base/random.js';
import { makeSystemNamer } from '../../../src/naming/built-in-namers.js';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { type KubeApiserver, type Rule, startKubeApiserver } from '../registries/kube-apiserver.js';
import { registrySuite } from '../registries/registry-suite.js';
import { type KubeScene, makeScene, type SceneOptions } from './kube-scene.js';

expectNoOpenHandles();

/** The rules of the manifests in deploy/, as a cluster gets them. */
function shippedRules(role: string, file = 'base/rbac.yaml'): readonly Rule[] {
  const documents = parseAllDocuments(readFileSync(join('deploy/kubernetes', file), 'utf8')).map(
    (document) => document.toJS() as { kind: string; metadata: { name: string }; rules?: Rule[] },
  );
  const found = documents.find(({ kind, metadata }) => kind.endsWith('Role') && metadata.name === role);
  assert.ok(found?.rules, role);
  return found.rules;
}

registrySuite('kubernetes', () => {
  let server: KubeApiserver;
  let scene: KubeScene | undefined;

  before(async () => {
    server = await startKubeApiserver();
    for (const name of ['prod', 'narrow', 'old', 'linkgate']) await server.createNamespace(name);
    await server.grant(shippedRules('linkgate-services'), { namespace: 'prod' });
    const rules = shippedRules('linkgate-services');
    await server.grant(
      rules.filter(({ resources }) => resources.includes('endpointslices')),
      { namespace: 'narrow' },
    );
    await server.grant(
      rules.filter(({ resources }) => resources.includes('endpoints')),
      { namespace: 'old' },
    );
    await server.grant(shippedRules('linkgate-dtab', 'components/dtab-config-map/role.yaml'), {
      namespace: 'linkgate',
    });
  });
  afterEach(async () => {
    await scene?.close();
    scene = undefined;
  });
  after(() => server.stop());

  const kubeconfig = (token: string): string => {
    const file = join(server.folder, `config-${token}`);
    const config = {
      'current-context': 'test',
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'reader' } }],
      clusters: [{ name: 'test', cluster: { server: server.url, 'certificate-authority': server.caFile } }],
      users: [{ name: 'reader', user: { token } }],
    };
    writeFileSync(file, JSON.stringify(config));
    return file;
  };
  const open = (options: SceneOptions = {}, token = server.tokens.reader): KubeScene => {
    scene = makeScene(server.port, { server: serverOf({ kubeconfig: kubeconfig(token) }), ...options });
    return scene;
  };
  const at = (namespace: string, resource: string): string =>
    resource === 'endpointslices'
      ? `/apis/discovery.k8s.io/v1beta1/namespaces/${namespace}/${resource}`
      : `/api/v1/namespaces/${namespace}/${resource}`;
  const slice = (service: string, part: string, addresses: readonly string[], port = 8080): object => ({
    metadata: { name: `${service}-${part}`, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], topology: { 'kubernetes.io/hostname': 'node-1' } })),
    ports: [{ name: 'http', port, protocol: 'TCP' }],
  });
  const subsets = (...hosts: readonly string[]): object => ({
    subsets:
      hosts.length === 0 ? [] : [{ addresses: hosts.map((ip) => ({ ip })), ports: [{ name: 'http', port: 8080 }] }],
  });

  it('follows slices as they are created, patched and deleted, with the least rights', async () => {
    const web = open().watch('/prod/http/web');
    await eventually(() => web.shown === 'neg');
    await server.create(at('prod', 'endpointslices'), slice('web', 'a', ['10.1.0.1']));
    await eventually(() => web.shown === '10.1.0.1:8080');
    assert.equal(web.addresses[0]?.meta.nodeName, 'node-1');
    await server.create(at('prod', 'endpointslices'), slice('web', 'b', ['10.1.0.2'], 9090));
    await eventually(() => web.shown === '10.1.0.1:8080 10.1.0.2:9090');
    await server.patch(`${at('prod', 'endpointslices')}/web-a`, { endpoints: [{ addresses: ['10.1.0.3'] }] });
    await eventually(() => web.shown === '10.1.0.2:9090 10.1.0.3:8080');
    await server.patch(`${at('prod', 'endpointslices')}/web-b`, {
      endpoints: [{ addresses: ['10.1.0.2'], conditions: { ready: false } }],
    });
    await eventually(() => web.shown === '10.1.0.3:8080');
    await server.delete(`${at('prod', 'endpointslices')}/web-a`);
    await eventually(() => web.shown === 'empty');
    await server.delete(`${at('prod', 'endpointslices')}/web-b`);
    await eventually(() => web.shown === 'neg');
    assert.deepEqual(scene?.warnings, []);
  });

  it('finds port numbers in services, and follows a change of the service', async () => {
    await server.create(at('prod', 'services'), {
      metadata: { name: 'shop' },
      spec: {
        ports: [
          { name: 'http', port: 80, targetPort: 'web' },
          { name: 'admin', port: 81 },
        ],
      },
    });
    await server.create(at('prod', 'endpointslices'), slice('shop', 'a', ['10.1.1.1']));
    open();
    const [http, other, none] = [80, 81, 82].map((port) => scene?.watch(`/prod/${port}/shop`));
    await eventually(() => http?.shown === '10.1.1.1:8080' && other?.shown === '10.1.1.1:81' && none?.shown === 'neg');
    await server.patch(`${at('prod', 'services')}/shop`, {
      spec: { ports: [{ name: 'http', port: 82, targetPort: 'web' }] },
    });
    await eventually(() => http?.shown === 'neg' && none?.shown === '10.1.1.1:8080');
    await server.delete(`${at('prod', 'services')}/shop`);
    await eventually(() => none?.shown === 'neg');
  });

  it('binds ExternalName and headless services', async () => {
    await server.create(at('prod', 'services'), {
      metadata: { name: 'out' },
      spec: { type: 'ExternalName', externalName: 'out.example.com' },
    });
    await server.create(at('prod', 'services'), {
      metadata: { name: 'bare' },
      spec: { clusterIP: 'None', ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
    });
    await server.create(at('prod', 'endpointslices'), slice('bare', 'a', ['10.1.2.1']));
    open({ resolver: { resolve: () => Promise.resolve(['192.0.2.1']), close: () => {} } });
    const [out, bare] = [scene?.watch('/prod/80/out'), scene?.watch('/prod/80/bare')];
    await eventually(() => out?.shown === '192.0.2.1:80' && bare?.shown === '10.1.2.1:8080');
    assert.equal(out?.addresses[0]?.meta.authority, 'out.example.com');
  });

  it('binds named ports with the right to read slices alone, and says what a port number lacks', async () => {
    await server.create(at('narrow', 'endpointslices'), slice('web', 'a', ['10.1.3.1']));
    open();
    const [named, numbered] = [scene?.watch('/narrow/http/web'), scene?.watch('/narrow/80/web')];
    await eventually(() => named?.shown === '10.1.3.1:8080');
    await eventually(() =>
      /^neg: port 80 .* status 403 "services is forbidden: User \\?"reader/.test(numbered?.shown ?? ''),
    );
  });

  it('follows Endpoints where slices may not be read', async () => {
    const path = at('old', 'endpoints');
    await server.create(path, { metadata: { name: 'web' }, ...subsets('10.1.4.1') });
    const web = open().watch('/old/http/web');
    await eventually(() => web.shown === '10.1.4.1:8080');
    await server.patch(`${path}/web`, {
      subsets: [
        { addresses: [{ ip: '10.1.4.1' }], ports: [{ name: 'http', port: 8080 }] },
        {
          addresses: [{ ip: '10.1.4.2' }],
          notReadyAddresses: [{ ip: '10.1.4.3' }],
          ports: [{ name: 'http', port: 9090 }],
        },
      ],
    });
    await eventually(() => web.shown === '10.1.4.1:8080 10.1.4.2:9090');
    await server.patch(`${path}/web`, { subsets: null });
    // It may be an ExternalName service now, which is not to be known without the right to read services.
    await eventually(() => /^neg: port http .* status 403/.test(web.shown));
    await server.delete(`${path}/web`);
    await server.create(path, { metadata: { name: 'web' }, ...subsets('10.1.4.9') });
    await eventually(() => web.shown === '10.1.4.9:8080');
  });

  it('is Neg with the reason for a wrong token, and for a namespace without rights', async () => {
    const wrong = open({}, 'wrong-token').watch('/prod/http/web');
    await eventually(() => /^neg: .* status 401 "Unauthorized/.test(wrong.shown));
    await scene?.close();
    const web = open({}, server.tokens.nobody).watch('/prod/http/web');
    await eventually(() => /^neg: .* status 403 "endpointslices\.discovery\.k8s\.io is forbidden/.test(web.shown));
  });

  it('keeps its addresses while the server is down, and sees what changed then', { timeout: 60_000 }, async () => {
    await server.create(at('prod', 'endpointslices'), slice('steady', 'a', ['10.1.5.1']));
    const steady = open().watch('/prod/http/steady');
    await eventually(() => steady.shown === '10.1.5.1:8080');
    await server.kill();
    await eventually(() => (scene?.count('errors') ?? 0) >= 3);
    assert.equal(steady.shown, '10.1.5.1:8080');
    await server.start();
    await server.patch(`${at('prod', 'endpointslices')}/steady-a`, { endpoints: [{ addresses: ['10.1.5.2'] }] });
    await eventually(() => steady.shown === '10.1.5.2:8080', { timeoutMs: 15_000 });
  });

  it('lists anew when the server says that a version is too old (410, 1.x bug 2)', async () => {
    await server.create(at('prod', 'endpointslices'), slice('gone', 'a', ['10.1.7.1']));
    const api = new Forgetful(serverOf({ kubeconfig: kubeconfig(server.tokens.reader) }));
    const gone = open({ api }).watch('/prod/http/gone');
    await eventually(() => gone.shown === '10.1.7.1:8080' && scene?.count('relists') === 1);
    assert.equal(scene?.count('errors'), 0);
    await server.patch(`${at('prod', 'endpointslices')}/gone-a`, { endpoints: [{ addresses: ['10.1.7.2'] }] });
    await eventually(() => gone.shown === '10.1.7.2:8080');
  });

  it('lists anew when etcd was compacted while the server was down (410)', { timeout: 60_000 }, async () => {
    await server.create(at('prod', 'endpointslices'), slice('compacted', 'a', ['10.1.6.1']));
    const name = open().watch('/prod/http/compacted');
    await eventually(() => name.shown === '10.1.6.1:8080');
    await server.kill();
    // What happens while nobody listens: the object goes, history moves on and is forgotten.
    await server.etcd.delete('/registry/endpointslices/prod/compacted-a');
    for (let i = 0; i < 20; i++) await server.etcd.put('/elsewhere', String(i));
    await server.etcd.compact();
    await server.start();
    await eventually(() => name.shown === 'neg', { timeoutMs: 20_000 });
    await server.create(at('prod', 'endpointslices'), slice('compacted', 'a', ['10.1.6.2']));
    await eventually(() => name.shown === '10.1.6.2:8080');
  });

  describe('io.l5d.k8s.configMap', () => {
    it('follows its ConfigMap with the right to that one alone', async () => {
      const metrics = new MetricsScope();
      const system = makeSystemNamer({ clock: realClock, random: seededRandom(1), metrics, more: [] });
      const interpreter = makeConfigMapInterpreter({
        api: new KubeApi(serverOf({ kubeconfig: kubeconfig(server.tokens.reader) })),
        namespace: 'linkgate',
        name: 'linkgate-dtab',
        filename: 'dtab',
        dtab: EMPTY_DTAB,
        namers: [],
        system,
        clock: realClock,
        random: seededRandom(1),
        metrics,
        log: { error() {}, warn() {}, info() {}, debug() {} },
      });
      const activity = interpreter.bind(EMPTY_DTAB, parsePath('/svc'));
      let bound: State<NameTree<Bound>> = { state: 'pending' };
      const stop = effect(() => {
        bound = activity.value;
      });
      const shown = (): string => {
        if (bound.state !== 'ok') return bound.state;
        return bound.value.type === 'leaf' ? bound.value.value.id.show() : bound.value.type;
      };
      try {
        await eventually(() => shown() === 'neg');
        const path = at('linkgate', 'configmaps');
        await server.create(path, {
          metadata: { name: 'linkgate-dtab' },
          data: { dtab: '/svc => /$/inet/10.0.0.1/80' },
        });
        await eventually(() => shown() === '/$/inet/10.0.0.1/80');
        await server.patch(`${path}/linkgate-dtab`, { data: { dtab: 'nonsense' } });
        await eventually(() => metrics.counter('service', 'garbage').value === 1);
        assert.equal(shown(), '/$/inet/10.0.0.1/80');
        await server.patch(`${path}/linkgate-dtab`, { data: { dtab: '/svc => /$/inet/10.0.0.2/80' } });
        await eventually(() => shown() === '/$/inet/10.0.0.2/80');
        await server.delete(`${path}/linkgate-dtab`);
        await eventually(() => shown() === 'neg');
      } finally {
        stop();
        await interpreter.close();
        await system.close();
      }
    });
  });
});

/** Its first watch goes on from long ago. */
class Forgetful extends KubeApi {
  #isFirst = true;

  override watch(path: string, ...rest: RestOfWatch): Promise<void> {
    const asked = this.#isFirst ? path.replace(/resourceVersion=\d+/, 'resourceVersion=1') : path;
    this.#isFirst = false;
    return super.watch(asked, ...rest);
  }
}

type RestOfWatch = Parameters<KubeApi['watch']> extends [string, ...infer Rest] ? Rest : never;
