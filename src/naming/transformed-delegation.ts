// A delegation and transformers in, the delegation with each transformation as a node of its own out.

import { ok, type State } from '../base/activity.js';
import type { Bound } from '../base/addr.js';
import type { Dentry } from '../base/dtab.js';
import { EMPTY, FAIL, type NameTree, NEG } from '../base/name-tree.js';
import type { DelegateTree } from './delegate-tree.js';
import type { Transformer } from './transformer.js';

/** In the order of the list. Pending while any transformer is; one that fails leaves an `exception` where the leaf was. */
export function transformDelegation(tree: DelegateTree, transformers: readonly Transformer[]): State<DelegateTree> {
  let state: State<DelegateTree> = ok(tree);
  for (const transformer of transformers) if (state.state === 'ok') state = transformNode(state.value, transformer);
  return state;
}

function transformNode(node: DelegateTree, transformer: Transformer): State<DelegateTree> {
  switch (node.type) {
    case 'delegate':
      return mapState(transformNode(node.delegate, transformer), (delegate) => ({ ...node, delegate }));
    case 'transformation':
      return mapState(transformNode(node.tree, transformer), (tree) => ({ ...node, tree }));
    case 'alt':
      return mapState(transformAll(node.alt, transformer), (alt) => ({ ...node, alt }));
    case 'union': {
      const trees = transformAll(
        node.union.map(({ tree }) => tree),
        transformer,
      );
      return mapState(trees, (all) => ({
        ...node,
        union: all.map((tree, i) => ({ weight: node.union[i]?.weight ?? 1, tree })),
      }));
    }
    case 'leaf': {
      const { path, bound } = node;
      return showState(node, transformer.transform(bound), (tree) => {
        return { type: 'transformation', path, name: transformer.name, bound, tree };
      });
    }
    case 'neg':
    case 'fail':
    case 'empty': {
      const { path, dentry } = node;
      const state = transformer.transformTree?.(ENDS[node.type]);
      return state ? showState(node, state, (delegate) => ({ type: 'delegate', path, dentry, delegate })) : ok(node);
    }
    case 'exception':
      return ok(node);
    default:
      return node satisfies never;
  }
}

const ENDS = { neg: NEG, fail: FAIL, empty: EMPTY };

interface Place {
  readonly path: string;
  readonly dentry: Dentry | undefined;
}

/** What became of `place`, put into the node that tells of it. */
function showState(
  { path, dentry }: Place,
  state: State<NameTree<Bound>>,
  put: (tree: DelegateTree) => DelegateTree,
): State<DelegateTree> {
  if (state.state === 'pending') return state;
  if (state.state === 'failed') return ok({ type: 'exception', path, dentry, message: state.error.message });
  return ok(put(nodesOf({ path, dentry }, state.value)));
}

function nodesOf(place: Place, tree: NameTree<Bound>): DelegateTree {
  switch (tree.type) {
    case 'leaf':
      return { type: 'leaf', ...place, path: tree.value.id.show(), bound: tree.value };
    case 'alt':
      return { type: 'alt', ...place, alt: tree.trees.map((branch) => nodesOf(place, branch)) };
    case 'union':
      return {
        type: 'union',
        ...place,
        union: tree.branches.map(({ weight, tree: branch }) => ({ weight, tree: nodesOf(place, branch) })),
      };
    case 'neg':
    case 'fail':
    case 'empty':
      return { type: tree.type, ...place };
    default:
      return tree satisfies never;
  }
}

/** All of them, once none is pending; each is looked at all the same. */
function transformAll(nodes: readonly DelegateTree[], transformer: Transformer): State<readonly DelegateTree[]> {
  const trees: DelegateTree[] = [];
  let unsettled: State<never> | undefined;
  for (const node of nodes) {
    const tree = transformNode(node, transformer);
    if (tree.state === 'ok') trees.push(tree.value);
    else unsettled ??= tree;
  }
  return unsettled ?? ok(trees);
}

function mapState<A, B>(state: State<A>, f: (value: A) => B): State<B> {
  return state.state === 'ok' ? ok(f(state.value)) : state;
}
