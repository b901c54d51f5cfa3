// Best collection: the API's collections that tell the same, best first, in; the watch of the best one that can be had out.

import type { Logger } from '../../src/base/log.js';
import type { CollectionReport, CollectionWatch } from './collection-watch.js';
import { KubeRefused } from './kube-api.js';

export interface CollectionSource<Item> {
  /** As an apiVersion and a resource: `discovery.k8s.io/v1 endpointslices`. */
  readonly name: string;
  readonly watch: CollectionWatch<Item>;
}

export interface BestCollectionOptions<Item> {
  /** For messages: `endpoints of namespace prod`. */
  readonly what: string;
  /** Best first. */
  readonly sources: readonly CollectionSource<Item>[];
  readonly log: Logger;
}

/**
 * The first collection that the server has and lets be read. One that has answered is left only when the server no longer has
 * it: a refusal may be a server that has just started and does not know the rights of anybody yet.
 */
export class BestCollection<Item> {
  readonly #options: BestCollectionOptions<Item>;
  #chosen: CollectionSource<Item> | undefined;
  #signal: AbortSignal | undefined;

  constructor(options: BestCollectionOptions<Item>) {
    this.#options = options;
  }

  /** The name of the one that is watched; undefined before any has answered. */
  get source(): string | undefined {
    return this.#chosen?.name;
  }

  /** As `CollectionWatch.run`. */
  async run(report: CollectionReport<Item>, signal: AbortSignal): Promise<void> {
    if (this.#signal !== signal) {
      this.#signal = signal;
      this.#chosen = undefined;
    }
    const chosen = this.#chosen;
    const others = this.#options.sources.filter((source) => source !== chosen);
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

  #choosing(source: CollectionSource<Item>, report: CollectionReport<Item>): CollectionReport<Item> {
    return {
      ...report,
      replace: (items) => {
        if (this.#chosen !== source) this.#options.log.info(`${this.#options.what} are read from ${source.name}`);
        this.#chosen = source;
        report.replace(items);
      },
    };
  }
}

function isRefusal(error: unknown, statuses: readonly number[]): error is KubeRefused {
  return error instanceof KubeRefused && statuses.includes(error.status);
}
