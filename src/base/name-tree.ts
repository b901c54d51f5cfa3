// NameTree: alternatives, weighted unions and leaves, with Neg, Fail and Empty as three different ends.

export type NameTree<T> =
  | { readonly type: 'leaf'; readonly value: T }
  /** Tried left to right; at least two. */
  | { readonly type: 'alt'; readonly trees: readonly NameTree<T>[] }
  /** Chosen by weight; at least two. */
  | { readonly type: 'union'; readonly branches: readonly Weighted<T>[] }
  /**
   * No such name: the next alternative is tried. `reasons` are failures of registries that have never answered, so that a
   * name bound to nothing can tell why.
   */
  | { readonly type: 'neg'; readonly reasons?: readonly Error[] }
  /** Permanent failure: later alternatives are not tried. */
  | { readonly type: 'fail' }
  /** The name exists and has no endpoints: later alternatives are not tried. */
  | { readonly type: 'empty' };

export interface Weighted<T> {
  /** Relative to its siblings; not negative. 1 when nothing was written. */
  readonly weight: number;
  readonly tree: NameTree<T>;
}

export const NEG: NameTree<never> = { type: 'neg' };
export const FAIL: NameTree<never> = { type: 'fail' };
export const EMPTY: NameTree<never> = { type: 'empty' };

/** Neg because a registry that would know has never answered. */
export function negBecause(...reasons: readonly Error[]): NameTree<never> {
  return reasons.length === 0 ? NEG : { type: 'neg', reasons };
}

export function leaf<T>(value: T): NameTree<T> {
  return { type: 'leaf', value };
}

/** The alternatives of `trees`: Neg for none, the tree itself for one. */
export function alt<T>(trees: readonly NameTree<T>[]): NameTree<T> {
  return trees.length === 0 ? NEG : trees.length === 1 ? (trees[0] as NameTree<T>) : { type: 'alt', trees };
}

/** The union of `branches`: Neg for none, the tree itself for one (its weight is lost, as in Finagle). */
export function union<T>(branches: readonly Weighted<T>[]): NameTree<T> {
  if (branches.length === 0) return NEG;
  return branches.length === 1 ? (branches[0] as Weighted<T>).tree : { type: 'union', branches };
}

/** The same tree with `f` applied to each leaf value. */
export function mapNameTree<A, B>(tree: NameTree<A>, f: (value: A) => B): NameTree<B> {
  switch (tree.type) {
    case 'leaf':
      return leaf(f(tree.value));
    case 'alt':
      return { type: 'alt', trees: tree.trees.map((branch) => mapNameTree(branch, f)) };
    case 'union':
      return {
        type: 'union',
        branches: tree.branches.map(({ weight, tree: branch }) => ({ weight, tree: mapNameTree(branch, f) })),
      };
    case 'neg':
    case 'fail':
    case 'empty':
      return tree;
    default:
      return tree satisfies never;
  }
}

/** The text that `parseNameTree` reads back. Weights keep two decimals and no space (`0.70*`), as in Linkerd. */
export function showNameTree(tree: NameTree<{ show(): string }>): string {
  return tree.type === 'alt' ? tree.trees.map(showAlternative).join(' | ') : showAlternative(tree);
}

function showAlternative(tree: NameTree<{ show(): string }>): string {
  return tree.type === 'union' ? tree.branches.map(showWeighted).join(' & ') : showSimple(tree);
}

function showWeighted({ weight, tree }: Weighted<{ show(): string }>): string {
  return weight === 1 ? showSimple(tree) : `${showWeight(weight)}*${showSimple(tree)}`;
}

function showSimple(tree: NameTree<{ show(): string }>): string {
  switch (tree.type) {
    case 'leaf':
      return tree.value.show();
    case 'alt':
    case 'union':
      return `(${showNameTree(tree)})`;
    case 'neg':
      return '~';
    case 'fail':
      return '!';
    case 'empty':
      return '$';
    default:
      return tree satisfies never;
  }
}

/** Java's `%.2f` rounds the shortest decimal text half up (0.285 to 0.29); `toFixed` would round the binary value. */
function showWeight(weight: number): string {
  const digits = String(weight);
  if (!digits.includes('e')) return (Math.round(Number(`${digits}e2`)) / 100).toFixed(2);
  return weight < 1 ? '0.00' : `${BigInt(weight)}.00`;
}

/**
 * The same meaning with fewer nodes: Neg branches and all behind a Fail leave an alternative, Neg and Fail branches leave
 * a union, a lone branch stands for its parent (and loses its weight).
 */
export function simplifyNameTree<T>(tree: NameTree<T>): NameTree<T> {
  switch (tree.type) {
    case 'alt':
      return simplifyAlt(tree.trees);
    case 'union':
      return union(
        tree.branches
          .map(({ weight, tree: branch }) => ({ weight, tree: simplifyNameTree(branch) }))
          .filter(({ tree: branch }) => branch.type !== 'neg' && branch.type !== 'fail'),
      );
    case 'leaf':
    case 'neg':
    case 'fail':
    case 'empty':
      return tree;
    default:
      return tree satisfies never;
  }
}

function simplifyAlt<T>(trees: readonly NameTree<T>[]): NameTree<T> {
  const kept: NameTree<T>[] = [];
  for (const tree of trees) {
    const simple = simplifyNameTree(tree);
    if (simple.type !== 'neg') kept.push(simple);
    if (simple.type === 'fail') break;
  }
  return alt(kept);
}

/** What the tree as a whole stands for: a set, empty for Empty; undefined when it ends in Neg or Fail. */
export function evalNameTree<T>(tree: NameTree<T>): ReadonlySet<T> | undefined {
  const values = evalTree(tree);
  return values === 'neg' || values === 'fail' ? undefined : values;
}

function evalTree<T>(tree: NameTree<T>): ReadonlySet<T> | 'neg' | 'fail' {
  switch (tree.type) {
    case 'leaf':
      return new Set([tree.value]);
    case 'alt':
      for (const branch of tree.trees) {
        const values = evalTree(branch);
        if (values !== 'neg') return values;
      }
      return 'neg';
    case 'union': {
      const sets = tree.branches
        .map((branch) => evalTree(branch.tree))
        .filter((set) => set !== 'neg' && set !== 'fail');
      return sets.length === 0 ? 'neg' : new Set(sets.flatMap((set) => [...set]));
    }
    case 'neg':
    case 'fail':
      return tree.type;
    case 'empty':
      return new Set();
    default:
      return tree satisfies never;
  }
}
