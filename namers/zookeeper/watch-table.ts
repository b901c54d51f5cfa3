// Watch table: who wants to hear of the next change of which node, as one connection has asked its server to tell.

import type { WatchKind } from './protocol.js';

/** Called at most once for each time that it was added. Must not throw. */
export type Watcher = () => void;

export class WatchTable {
  readonly #watchers = new Map<string, Set<Watcher>>();

  /**
   * Adds `watcher` and asks. It is there before the answer is: whoever takes theirs back meanwhile must see that another one
   * still counts. Taken out again when asking fails, because the server then keeps no watch.
   */
  async during<T>(kind: WatchKind, path: string, watcher: Watcher, ask: () => Promise<T>): Promise<T> {
    const key = keyOf(kind, path);
    const watchers = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, watchers.add(watcher));
    try {
      return await ask();
    } catch (error) {
      this.remove(kind, path, watcher);
      throw error;
    }
  }

  /** True when it was the last one, so that the server need not watch any more. */
  remove(kind: WatchKind, path: string, watcher: Watcher): boolean {
    const key = keyOf(kind, path);
    const watchers = this.#watchers.get(key);
    if (!watchers?.delete(watcher) || watchers.size > 0) return false;
    this.#watchers.delete(key);
    return true;
  }

  /** The server's watch has ended with the event that it told of. */
  fire(kind: WatchKind, path: string): void {
    const key = keyOf(kind, path);
    const watchers = this.#watchers.get(key);
    this.#watchers.delete(key);
    for (const watcher of watchers ?? []) watcher();
  }

  clear(): void {
    this.#watchers.clear();
  }

  /** Pairs of kind and path that the server was asked to watch. */
  get size(): number {
    return this.#watchers.size;
  }
}

function keyOf(kind: WatchKind, path: string): string {
  return `${kind} ${path}`;
}
