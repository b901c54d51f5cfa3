// Namespace tables: what a namespace of the API holds, as one table of services and one of endpoints, each watched as a whole.

import type { Logger } from '../../src/base/log.js';
import type { RegistryWatches } from '../shared/registry-watch.js';
import { type TableReport, type WatchedRow, WatchedTable } from '../shared/watched-table.js';
import type { BestCollection } from './best-collection.js';
import { type CollectionReport, CollectionWatch, type StreamTimes } from './collection-watch.js';
import type { EndpointObject } from './endpoint-object.js';
import { watchEndpoints } from './endpoints-watch.js';
import type { KubeApi } from './kube-api.js';
import { projectService, type ServiceObject } from './service-object.js';

export interface NamespaceTablesOptions {
  readonly namespace: string;
  readonly api: KubeApi;
  readonly watches: RegistryWatches;
  readonly labelSelector: string | undefined;
  readonly log: Logger;
  /** See `CollectionWatchOptions`. */
  readonly stream?: StreamTimes;
}

export class NamespaceTables {
  readonly #endpoints: WatchedTable<readonly EndpointObject[]>;
  readonly #services: WatchedTable<ServiceObject>;
  readonly #endpointsWatch: BestCollection<EndpointObject>;

  constructor(options: NamespaceTablesOptions) {
    const { namespace, api, watches, labelSelector } = options;
    const { clock, random, metrics } = watches.options;
    const common = { ...options, clock, random, metrics: metrics.scope('service') };
    this.#endpointsWatch = watchEndpoints(common);
    const groups = new ByService();
    this.#endpoints = new WatchedTable<readonly EndpointObject[]>(watches, {
      key: `endpoints of ${namespace}`,
      run: (report, signal) => this.#endpointsWatch.run(groups.collect(report), signal),
      same: sameJson,
    });
    const services = new CollectionWatch<ServiceObject>({
      ...common,
      api,
      path: `/api/v1/namespaces/${namespace}/services`,
      project: projectService(labelSelector),
    });
    this.#services = new WatchedTable<ServiceObject>(watches, {
      key: `services of ${namespace}`,
      run: (report, signal) => services.run(byName(report), signal),
      same: sameJson,
    });
  }

  /** The Endpoints of the service, or its slices. */
  endpoints(service: string): WatchedRow<readonly EndpointObject[]> {
    return this.#endpoints.row(service);
  }

  service(service: string): WatchedRow<ServiceObject> {
    return this.#services.row(service);
  }

  /** For `/namer_state`. */
  state(): { readonly endpointsFrom: string | null; readonly services: number } {
    const services = Math.max(this.#endpoints.rows().size, this.#services.rows().size);
    return { endpointsFrom: this.#endpointsWatch.source ?? null, services };
  }
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function byName<Item>(report: TableReport<Item>): CollectionReport<Item> {
  return {
    replace: (items) => report.replace(items),
    change: (name, _before, after) => report.change([[name, after]]),
    confirm: () => report.confirm(),
    complain: (message) => report.complain(message),
  };
}

/** Objects as they come in, rows of all objects of one service out. Kept between runs, as the watch keeps its items. */
class ByService {
  readonly #services = new Map<string, Map<string, EndpointObject>>();

  collect(report: TableReport<readonly EndpointObject[]>): CollectionReport<EndpointObject> {
    return {
      replace: (items) => {
        this.#services.clear();
        for (const [name, item] of items) this.#put(name, item);
        report.replace(new Map([...this.#services.keys()].map((service) => [service, this.#row(service) ?? []])));
      },
      change: (name, before, after) => {
        // A slice may become that of another service.
        if (before && before.service !== after?.service) this.#services.get(before.service)?.delete(name);
        if (after) this.#put(name, after);
        const changed = new Set([before?.service, after?.service].filter((service) => service !== undefined));
        report.change([...changed].map((service) => [service, this.#row(service)]));
      },
      confirm: () => report.confirm(),
      complain: (message) => report.complain(message),
    };
  }

  #put(name: string, item: EndpointObject): void {
    let objects = this.#services.get(item.service);
    if (!objects) {
      objects = new Map();
      this.#services.set(item.service, objects);
    }
    objects.set(name, item);
  }

  /** Undefined when the service has no object left. */
  #row(service: string): readonly EndpointObject[] | undefined {
    const objects = this.#services.get(service);
    if (objects && objects.size > 0) return [...objects.values()];
    this.#services.delete(service);
    return undefined;
  }
}
