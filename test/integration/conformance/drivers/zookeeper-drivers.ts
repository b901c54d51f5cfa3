// Drivers of the namers on ZooKeeper: services as the nodes of a real server, in the form of each kind.

import type { DriverEndpoint, NamerDriver } from '../../../support/namer-driver.js';
import { startZooKeeper, type ZooKeeper } from '../../registries/zookeeper.js';
import { NODE_EXISTS, ZooKeeperError, type ZooKeeperTestClient } from '../../registries/zookeeper-test-client.js';
import { type MakeWay, ProxiedDriver, piecesOf, proxyBefore, type Way } from './proxied-driver.js';

/** Requests under way at a time. */
const AT_ONCE = 500;

export function startServersetsDriver(makeWay: MakeWay = proxyBefore): Promise<ServersetsDriver> {
  return start(ServersetsDriver, makeWay);
}

export function startCuratorDriver(): Promise<NamerDriver> {
  return start(CuratorDriver, proxyBefore);
}

export function startLeaderDriver(): Promise<NamerDriver> {
  return start(LeaderDriver, proxyBefore);
}

async function start<Driver>(
  Class: new (server: ZooKeeper, way: Way, client: ZooKeeperTestClient) => Driver,
  makeWay: MakeWay,
): Promise<Driver> {
  const server = await startZooKeeper();
  const way = await makeWay(server);
  return new Class(server, way, await server.client());
}

abstract class ZooKeeperDriver extends ProxiedDriver<ZooKeeper> {
  readonly registry: string;
  /** Of the node above all services, without a slash at its end. */
  protected readonly folder: string;
  protected client: ZooKeeperTestClient;
  readonly #kind: string;

  constructor(server: ZooKeeper, way: Way, client: ZooKeeperTestClient, kind: string, folder: string) {
    super(server, way);
    this.client = client;
    this.registry = `ZooKeeper ${way.address}`;
    this.folder = folder;
    this.#kind = kind;
  }

  get metricName(): string {
    return this.#kind;
  }

  get namer(): NamerDriver['namer'] {
    const { host, port } = this.way;
    return { kind: this.#kind, zkAddrs: [{ host, port }], sessionTimeoutMs: 4000 };
  }

  name(service: string): string {
    return `/#/${this.#kind}${this.folder}/${service}`;
  }

  override async revive(): Promise<void> {
    await super.revive();
    this.client = await this.server.client();
  }

  override async stop(): Promise<void> {
    await this.client.close();
    await super.stop();
  }

  /** The name of the node of an instance. */
  protected abstract node(id: string): string;
  protected abstract content(id: string, endpoint: DriverEndpoint): string;

  protected async put(service: string, id: string, endpoint: DriverEndpoint): Promise<void> {
    await this.#makeFolder(service);
    await this.client.create(this.path(service, id), this.content(id, endpoint));
  }

  protected spoil(service: string, id: string): Promise<void> {
    return this.client.set(this.path(service, id), '{"not": "an instance"');
  }

  protected drop(service: string, id: string): Promise<void> {
    return this.client.delete(this.path(service, id));
  }

  protected async putMany(services: readonly string[], id: string, endpoint: DriverEndpoint): Promise<void> {
    const [first = ''] = services;
    await this.#makeFolder(first);
    const content = this.content(id, endpoint);
    for (const piece of piecesOf(services, AT_ONCE)) {
      await Promise.all(
        piece.map(async (service) => {
          if (service !== first) await unlessThere(this.client.create(`${this.folder}/${service}`));
          const path = this.path(service, id);
          if ((await unlessThere(this.client.create(path, content))) === undefined)
            await this.client.set(path, content);
        }),
      );
    }
  }

  protected path(service: string, id: string): string {
    return `${this.folder}/${service}/${this.node(id)}`;
  }

  async #makeFolder(service: string): Promise<void> {
    await unlessThere(this.client.create(`${this.folder}/${service}`, '', { parents: true }));
  }
}

/** Undefined when the node is there already. */
async function unlessThere(created: Promise<string>): Promise<string | undefined> {
  try {
    return await created;
  } catch (error) {
    if (error instanceof ZooKeeperError && error.code === NODE_EXISTS) return undefined;
    throw error;
  }
}

export class ServersetsDriver extends ZooKeeperDriver {
  constructor(server: ZooKeeper, way: Way, client: ZooKeeperTestClient) {
    super(server, way, client, 'io.l5d.serversets', '/discovery/prod');
  }

  /** Not a sequence number: such a node is written once, and could not be spoilt. */
  protected node(id: string): string {
    return `member_${id}`;
  }

  protected content(_id: string, { host, port }: DriverEndpoint): string {
    return JSON.stringify({ serviceEndpoint: { host, port }, additionalEndpoints: {}, status: 'ALIVE', shard: 0 });
  }
}

class CuratorDriver extends ZooKeeperDriver {
  constructor(server: ZooKeeper, way: Way, client: ZooKeeperTestClient) {
    super(server, way, client, 'io.l5d.curator', '/services');
  }

  override get namer(): NamerDriver['namer'] {
    return { ...super.namer, experimental: true, basePath: this.folder };
  }

  override name(service: string): string {
    return `/#/io.l5d.curator/${service}`;
  }

  /** The node of the service stays: it is there and has no instances. */
  override setEmpty(service: string): Promise<void> {
    return this.become(service, new Map());
  }

  override async remove(service: string): Promise<void> {
    await this.setEmpty(service);
    await this.client.delete(`${this.folder}/${service}`);
  }

  protected node(id: string): string {
    return id;
  }

  protected content(id: string, { host, port }: DriverEndpoint): string {
    const rest = { sslPort: null, payload: null, serviceType: 'DYNAMIC', uriSpec: null };
    return JSON.stringify({ name: 'web', id, address: host, port, registrationTimeUTC: 1700000000000, ...rest });
  }
}

/** A service is an election: who leads gives all its addresses, and every change is another leader. */
class LeaderDriver extends ZooKeeperDriver {
  readonly #terms = new Map<string, number>();

  constructor(server: ZooKeeper, way: Way, client: ZooKeeperTestClient) {
    super(server, way, client, 'io.l5d.zkLeader', '/elections');
  }

  override async set(service: string, endpoints: readonly DriverEndpoint[]): Promise<void> {
    const term = (this.#terms.get(service) ?? 0) + 1;
    this.#terms.set(service, term);
    // Its id is its term; who was there before leads until it leaves.
    const addresses = endpoints.map(({ host, port }) => `${host}:${port}`).join(',');
    await this.become(service, new Map([[String(term), { host: addresses, port: 0 }]]));
  }

  override async setMany(services: readonly string[], { host, port }: DriverEndpoint): Promise<void> {
    await this.putMany(services, '0', { host: `${host}:${port}`, port: 0 });
    for (const service of services) this.adopt(service, new Map([['0', { host: `${host}:${port}`, port: 0 }]]));
  }

  protected node(id: string): string {
    return `candidate_${id.padStart(10, '0')}`;
  }

  protected content(_id: string, { host }: DriverEndpoint): string {
    return host;
  }
}
