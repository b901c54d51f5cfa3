// A path in, what it is bound to by an empty dtab and the namers of the file out: what `io.l5d.replace` and `io.l5d.const`
// put in the place of other names.

import { computed } from '@preact/signals-core';
import { failed, ok, type State } from '../base/activity.js';
import type { Bound } from '../base/addr.js';
import { mapNameTree, type NameTree } from '../base/name-tree.js';
import type { Path } from '../base/path.js';
import type { TransformerContext } from '../naming/transformer.js';

/** A function to be called inside `computed`. Its leaves are called `<prefix><path>`, and by their own ids where there are several. */
export function makeFixedBinding(
  name: string,
  path: Path,
  { prefix, bind }: Pick<TransformerContext, 'prefix' | 'bind'>,
): () => State<NameTree<Bound>> {
  let binding = false;
  const bound = computed(() => {
    binding = true;
    try {
      const state = bind(path);
      return state.state === 'ok' ? ok(renamed(state.value, prefix, path)) : state;
    } finally {
      binding = false;
    }
  });
  return () => {
    // The namer that `path` ends in has this very transformer, or one that leads back here.
    if (binding) return failed(new Error(`Cannot bind "${path.show()}" for ${name}: it leads back to itself`));
    return bound.value;
  };
}

function renamed(tree: NameTree<Bound>, prefix: Path, path: Path): NameTree<Bound> {
  const only = tree.type === 'leaf';
  return mapNameTree(tree, (bound) => ({ ...bound, id: prefix.concat(only ? path : bound.id) }));
}
