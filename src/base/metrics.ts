// Metrics: one tree of named scopes, as Finagle's StatsReceiver has it. Writers (metrics.json, Prometheus) walk it.
//
// A component may itself hold slashes (`client` → `#/io.l5d.fs/web`), so scopes are components, never joined text.
// Recording costs a few nanoseconds and never allocates: the data plane keeps the Counter and Stat objects it needs.

import { Histogram, type HistogramSnapshot } from './histogram.js';

/** Only goes up. */
export class Counter {
  value = 0;

  inc(): void {
    this.value += 1;
  }

  add(n: number): void {
    this.value += n;
  }
}

/** Only goes up. */
export interface Countable {
  readonly count: number;
}

/**
 * A distribution; readers see the last completed minute, as Linkerd's `stat` does.
 *
 * On its way to its bucket a value passes through four objects, which for a name that is one of many are in no cache of the
 * processor. So values wait here, one behind the other, and many are recorded at a time: then the processor waits for many of
 * those objects at once.
 */
export class Stat extends Histogram {
  #last: HistogramSnapshot | undefined;
  /** Whose zeros are not added, and their count at the end of the last minute. */
  #occasions: Countable | undefined;
  #countBefore = 0;

  /** `record`, by the end of the minute. */
  add(value: number): void {
    waitingStats[waiting] = this;
    waitingValues[waiting] = value;
    waiting += 1;
    if (waiting === MOST_WAITING) recordAll();
  }

  /** Ends the minute: what was recorded since the last call is what `snapshot` answers from now on. */
  roll(): void {
    recordAll();
    const count = this.#occasions?.count ?? 0;
    this.#last = this.takeSnapshot(count - this.#countBefore);
    this.#countBefore = count;
  }

  /** There is a value for each of `occasions`, and it is 0 where none is added: most often, for what is hardly ever anything else. */
  zeroUnlessAdded(occasions: Countable): void {
    if (occasions === this.#occasions) return;
    this.#occasions = occasions;
    this.#countBefore = occasions.count;
  }

  /** The last completed minute; undefined before the first. Its `count` may be 0. */
  get snapshot(): HistogramSnapshot | undefined {
    return this.#last;
  }
}

/** Those of some hundred requests: few enough to be recorded in between without anybody noticing. */
const MOST_WAITING = 1024;
const waitingStats: (Stat | undefined)[] = new Array(MOST_WAITING).fill(undefined);
const waitingValues = new Float64Array(MOST_WAITING);
let waiting = 0;

function recordAll(): void {
  for (let i = 0; i < waiting; i++) (waitingStats[i] as Stat).record(waitingValues[i] as number);
  waiting = 0;
}

export type Gauge = () => number;

export type Metric =
  | { readonly type: 'counter'; readonly counter: { readonly value: number } }
  | { readonly type: 'gauge'; readonly gauge: Gauge }
  | { readonly type: 'stat'; readonly stat: Stat };

/** A scope. The root is made by `new MetricsScope()`; a node may be a metric and a scope at once. */
export class MetricsScope {
  readonly #children = new Map<string, MetricsScope>();
  #metric: Metric | undefined;

  /** The scope below, made when absent. `scope('rt', 'http', 'server', '127.0.0.1/4140')`. */
  scope(...components: readonly string[]): MetricsScope {
    let node: MetricsScope = this;
    for (const component of components) {
      let child = node.#children.get(component);
      if (!child) {
        child = new MetricsScope();
        node.#children.set(component, child);
      }
      node = child;
    }
    return node;
  }

  /** The counter `name` in this scope, made when absent. Keep it: this call walks maps. */
  counter(...name: readonly string[]): Counter {
    const node = this.scope(...name);
    if (node.#metric?.type === 'counter' && node.#metric.counter instanceof Counter) return node.#metric.counter;
    const counter = new Counter();
    node.#metric = { type: 'counter', counter };
    return counter;
  }

  /** Registers what `read` answers, which only goes up, as the counter `name`; it goes on from where an earlier one of that name is. */
  reads(name: string, read: () => number): void {
    const node = this.scope(name);
    const before = node.#metric?.type === 'counter' ? node.#metric.counter.value : 0;
    const counter = {
      get value() {
        return before + read();
      },
    };
    node.#metric = { type: 'counter', counter };
  }

  /** The stat `name` in this scope, made when absent. */
  stat(...name: readonly string[]): Stat {
    const node = this.scope(...name);
    if (node.#metric?.type === 'stat') return node.#metric.stat;
    const stat = new Stat();
    node.#metric = { type: 'stat', stat };
    return stat;
  }

  /** Registers `gauge` under `name`, in place of an earlier one. Read when someone asks for metrics. */
  gauge(name: readonly string[], gauge: Gauge): void {
    this.scope(...name).#metric = { type: 'gauge', gauge };
  }

  /** Forgets the scope `components` and all below it: what expired from a cache must not be reported for ever. */
  prune(...components: readonly string[]): void {
    const last = components.at(-1);
    if (last === undefined) {
      this.#children.clear();
      return;
    }
    let node: MetricsScope = this;
    for (const component of components.slice(0, -1)) {
      const child = node.#children.get(component);
      if (!child) return;
      node = child;
    }
    node.#children.delete(last);
  }

  get metric(): Metric | undefined {
    return this.#metric;
  }

  get children(): ReadonlyMap<string, MetricsScope> {
    return this.#children;
  }

  /** Visits every metric below, depth first, in the order of creation. `path` is valid only during the call. */
  walk(visit: (path: readonly string[], metric: Metric) => void): void {
    const path: string[] = [];
    const descend = (node: MetricsScope): void => {
      if (node.#metric) visit(path, node.#metric);
      for (const [component, child] of node.#children) {
        path.push(component);
        descend(child);
        path.pop();
      }
    };
    descend(this);
  }

  /** Ends the minute of every stat below. The gateway's linker calls it once a minute. */
  roll(): void {
    this.walk((_, metric) => {
      if (metric.type === 'stat') metric.stat.roll();
    });
  }
}
