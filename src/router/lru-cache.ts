// LruCache: entries by text key, bounded in number; the least recently used leave when it is full or they grow idle.

import type { Clock, TimerHandle } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { Counter, MetricsScope } from '../base/metrics.js';
import type { Path } from '../base/path.js';

class Node<V> {
  /** The cache that it is in, and what is kept; both undefined once it was dropped. */
  cache: object | undefined;
  value: V | undefined;
  /** Whole milliseconds: a number with a fraction would be an object of its own. */
  usedAt: number;
  /** `usedAt` in steps, when it was last put in front. */
  step: number;
  /** Since then. */
  isUsed = false;
  newer: Node<V> | undefined;
  older: Node<V> | undefined;
  readonly key: string;

  constructor(cache: object, key: string, value: V, now: number) {
    this.cache = cache;
    this.value = value;
    this.usedAt = Math.ceil(now);
    this.step = stepOf(now);
    this.key = key;
  }
}

export interface LruLimits {
  /** At least 1. */
  readonly maxEntries: number;
  /** Entries not asked for in this time are closed. */
  readonly idleTtlMs: number;
}

export interface LruCacheOptions extends LruLimits {
  readonly clock: Clock;
  /** Gets `misses`, `evicts` and `expires`. */
  readonly metrics: MetricsScope;
}

/**
 * An entry that is used goes to the front once in each such step, and otherwise when it would have to leave: putting it there
 * writes to three others, which with a thousand names in use are in no cache of the processor. So entries expire up to a step late.
 */
const STEP_MS = 1000;

/** Closes what it drops. A hit is one Map lookup or none, and nothing is allocated. */
export class LruCache<V extends Closable> implements Closable {
  readonly #clock: Clock;
  #limits: LruLimits;
  readonly #nodes = new Map<string, Node<V>>();
  #newest: Node<V> | undefined;
  #oldest: Node<V> | undefined;
  #timer: TimerHandle | undefined;
  readonly #misses: Counter;
  readonly #evicts: Counter;
  readonly #expires: Counter;

  constructor(options: LruCacheOptions) {
    this.#clock = options.clock;
    this.#limits = options;
    this.#misses = options.metrics.counter('misses');
    this.#evicts = options.metrics.counter('evicts');
    this.#expires = options.metrics.counter('expires');
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** The entry, or undefined; `now` is `clock.now()`. */
  get(key: string, now: number): V | undefined {
    const node = this.#nodes.get(key);
    return node && this.#use(node, now);
  }

  /** `get` of the text of `path`, without a Map lookup where the same object was asked for before. */
  find(path: Path, now: number): V | undefined {
    const { place } = path;
    if (place instanceof Node && place.cache === this) return this.#use(place as Node<V>, now);
    const node = this.#nodes.get(path.show());
    if (node === undefined) return undefined;
    path.place = node;
    return this.#use(node, now);
  }

  #use(node: Node<V>, now: number): V | undefined {
    node.usedAt = Math.ceil(now);
    const step = stepOf(now);
    if (node.step === step) {
      node.isUsed = true;
    } else {
      node.step = step;
      this.#putInFront(node);
    }
    return node.value;
  }

  /** Adds an entry whose key is not there, making room first. Counts as a miss. */
  add(key: string, value: V, now: number): void {
    this.#misses.inc();
    this.#makeRoom(1);
    const node = new Node(this, key, value, now);
    this.#nodes.set(key, node);
    this.#linkNewest(node);
    this.#schedule();
  }

  values(): V[] {
    return [...this.#nodes.values()].map((node) => node.value as V);
  }

  /** Takes effect at once. */
  limit(limits: LruLimits): void {
    this.#limits = limits;
    this.#makeRoom(0);
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#schedule();
  }

  close(): void {
    this.#timer?.cancel();
    while (this.#oldest) this.#drop(this.#oldest);
  }

  #makeRoom(wanted: number): void {
    while (this.#nodes.size + wanted > this.#limits.maxEntries && this.#oldest) {
      if (this.#oldest.isUsed) {
        this.#putInFront(this.#oldest);
        continue;
      }
      this.#evicts.inc();
      this.#drop(this.#oldest);
    }
  }

  #putInFront(node: Node<V>): void {
    node.isUsed = false;
    if (node === this.#newest) return;
    this.#unlink(node);
    this.#linkNewest(node);
  }

  #drop(node: Node<V>): void {
    this.#nodes.delete(node.key);
    this.#unlink(node);
    const value = node.value as V;
    // A path may still know of it.
    node.cache = undefined;
    node.value = undefined;
    value.close();
  }

  #unlink(node: Node<V>): void {
    if (node.newer) node.newer.older = node.older;
    else this.#newest = node.older;
    if (node.older) node.older.newer = node.newer;
    else this.#oldest = node.newer;
    node.newer = undefined;
    node.older = undefined;
  }

  #linkNewest(node: Node<V>): void {
    node.older = this.#newest;
    if (this.#newest) this.#newest.newer = node;
    else this.#oldest = node;
    this.#newest = node;
  }

  /** One timer, for the entry that can expire first. */
  #schedule(): void {
    const clock = this.#clock;
    const { idleTtlMs } = this.#limits;
    if (this.#timer || !this.#oldest) return;
    this.#timer = clock.after(Math.max(1, this.#oldest.usedAt + idleTtlMs - clock.now()), () => {
      this.#timer = undefined;
      const before = clock.now() - idleTtlMs;
      while (this.#oldest && this.#oldest.usedAt <= before) {
        this.#expires.inc();
        this.#drop(this.#oldest);
      }
      this.#schedule();
    });
  }
}

function stepOf(now: number): number {
  return Math.floor(now / STEP_MS);
}
