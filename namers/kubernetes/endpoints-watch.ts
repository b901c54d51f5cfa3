// Endpoints watch: the endpoints of every service of a namespace, from the best of the API's collections that can be had.

import type { Logger } from '../../src/base/log.js';
import { type CollectionReport, CollectionWatch, type CollectionWatchOptions } from './collection-watch.js';
import { type EndpointObject, endpointSlices, endpointsSubsets } from './endpoint-object.js';
import { KubeRefused } from './kube-api.js';

export interface EndpointsWatchOptions
  extends Omit<CollectionWatchOptions<EndpointObject>, 'path' | 'project' | 'name'> {
  readonly namespace: string;
  readonly labelSelector: string | undefined;
  readonly log: Logger;
}

interface Source {
  /** As an apiVersion and a resource: `discovery.k8s.io/v1 endpointslices`. */
  readonly name: string;
  readonly watch: CollectionWatch<EndpointObject>;
}

/**
 * Slices where the server has them (v1 from 1.21 on, v1beta1 from 1.17 to 1.24), Endpoints where it does not, or where only
 * those may be read. A collection that has answered is left only when the server no longer has it: a refusal may be a
 * server that has just started and does not know the rights of anybody yet.
 */
export class EndpointsWatch {
  readonly #options: EndpointsWatchOptions;
  readonly #sources: readonly Source[];
  #chosen: Source | undefined;
  #signal: AbortSignal | undefined;

  constructor(options: EndpointsWatchOptions) {
    const { namespace, labelSelector } = options;
    const slices = endpointSlices(labelSelector);
    const source = (api: string, resource: string, project: typeof slices): Source => ({
      name: `${api.replace(/^apis?\//, '')} ${resource}`,
      watch: new CollectionWatch({ ...options, path: `/${api}/namespaces/${namespace}/${resource}`, project }),
    });
    this.#options = options;
    this.#sources = [
      source('apis/discovery.k8s.io/v1', 'endpointslices', slices),
      source('apis/discovery.k8s.io/v1beta1', 'endpointslices', slices),
      source('api/v1', 'endpoints', endpointsSubsets(labelSelector)),
    ];
  }

  /** Where the endpoints come from; undefined before there are any. */
  get source(): string | undefined {
    return this.#chosen?.name;
  }

  /** As `CollectionWatch.run`. */
  async run(report: CollectionReport<EndpointObject>, signal: AbortSignal): Promise<void> {
    if (this.#signal !== signal) {
      this.#signal = signal;
      this.#chosen = undefined;
    }
    const chosen = this.#chosen;
    const others = this.#sources.filter((source) => source !== chosen);
    let refused: Error | undefined;
    for (const source of chosen ? [chosen, ...others] : others) {
      // What is known is of another collection.
      if (source !== this.#chosen) source.watch.forget();
      try {
        await source.watch.run(this.#choosing(source, report), signal);
        return;
      } catch (error) {
        if (!isRefusal(error, source === this.#chosen ? [404] : [403, 404])) throw error;
        // Of all rights that are missing, the one to give is that to the best collection.
        if (refused === undefined || !isRefusal(refused, [403])) refused = error;
      }
    }
    if (refused) throw refused;
  }

  #choosing(source: Source, report: CollectionReport<EndpointObject>): CollectionReport<EndpointObject> {
    return {
      ...report,
      replace: (items) => {
        if (this.#chosen !== source) {
          const { namespace, log } = this.#options;
          log.info(`endpoints of namespace ${namespace} are read from ${source.name}`);
        }
        this.#chosen = source;
        report.replace(items);
      },
    };
  }
}

function isRefusal(error: unknown, statuses: readonly number[]): error is KubeRefused {
  return error instanceof KubeRefused && statuses.includes(error.status);
}
