import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { serverOf } from '../../../../namers/kubernetes/api-options.js';
import {
  configMapInterpreter,
  daemonsetTransformer,
  kubernetesExternalNamer,
  kubernetesNamer,
  kubernetesNamespaceNamer,
} from '../../../../namers/kubernetes/index.js';
import { MetricsScope } from '../../../../src/base/metrics.js';
import { pathFromText } from '../../../../src/base/path.js';
import { seededRandom } from '../../../../src/base/random.js';
import { makeKind } from '../../../support/make-kind.js';
import { ManualClock } from '../../../support/manual-clock.js';

const context = {
  prefix: pathFromText('#', 'io.l5d.k8s.ns'),
  metrics: new MetricsScope(),
  clock: new ManualClock(),
  random: seededRandom(1),
};

const KINDS = [
  [kubernetesNamer, {}],
  [kubernetesNamespaceNamer, {}],
  [kubernetesExternalNamer, {}],
  [configMapInterpreter, { name: 'routes', filename: 'dtab' }],
  [daemonsetTransformer, { namespace: 'l5d', service: 'l5d', port: 'incoming' }],
] as const;

describe('every Kubernetes kind', () => {
  let folder: string;
  let kubeconfig: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'linkgate-kinds-'));
    kubeconfig = join(folder, 'config');
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        'current-context': 'a',
        contexts: [{ name: 'a', context: { cluster: 'c' } }],
        clusters: [{ name: 'c', cluster: { server: 'http://10.0.0.1:80' } }],
      }),
    );
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const [kind, keys] of KINDS) {
    const [host, port] = kind === daemonsetTransformer ? ['k8sHost', 'k8sPort'] : ['host', 'port'];
    const problems = (config: object): string[] =>
      kind.config.safeParse({ ...keys, ...config }).error?.issues.map(({ path, message }) => `${path}: ${message}`) ??
      [];

    it(`${kind.kind} takes one way to the API server, or none`, () => {
      for (const way of [
        {},
        { [host]: 'kube', [port]: 8080 },
        { inCluster: true },
        { kubeconfig },
        { kubeconfig, context: 'a' },
      ]) {
        assert.deepEqual(problems(way), []);
      }
    });

    it(`${kind.kind} refuses two ways to the API server, and a kubeconfig that cannot be used`, () => {
      for (const [way, problem] of [
        [
          { inCluster: true, [host]: 'kube' },
          `inCluster: inCluster and ${host} are two ways to the API server; give one`,
        ],
        [
          { inCluster: true, kubeconfig },
          'inCluster: inCluster and kubeconfig are two ways to the API server; give one',
        ],
        [{ kubeconfig, [port]: 1 }, `kubeconfig: kubeconfig and ${port} are two ways to the API server; give one`],
        [{ context: 'a' }, 'context: context is of a kubeconfig, and there is none'],
        [{ kubeconfig, context: 'b' }, `kubeconfig: kubeconfig ${kubeconfig}: there is no context "b" in it; it has a`],
      ] as const) {
        assert.ok(problems(way).includes(problem), JSON.stringify([way, problems(way)]));
      }
      assert.match(problems({ kubeconfig: '/nowhere' }).join(), /cannot read the kubeconfig file \/nowhere: ENOENT/);
      assert.equal(problems({ [port]: 70000 }).length, 1);
    });
  }
});

describe('serverOf', () => {
  const pod = {
    env: { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' },
    accountFolder: '/nowhere',
  };

  it('is localhost:8001 also in a pod, where files of 1.x rely on a kubectl proxy beside them', () => {
    assert.deepEqual(serverOf({}, pod)(), { host: 'localhost', port: 8001, basePath: '' });
    assert.deepEqual(serverOf({ port: 8080 }, pod)(), { host: 'localhost', port: 8080, basePath: '' });
  });

  it('is the API server of the pod when that is asked for', () => {
    const { host, port, tls } = serverOf({ inCluster: true }, pod)();
    assert.deepEqual([host, port, typeof tls], ['10.0.0.1', 443, 'function']);
  });

  it('says which variable is not set', () => {
    const server = serverOf({ inCluster: true }, { ...pod, env: { KUBERNETES_SERVICE_HOST: 'x' } });
    assert.throws(() => server(), /KUBERNETES_SERVICE_PORT is not set/);
  });
});

describe('io.l5d.k8s.ns', () => {
  it('has the namespace from its environment variable, and refuses to start without', async (t) => {
    t.after(() => {
      delete process.env.LINKGATE_TEST_NAMESPACE;
    });
    const make = () => makeKind(kubernetesNamespaceNamer, { envVar: 'LINKGATE_TEST_NAMESPACE' }, context);
    assert.throws(make, /could not find namespace for envVar: LINKGATE_TEST_NAMESPACE is not set/);
    process.env.LINKGATE_TEST_NAMESPACE = 'Not/One';
    assert.throws(make, /LINKGATE_TEST_NAMESPACE is "Not\/One", want the name of a namespace/);
    process.env.LINKGATE_TEST_NAMESPACE = 'prod';
    const namer = make();
    assert.equal(namer.lookup(pathFromText('http')).value.state, 'ok');
    const state = namer.state?.() as { readonly registry: string } | undefined;
    assert.equal(state?.registry, 'Kubernetes localhost:8001');
    await namer.close();
    assert.equal(context.clock.pendingTimers, 0);
  });
});

describe('io.l5d.k8s.configMap and io.l5d.k8s.daemonset', () => {
  it('refuse names that cannot be part of a path', () => {
    const config = { name: 'routes', filename: 'dtab' };
    assert.equal(configMapInterpreter.config.safeParse({ ...config, name: '../secrets' }).success, false);
    assert.equal(configMapInterpreter.config.safeParse({ ...config, name: 'my.routes' }).success, true);
    assert.equal(configMapInterpreter.config.safeParse({ ...config, namespace: 'a/b' }).success, false);
    const daemonset = { namespace: 'a/b', service: 'l5d', port: 'incoming' };
    assert.equal(daemonsetTransformer.config.safeParse(daemonset).success, false);
  });
});
