// KubernetesDriver: services as EndpointSlices of a real API server, one slice for each instance, since the ports of a slice hold
// for all that is in it.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DriverEndpoint } from '../../../support/namer-driver.js';
import { hostAddress, type KubeApiserver, startKubeApiserver } from '../../registries/kube-apiserver.js';
import { NAMESPACE, NOT_READY, slice } from './endpoint-slice.js';
import { type MakeWay, ProxiedDriver, piecesOf, proxyBefore, type Way } from './proxied-driver.js';

const SLICES = `/apis/discovery.k8s.io/v1beta1/namespaces/${NAMESPACE}/endpointslices`;
/** etcd's default limit of one transaction. */
const MAX_OPERATIONS = 128;

export async function startKubernetesDriver(makeWay: MakeWay = proxyBefore): Promise<KubernetesDriver> {
  const server = await startKubeApiserver();
  const way = await makeWay(server);
  try {
    await server.createNamespace(NAMESPACE);
    const verbs = ['get', 'list', 'watch'];
    await server.grant(
      [
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs },
        { apiGroups: [''], resources: ['endpoints', 'services'], verbs },
      ],
      { namespace: NAMESPACE },
    );
    return new KubernetesDriver(server, way);
  } catch (error) {
    await way.close();
    await server.stop();
    throw error;
  }
}

export class KubernetesDriver extends ProxiedDriver<KubeApiserver> {
  readonly metricName = 'io.l5d.k8s';
  readonly registry: string;
  readonly namer: { readonly kind: string; readonly kubeconfig: string };

  constructor(server: KubeApiserver, way: Way) {
    super(server, way);
    this.registry = `Kubernetes ${way.address}`;
    this.namer = { kind: 'io.l5d.k8s', kubeconfig: writeKubeconfig(server, way) };
  }

  override host(n: number): string {
    return hostAddress(n + 1);
  }

  name(service: string): string {
    return `/#/io.l5d.k8s/${NAMESPACE}/http/${service}`;
  }

  /** Its pods are there and not ready: the service has its ports. */
  override setEmpty(service: string): Promise<void> {
    return this.become(service, new Map([[NOT_READY, { host: hostAddress(1), port: 1 }]]));
  }

  protected async put(service: string, id: string, endpoint: DriverEndpoint): Promise<void> {
    await this.server.create(SLICES, slice('v1beta1', service, id, endpoint));
  }

  protected async spoil(): Promise<void> {
    throw new Error('the API server takes nothing that is no endpoint');
  }

  protected async drop(service: string, id: string): Promise<void> {
    await this.server.delete(`${SLICES}/${service}-${id}`);
  }

  /** By way of its etcd, as the API server itself would: a request for each would take half a minute. */
  protected async putMany(services: readonly string[], id: string, endpoint: DriverEndpoint): Promise<void> {
    for (const piece of piecesOf(services, MAX_OPERATIONS)) {
      const success = piece.map((service) => ({
        requestPut: {
          key: base64(`/registry/endpointslices/${NAMESPACE}/${service}-${id}`),
          value: base64(JSON.stringify(slice('v1beta1', service, id, endpoint))),
        },
      }));
      await this.server.etcd.api('/v3/kv/txn', { success });
    }
  }
}

/** Of the user with just the rights that the namer needs. Lies in the server's folder, and goes with it. */
function writeKubeconfig(server: KubeApiserver, way: Way): string {
  const file = join(server.folder, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'reader' } }],
    clusters: [
      {
        name: 'test',
        cluster: {
          server: `https://${way.address}`,
          'certificate-authority-data': readFileSync(server.caFile).toString('base64'),
        },
      },
    ],
    users: [{ name: 'reader', user: { token: server.tokens.reader } }],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
