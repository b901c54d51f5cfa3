// Delegation: a path goes in, the tree of all that it could become comes out; the bind that shows its work.

import { failed, ok, PENDING, type State } from '../base/activity.js';
import type { Dentry } from '../base/dtab.js';
import type { NameTree } from '../base/name-tree.js';
import { type Path, pathFromText } from '../base/path.js';
import { type NamingTables, Walk } from './bind.js';
import type { DelegateNode, DelegateTree } from './delegate-tree.js';
import type { Name } from './namer.js';

/**
 * Looks up all that `path` could become, by the steps that `bindPath` takes. Runs inside `computed`, like that one.
 * Pending while any namer is; failed only when the walk is too deep or too large.
 */
export function delegatePath(tables: NamingTables, path: Path): State<DelegateTree> {
  const tree = delegateName({ walk: new Walk(tables), depth: 0, nesting: 0, dentry: undefined }, path);
  return tree.state === 'ok' ? ok(simplifyDelegateTree(tree.value)) : tree;
}

/** Where the walk stands. */
interface Place {
  readonly walk: Walk;
  readonly depth: number;
  readonly nesting: number;
  readonly dentry: Dentry | undefined;
}

const FAIL_PREFIX = pathFromText('$', 'fail');

function delegateName(place: Place, path: Path): State<DelegateTree> {
  const step = place.walk.lookup(path, place.depth, place.nesting);
  const node = { path: path.show(), dentry: place.dentry };
  const below = { ...place, depth: place.depth + 1 };
  switch (step.type) {
    case 'dtab': {
      const trees = collect(step.matches, ({ match, tree }) =>
        delegateTree({ ...below, dentry: match.dentry }, path, tree),
      );
      if (trees.state !== 'ok') return trees;
      const [only] = trees.value;
      if (only && trees.value.length === 1) return ok({ type: 'delegate', ...node, delegate: only });
      return ok({ type: 'alt', ...node, alt: trees.value });
    }
    case 'namers': {
      if (step.answer.state === 'pending') return step.answer;
      const named = delegateAnswer(below, path, step.answer);
      if (!step.literalNeg || named.state !== 'ok') return named;
      const literal: DelegateTree = { type: 'neg', path: '~', dentry: step.literalNeg.dentry };
      return ok(
        named.value.type === 'neg'
          ? { type: 'delegate', ...node, delegate: literal }
          : { type: 'alt', ...node, alt: [literal, named.value] },
      );
    }
    case 'limit':
      return failed(step.limit === 'depth' ? new Error('Max recursion level reached.') : step.error);
    default:
      return step satisfies never;
  }
}

function delegateAnswer(
  place: Place,
  path: Path,
  answer: Exclude<State<NameTree<Name>>, { state: 'pending' }>,
): State<DelegateTree> {
  const node = { path: path.show(), dentry: place.dentry };
  if (answer.state === 'failed') return ok({ type: 'exception', ...node, message: answer.error.message });
  if (answer.value.type === 'neg') {
    const message = answer.value.reasons?.map((reason) => reason.message).join('; ');
    return ok({ type: 'neg', ...node, ...(message !== undefined && { message }) });
  }
  return delegateTree(place, path, answer.value);
}

/** The nodes of what `path` became. */
function delegateTree(place: Place, path: Path, tree: NameTree<Name>): State<DelegateTree> {
  const node = { path: path.show(), dentry: place.dentry };
  const within = { ...place, nesting: place.nesting + 1 };
  switch (tree.type) {
    case 'leaf':
      return tree.value.type === 'bound'
        ? ok({ type: 'leaf', ...node, bound: tree.value.bound })
        : delegateName(place, tree.value.path);
    case 'alt': {
      const trees = collect(tree.trees, (branch) => delegateTree(within, path, branch));
      return trees.state === 'ok' ? ok({ type: 'alt', ...node, alt: trees.value }) : trees;
    }
    case 'union': {
      const trees = collect(tree.branches, (branch) => delegateTree(within, path, branch.tree));
      if (trees.state !== 'ok') return trees;
      const union = trees.value.map((child, i) => ({ weight: tree.branches[i]?.weight ?? 1, tree: child }));
      return ok({ type: 'union', ...node, union });
    }
    case 'neg':
      return ok({ type: 'neg', path: '~', dentry: place.dentry });
    case 'fail':
      return ok({ type: 'fail', path: path.startsWith(FAIL_PREFIX) ? node.path : '!', dentry: place.dentry });
    case 'empty':
      return ok({ type: 'empty', ...node });
    default:
      return tree satisfies never;
  }
}

/** All of them, once none is pending. Each is looked at all the same, so that its watch starts; a failure ends the walk. */
function collect<T>(
  items: readonly T[],
  delegateOne: (item: T) => State<DelegateTree>,
): State<readonly DelegateTree[]> {
  const trees: DelegateTree[] = [];
  let pending = false;
  for (const item of items) {
    const tree = delegateOne(item);
    if (tree.state === 'failed') return tree;
    if (tree.state === 'ok') trees.push(tree.value);
    else pending = true;
  }
  return pending ? PENDING : ok(trees);
}

/** Folds away steps that say nothing: a delegate to its own path, alternatives of one or within alternatives. */
function simplifyDelegateTree(tree: DelegateTree): DelegateTree {
  const { path } = tree;
  switch (tree.type) {
    case 'delegate': {
      const child = simplifyDelegateTree(tree.delegate);
      if (child.path !== path || child.type === 'neg' || child.type === 'fail' || child.type === 'empty') {
        return { ...tree, delegate: child };
      }
      return child.type === 'transformation' ? child : { ...child, dentry: tree.dentry };
    }
    case 'alt': {
      if (tree.alt.length < 2) return withoutChoice(tree, tree.alt[0]);
      const trees = tree.alt.map(simplifyDelegateTree);
      return {
        ...tree,
        alt: trees.flatMap((child) => (child.type === 'alt' && child.path === path ? child.alt : child)),
      };
    }
    case 'union':
      if (tree.union.length < 2) return withoutChoice(tree, tree.union[0]?.tree);
      return {
        ...tree,
        union: tree.union.map(({ weight, tree: child }) => ({ weight, tree: simplifyDelegateTree(child) })),
      };
    case 'leaf':
    case 'neg':
    case 'fail':
    case 'empty':
    case 'exception':
    case 'transformation':
      return tree;
    default:
      return tree satisfies never;
  }
}

function withoutChoice({ path, dentry }: DelegateNode<string>, only: DelegateTree | undefined): DelegateTree {
  return only
    ? simplifyDelegateTree({ type: 'delegate', path, dentry, delegate: only })
    : { type: 'neg', path, dentry };
}
