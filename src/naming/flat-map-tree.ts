// A name tree and what becomes of each of its leaves in, the tree of what is left out: how every name is bound.

import { ok, PENDING, type State } from '../base/activity.js';
import { type NameTree, negBecause, union, type Weighted } from '../base/name-tree.js';

/** Neg, because of registries that have never answered when there are `reasons`. */
export function okNeg(reasons: readonly Error[] = []): State<NameTree<never>> {
  return reasons.length === 0 ? OK_NEG : ok(negBecause(...reasons));
}

const OK_NEG: State<NameTree<never>> = ok(negBecause());

/**
 * `tree` with what `f` makes of each leaf in its place, decided as far as it can be: leaves, unions of them, Neg, Fail or
 * Empty; never alternatives. A leaf behind the chosen alternative is not looked at.
 *
 * @param f is also given the number of alternatives and unions around the leaf, `nesting` included
 */
export function flatMapTree<A, B>(
  tree: NameTree<A>,
  f: (value: A, nesting: number) => State<NameTree<B>>,
  nesting = 0,
): State<NameTree<B>> {
  switch (tree.type) {
    case 'leaf':
      return f(tree.value, nesting);
    case 'alt': {
      const unanswered: Error[] = [];
      for (const branch of tree.trees) {
        const bound = flatMapTree(branch, f, nesting + 1);
        // Only Neg goes on: Fail and Empty are answers, a pending or failed branch blocks those behind it.
        if (bound.state !== 'ok' || bound.value.type !== 'neg') return bound;
        unanswered.push(...(bound.value.reasons ?? []));
      }
      return okNeg(unanswered);
    }
    case 'union':
      return flatMapUnion(tree.branches, f, nesting + 1);
    case 'neg':
    case 'fail':
    case 'empty':
      return ok(tree);
    default:
      return tree satisfies never;
  }
}

/** What is bound of the union, as soon as any of it is; branches that are Neg or Fail leave it, as in `simplifyNameTree`. */
function flatMapUnion<A, B>(
  branches: readonly Weighted<A>[],
  f: (value: A, nesting: number) => State<NameTree<B>>,
  nesting: number,
): State<NameTree<B>> {
  const kept: Weighted<B>[] = [];
  const unanswered: Error[] = [];
  let anyOk = branches.length === 0;
  let anyPending = false;
  let firstFailed: State<never> | undefined;
  for (const { weight, tree } of branches) {
    const bound = flatMapTree(tree, f, nesting);
    if (bound.state === 'failed') firstFailed ??= bound;
    else if (bound.state === 'pending') anyPending = true;
    // A registry that is down says nothing of its branch: the others are waited for as if it were not there.
    else if (bound.value.type === 'neg' && bound.value.reasons) unanswered.push(...bound.value.reasons);
    else {
      anyOk = true;
      if (bound.value.type !== 'neg' && bound.value.type !== 'fail') kept.push({ weight, tree: bound.value });
    }
  }
  if (kept.length > 0) return ok(union(kept));
  return anyOk ? okNeg(unanswered) : (firstFailed ?? (anyPending ? PENDING : okNeg(unanswered)));
}
