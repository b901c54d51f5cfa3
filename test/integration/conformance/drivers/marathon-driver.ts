// MarathonDriver: services as apps of a server that speaks Marathon's API; the real one does not exist any more.

import { FakeMarathon, type FakeTask } from '../../../support/fake-marathon.js';
import type { DriverEndpoint } from '../../../support/namer-driver.js';
import { ProxiedDriver, proxyBefore, type RegistryProgram, type Way } from './proxied-driver.js';

export async function startMarathonDriver(): Promise<MarathonDriver> {
  const marathon = await FakeMarathon.start();
  const server: RegistryProgram = {
    port: marathon.port,
    start: () => marathon.start(),
    kill: () => marathon.stop(),
    stop: () => marathon.close(),
  };
  return new MarathonDriver(marathon, server, await proxyBefore(server));
}

export class MarathonDriver extends ProxiedDriver<RegistryProgram> {
  readonly metricName = 'io.l5d.marathon';
  readonly registry: string;
  readonly namer: { readonly kind: string } & Readonly<Record<string, unknown>>;
  readonly #marathon: FakeMarathon;

  constructor(marathon: FakeMarathon, server: RegistryProgram, way: Way) {
    super(server, way);
    this.#marathon = marathon;
    this.registry = `Marathon ${way.address}`;
    this.namer = { kind: 'io.l5d.marathon', host: way.host, port: way.port, ttlMs: 100, jitterMs: 10 };
  }

  name(service: string): string {
    return `/#/io.l5d.marathon/shop/${service}`;
  }

  /** Its app is there, scaled to nothing. */
  override setEmpty(service: string): Promise<void> {
    return this.become(service, new Map());
  }

  override async remove(service: string): Promise<void> {
    await this.setEmpty(service);
    this.#marathon.apps.delete(appId(service));
  }

  protected async put(service: string, id: string, { host, port }: DriverEndpoint): Promise<void> {
    this.#write(service, [...this.#others(service, id), { id, host, ports: [port] }]);
  }

  protected spoil(service: string, id: string, { host }: DriverEndpoint): Promise<void> {
    return this.put(service, id, { host, port: 70_000 });
  }

  protected async drop(service: string, id: string): Promise<void> {
    this.#write(service, this.#others(service, id));
  }

  protected async putMany(services: readonly string[], id: string, endpoint: DriverEndpoint): Promise<void> {
    for (const service of services) await this.put(service, id, endpoint);
  }

  #others(service: string, id: string): readonly FakeTask[] {
    return (this.#marathon.apps.get(appId(service))?.tasks ?? []).filter((task) => task.id !== id);
  }

  #write(service: string, tasks: readonly FakeTask[]): void {
    this.#marathon.apps.set(appId(service), { tasks });
  }
}

function appId(service: string): string {
  return `/shop/${service}`;
}
