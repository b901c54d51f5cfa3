// DnsDriver: services as SRV records of a name server of the test suite.

import { address, FakeDnsServer, srv } from '../../../support/fake-dns-server.js';
import type { DriverEndpoint, NamerDriver } from '../../../support/namer-driver.js';

export async function startDnsDriver(): Promise<DnsDriver> {
  return new DnsDriver(await FakeDnsServer.start());
}

export class DnsDriver implements NamerDriver {
  readonly metricName = 'io.l5d.dnssrv';
  readonly registry: string;
  readonly namer: NamerDriver['namer'];
  readonly #server: FakeDnsServer;
  #isUp = true;

  constructor(server: FakeDnsServer) {
    this.#server = server;
    this.registry = `DNS ${server.host}`;
    this.namer = {
      kind: 'io.l5d.dnssrv',
      experimental: true,
      dnsHosts: [server.host],
      refreshIntervalSeconds: 1,
    };
  }

  name(service: string): string {
    return `/#/io.l5d.dnssrv/${service}.shop.test.`;
  }

  async set(service: string, endpoints: readonly DriverEndpoint[]): Promise<void> {
    this.#server.behaviours.delete(queryOf(service));
    for (const { host } of endpoints) this.#server.zone.set(targetOf(host), [address(host)]);
    this.#server.zone.set(
      zoneName(service),
      endpoints.map(({ host, port }) => srv(targetOf(host), port)),
    );
  }

  /** The name is there and has no SRV records. */
  async setEmpty(service: string): Promise<void> {
    this.#server.zone.set(zoneName(service), []);
  }

  async remove(service: string): Promise<void> {
    this.#server.zone.delete(zoneName(service));
  }

  async garble(service: string): Promise<void> {
    // It ends in the middle of its records.
    this.#server.behaviours.set(queryOf(service), (query) => {
      const answer = this.#server.zoneAnswer(query);
      return [answer.subarray(0, answer.length / 2)];
    });
  }

  async setMany(services: readonly string[], endpoint: DriverEndpoint): Promise<void> {
    for (const service of services) await this.set(service, [endpoint]);
  }

  watches(): undefined {}

  asked(): number {
    return this.#server.queries.length;
  }

  async refuse(): Promise<void> {
    this.#isUp = false;
    await this.#server.stop();
  }

  async hang(): Promise<void> {
    this.#server.behaviour = 'silent';
  }

  async pass(): Promise<void> {
    this.#server.behaviour = 'zone';
    if (!this.#isUp) await this.#server.start();
    this.#isUp = true;
  }

  kill(): Promise<void> {
    return this.refuse();
  }

  /** It is `pass` that ends what `refuse` began. */
  async revive(): Promise<void> {}

  async stop(): Promise<void> {
    await this.#server.close();
  }
}

function zoneName(service: string): string {
  return `${service}.shop.test`;
}

function targetOf(host: string): string {
  return `${host.replaceAll('.', '-')}.hosts.test`;
}

function queryOf(service: string): string {
  return `SRV ${zoneName(service)}`;
}
