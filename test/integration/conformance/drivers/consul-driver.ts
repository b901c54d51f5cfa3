// ConsulDriver: services in the catalog of a real agent that keeps its data over a crash.

import type { DriverEndpoint } from '../../../support/namer-driver.js';
import { type Consul, startConsul } from '../../registries/consul.js';
import { type MakeWay, ProxiedDriver, piecesOf, proxyBefore, type Way } from './proxied-driver.js';

/** All instances are on one node, which is nobody's agent: what is written there stays. */
const NODE = 'conformance';
/** Consul's limit of one transaction. */
const MAX_OPERATIONS = 64;

export async function startConsulDriver(makeWay: MakeWay = proxyBefore): Promise<ConsulDriver> {
  const consul = await startConsul({ persistent: true });
  return new ConsulDriver(consul, await makeWay(consul));
}

export class ConsulDriver extends ProxiedDriver<Consul> {
  readonly metricName = 'io.l5d.consul';
  readonly registry: string;
  readonly namer: { readonly kind: string; readonly host: string; readonly port: number };

  constructor(consul: Consul, way: Way) {
    super(consul, way);
    this.registry = `Consul ${way.address}`;
    this.namer = { kind: 'io.l5d.consul', host: way.host, port: way.port };
  }

  name(service: string): string {
    return `/#/io.l5d.consul/${this.server.datacenter}/${service}`;
  }

  protected put(service: string, id: string, { host, port }: DriverEndpoint): Promise<void> {
    return this.server.register({ service, id: `${service}-${id}`, node: NODE, address: host, port });
  }

  protected spoil(service: string, id: string, { host }: DriverEndpoint): Promise<void> {
    return this.put(service, id, { host, port: 70_000 });
  }

  protected drop(service: string, id: string): Promise<void> {
    return this.server.deregister({ service, id: `${service}-${id}`, node: NODE });
  }

  protected async putMany(services: readonly string[], id: string, { host, port }: DriverEndpoint): Promise<void> {
    await this.server.api('PUT', '/v1/catalog/register', { Node: NODE, Address: '127.0.0.1' });
    for (const piece of piecesOf(services, MAX_OPERATIONS)) {
      const operations = piece.map((service) => ({
        Service: {
          Verb: 'set',
          Node: NODE,
          Service: { ID: `${service}-${id}`, Service: service, Address: host, Port: port },
        },
      }));
      const { status, body } = await this.server.api('PUT', '/v1/txn', operations);
      if (status !== 200) throw new Error(`Consul refused a transaction: ${status} ${JSON.stringify(body)}`);
    }
  }
}
