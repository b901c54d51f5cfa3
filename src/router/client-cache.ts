// ClientCache: client stacks by bound id, shared by all services that end in them.

import type { Bound } from '../base/addr.js';
import type { Clock, TimerHandle } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { Counter, MetricsScope } from '../base/metrics.js';
import type { Path } from '../base/path.js';
import type { ClientStack } from './client-stack.js';

export interface ClientCacheOptions {
  /** Most stacks that no service uses any more; the oldest of them are closed first. */
  readonly maxEntries: number;
  /** How long a stack that no service uses is kept, so that a name that comes and goes keeps connections and accruals. */
  readonly idleTtlMs: number;
  readonly clock: Clock;
  readonly make: (id: Path) => ClientStack;
  /** `rt/<label>/client`: pruned of what is closed. */
  readonly clients: MetricsScope;
  /** `rt/<label>/bindcache/client`. */
  readonly metrics: MetricsScope;
}

interface Entry {
  readonly stack: ClientStack;
  readonly key: string;
  users: number;
  expiry: TimerHandle | undefined;
}

export class ClientCache implements Closable {
  readonly #options: ClientCacheOptions;
  readonly #entries = new Map<string, Entry>();
  /** Those without users, the longest unused first. */
  readonly #unused = new Set<Entry>();
  readonly #misses: Counter;
  readonly #evicts: Counter;
  readonly #expires: Counter;

  constructor(options: ClientCacheOptions) {
    this.#options = options;
    this.#misses = options.metrics.counter('misses');
    this.#evicts = options.metrics.counter('evicts');
    this.#expires = options.metrics.counter('expires');
  }

  /** The stack of `bound.id`, following `bound.addr`. Each call is to be matched by a `release`. */
  acquire(bound: Bound): ClientStack {
    const key = bound.id.show();
    let entry = this.#entries.get(key);
    if (!entry) {
      this.#misses.inc();
      entry = { stack: this.#options.make(bound.id), key, users: 0, expiry: undefined };
      this.#entries.set(key, entry);
    }
    entry.users += 1;
    entry.expiry?.cancel();
    entry.expiry = undefined;
    this.#unused.delete(entry);
    entry.stack.follow(bound.addr);
    return entry.stack;
  }

  release(stack: ClientStack): void {
    const entry = this.#entries.get(stack.id.show());
    if (!entry || entry.stack !== stack) return;
    entry.users -= 1;
    if (entry.users > 0) return;
    this.#unused.add(entry);
    entry.expiry = this.#options.clock.after(this.#options.idleTtlMs, () => {
      this.#expires.inc();
      this.#drop(entry);
    });
    if (this.#unused.size <= this.#options.maxEntries) return;
    this.#evicts.inc();
    this.#drop(this.#unused.values().next().value as Entry);
  }

  stacks(): ClientStack[] {
    return [...this.#entries.values()].map((entry) => entry.stack);
  }

  close(): void {
    for (const entry of [...this.#entries.values()]) this.#drop(entry);
  }

  #drop(entry: Entry): void {
    entry.expiry?.cancel();
    this.#unused.delete(entry);
    this.#entries.delete(entry.key);
    entry.stack.close();
    this.#options.clients.prune(metricName(entry.stack.id));
  }
}

/** A path as a metric scope: without its leading slash. */
export function metricName(path: Path): string {
  return path.show().slice(1);
}
