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
  /** `predecessor`: the stack of that id up to now, which other settings have made obsolete. */
  readonly make: (id: Path, predecessor: ClientStack | undefined) => ClientStack;
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
  /** Its settings are not those of its id any more: nobody new gets it. */
  isObsolete: boolean;
}

/** Requests that are under way with a stack may go to another endpoint of it for so long after it was replaced. */
const OBSOLETE_TTL_MS = 10_000;

export class ClientCache implements Closable {
  #options: ClientCacheOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #obsolete = new Map<ClientStack, Entry>();
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
    const known = this.#entries.get(key);
    let entry = known;
    if (!entry || entry.isObsolete) {
      this.#misses.inc();
      const stack = this.#options.make(bound.id, known?.stack);
      entry = { stack, key, users: 0, expiry: undefined, isObsolete: false };
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
    const entry = this.#obsolete.get(stack) ?? this.#entries.get(stack.id.show());
    if (!entry || entry.stack !== stack) return;
    entry.users -= 1;
    if (entry.users > 0) return;
    // An obsolete one has its own time: requests are under way with it.
    if (!entry.isObsolete) this.#unused.add(entry);
    const { clock, idleTtlMs } = this.#options;
    entry.expiry = clock.after(entry.isObsolete ? Math.min(idleTtlMs, OBSOLETE_TTL_MS) : idleTtlMs, () => {
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

  /**
   * Other limits, and stacks that are made in another way: those that `isObsolete` answers true for are replaced when their id
   * is acquired the next time.
   */
  reconfigure(options: ClientCacheOptions, isObsolete: (stack: ClientStack) => boolean): void {
    this.#options = options;
    for (const entry of [...this.#entries.values()]) {
      if (entry.isObsolete || !isObsolete(entry.stack)) continue;
      entry.isObsolete = true;
      this.#obsolete.set(entry.stack, entry);
      // Kept for a name that comes back, which would not get it.
      if (entry.users === 0) this.#drop(entry);
    }
  }

  close(): void {
    for (const entry of [...this.#entries.values(), ...this.#obsolete.values()]) this.#drop(entry);
  }

  #drop(entry: Entry): void {
    entry.expiry?.cancel();
    this.#unused.delete(entry);
    this.#obsolete.delete(entry.stack);
    entry.stack.close();
    // Its successor counts under the same name.
    if (this.#entries.get(entry.key) !== entry) return;
    this.#entries.delete(entry.key);
    this.#options.clients.prune(metricName(entry.stack.id));
  }
}

/** A path as a metric scope: without its leading slash. */
export function metricName(path: Path): string {
  return path.show().slice(1);
}
