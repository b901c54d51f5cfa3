// io.l5d.rewrite: a path in, another path out, made from what a pattern captured of the first.

import { signal } from '@preact/signals-core';
import { type Activity, constant, failed } from '../../src/base/activity.js';
import { parsePath } from '../../src/base/name-grammar.js';
import { leaf, type NameTree, NEG } from '../../src/base/name-tree.js';
import type { Path } from '../../src/base/path.js';
import type { Name, Namer } from '../../src/naming/namer.js';
import { parsePathMatcher, substitute } from '../../src/naming/path-matcher.js';

export interface RewriteNamerOptions {
  readonly prefix: Path;
  /** What a path has to begin with, e.g. `/{service}/api`. */
  readonly pattern: string;
  /** The path to look up instead, e.g. `/srv/{service}`. What `pattern` does not capture is dropped. */
  readonly name: string;
}

/** Neg when a path does not match; failed when what comes out is no path, as with a capture that `pattern` lacks. */
export function makeRewriteNamer({ prefix, pattern, name }: RewriteNamerOptions): Namer {
  const matcher = parsePathMatcher(pattern);
  return {
    prefix,
    lookup: (path) => {
      const match = matcher.match(path);
      return match === undefined ? constant(NEG) : rewrite(path, substitute(name, match.captures));
    },
    close: () => {},
  };
}

function rewrite(path: Path, text: string): Activity<NameTree<Name>> {
  try {
    return constant(leaf<Name>({ type: 'path', path: parsePath(text) }));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return signal(failed(new Error(`Cannot rewrite "${path.show()}" to "${text}": ${reason}`, { cause })));
  }
}
