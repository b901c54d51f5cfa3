// followName: a namer and a path in, what the path is bound to now and was bound to before out, as text.

import { effect } from '@preact/signals-core';
import { type Addr, showAddress } from '../../src/base/addr.js';
import { parsePath } from '../../src/base/name-grammar.js';
import type { NameTree } from '../../src/base/name-tree.js';
import type { Name, Namer } from '../../src/naming/namer.js';

export interface FollowedName {
  /**
   * `pending`, `error <message>`, `neg`, `neg because <message>`, or `/id residual: host:port*weight …` in the order of their
   * text, where other addresses show as `neg`, `pending` or `error <message>`.
   */
  readonly now: string;
  /** Every `now` so far, without repetitions. */
  readonly history: readonly string[];
  /** How many different leaves there were. */
  readonly leaves: number;
  stop(): void;
}

export function followName(namer: Namer, path: string): FollowedName {
  const tree = namer.lookup(parsePath(path));
  const history: string[] = [];
  const leaves = new Set<unknown>();
  const stop = effect(() => {
    const state = tree.value;
    if (state.state === 'ok' && state.value.type === 'leaf') leaves.add(state.value);
    const text =
      state.state === 'failed'
        ? `error ${state.error.message}`
        : state.state === 'pending'
          ? 'pending'
          : showTree(state.value);
    if (history.at(-1) !== text) history.push(text);
  });
  return {
    get now() {
      return history.at(-1) ?? '';
    },
    history,
    get leaves() {
      return leaves.size;
    },
    stop,
  };
}

function showTree(tree: NameTree<Name>): string {
  if (tree.type === 'neg' && tree.reasons)
    return `neg because ${tree.reasons.map(({ message }) => message).join(', ')}`;
  if (tree.type !== 'leaf' || tree.value.type !== 'bound') return tree.type;
  const { id, residual, addr } = tree.value.bound;
  return `${id.show()} ${residual.show()}: ${showAddr(addr.value)}`;
}

function showAddr(addr: Addr): string {
  if (addr.state === 'failed') return `error ${addr.error.message}`;
  if (addr.state !== 'bound') return addr.state;
  const show = addr.addresses.map((a) => showAddress(a) + (a.weight === 1 ? '' : `*${a.weight}`));
  return show.sort().join(' ');
}
