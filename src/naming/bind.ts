// Binding: a path goes in, the tree of bound names that dtab and namers make of it comes out.
//
// Everything here runs inside `computed`: it reads the activities of namers, and runs again when one of those that it read
// changes. An alternative behind the chosen one is not read, so nothing of it is watched.

import { failed, ok, type State } from '../base/activity.js';
import type { Bound } from '../base/addr.js';
import type { DentryMatch, Dtab } from '../base/dtab.js';
import { alt, leaf, mapNameTree, type NameTree } from '../base/name-tree.js';
import type { Path } from '../base/path.js';
import { flatMapTree, okNeg } from './flat-map-tree.js';
import type { Name, Namer, SystemNamer } from './namer.js';

/** Where paths are looked up. */
export interface NamingTables {
  readonly dtab: Dtab;
  /** In the order in which they are asked. */
  readonly namers: readonly Namer[];
  /** Asked last. */
  readonly system: SystemNamer;
}

/** The bound tree of `path`: leaves, unions of them, Neg, Fail or Empty; never alternatives. */
export function bindPath(tables: NamingTables, path: Path): State<NameTree<Bound>> {
  return bindName(new Walk(tables), path, 0, 0);
}

/** One lookup step: what dtab and namers say of one path. */
export type LookupStep =
  /** The dtab's answer stands: one tree for each dentry that matched, the last dentry first. At least one. */
  | { readonly type: 'dtab'; readonly matches: readonly MatchedTree[] }
  /** The dtab's answer was a bare Neg, so the namers answered. `literalNeg` is the dentry `=> ~`, if that was why. */
  | { readonly type: 'namers'; readonly literalNeg: DentryMatch | undefined; readonly answer: State<NameTree<Name>> }
  /** The walk went too far: this branch of a bind fails, and all of a delegation. */
  | { readonly type: 'limit'; readonly limit: 'depth' | 'size'; readonly error: Error };

export interface MatchedTree {
  readonly match: DentryMatch;
  readonly tree: NameTree<Name>;
}

/** Lookups on one branch, the final one in a namer included: 99 rewrites and the namer. Finagle's figure. */
const MAX_DEPTH = 100;

/**
 * Names looked at in one walk. `/a => /a & /a` would double 100 times before the depth ends it, and any caller can send
 * that in l5d-dtab. Real dtabs need some tens.
 */
const MAX_NAMES = 10_000;

/** Elements of a path to be looked up: `/ => /a/b` adds some at each step. */
const MAX_ELEMENTS = 1000;

/** Alternatives and unions within one another along one branch, so that no dtab can exhaust the stack. */
const MAX_NESTING = 1000;

/** Elements that an error shows of a long path. */
const SHOWN_ELEMENTS = 10;

/** The lookups of one bind or one delegation, counted. */
export class Walk {
  readonly #tables: NamingTables;
  #namesLeft = MAX_NAMES;
  /** Made once a walk: an error costs twenty times a lookup, and a hostile dtab comes here thousands of times. */
  #tooDeep: LookupStep | undefined;
  /** Once the walk was too large, every further step is. */
  #tooLarge: LookupStep | undefined;

  constructor(tables: NamingTables) {
    this.#tables = tables;
  }

  /** `depth` is the number of lookups, `nesting` that of alternatives and unions that led to `path`. */
  lookup(path: Path, depth: number, nesting: number): LookupStep {
    if (this.#tooLarge) return this.#tooLarge;
    if (depth >= MAX_DEPTH) {
      this.#tooDeep ??= limitStep('depth', `Max recursion level: ${MAX_DEPTH} reached in Namer lookup`);
      return this.#tooDeep;
    }
    if (nesting > MAX_NESTING)
      return this.#end(path, `the dtab nests more than ${MAX_NESTING} alternatives and unions`);
    if (path.size > MAX_ELEMENTS) return this.#end(path, `it has more than ${MAX_ELEMENTS} elements`);
    const matches = this.#tables.dtab.lookupDentries(path);
    const only = matches.length === 1 ? matches[0] : undefined;
    const literalNeg = only?.dentry.dst.type === 'neg' ? only : undefined;
    const namers = matches.length === 0 || literalNeg !== undefined;
    this.#namesLeft -= 1;
    const trees = namers ? [] : matches.map((match) => ({ match, tree: this.#rewrite(match) }));
    if (this.#namesLeft < 0) return this.#end(path, `the dtab expands into more than ${MAX_NAMES} names`);
    return namers
      ? { type: 'namers', literalNeg, answer: askNamers(this.#tables, path) }
      : { type: 'dtab', matches: trees };
  }

  #rewrite({ dentry, rest }: DentryMatch): NameTree<Name> {
    return mapNameTree(dentry.dst, (prefix) => {
      this.#namesLeft -= 1;
      return { type: 'path', path: prefix.concat(rest) };
    });
  }

  #end(path: Path, reason: string): LookupStep {
    const shown = path.size > SHOWN_ELEMENTS ? `${path.take(SHOWN_ELEMENTS).show()}/…` : path.show();
    this.#tooLarge = limitStep('size', `Cannot look up "${shown}": ${reason}`);
    return this.#tooLarge;
  }
}

function limitStep(limit: 'depth' | 'size', message: string): LookupStep {
  return { type: 'limit', limit, error: new Error(message) };
}

/** The first answer that is not Neg: every namer whose prefix begins the path, then the system namer. */
function askNamers({ namers, system }: NamingTables, path: Path): State<NameTree<Name>> {
  const unanswered: Error[] = [];
  try {
    for (const namer of namers) {
      if (!path.startsWith(namer.prefix)) continue;
      const answer = namer.lookup(path.drop(namer.prefix.size)).value;
      if (answer.state !== 'ok' || answer.value.type !== 'neg') return answer;
      unanswered.push(...(answer.value.reasons ?? []));
    }
    return path.elements[0] === '$' ? system.lookup(path).value : okNeg(unanswered);
  } catch (error) {
    // A namer must answer `failed` instead; one that throws must not take the whole gateway with it.
    return failed(error instanceof Error ? error : new Error(String(error)));
  }
}

function bindName(walk: Walk, path: Path, depth: number, nesting: number): State<NameTree<Bound>> {
  const step = walk.lookup(path, depth, nesting);
  switch (step.type) {
    case 'dtab':
      return bindTree(walk, alt(step.matches.map(({ tree }) => tree)), depth + 1, nesting);
    case 'namers':
      return step.answer.state === 'ok' ? bindTree(walk, step.answer.value, depth + 1, nesting) : step.answer;
    case 'limit':
      return failed(step.error);
    default:
      return step satisfies never;
  }
}

function bindTree(walk: Walk, tree: NameTree<Name>, depth: number, nesting: number): State<NameTree<Bound>> {
  return flatMapTree(
    tree,
    (name, below) => (name.type === 'bound' ? ok(leaf(name.bound)) : bindName(walk, name.path, depth, below)),
    nesting,
  );
}
