// Live collection: one watch of the API in; all that it knows now, and a call at each change, out.

import { effect } from '@preact/signals-core';
import type { RegistryWatch, RegistryWatches } from '../../shared/registry-watch.js';
import type { CollectionReport } from '../collection-watch.js';
import { KubeRefused } from '../kube-api.js';

export interface LiveCollectionOptions<Item> {
  /** Of the watch: in messages, and in `/identifier_state`. */
  readonly key: string;
  /** As `CollectionWatch.run`. */
  readonly run: (report: CollectionReport<Item>, signal: AbortSignal) => Promise<void>;
  /** Whether two objects of one name are the same to who is told. */
  readonly isSame: (before: Item, after: Item) => boolean;
  readonly onChange: (change: Change) => void;
}

/** `slight`: by `isSame` there was none. */
export type Change = 'change' | 'slight';

export class LiveCollection<Item> {
  readonly #watch: RegistryWatch<'answered'>;
  readonly #onChange: (change: Change) => void;
  #items = new Map<string, Item>();
  #stop: (() => void) | undefined;

  constructor(watches: RegistryWatches, { key, run, isSame, onChange }: LiveCollectionOptions<Item>) {
    this.#onChange = onChange;
    this.#watch = watches.watch<'answered'>(key, () => ({
      run: (report, signal) =>
        run(
          {
            replace: (items) => {
              if (signal.aborted) return;
              this.#items = new Map(items);
              report.update('answered');
              onChange('change');
            },
            change: (name, before, after) => {
              if (signal.aborted) return;
              if (after === undefined) this.#items.delete(name);
              else this.#items.set(name, after);
              report.changed();
              onChange(before && after && isSame(before, after) ? 'slight' : 'change');
            },
            confirm: report.confirm,
            complain: report.complain,
          },
          signal,
        ),
      // Observers of the state are told of it alone; of the items `onChange` tells.
      same: () => true,
    }));
  }

  start(): void {
    let told: string | undefined;
    this.#stop ??= effect(() => {
      const state = this.#watch.value.value;
      // It is asked again and again, and fails in the same way.
      if (state.state !== 'failed' || state.error.message === told) return;
      told = state.error.message;
      this.#onChange('change');
    });
  }

  /** For good: another of the same key may follow, and must not be told of what this one asked for. */
  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#watch.stop();
  }

  /** As last told; empty before that. */
  get items(): ReadonlyMap<string, Item> {
    return this.#items;
  }

  get isKnown(): boolean {
    return this.#watch.value.peek().state === 'ok';
  }

  /** It has never answered, and this is why. */
  get error(): Error | undefined {
    const state = this.#watch.value.peek();
    return state.state === 'failed' ? state.error : undefined;
  }

  /** The API server said that it has none such, or that it may not be read. */
  get refusal(): KubeRefused | undefined {
    const cause = this.error?.cause;
    return cause instanceof KubeRefused && (cause.status === 403 || cause.status === 404) ? cause : undefined;
  }
}
