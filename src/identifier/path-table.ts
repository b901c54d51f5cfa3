// Path table: the path patterns of one host in, the one that takes a request out.

import { RegexList, type RegexPath } from './regex-list.js';
import { withoutEndSlash } from './request-path.js';
import type { RoutePath } from './route-rule.js';

/**
 * The longest pattern takes the request; of the same length exact before prefix before regex; of the same pattern the first
 * of `values`. Exact patterns and prefixes cost one look-up for each element of the request's path that some pattern has,
 * however many there are.
 */
export class PathTable<Value extends { readonly path: RoutePath }> {
  /** What can be found, in the order given: without those whose pattern is another's before them. */
  readonly served: readonly Value[];
  readonly #root = new PathNode<Value>();
  readonly #regexes: RegexList<Value> | undefined;

  constructor(values: readonly Value[]) {
    const regexes = new Map<RegexPath, Value>();
    const texts = new Set<string>();
    this.served = values.filter((value) => {
      const { path } = value;
      if (path.type !== 'regex') return this.#add(path.type, path.value, value);
      if (texts.has(path.value)) return false;
      texts.add(path.value);
      regexes.set(path, value);
      return true;
    });
    this.#regexes = regexes.size === 0 ? undefined : new RegexList(regexes);
  }

  /** `target` without what begins at `end`: its query. Throws `request-line-too-long`. */
  find(target: string, end: number): Value | undefined {
    // `*`, and the host of CONNECT, which only the prefix of all paths takes.
    if (target.charCodeAt(0) !== SLASH) return this.#root.prefix;
    let best = this.#root.prefix;
    let length = best === undefined ? 0 : 1;
    let node: PathNode<Value> | undefined = this.#root;
    for (let start = 1; node.children !== undefined; ) {
      const slash = target.indexOf('/', start);
      const stop = slash < 0 || slash > end ? end : slash;
      node = node.children.get(target.slice(start, stop));
      if (node === undefined) break;
      const found: Value | undefined = (stop === end ? node.exact : undefined) ?? node.prefix;
      if (found !== undefined) {
        best = found;
        length = stop;
      }
      if (stop === end) break;
      start = stop + 1;
    }
    return this.#regexes?.find(target.slice(0, end), length) ?? best;
  }

  /** False when the pattern is taken. */
  #add(type: 'exact' | 'prefix', text: string, value: Value): boolean {
    let node = this.#root;
    const elements = type === 'exact' ? text : withoutEndSlash(text);
    if (elements !== '') for (const element of elements.slice(1).split('/')) node = node.child(element);
    if (node[type] !== undefined) return false;
    node[type] = value;
    return true;
  }
}

const SLASH = 47;

/** One element of patterns, after those of its parents. */
class PathNode<Value> {
  exact: Value | undefined = undefined;
  prefix: Value | undefined = undefined;
  children: Map<string, PathNode<Value>> | undefined = undefined;

  child(element: string): PathNode<Value> {
    this.children ??= new Map();
    let child = this.children.get(element);
    if (child === undefined) {
      child = new PathNode();
      this.children.set(element, child);
    }
    return child;
  }
}
