// Watched table: one watch over many services in, a live row for each key out; a change of one row costs that row alone.
//
// For registries that are listed and watched as a whole (a prefix of etcd, a namespace of Kubernetes) while names are asked
// for one by one. The watch runs while any row is observed, and for the linger time after.

import { batch, computed, type ReadonlySignal, type Signal, signal } from '@preact/signals-core';
import { type Activity, ok, type State } from '../../src/base/activity.js';
import type { Freshness } from '../../src/base/addr.js';
import type { RegistryWatch, RegistryWatches, WatchReport } from './registry-watch.js';

/** What one run of a table's watch tells. After the run's signal was aborted nothing that it says counts. */
export interface TableReport<Row> {
  /**
   * This is all that there is: keys that are not in `rows` are gone. Call it first in each run, after the list; until the
   * first time all rows are pending (or failed). Rows that are the same as before stay the same objects, and their
   * observers hear nothing.
   */
  replace(rows: ReadonlyMap<string, Row>): void;
  /** These rows, and no others, changed together; undefined: it is gone. Confirms the whole table. */
  change(rows: Iterable<readonly [key: string, row: Row | undefined]>): void;
  /** As in `WatchReport`: the registry is alive and nothing has changed. */
  confirm(): void;
  /** As in `WatchReport`: counted, and logged once for each message until a `replace` without it. */
  complain(message: string): void;
}

export interface TableDefinition<Row> {
  /** Of the one watch, in messages and in `/namer_state`: `/services`. Begins with what it is about, as all keys do. */
  readonly key: string;
  /** As `WatchDefinition.run`. What the run before last told stays in place until this one calls `replace`. */
  run(report: TableReport<Row>, signal: AbortSignal): Promise<void>;
  /** Whether two rows of one key are one and the same to observers. */
  same(a: Row, b: Row): boolean;
}

/** One key of a table; fits `WatchedService` of service-trees.ts when `Row` is a `ServiceSet`. */
export interface WatchedRow<Row> {
  /** Undefined: the table has no such key. Observing it starts the table's watch. */
  readonly value: ReadonlySignal<State<Row | undefined>>;
  /** Of the whole table: what confirms one row confirms them all. */
  readonly freshness: () => Freshness;
}

export class WatchedTable<Row> {
  readonly #watch: RegistryWatch<Answered>;
  readonly #same: TableDefinition<Row>['same'];
  #rows: Map<string, Row> = new Map();
  /** Held by those who use them alone: names that nobody asks for any more must not pile up. */
  readonly #live = new Map<string, WeakRef<LiveRow<Row>>>();
  readonly #finalization = new FinalizationRegistry<string>((key) => {
    if (this.#live.get(key)?.deref() === undefined) this.#live.delete(key);
  });

  constructor(watches: RegistryWatches, definition: TableDefinition<Row>) {
    this.#same = definition.same;
    this.#watch = watches.watch(definition.key, () => ({
      run: (report, signal) => {
        signal.addEventListener('abort', this.#drop);
        return definition
          .run(this.#report(report, signal), signal)
          .finally(() => signal.removeEventListener('abort', this.#drop));
      },
      // Rows tell of their changes themselves.
      same: () => true,
    }));
  }

  /**
   * The row of `key`, one object for as long as anyone holds it. May be called inside `computed` and for any key; a key that
   * the table does not have costs nothing when it is let go of.
   */
  row(key: string): WatchedRow<Row> {
    const known = this.#live.get(key)?.deref();
    if (known) return known;
    const row = new LiveRow<Row>(this.#watch, this.#rows.get(key));
    this.#live.set(key, new WeakRef(row));
    this.#finalization.register(row, key);
    return row;
  }

  /** Whether there is an answer yet; for observers of the whole table. Observing it starts the table's watch. */
  get answered(): Activity<unknown> {
    return this.#watch.value;
  }

  /** What is known now; empty while the watch does not run. Reads no signal. */
  rows(): ReadonlyMap<string, Row> {
    return this.#rows;
  }

  // The rows' observers are told by the watch, which is pending from here on.
  readonly #drop = (): void => {
    this.#rows = new Map();
  };

  #report(report: WatchReport<Answered>, signal: AbortSignal): TableReport<Row> {
    return {
      replace: (rows) => {
        if (signal.aborted) return;
        const isFirst = this.#watch.value.peek().state !== 'ok';
        batch(() => {
          const isChanged = this.#replace(rows);
          report.update('answered');
          if (isChanged && !isFirst) report.changed();
        });
      },
      change: (rows) => {
        if (signal.aborted) return;
        batch(() => {
          if (this.#change(rows)) report.changed();
          else report.confirm();
        });
      },
      confirm: report.confirm,
      complain: report.complain,
    };
  }

  /** True when anything is different. */
  #replace(rows: ReadonlyMap<string, Row>): boolean {
    const before = this.#rows;
    let isChanged = before.size !== rows.size;
    this.#rows = new Map();
    for (const [key, row] of rows) {
      const old = before.get(key);
      const isSame = old !== undefined && this.#same(old, row);
      if (!isSame) isChanged = true;
      this.#rows.set(key, isSame ? old : row);
    }
    for (const [key, live] of this.#live) live.deref()?.set(this.#rows.get(key));
    return isChanged;
  }

  #change(rows: Iterable<readonly [string, Row | undefined]>): boolean {
    let isChanged = false;
    for (const [key, row] of rows) {
      const old = this.#rows.get(key);
      if (old === undefined || row === undefined ? old === row : this.#same(old, row)) continue;
      isChanged = true;
      if (row === undefined) this.#rows.delete(key);
      else this.#rows.set(key, row);
      this.#live.get(key)?.deref()?.set(row);
    }
    return isChanged;
  }
}

/** The value of the one watch: whether there is an answer is all that it tells; what it is, the rows do. */
type Answered = 'answered';

class LiveRow<Row> implements WatchedRow<Row> {
  readonly value: ReadonlySignal<State<Row | undefined>>;
  readonly freshness: () => Freshness;
  readonly #row: Signal<Row | undefined>;

  constructor(watch: RegistryWatch<Answered>, row: Row | undefined) {
    this.freshness = watch.freshness;
    this.#row = signal(row);
    // Reads `this`, not a local: who holds the value holds the row, and the table goes on telling it.
    this.value = computed(() => {
      const now = watch.value.value;
      return now.state === 'ok' ? ok(this.#row.value) : now;
    });
  }

  set(row: Row | undefined): void {
    this.#row.value = row;
  }
}
