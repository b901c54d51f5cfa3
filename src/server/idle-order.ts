// IdleOrder: connections in as they become idle, the one that has been idle longest out, each in the same few steps
// however many there are.

/** The links of one entry, kept by its order alone; both undefined at first. */
export interface IdleEntry<T> {
  older: T | undefined;
  newer: T | undefined;
  /** Asked when it would be taken. An entry that is busy leaves the order, until it is put there again. */
  readonly isIdle: boolean;
}

/**
 * A list through its entries. One that becomes busy is not taken out, so that a request costs one change of the list and
 * not two: `takeOldest` passes over it, once.
 */
export class IdleOrder<T extends IdleEntry<T>> {
  #oldest: T | undefined;
  #newest: T | undefined;

  has(entry: T): boolean {
    return entry.older !== undefined || this.#oldest === entry;
  }

  /** Puts it behind all others, wherever it was. */
  touch(entry: T): void {
    if (this.#newest === entry) return;
    this.remove(entry);
    const newest = this.#newest;
    entry.older = newest;
    this.#newest = entry;
    if (newest) newest.newer = entry;
    else this.#oldest = entry;
  }

  remove(entry: T): void {
    if (!this.has(entry)) return;
    const { older, newer } = entry;
    entry.older = undefined;
    entry.newer = undefined;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
  }

  /** Removes and answers the one that has been idle longest; undefined when none is idle. */
  takeOldest(): T | undefined {
    for (let entry = this.#oldest; entry; entry = this.#oldest) {
      this.remove(entry);
      if (entry.isIdle) return entry;
    }
    return undefined;
  }
}
