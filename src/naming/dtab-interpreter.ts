// The default interpreter: a live dtab and the configured namers, in this process.

import { computed } from '@preact/signals-core';
import { type Activity, ok, PENDING, type State } from '../base/activity.js';
import type { Bound } from '../base/addr.js';
import type { Dtab } from '../base/dtab.js';
import type { NameTree } from '../base/name-tree.js';
import { bindPath } from './bind.js';
import { delegatePath } from './delegate.js';
import type { Interpreter } from './interpreter.js';
import type { Namer, SystemNamer } from './namer.js';

export interface DtabInterpreterOptions {
  /** The interpreter's own dtab; while it is pending or failed, so is everything bound by it. */
  readonly dtab: Activity<Dtab>;
  /** In the order of the configuration file: the last one listed is asked first. Closed by who made them. */
  readonly namers: readonly Namer[];
  readonly system: SystemNamer;
}

/** Each `bind` is a new computed; keep its result (the router's binding cache does). */
export function makeDtabInterpreter({
  dtab,
  namers,
  system,
}: DtabInterpreterOptions): Required<Pick<Interpreter, 'delegate'>> & Interpreter {
  const asked = namers.toReversed();
  return {
    bind(localDtab, path) {
      let last: State<NameTree<Bound>> = PENDING;
      return computed(() => {
        const base = dtab.value;
        const now =
          base.state === 'ok' ? bindPath({ dtab: base.value.concat(localDtab), namers: asked, system }, path) : base;
        // Most changes of a dtab or of an alternative leave the answer as it was: then nobody is told.
        if (!sameState(last, now)) last = now;
        return last;
      });
    },

    delegate(path, given) {
      return computed(() => {
        const table = given ? ok(given) : dtab.value;
        return table.state === 'ok' ? delegatePath({ dtab: table.value, namers: asked, system }, path) : table;
      });
    },

    close() {},
  };
}

/** True when both bind the same names to the same addresses: whoever observes them need not be told. */
export function sameState(a: State<NameTree<Bound>>, b: State<NameTree<Bound>>): boolean {
  switch (a.state) {
    case 'pending':
      return b.state === 'pending';
    case 'ok':
      return b.state === 'ok' && sameTree(a.value, b.value);
    case 'failed':
      return b.state === 'failed' && a.error === b.error;
    default:
      return a satisfies never;
  }
}

function sameTree(a: NameTree<Bound>, b: NameTree<Bound>): boolean {
  switch (a.type) {
    case 'leaf':
      return b.type === 'leaf' && sameBound(a.value, b.value);
    case 'alt':
      return b.type === 'alt' && sameAll(a.trees, b.trees, sameTree);
    case 'union':
      return (
        b.type === 'union' &&
        sameAll(a.branches, b.branches, (x, y) => x.weight === y.weight && sameTree(x.tree, y.tree))
      );
    case 'neg':
      return b.type === 'neg' && sameAll(a.reasons ?? [], b.reasons ?? [], Object.is);
    case 'fail':
    case 'empty':
      return a.type === b.type;
    default:
      return a satisfies never;
  }
}

function sameAll<T>(a: readonly T[], b: readonly T[], same: (x: T, y: T) => boolean): boolean {
  return a.length === b.length && a.every((x, i) => same(x, b[i] as T));
}

function sameBound(a: Bound, b: Bound): boolean {
  // The same service observed through another signal is news: the old one may have ended.
  return a === b || (a.addr === b.addr && a.id.equals(b.id) && a.residual.equals(b.residual));
}
