// EtcdDriver: services as keys of a real etcd, one for each instance.

import type { DriverEndpoint } from '../../../support/namer-driver.js';
import { type Etcd, startEtcd } from '../../registries/etcd.js';
import { type MakeWay, ProxiedDriver, piecesOf, proxyBefore, type Way } from './proxied-driver.js';

/** etcd's default limit of one transaction. */
const MAX_OPERATIONS = 128;

export async function startEtcdDriver(makeWay: MakeWay = proxyBefore): Promise<EtcdDriver> {
  const etcd = await startEtcd();
  return new EtcdDriver(etcd, await makeWay(etcd));
}

export class EtcdDriver extends ProxiedDriver<Etcd> {
  readonly metricName = 'io.l5d.etcd';
  readonly registry: string;
  readonly namer: { readonly kind: string; readonly endpoints: readonly string[] };

  constructor(etcd: Etcd, way: Way) {
    super(etcd, way);
    this.registry = `etcd ${way.address}`;
    this.namer = { kind: 'io.l5d.etcd', endpoints: [`http://${way.address}`] };
  }

  name(service: string): string {
    return `/#/io.l5d.etcd/${service}`;
  }

  protected put(service: string, id: string, { host, port }: DriverEndpoint): Promise<void> {
    return this.#put(keyOf(service, id), `${host}:${port}`);
  }

  protected spoil(service: string, id: string): Promise<void> {
    return this.#put(keyOf(service, id), '{"host": "127.0.0.1", "port": 70000}');
  }

  protected drop(service: string, id: string): Promise<void> {
    return this.server.delete(keyOf(service, id));
  }

  protected async putMany(services: readonly string[], id: string, { host, port }: DriverEndpoint): Promise<void> {
    for (const piece of piecesOf(services, MAX_OPERATIONS)) {
      const success = piece.map((service) => ({
        requestPut: { key: base64(keyOf(service, id)), value: base64(`${host}:${port}`) },
      }));
      await this.server.api('/v3/kv/txn', { success });
    }
  }

  async #put(key: string, value: string): Promise<void> {
    await this.server.put(key, value);
  }
}

function keyOf(service: string, id: string): string {
  return `/services/${service}/${id}`;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
