// The manifests of deploy/kubernetes before a real API server: each variant is accepted, and the service account may do what the
// gateway does and nothing else.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { captureLog } from '../../support/captured-log.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { exchange } from '../../support/raw-client.js';
import { request, Scene } from '../../support/scene.js';
import { type TestCertificate, TestCertificates } from '../../support/test-certificates.js';
import { fixed } from '../../support/upstream.js';
import { installed } from '../registries/installed.js';
import { hostAddress, type KubeApiserver, startKubeApiserver } from '../registries/kube-apiserver.js';
import { registrySuite } from '../registries/registry-suite.js';

expectNoOpenHandles();
const certificates = new TestCertificates();

const MANIFESTS = resolve('deploy/kubernetes');
const ACCOUNT = 'system:serviceaccount:linkgate:linkgate';
/** The server of the tests is of 1.20. */
const OLD = 'before-1.21';
const COMPONENTS = ['daemonset', 'secrets-by-namespace', 'dtab-config-map'] as const;
const VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'] as const;

interface Manifest {
  apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

registrySuite(['kubernetes', 'kubectl'], () => {
  let server: KubeApiserver;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'linkgate-manifests-'));
    server = await startKubeApiserver();
    // A dry run makes no namespace for what is to be in it.
    await server.createNamespace('linkgate');
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const run = (args: readonly string[], input = '') => {
    const { url, caFile, tokens } = server;
    const access = ['--server', url, '--certificate-authority', caFile, '--token', tokens.admin];
    return spawnSync(installed('kubectl'), [...access, ...args], { input, encoding: 'utf8', env: { HOME: folder } });
  };
  const kubectl = (args: readonly string[], input?: string): string => {
    const { status, stdout, stderr } = run(args, input);
    assert.equal(status, 0, `kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  /** What `kubectl apply -k` would send of the base with these components. */
  const build = (components: readonly string[]): readonly Manifest[] => {
    const overlay = mkdtempSync(join(folder, 'overlay-'));
    // Kustomize takes relative paths alone.
    const at = (name: string): string => join(relative(overlay, MANIFESTS), name);
    const kustomization = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: [at('base')],
      components: components.map((name) => at(`components/${name}`)),
      images: [{ name: 'linkgate', newName: 'registry.example.com/linkgate', newTag: 'test' }],
    };
    writeFileSync(join(overlay, 'kustomization.yaml'), stringify(kustomization));
    return parseAllDocuments(kubectl(['kustomize', overlay])).map((document) => document.toJS() as Manifest);
  };
  const text = (manifests: readonly Manifest[]): string => manifests.map((one) => stringify(one)).join('---\n');

  describe('manifests of deploy/kubernetes', () => {
    for (const components of [[], ...COMPONENTS.map((name) => [name]), [...COMPONENTS]]) {
      it(`are accepted by the server: ${['base', ...components].join(' + ')}`, () => {
        const manifests = build([...components, OLD]);
        const answer = kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], text(manifests));
        const accepted = answer.trim().split('\n');
        assert.equal(accepted.length, manifests.length);
        for (const line of accepted) assert.match(line, / (created|configured) \(server dry run\)$/);
      });
    }

    it('differ for servers before 1.21 in the version of one kind alone', () => {
      const [recent, old] = [build([]), build([OLD])];
      const budget = recent.find(({ kind }) => kind === 'PodDisruptionBudget');
      assert.equal(budget?.apiVersion, 'policy/v1');
      budget.apiVersion = 'policy/v1beta1';
      assert.deepEqual(recent, old);
    });

    it('make a DaemonSet with the ports of the node in place of the Deployment, whichever component is first', () => {
      for (const order of [
        ['daemonset', OLD],
        [OLD, 'daemonset'],
      ]) {
        const manifests = build(order);
        const workloads = manifests.filter(({ apiVersion }) => apiVersion === 'apps/v1');
        assert.deepEqual(
          workloads.map(({ kind }) => kind),
          ['DaemonSet'],
        );
        assert.deepEqual(text(workloads).match(/hostPort: \d+/g), ['hostPort: 80', 'hostPort: 443']);
        assert.ok(manifests.every(({ kind }) => kind !== 'PodDisruptionBudget'));
      }
    });
  });

  describe('the service account of deploy/kubernetes', () => {
    before(() => {
      const rights = build(['secrets-by-namespace', 'dtab-config-map']).concat(build([]));
      const granted = rights.filter(({ kind }) => /^ServiceAccount|Role(Binding)?$/.test(kind));
      // The binding of secrets in the namespace default is of the component: the base has one for the cluster.
      kubectl(['apply', '-f', '-'], text(granted.filter(({ metadata }) => metadata.namespace !== 'default')));
    });

    it('may do what the gateway does, and nothing else', async () => {
      const everywhere = [
        'list watch endpointslices.discovery.k8s.io',
        'list watch endpoints',
        'list watch services',
        'list watch secrets',
        'get list watch ingresses.networking.k8s.io',
        'patch ingresses.networking.k8s.io/status',
        'list watch ingressclasses.networking.k8s.io',
        'create patch events',
      ];
      const own = [
        // RBAC cannot limit it by name: an object that is not there yet has none.
        'create leases.coordination.k8s.io',
        'get create update leases.coordination.k8s.io linkgate-ingress',
        'list watch configmaps linkgate-dtab',
      ];
      assert.deepEqual(await rightsIn(server, 'shop'), everywhere.sort());
      assert.deepEqual(await rightsIn(server, 'linkgate'), [...everywhere, ...own].sort());
    });

    it('is told so by kubectl auth can-i', () => {
      // Its exit code is 1 where the answer is no.
      const ask = (...question: readonly string[]) =>
        run(['auth', 'can-i', '--as', ACCOUNT, ...question]).stdout.trim();
      assert.equal(ask('patch', 'ingresses.networking.k8s.io', '--subresource=status', '--namespace=shop'), 'yes');
      assert.equal(ask('update', 'leases.coordination.k8s.io/linkgate-ingress', '--namespace=linkgate'), 'yes');
      assert.equal(ask('delete', 'pods', '--namespace=shop'), 'no');
      assert.equal(ask('create', 'ingresses.networking.k8s.io', '--namespace=shop'), 'no');
      assert.equal(ask('update', 'secrets', '--namespace=shop'), 'no');
    });

    it('is enough for the gateway of deploy/kubernetes: routes, addresses, certificates, status and events', async (t) => {
      captureLog(t);
      const scene = new Scene(t);
      const upstream = await scene.upstream(fixed(200, 'web'), { host: hostAddress(2) });
      const certificate = await certificates.issue('shop.example.com');
      const applied = build([]).filter(({ kind }) => ['IngressClass', 'Service'].includes(kind));
      kubectl(['apply', '-f', '-'], text(applied));
      await server.patch('/api/v1/namespaces/linkgate/services/linkgate/status', {
        status: { loadBalancer: { ingress: [{ ip: '192.0.2.7' }] } },
      });
      await server.createNamespace('shop');
      await createShop(server, upstream.port, certificate);

      const gateway = await scene.gateway(shippedConfig(await kubeconfigOf(server, folder)));
      const [http = 0, https = 0, internal = 0] = gateway.ports;
      const ask = async (port: number, host: string): Promise<string> => {
        const { status, text } = await scene.ask({ port }, request('GET /', [`Host: ${host}`]));
        return status === 200 ? text : String(status);
      };
      const ready = async (): Promise<number> =>
        (await scene.ask({ port: gateway.adminPort }, request('GET /admin/ready', ['Host: 127.0.0.1']))).status;
      await waitFor(async () => (await ready()) === 200);
      assert.equal(await ask(http, 'open.example.com'), 'web');
      assert.equal(await ask(internal, 'open.example.com'), 'web');
      assert.equal(await ask(http, 'inside.example.com'), '404', 'of the class linkgate');
      assert.equal(await ask(internal, 'inside.example.com'), 'web');
      assert.equal(await ask(http, 'shop.example.com'), '308', 'has TLS');
      const tls = { servername: 'shop.example.com', ca: await certificates.caText() };
      const secure = await exchange({ port: https, tls }, request('GET /', ['Host: shop.example.com']));
      assert.equal(secure.text, 'web');

      const read = async (path: string): Promise<string> => JSON.stringify(await server.get(path));
      await waitFor(async () =>
        (await read('/apis/networking.k8s.io/v1/namespaces/shop/ingresses/shop')).includes('192.0.2.7'),
      );
      await waitFor(async () => (await read('/api/v1/namespaces/shop/events')).includes('"name":"broken"'));
      for (const page of ['/config.json', '/delegator.json', '/admin/shutdown']) {
        const answer = await scene.ask({ port: gateway.adminPort }, request(`GET ${page}`, ['Host: 127.0.0.1']));
        assert.equal(answer.status, 404, page);
      }
    });
  });
});

/** Namespace shop: Ingresses of both classes for one service, and one for a service that does not exist. */
async function createShop(server: KubeApiserver, port: number, certificate: TestCertificate): Promise<void> {
  const metadata = { name: 'web', labels: { 'kubernetes.io/service-name': 'web' } };
  await server.create('/api/v1/namespaces/shop/services', { metadata, spec: { ports: [{ name: 'http', port: 80 }] } });
  await server.create('/apis/discovery.k8s.io/v1beta1/namespaces/shop/endpointslices', {
    metadata,
    addressType: 'IPv4',
    ports: [{ name: 'http', port }],
    endpoints: [{ addresses: [hostAddress(2)], conditions: { ready: true } }],
  });
  const { certPath, keyPath } = certificate;
  await server.create('/api/v1/namespaces/shop/secrets', {
    metadata: { name: 'web-tls' },
    type: 'kubernetes.io/tls',
    stringData: { 'tls.crt': readFileSync(certPath, 'utf8'), 'tls.key': readFileSync(keyPath, 'utf8') },
  });
  const ingress = (name: string, ingressClassName: string, service: string, more: object = {}): Promise<unknown> => {
    const backend = { service: { name: service, port: { number: 80 } } };
    const rules = [{ host: `${name}.example.com`, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }];
    return server.create('/apis/networking.k8s.io/v1/namespaces/shop/ingresses', {
      metadata: { name },
      spec: { ingressClassName, rules, ...more },
    });
  };
  await ingress('shop', 'linkgate-external', 'web', { tls: [{ hosts: ['shop.example.com'], secretName: 'web-tls' }] });
  await ingress('open', 'linkgate-external', 'web');
  await ingress('inside', 'linkgate', 'web');
  await ingress('broken', 'linkgate-external', 'absent');
}

/** For the service account, with a token as its pods get it. */
async function kubeconfigOf(server: KubeApiserver, folder: string): Promise<string> {
  const answer = await server.create('/api/v1/namespaces/linkgate/serviceaccounts/linkgate/token', {});
  const { token } = (answer as { readonly status: { readonly token: string } }).status;
  const file = join(folder, 'kubeconfig');
  const config = {
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'linkgate' } }],
    clusters: [{ name: 'test', cluster: { server: server.url, 'certificate-authority': server.caFile } }],
    users: [{ name: 'linkgate', user: { token } }],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** deploy/kubernetes/base/linkerd.yaml on free ports of loopback, with a kubeconfig where a pod has files. */
function shippedConfig(kubeconfig: string): string {
  const config = parse(readFileSync(join(MANIFESTS, 'base/linkerd.yaml'), 'utf8')) as {
    readonly admin: object;
    readonly namers: readonly { inCluster?: boolean }[];
    readonly routers: readonly { readonly identifier: { inCluster?: boolean }; readonly servers: readonly object[] }[];
  };
  const [router = assert.fail()] = config.routers;
  for (const part of [...config.namers, router.identifier]) {
    delete part.inCluster;
    Object.assign(part, { kubeconfig });
  }
  // What a pod has in POD_NAMESPACE.
  Object.assign(router.identifier, { lease: { namespace: 'linkgate' } });
  for (const listener of [config.admin, ...router.servers]) Object.assign(listener, { ip: '127.0.0.1', port: 0 });
  return JSON.stringify(config);
}

async function waitFor(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await isSo())) {
    assert.ok(performance.now() < deadline, `not within 10 s: ${isSo}`);
    await pause(50);
  }
}

/** Group, resource, subresource and, behind a blank, the name of one object. */
const QUESTIONS = [
  ...['pods', 'pods/exec', 'pods/log', 'nodes', 'namespaces', 'serviceaccounts', 'serviceaccounts/token', 'events'],
  ...['services', 'services/status', 'endpoints', 'secrets', 'configmaps', 'configmaps linkgate-dtab', '* ', '*.* '],
  ...['deployments.apps', 'daemonsets.apps', 'endpointslices.discovery.k8s.io', 'networkpolicies.networking.k8s.io'],
  ...['ingresses.networking.k8s.io', 'ingresses.networking.k8s.io/status', 'ingressclasses.networking.k8s.io'],
  ...['leases.coordination.k8s.io', 'leases.coordination.k8s.io linkgate-ingress', 'leases.coordination.k8s.io other'],
  ...['roles.rbac.authorization.k8s.io', 'clusterrolebindings.rbac.authorization.k8s.io'],
  ...['poddisruptionbudgets.policy', 'customresourcedefinitions.apiextensions.k8s.io'],
];

/** `<verbs> <resource>` of all that the account may do there, of the questions above, sorted. */
async function rightsIn(server: KubeApiserver, namespace: string): Promise<readonly string[]> {
  const rights: string[] = [];
  for (const question of QUESTIONS) {
    const [path = '', name = ''] = question.split(' ');
    const [typed = '', subresource = ''] = path.split('/');
    const [resource = '', ...group] = typed.split('.');
    const asked = { namespace, group: group.join('.'), resource, subresource, name };
    const answers = await Promise.all(VERBS.map((verb) => mayIt(server, { ...asked, verb })));
    const verbs = VERBS.filter((_, i) => answers[i]);
    if (verbs.length > 0) rights.push(`${verbs.join(' ')} ${question}`);
  }
  // What is granted for all objects is granted for one by name.
  return rights.filter((right) => !rights.includes(right.replace(/ [^ ]+$/, ''))).sort();
}

async function mayIt(server: KubeApiserver, resourceAttributes: object): Promise<boolean> {
  const spec = { user: ACCOUNT, groups: ['system:serviceaccounts', 'system:authenticated'], resourceAttributes };
  const review = await server.create('/apis/authorization.k8s.io/v1/subjectaccessreviews', { spec });
  return (review as { readonly status: { readonly allowed: boolean } }).status.allowed;
}
