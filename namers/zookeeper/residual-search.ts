// Residual search: a path in, the answer for it or for the longest beginning of it that is a service out; the rest is the residual.

import { computed } from '@preact/signals-core';
import { type Activity, ok } from '../../src/base/activity.js';
import { type NameTree, NEG, negBecause } from '../../src/base/name-tree.js';
import type { Path } from '../../src/base/path.js';
import type { Name } from '../../src/naming/namer.js';

/** Each costs a watch; a request can make paths of any length, and real ones have some three elements. */
const MAX_ELEMENTS = 20;

/**
 * `treeAt(path, residual)` answers for exactly that path. Longer ones are watched as well as the one that answers, and take over
 * when they come to be. Never asks for the empty path.
 */
export function searchResidual(
  path: Path,
  treeAt: (path: Path, residual: Path) => Activity<NameTree<Name>>,
): Activity<NameTree<Name>> {
  const longest = Math.min(path.size, MAX_ELEMENTS);
  const trees: Activity<NameTree<Name>>[] = [];
  return computed(() => {
    const unanswered: Error[] = [];
    for (let size = longest; size > 0; size--) {
      trees[size] ??= treeAt(path.take(size), path.drop(size));
      const now = (trees[size] as Activity<NameTree<Name>>).value;
      if (now.state !== 'ok' || now.value.type !== 'neg') return now;
      unanswered.push(...(now.value.reasons ?? []));
    }
    return unanswered.length === 0 ? NO_SUCH_SERVICE : ok(negBecause(...unanswered.slice(0, 1)));
  });
}

const NO_SUCH_SERVICE = ok(NEG);
