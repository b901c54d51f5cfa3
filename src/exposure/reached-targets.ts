// Reached targets: a name in, what it is bound to now and what it would be bound to otherwise out, each with its addresses.

import { computed, type ReadonlySignal } from '@preact/signals-core';
import type { Addr, Bound } from '../base/addr.js';
import { EMPTY_DTAB } from '../base/dtab.js';
import { evalNameTree, type NameTree } from '../base/name-tree.js';
import type { Path } from '../base/path.js';
import type { DelegateTree } from '../naming/delegate-tree.js';
import type { ExposedListener, NameReport, TargetReport } from './exposure.js';

export interface Reached extends Pick<NameReport, 'outcome' | 'note' | 'targets'> {
  /** False while anything of it is not known yet. */
  readonly isKnown: boolean;
  /** Registries that have never answered, as they say it. */
  readonly failures: readonly string[];
}

/** Live: observing it asks the registries. */
export function reachedTargets(listener: ExposedListener, name: Path): ReadonlySignal<Reached> {
  const { interpreter } = listener;
  const binding = interpreter.bind(EMPTY_DTAB, name);
  const delegation = interpreter.delegate?.(name, undefined);
  return computed(() => {
    const now = binding.value;
    // Read all the same, so that its watches start now.
    const all = delegation?.value;
    if (now.state === 'pending') return UNKNOWN;
    if (now.state === 'failed') return failedWith(now.error.message);
    const inUse = boundLeaves(now.value);
    const targets = [
      ...inUse.map((bound) => targetOf(listener, bound, true)),
      ...(all?.state === 'ok' ? alternatives(all.value, inUse) : []).map((bound) => targetOf(listener, bound, false)),
    ];
    const failures = reasonsOf(now.value);
    return {
      outcome: inUse.length > 0 ? 'reached' : failures.length > 0 ? 'unknown' : 'nothing',
      note: failures.length > 0 ? failures.join('; ') : null,
      targets: targets.map(({ report }) => report),
      isKnown: all?.state !== 'pending' && targets.every((target) => target.isKnown),
      failures,
    };
  });
}

const UNKNOWN: Reached = { outcome: 'unknown', note: null, targets: [], isKnown: false, failures: [] };

function failedWith(note: string): Reached {
  return { outcome: 'failed', note, targets: [], isKnown: true, failures: [] };
}

function boundLeaves(tree: NameTree<Bound>): readonly Bound[] {
  return [...(evalNameTree(tree) ?? [])];
}

function reasonsOf(tree: NameTree<Bound>): readonly string[] {
  return tree.type === 'neg' ? (tree.reasons ?? []).map(({ message }) => message) : [];
}

/** Leaves that traffic does not take now, each id once. */
function alternatives(tree: DelegateTree, inUse: readonly Bound[]): readonly Bound[] {
  const known = new Set(inUse.map(({ id }) => id.show()));
  return leavesOf(tree).filter(({ id }) => {
    const isNew = !known.has(id.show());
    known.add(id.show());
    return isNew;
  });
}

function leavesOf(tree: DelegateTree): readonly Bound[] {
  switch (tree.type) {
    case 'leaf':
      return [tree.bound];
    case 'delegate':
      return leavesOf(tree.delegate);
    case 'alt':
      return tree.alt.flatMap(leavesOf);
    case 'union':
      return tree.union.flatMap((branch) => leavesOf(branch.tree));
    case 'transformation':
      return leavesOf(tree.tree);
    case 'neg':
    case 'fail':
    case 'empty':
    case 'exception':
      return [];
    default:
      return tree satisfies never;
  }
}

/** Runs inside `computed`: it reads the addresses. */
function targetOf(
  listener: ExposedListener,
  bound: Bound,
  inUse: boolean,
): { readonly report: TargetReport; readonly isKnown: boolean } {
  const addr = bound.addr.value;
  const allowed = allowedAddresses(listener, bound);
  const all = addr.state === 'bound' ? addr.addresses.length : 0;
  const report = {
    id: bound.id.show(),
    inUse,
    addresses: allowed,
    denied: all - allowed,
    status: bound.synthetic?.status ?? null,
    error: problemOf(addr),
  };
  return { report, isKnown: addr.state !== 'pending' };
}

function allowedAddresses({ denied }: ExposedListener, bound: Bound): number {
  const tree = denied.transform(bound);
  if (tree.state !== 'ok' || tree.value.type !== 'leaf') return 0;
  const addr = tree.value.value.addr.value;
  return addr.state === 'bound' ? addr.addresses.length : 0;
}

function problemOf(addr: Addr): string | null {
  switch (addr.state) {
    case 'bound':
      return null;
    case 'neg':
      return 'does not exist';
    case 'pending':
      return 'not known yet';
    case 'failed':
      return addr.error.message;
    default:
      return addr satisfies never;
  }
}
