// Reporter: what is to be told of Ingresses in; status and events of Ingresses out, written by that one of all gateways that holds the lease.

import type { Clock } from '../../../src/base/clock.js';
import type { Logger } from '../../../src/base/log.js';
import type { MetricsScope } from '../../../src/base/metrics.js';
import type { Random } from '../../../src/base/random.js';
import type { RegistryWatches } from '../../shared/registry-watch.js';
import { CollectionWatch, type StreamTimes } from '../collection-watch.js';
import type { KubeApi } from '../kube-api.js';
import type { Cluster } from './cluster.js';
import { EventWriter } from './event-writer.js';
import type { IngressReports } from './ingress-reports.js';
import { Lease } from './lease.js';
import { LiveCollection } from './live-collection.js';
import { addressesOfService, type PublishedAddress } from './published-addresses.js';
import { StatusWriter } from './status-writer.js';

export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

export interface ReportSettings {
  /** Where callers reach the gateway: fixed, or as a Service says. Undefined: no status is written. */
  readonly publish: readonly PublishedAddress[] | ObjectName | undefined;
  readonly lease: ObjectName;
  readonly events: boolean;
  /** Name of this gateway: of the pod, or the host. */
  readonly instance: string;
}

export interface ReporterOptions extends ReportSettings {
  readonly api: KubeApi;
  readonly cluster: Cluster;
  readonly watches: RegistryWatches;
  readonly reports: () => IngressReports;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: MetricsScope;
  readonly stream?: StreamTimes;
}

export class Reporter {
  readonly lease: Lease;
  readonly #options: ReporterOptions;
  readonly #status: StatusWriter | undefined;
  readonly #events: EventWriter | undefined;
  readonly #service: LiveCollection<readonly PublishedAddress[]> | undefined;

  constructor(options: ReporterOptions) {
    const { random, log, publish, events, instance, reports } = options;
    this.#options = options;
    this.lease = new Lease({
      ...options,
      ...options.lease,
      identity: `${instance}_${Math.floor(random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0')}`,
      onChange: (isHeld) => {
        log.info(isHeld ? 'holds the lease: writes status and events' : 'does not hold the lease any more');
        this.#turn(isHeld);
      },
    });
    const common = { ...options, isLeader: () => this.lease.isHeld };
    if (publish) {
      this.#status = new StatusWriter({
        ...common,
        addresses: () => this.#addresses,
        report: (id) => reports().get(id),
      });
      if ('name' in publish) this.#service = this.#watchService(publish);
    }
    if (events) this.#events = new EventWriter(common);
  }

  start(): void {
    this.#service?.start();
    this.lease.start();
  }

  /** Reports or statuses may be different. */
  sync(): void {
    if (!this.lease.isHeld) return;
    this.#status?.sync();
    this.#events?.sync(this.#options.reports());
  }

  async close(): Promise<void> {
    this.#service?.stop();
    await Promise.all([this.#status?.stop(), this.#events?.stop()]);
    await this.lease.close();
  }

  get #addresses(): readonly PublishedAddress[] | undefined {
    const { publish } = this.#options;
    if (!publish || !('name' in publish)) return publish;
    // Where the Service is not there, callers may find the gateway by what was written before.
    return this.#service?.items.get(publish.name);
  }

  #turn(isHeld: boolean): void {
    if (!isHeld) {
      void this.#status?.stop();
      void this.#events?.stop();
      return;
    }
    this.#status?.resume();
    this.#events?.resume();
    this.sync();
  }

  #watchService({ namespace, name }: ObjectName): LiveCollection<readonly PublishedAddress[]> {
    const { api, clock, random, watches, stream } = this.#options;
    const watch = new CollectionWatch<readonly PublishedAddress[]>({
      api,
      path: `/api/v1/namespaces/${namespace}/services`,
      name,
      project: addressesOfService,
      clock,
      random,
      metrics: watches.options.metrics.scope('service'),
      ...(stream && { stream }),
    });
    return new LiveCollection(watches, {
      key: `service ${namespace}/${name}`,
      run: (report, signal) => watch.run(report, signal),
      isSame: (a, b) => JSON.stringify(a) === JSON.stringify(b),
      onChange: () => this.sync(),
    });
  }
}
