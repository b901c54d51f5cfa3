// ProxiedDriver: the part of a driver that is alike for every registry program on TCP: instances come and go one by one, and the
// gateway reaches the program through a proxy that can fail the ways a network does.

import type { DriverEndpoint, NamerDriver } from '../../../support/namer-driver.js';
import { openConnectionsTo } from '../../../support/open-connections.js';
import { startCutProxy } from '../../registries/cut-proxy.js';

/** What of a registry's fixture is needed here (`Program` is one). */
export interface RegistryProgram {
  readonly port: number;
  start(): Promise<void>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** How the gateway reaches the program; `CutProxy` is one. */
export interface Way {
  readonly host: string;
  readonly port: number;
  /** `127.0.0.1:2181` */
  readonly address: string;
  pass(): Promise<void>;
  refuse(): Promise<void>;
  blackHole(): Promise<void>;
  cut(): void;
  close(): Promise<void>;
}

export type MakeWay = (server: RegistryProgram) => Promise<Way>;

export abstract class ProxiedDriver<Registry extends RegistryProgram> implements NamerDriver {
  readonly server: Registry;
  abstract readonly namer: NamerDriver['namer'];
  abstract readonly metricName: string;
  abstract readonly registry: string;
  protected readonly way: Way;
  /** By service: what is registered, by instance. */
  readonly #instances = new Map<string, Map<string, DriverEndpoint>>();

  constructor(server: Registry, way: Way) {
    this.server = server;
    this.way = way;
  }

  abstract name(service: string): string;

  host(_n: number): string {
    return '127.0.0.1';
  }

  /** Registers an instance, or changes the one that has this id. */
  protected abstract put(service: string, id: string, endpoint: DriverEndpoint): Promise<void>;
  /** The instance becomes something that is no endpoint. */
  protected abstract spoil(service: string, id: string, endpoint: DriverEndpoint): Promise<void>;
  protected abstract drop(service: string, id: string): Promise<void>;
  /** Registers one instance of each service, or changes the one that has this id, in as few calls as can be. */
  protected abstract putMany(services: readonly string[], id: string, endpoint: DriverEndpoint): Promise<void>;

  set(service: string, endpoints: readonly DriverEndpoint[]): Promise<void> {
    return this.become(service, new Map(endpoints.map((endpoint) => [idOf(endpoint), endpoint])));
  }

  /** For registries that know services by their instances alone. */
  setEmpty(service: string): Promise<void> {
    return this.remove(service);
  }

  remove(service: string): Promise<void> {
    return this.become(service, new Map());
  }

  async garble(service: string): Promise<void> {
    for (const [id, endpoint] of this.#of(service)) await this.spoil(service, id, endpoint);
  }

  async setMany(services: readonly string[], endpoint: DriverEndpoint): Promise<void> {
    const id = idOf(endpoint);
    await this.putMany(services, id, endpoint);
    for (const service of services) this.adopt(service, new Map([[id, endpoint]]));
  }

  /** One instance of each service, which has the same id each time, moves to the endpoint; in as few calls as can be. */
  moveMany(services: readonly string[], endpoint: DriverEndpoint): Promise<void> {
    return this.putMany(services, 'moving', endpoint);
  }

  watches(): number {
    return openConnectionsTo(this.way.port);
  }

  async refuse(): Promise<void> {
    await this.way.refuse();
    this.way.cut();
  }

  hang(): Promise<void> {
    return this.way.blackHole();
  }

  pass(): Promise<void> {
    return this.way.pass();
  }

  kill(): Promise<void> {
    return this.server.kill();
  }

  revive(): Promise<void> {
    return this.server.start();
  }

  async stop(): Promise<void> {
    await this.way.close();
    await this.server.stop();
  }

  /** The service has these instances, by id, and no others. */
  protected async become(service: string, after: Map<string, DriverEndpoint>): Promise<void> {
    const before = this.#of(service);
    // The new ones first: there is no moment without any.
    for (const [id, endpoint] of after) if (!before.has(id)) await this.put(service, id, endpoint);
    for (const id of before.keys()) if (!after.has(id)) await this.drop(service, id);
    this.adopt(service, after);
  }

  /** That is what is registered. */
  protected adopt(service: string, instances: Map<string, DriverEndpoint>): void {
    this.#instances.set(service, instances);
  }

  #of(service: string): ReadonlyMap<string, DriverEndpoint> {
    return this.#instances.get(service) ?? new Map();
  }
}

/** An endpoint that stays keeps its id, whoever else comes and goes. */
function idOf({ host, port }: DriverEndpoint): string {
  return `${host}-${port}`;
}

/** By way of a proxy that can fail. Stops the server when there can be none. */
export async function proxyBefore(server: RegistryProgram): Promise<Way> {
  try {
    return await startCutProxy({ port: server.port });
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Straight to it, for measurements: nothing can be cut. */
export async function straightTo({ port }: RegistryProgram): Promise<Way> {
  const nothing = async (): Promise<void> => {};
  const refused = (): never => {
    throw new Error('there is no proxy to cut');
  };
  const host = '127.0.0.1';
  return {
    host,
    port,
    address: `${host}:${port}`,
    pass: nothing,
    refuse: refused,
    blackHole: refused,
    cut: refused,
    close: nothing,
  };
}

/** `all` in pieces of `size`: for calls that take so many at a time. */
export function piecesOf<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}
