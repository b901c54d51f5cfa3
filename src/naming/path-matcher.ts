// PathMatcher: a pattern such as `/{service}/api` in, a function from a path to its captured elements out.
//
// Matching takes time linear in the path: the pattern never becomes a regular expression, so that neither a
// configuration nor a caller's path can make it backtrack.

import { type Path, showElement } from '../base/path.js';

export interface PathMatcher {
  /** Undefined when `path` does not begin with what the pattern describes. */
  match(path: Path): PathMatch | undefined;
}

export interface PathMatch {
  /** Captured text by variable name, in the shown form, where unusual bytes are `\xhh`. May be empty strings. */
  readonly captures: ReadonlyMap<string, string>;
  /** The elements after those that the pattern describes. */
  readonly residual: Path;
}

/**
 * Reads a pattern: elements between `/`, each literal text, `*` (any one element) or text with captures `{name}`, where
 * a name is made of letters, digits, `_`, `.` and `:`. `/` matches every path. No text is refused: what is not a capture
 * is literal, and literal braces match nothing, because no shown element holds one.
 *
 * As in Linkerd a pattern matches a prefix of the path. An element without captures is compared as a whole; in one
 * with captures the pattern may start and end anywhere, and each capture takes as much as it can.
 */
export function parsePathMatcher(pattern: string): PathMatcher {
  const elements = trimEmpty(pattern.split('/')).map(parseElement);
  return {
    match: (path) => {
      if (path.size < elements.length) return undefined;
      const captures = new Map<string, string>();
      for (const [i, element] of elements.entries()) {
        if (!element(path.elements[i] as string, captures)) return undefined;
      }
      return { captures, residual: path.drop(elements.length) };
    },
  };
}

/** `template` with each `{name}` that was captured replaced by its text. Unknown names stay as they are. */
export function substitute(template: string, captures: ReadonlyMap<string, string>): string {
  return template.replace(CAPTURES, (whole, name: string) => captures.get(name) ?? whole);
}

/** True when `element` matches; its captures are then in `captures`. */
type ElementMatcher = (element: string, captures: Map<string, string>) => boolean;

const CAPTURES = /\{([A-Za-z0-9_.:]+)\}/g;

function trimEmpty(parts: readonly string[]): readonly string[] {
  const first = parts.findIndex((part) => part !== '');
  return first === -1 ? [] : parts.slice(first, parts.findLastIndex((part) => part !== '') + 1);
}

function parseElement(text: string): ElementMatcher {
  if (text === '*') return () => true;
  // Splitting at a group keeps it: literal, name, literal, name, …, literal.
  const parts = text.split(CAPTURES);
  if (parts.length === 1) return (element) => showElement(element) === text;
  const literals = parts.filter((_, i) => i % 2 === 0);
  const names = parts.filter((_, i) => i % 2 === 1);
  return (element, captures) => capture(showElement(element), literals, names, captures);
}

/** Does what the expression `literal(.*)literal(.*)…literal`, searched and not anchored, would do, without backtracking. */
function capture(
  shown: string,
  literals: readonly string[],
  names: readonly string[],
  captures: Map<string, string>,
): boolean {
  // Greedy: each literal after the first lies as far right as those after it permit, so they are placed from the right.
  const ends: number[] = [];
  let limit = shown.length;
  for (let i = literals.length - 1; i > 0; i--) {
    const literal = literals[i] as string;
    const at = limit < literal.length ? -1 : shown.lastIndexOf(literal, limit - literal.length);
    if (at === -1) return false;
    ends[i] = at;
    limit = at;
  }
  const first = literals[0] as string;
  let start = shown.indexOf(first) + first.length;
  if (start < first.length || start > limit) return false;
  for (const [i, name] of names.entries()) {
    const end = ends[i + 1] as number;
    captures.set(name, shown.slice(start, end));
    start = end + (literals[i + 1] as string).length;
  }
  return true;
}
