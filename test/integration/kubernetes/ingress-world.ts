// Ingress world: a real API server that kubectl drives, backends that answer with their own names, and gateways in front of them.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { kinds } from '../../../src/kinds.js';
import type { Kinds } from '../../../src/linker.js';
import type { NamerContext } from '../../../src/naming/namer.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { exchange } from '../../support/raw-client.js';
import { request } from '../../support/scene.js';
import { fixed, startUpstream, type Upstream } from '../../support/upstream.js';
import { installed } from '../registries/installed.js';
import { hostAddress, type KubeApiserver, type Rule, startKubeApiserver } from '../registries/kube-apiserver.js';

/** A port of a service. */
export interface BackendPort {
  readonly name?: string;
  /** Of the service. */
  readonly port: number;
  /** What its backend answers. */
  readonly answer: string;
}

export const INGRESS = 'networking.k8s.io/v1';

/** As `kubectl` takes it; `apiVersion` is that of Ingresses. */
export function ingress(namespace: string, name: string, spec: object, annotations: object = {}): object {
  return { apiVersion: INGRESS, kind: 'Ingress', metadata: { namespace, name, annotations }, spec };
}

/** A path of type Prefix; `port` is a name or a number. */
export function to(service: string, port: string | number, path = '/'): object {
  const reference = typeof port === 'number' ? { number: port } : { name: port };
  return { path, pathType: 'Prefix', backend: { service: { name: service, port: reference } } };
}

export function rule(host: string, ...paths: readonly object[]): object {
  return { host, http: { paths } };
}

export class IngressWorld {
  readonly server: KubeApiserver;
  readonly #upstreams: Upstream[] = [];
  readonly #gateways: TestGateway[] = [];

  private constructor(server: KubeApiserver) {
    this.server = server;
  }

  /** The gateway's user has the rights that are shipped, and no others. */
  static async start(...namespaces: readonly string[]): Promise<IngressWorld> {
    const world = new IngressWorld(await startKubeApiserver());
    for (const role of ['linkgate-services', 'linkgate-ingress', 'linkgate-secrets']) {
      await world.server.grant(shippedRules(role));
    }
    for (const name of ['linkgate', ...namespaces]) await world.server.createNamespace(name);
    await world.server.grant(shippedRules('linkgate-lease'), { namespace: 'linkgate' });
    return world;
  }

  /** Standard output of `kubectl`, as the administrator; `input` is applied as JSON where it is given. */
  async kubectl(args: readonly string[], input?: object): Promise<string> {
    const { url, caFile, tokens, folder } = this.server;
    const access = ['--server', url, '--certificate-authority', caFile, '--token', tokens.admin];
    return new Promise((resolve, reject) => {
      const child = execFile(
        installed('kubectl'),
        [...access, ...args],
        { env: { HOME: folder }, maxBuffer: 1 << 26 },
        (error, stdout, stderr) =>
          error ? reject(new Error(`kubectl ${args.join(' ')}: ${stderr}`)) : resolve(stdout),
      );
      child.stdin?.end(input === undefined ? '' : JSON.stringify(input));
    });
  }

  async apply(...objects: readonly object[]): Promise<void> {
    await this.kubectl(['apply', '--validate=false', '-f', '-'], { apiVersion: 'v1', kind: 'List', items: objects });
  }

