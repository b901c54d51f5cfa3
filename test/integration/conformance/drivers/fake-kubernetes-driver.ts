// FakeKubernetesDriver: services as EndpointSlices v1 of a server of the test suite, which takes what a real one refuses.

import { type FakeKubeApiserver, startFakeKubeApiserver } from '../../../support/fake-kube-apiserver.js';
import type { DriverEndpoint } from '../../../support/namer-driver.js';
import { NAMESPACE, NOT_READY, slice } from './endpoint-slice.js';
import { ProxiedDriver, proxyBefore, type RegistryProgram, type Way } from './proxied-driver.js';

const SLICES = `${NAMESPACE}/endpointslices`;

export async function startFakeKubernetesDriver(): Promise<FakeKubernetesDriver> {
  const fake = await startFakeKubeApiserver();
  const server: RegistryProgram = {
    port: fake.port,
    start: () => fake.listen(),
    kill: () => fake.close(),
    stop: () => fake.close(),
  };
  return new FakeKubernetesDriver(fake, server, await proxyBefore(server));
}

export class FakeKubernetesDriver extends ProxiedDriver<RegistryProgram> {
  readonly metricName = 'io.l5d.k8s';
  readonly registry: string;
  readonly namer: { readonly kind: string; readonly host: string; readonly port: number };
  readonly #fake: FakeKubeApiserver;

  constructor(fake: FakeKubeApiserver, server: RegistryProgram, way: Way) {
    super(server, way);
    this.#fake = fake;
    this.registry = `Kubernetes ${way.address}`;
    this.namer = { kind: 'io.l5d.k8s', host: way.host, port: way.port };
  }

  name(service: string): string {
    return `/#/io.l5d.k8s/${NAMESPACE}/http/${service}`;
  }

  override setEmpty(service: string): Promise<void> {
    return this.become(service, new Map([[NOT_READY, { host: '127.0.0.1', port: 1 }]]));
  }

  protected async put(service: string, id: string, endpoint: DriverEndpoint): Promise<void> {
    this.#fake.put(SLICES, slice('v1', service, id, endpoint));
  }

  protected spoil(service: string, id: string): Promise<void> {
    return this.put(service, id, { host: 'not an address', port: 80 });
  }

  protected async drop(service: string, id: string): Promise<void> {
    this.#fake.delete(SLICES, `${service}-${id}`);
  }

  protected async putMany(services: readonly string[], id: string, endpoint: DriverEndpoint): Promise<void> {
    for (const service of services) await this.put(service, id, endpoint);
  }
}
