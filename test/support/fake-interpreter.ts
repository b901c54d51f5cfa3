// FakeInterpreter: a signal per name that a test sets to the tree it wants.

import { type Signal, signal } from '@preact/signals-core';
import { type Activity, ok, PENDING, type State } from '../../src/base/activity.js';
import type { Bound } from '../../src/base/addr.js';
import { type Dtab, showDtab } from '../../src/base/dtab.js';
import type { NameTree } from '../../src/base/name-tree.js';
import type { Path } from '../../src/base/path.js';
import type { Interpreter } from '../../src/naming/interpreter.js';

export class FakeInterpreter implements Interpreter {
  readonly #trees = new Map<string, Signal<State<NameTree<Bound>>>>();
  readonly #watched = new Set<string>();

  /** Keys that are observed now: `/svc/web`, or `/svc/web <dtab>`. */
  get watched(): readonly string[] {
    return [...this.#watched];
  }

  bind(localDtab: Dtab, path: Path): Activity<NameTree<Bound>> {
    return this.entry(localDtab.isEmpty ? path.show() : `${path.show()} ${showDtab(localDtab)}`);
  }

  /** The state of the name `key`, pending at first. */
  entry(key: string): Signal<State<NameTree<Bound>>> {
    let entry = this.#trees.get(key);
    if (!entry) {
      entry = signal<State<NameTree<Bound>>>(PENDING, {
        watched: () => void this.#watched.add(key),
        unwatched: () => void this.#watched.delete(key),
      });
      this.#trees.set(key, entry);
    }
    return entry;
  }

  binds(key: string, tree: NameTree<Bound>): void {
    this.entry(key).value = ok(tree);
  }

  close(): void {}
}