  async get<T>(...words: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl(['get', ...words, '-o', 'json'])) as T;
  }

  /** Reasons of the events of one Ingress, as kubectl lists them. */
  async reasons(namespace: string, name: string): Promise<readonly string[]> {
    const selector = `involvedObject.kind=Ingress,involvedObject.name=${name}`;
    const { items } = await this.get<{ items: { reason: string; type: string }[] }>(
      'events',
      '-n',
      namespace,
      '--field-selector',
      selector,
    );
    for (const { type } of items) assert.equal(type, 'Warning');
    return items.map(({ reason }) => reason);
  }

  async status(namespace: string, name: string): Promise<unknown> {
    const { status } = await this.get<{ status: { loadBalancer: { ingress?: unknown } } }>(
      'ingress',
      '-n',
      namespace,
      name,
    );
    return status.loadBalancer.ingress;
  }

  /** A Service without a selector, and the slice that a controller would make for it: container ports are those of backends. */
  async service(namespace: string, name: string, ports: readonly BackendPort[]): Promise<void> {
    const backends = await Promise.all(ports.map((port) => this.backend(port.answer)));
    const at = { namespace, name };
    await this.apply(
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: at,
        spec: { ports: ports.map((port, i) => ({ name: port.name, port: port.port, targetPort: backends[i]?.port })) },
      },
      {
        apiVersion: 'discovery.k8s.io/v1beta1',
        kind: 'EndpointSlice',
        metadata: { namespace, name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
        addressType: 'IPv4',
        endpoints: [{ addresses: [hostAddress(2)], conditions: { ready: true } }],
        ports: ports.map((port, i) => ({ name: port.name ?? '', port: backends[i]?.port, protocol: 'TCP' })),
      },
    );
  }

  async backend(answer: string): Promise<Upstream> {
    const upstream = await startUpstream(fixed(200, answer), { host: hostAddress(2) });
    this.#upstreams.push(upstream);
    return upstream;
  }

  /** Names of external services are looked up in `hosts`. Gateways of one seed have one name: two that vote need two. */
  async gateway(keys = '', hosts: Readonly<Record<string, string>> = {}, seed = 1): Promise<TestGateway> {
    const kubeconfig = this.#kubeconfig();
    const gateway = await startGateway(
      `
admin: {port: 0}
namers: [{kind: io.l5d.k8s, kubeconfig: ${kubeconfig}}]
routers:
- protocol: http
  identifier: {kind: io.l5d.ingress, kubeconfig: ${kubeconfig}, lease: {namespace: linkgate}, ${keys}}
  dtab: /svc => /#/io.l5d.k8s
  servers: [{port: 0}, {port: 0, tls: {fromRoutes: true}}]`,
      { kinds: withHosts(hosts), seed },
    );
    this.#gateways.push(gateway);
    return gateway;
  }

  async closeGateway(gateway: TestGateway): Promise<void> {
    this.#gateways.splice(this.#gateways.indexOf(gateway), 1);
    await gateway.close();
  }

  async close(): Promise<void> {
    await Promise.all(this.#gateways.map((gateway) => gateway.close()));
    await Promise.all(this.#upstreams.map((upstream) => upstream.close()));
    await this.server.stop();
  }

  #kubeconfig(): string {
    const file = join(this.server.folder, 'gateway.json');
    const { url, caFile, tokens } = this.server;
    const config = {
      'current-context': 'test',
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'reader' } }],
      clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority': caFile } }],
      users: [{ name: 'reader', user: { token: tokens.reader } }],
    };
    writeFileSync(file, JSON.stringify(config));
    return file;
  }
}

/** What a request gets, as `200 web`. */
export async function ask({ port }: { readonly port: number }, host: string, path = '/'): Promise<string> {
  const { status, text } = await exchange({ port }, request(`GET ${path}`, [`Host: ${host}`]));
  return `${status} ${text}`;
}

/** Waits for `condition`, which takes time itself. */
export async function until(condition: () => Promise<boolean>, timeoutMs = 5000): Promise<number> {
  const startedAt = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedAt > timeoutMs) assert.fail(`not so after ${timeoutMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return performance.now() - startedAt;
}

function withHosts(hosts: Readonly<Record<string, string>>): Kinds {
  const resolver = { resolve: async (host: string) => [hosts[host] ?? []].flat(), close: () => {} };
  const namer = kinds.namer.map((kind) => ({
    ...kind,
    make: (config: unknown, context: NamerContext) => kind.make(config, { ...context, resolver } as NamerContext),
  }));
  return { ...kinds, namer };
}

/** Of the manifests in deploy/, as a cluster gets them. */
function shippedRules(role: string): readonly Rule[] {
  const documents = parseAllDocuments(readFileSync('deploy/kubernetes/base/rbac.yaml', 'utf8')).map(
    (document) => document.toJS() as { kind: string; metadata: { name: string }; rules?: Rule[] },
  );
  const found = documents.find(({ kind, metadata }) => kind.endsWith('Role') && metadata.name === role);
  assert.ok(found?.rules, role);
  return found.rules;
}
