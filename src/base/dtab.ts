// Dtab: the delegation table. A path goes in, the trees of all dentries that match it come out, the last dentry first.

import { alt, mapNameTree, type NameTree, showNameTree } from './name-tree.js';
import { type Path, showElement } from './path.js';

/** `*` in a prefix: any one element. Not a string, because an escaped `\x2a` is a literal star. */
export const WILDCARD: unique symbol = Symbol('*');

/** A binary string as in `Path.elements`, or the wildcard. */
export type PrefixElement = string | typeof WILDCARD;

/** One rule, `prefix => dst`. */
export interface Dentry {
  /** Empty for `/`, which matches every path. */
  readonly prefix: readonly PrefixElement[];
  readonly dst: NameTree<Path>;
}

/** A dentry whose prefix matches a path. The path becomes `dst` with `rest` appended to each of its leaves. */
export interface DentryMatch {
  readonly dentry: Dentry;
  /** The elements of the path after the prefix. */
  readonly rest: Path;
}

/** Immutable. Later dentries come first in every answer; a longer prefix has no priority over a shorter one. */
export class Dtab {
  /** In order; each at least twice as long as the one after it, so a chain of n dentries has at most log2(n) runs. */
  #runs: readonly DentryRun[];
  #dentries: readonly Dentry[] | undefined;

  constructor(dentries: readonly Dentry[]) {
    this.#runs = dentries.length === 0 ? [] : [new DentryRun(dentries)];
    this.#dentries = dentries;
  }

  /** In the order written. */
  get dentries(): readonly Dentry[] {
    this.#dentries ??= this.#runs.flatMap((run) => run.dentries);
    return this.#dentries;
  }

  get isEmpty(): boolean {
    return this.#runs.length === 0;
  }

  /** Neg without a match, the tree of a single one, else the alternatives of all, last dentry first. */
  lookup(path: Path): NameTree<Path> {
    const matches = this.lookupDentries(path);
    return alt(matches.map(({ dentry, rest }) => mapNameTree(dentry.dst, (prefix) => prefix.concat(rest))));
  }

  /** The same answer in its parts: every dentry that matches, last one first. */
  lookupDentries(path: Path): readonly DentryMatch[] {
    const matches: DentryMatch[] = [];
    for (let i = this.#runs.length - 1; i >= 0; i--) {
      for (const dentry of (this.#runs[i] as DentryRun).matching(path)) {
        matches.push({ dentry, rest: path.drop(dentry.prefix.length) });
      }
    }
    return matches;
  }

  /** `this` followed by `other`, whose dentries win. The index of a big table is kept when a small one is appended. */
  concat(other: Dtab): Dtab {
    if (other.isEmpty) return this;
    if (this.isEmpty) return other;
    const runs = [...this.#runs];
    for (const run of other.#runs) {
      let last = run;
      for (
        let before = runs.at(-1);
        before && before.dentries.length < 2 * last.dentries.length;
        before = runs.at(-1)
      ) {
        runs.pop();
        last = new DentryRun([...before.dentries, ...last.dentries]);
      }
      runs.push(last);
    }
    const joined = new Dtab([]);
    joined.#runs = runs;
    joined.#dentries = undefined;
    return joined;
  }
}

export const EMPTY_DTAB = new Dtab([]);

/** `/a=>/b;/c/*=>/d`: one line, no spaces between dentries; empty text for the empty dtab. */
export function showDtab(dtab: Dtab): string {
  return dtab.dentries.map(showDentry).join(';');
}

/** `/a=>/b | /c`. */
export function showDentry(dentry: Dentry): string {
  return `${showPrefix(dentry.prefix)}=>${showNameTree(dentry.dst)}`;
}

/** `/a/*`; `/` when empty. */
export function showPrefix(prefix: readonly PrefixElement[]): string {
  if (prefix.length === 0) return '/';
  return prefix.map((element) => `/${element === WILDCARD ? '*' : showElement(element)}`).join('');
}

/** Up to this many dentries looking at each is faster than building an index: the dtab of a request is such a run. */
const UNINDEXED = 16;

/** Dentries in a row, found by a tree of prefix elements: all of an ingress's dentries may begin with `/svc`. */
class DentryRun {
  readonly dentries: readonly Dentry[];
  #index: PrefixNode | undefined;

  constructor(dentries: readonly Dentry[]) {
    this.dentries = dentries;
  }

  /** Last one first. */
  matching(path: Path): readonly Dentry[] {
    if (this.dentries.length <= UNINDEXED) {
      return this.dentries.filter((dentry) => prefixMatches(dentry.prefix, path)).reverse();
    }
    this.#index ??= indexOf(this.dentries);
    const positions: number[] = [];
    collectMatches(this.#index, path, 0, positions);
    return positions.sort((a, b) => b - a).map((position) => this.dentries[position] as Dentry);
  }
}

function prefixMatches(prefix: readonly PrefixElement[], path: Path): boolean {
  if (prefix.length > path.size) return false;
  return prefix.every((element, i) => element === WILDCARD || element === path.elements[i]);
}

interface PrefixNode {
  readonly children: Map<PrefixElement, PrefixNode>;
  /** Positions of the dentries whose prefix ends here. */
  readonly ending: number[];
}

function indexOf(dentries: readonly Dentry[]): PrefixNode {
  const root: PrefixNode = { children: new Map(), ending: [] };
  for (const [position, { prefix }] of dentries.entries()) {
    let node = root;
    for (const element of prefix) {
      let child = node.children.get(element);
      if (!child) {
        child = { children: new Map(), ending: [] };
        node.children.set(element, child);
      }
      node = child;
    }
    node.ending.push(position);
  }
  return root;
}

/** Adds every position whose prefix matches `path` from its element `from` on, in no order. */
function collectMatches(start: PrefixNode, path: Path, from: number, positions: number[]): void {
  // Only wildcards recurse; a path may have thousands of elements, a prefix too.
  let node: PrefixNode | undefined = start;
  for (let i = from; node; i++) {
    for (const position of node.ending) positions.push(position);
    const element: string | undefined = path.elements[i];
    if (element === undefined) return;
    const literal: PrefixNode | undefined = node.children.get(element);
    const wildcard: PrefixNode | undefined = node.children.get(WILDCARD);
    if (literal && wildcard) collectMatches(wildcard, path, i + 1, positions);
    node = literal ?? wildcard;
  }
}
