// Parts: what a gateway is made of, by what each was made from; a part that the next configuration asks for in the same
// words is used again, with all that it knows.
//
//   begin ──▶ draft.use(words, make) … ──▶ commit: the draft is what is in use, what it did not ask for is handed out to be closed
//                                     └──▶ abandon: everything stays as it was, what the draft made is closed

import type { Closable } from './base/closable.js';

export class Parts {
  /** In the order in which they were made: what was made later may depend on what was made before. */
  #inUse: ReadonlyMap<string, Closable> = new Map();

  get isEmpty(): boolean {
    return this.#inUse.size === 0;
  }

  /** One at a time: a draft is committed or abandoned before the next is begun. */
  begin(): PartsDraft {
    return new PartsDraft(this.#inUse, (used) => {
      this.#inUse = used;
    });
  }

  /** Closes all of them, those made last first. */
  async close(): Promise<void> {
    const all = [...this.#inUse.values()];
    this.#inUse = new Map();
    await closeAll(all.reverse());
  }
}

export class PartsDraft {
  readonly #before: ReadonlyMap<string, Closable>;
  readonly #replace: (used: ReadonlyMap<string, Closable>) => void;
  readonly #used = new Map<string, Closable>();
  readonly #made: Closable[] = [];

  constructor(before: ReadonlyMap<string, Closable>, replace: (used: ReadonlyMap<string, Closable>) => void) {
    this.#before = before;
    this.#replace = replace;
  }

  /**
   * The part in use that was made from the same words, else a new one. `words` begin with what sort of part it is, and say all
   * that `make` depends on. Asked twice for the same words it makes two parts: what is listed twice exists twice.
   */
  use<T extends Closable>(words: string, make: () => T): T {
    let key = words;
    for (let again = 2; this.#used.has(key); again++) key = `${words} #${again}`;
    let part = this.#before.get(key) as T | undefined;
    if (part === undefined) {
      part = make();
      this.#made.push(part);
    }
    this.#used.set(key, part);
    return part;
  }

  /** Whether `part` was made for this draft. */
  isNew(part: Closable): boolean {
    return this.#made.includes(part);
  }

  /** From here on these are the parts in use. Answers those that no longer are, in the order in which to close them. */
  commit(): readonly Closable[] {
    const kept = new Set(this.#used.values());
    this.#replace(this.#used);
    return [...this.#before.values()].filter((part) => !kept.has(part)).reverse();
  }

  /** Closes what was made for this draft. */
  async abandon(): Promise<void> {
    await closeAll(this.#made.splice(0).reverse());
  }
}

/** One after the other. */
export async function closeAll(parts: readonly Closable[]): Promise<void> {
  for (const part of parts) await part.close();
}
