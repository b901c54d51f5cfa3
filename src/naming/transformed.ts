// A namer or an interpreter and transformers in, the same with all that it binds transformed out.

import { computed } from '@preact/signals-core';
import { mapActivity, ok, PENDING, type State } from '../base/activity.js';
import type { Bound } from '../base/addr.js';
import { mapNameTree, type NameTree } from '../base/name-tree.js';
import { sameState } from './dtab-interpreter.js';
import { flatMapTree } from './flat-map-tree.js';
import type { Interpreter } from './interpreter.js';
import type { Name, Namer } from './namer.js';
import { transformDelegation } from './transformed-delegation.js';
import type { Transformer } from './transformer.js';

/**
 * `namer` with its answers transformed, in the order of the list; an answer with a path anywhere in it passes unchanged.
 * Namer and transformers stay their makers' to close.
 */
export function transformNamer(namer: Namer, transformers: readonly Transformer[]): Namer {
  if (transformers.length === 0) return namer;
  return {
    prefix: namer.prefix,
    lookup(path) {
      const answer = namer.lookup(path);
      let last: State<NameTree<Bound>> = PENDING;
      let named: State<NameTree<Name>> = PENDING;
      return computed(() => {
        const now = answer.value;
        if (now.state !== 'ok' || !isWholeBound(now.value)) return now;
        const next = transformTree(
          mapNameTree(now.value, ({ bound }) => bound),
          transformers,
        );
        if (!sameState(last, next)) {
          last = next;
          named = next.state === 'ok' ? ok(mapNameTree(next.value, (bound) => ({ type: 'bound', bound }))) : next;
        }
        return named;
      });
    },
    // Whom hosts are published by has nothing to do with what is done to addresses.
    ...(namer.published && { published: namer.published }),
    ...(namer.publishedPending && { publishedPending: () => namer.publishedPending?.() }),
    ...(namer.boundNames && { boundNames: () => namer.boundNames?.() ?? [] }),
    ...(namer.state && { state: () => namer.state?.() }),
    ...(namer.ageMs && { ageMs: () => namer.ageMs?.() }),
    close: () => {},
  };
}

/** As `transformNamer`, of all that `interpreter` binds; a delegation shows each transformation as a node of its own. */
export function transformInterpreter(interpreter: Interpreter, transformers: readonly Transformer[]): Interpreter {
  if (transformers.length === 0) return interpreter;
  const delegate = interpreter.delegate?.bind(interpreter);
  return {
    bind(localDtab, path) {
      const binding = interpreter.bind(localDtab, path);
      let last: State<NameTree<Bound>> = PENDING;
      return computed(() => {
        const now = binding.value;
        const next = now.state === 'ok' ? transformTree(now.value, transformers) : now;
        if (!sameState(last, next)) last = next;
        return last;
      });
    },
    ...(delegate && {
      delegate: (path, dtab) => mapActivity(delegate(path, dtab), (tree) => transformDelegation(tree, transformers)),
    }),
    ...(interpreter.state && { state: () => interpreter.state?.() }),
    ...(interpreter.ageMs && { ageMs: () => interpreter.ageMs?.() }),
    close: () => {},
  };
}

type BoundName = Extract<Name, { readonly type: 'bound' }>;

function isWholeBound(tree: NameTree<Name>): tree is NameTree<BoundName> {
  switch (tree.type) {
    case 'leaf':
      return tree.value.type === 'bound';
    case 'alt':
      return tree.trees.every(isWholeBound);
    case 'union':
      return tree.branches.every((branch) => isWholeBound(branch.tree));
    case 'neg':
    case 'fail':
    case 'empty':
      return true;
    default:
      return tree satisfies never;
  }
}

function transformTree(tree: NameTree<Bound>, transformers: readonly Transformer[]): State<NameTree<Bound>> {
  let state: State<NameTree<Bound>> = ok(tree);
  for (const transformer of transformers) {
    if (state.state !== 'ok') break;
    state =
      transformer.transformTree?.(state.value) ?? flatMapTree(state.value, (bound) => transformer.transform(bound));
  }
  return state;
}
