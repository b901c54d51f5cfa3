// Regex list: the regular expressions of one host in, the first whose whole matches a path out.

import { GatewayError } from '../base/errors.js';
import type { PathRegex, RoutePath } from './route-rule.js';

/**
 * A path that would take more steps than this is refused. Each takes some 10 ns, during which nobody else is served: no
 * more than a request should cost, with expressions that were written to cost much.
 */
const MAX_STEPS = 4_000_000;

export type RegexPath = Extract<RoutePath, { readonly type: 'regex' }>;

interface Entry<Value> {
  readonly regex: PathRegex;
  /** Of the text of the expression: the longest is asked first. */
  readonly length: number;
  readonly rank: number;
  readonly value: Value;
}

/** Asks only those that begin like a path, so that many expressions of one host cost little. */
export class RegexList<Value> {
  /** By the first element of the path, where the expression spells it out. */
  readonly #byElement = new Map<string, Entry<Value>[]>();
  readonly #others: Entry<Value>[] = [];

  /** Of two with the same text the first counts. */
  constructor(values: ReadonlyMap<RegexPath, Value>) {
    const byLength = [...values].sort(([a], [b]) => b.value.length - a.value.length);
    for (const [rank, [{ value: text, regex }, value]] of byLength.entries()) {
      const entry = { regex, length: text.length, rank, value };
      const element = elementSpeltOut(regex.start);
      const list = element === undefined ? this.#others : this.#byElement.get(element);
      if (list) list.push(entry);
      else this.#byElement.set(element as string, [entry]);
    }
  }

  /** Undefined when none matches whose text is longer than `shorter`. Throws `request-line-too-long`. */
  find(path: string, shorter: number): Value | undefined {
    const slash = path.indexOf('/', 1);
    const spelt = (slash < 0 ? undefined : this.#byElement.get(path.slice(1, slash))) ?? NONE;
    let steps = 0;
    for (let i = 0, j = 0; ; ) {
      // Both lists are in order; the better of their heads is next.
      const a = spelt[i];
      const b = this.#others[j];
      const next = a === undefined || (b !== undefined && b.rank < a.rank) ? b : a;
      if (next === undefined || next.length <= shorter) return undefined;
      if (next === a) i += 1;
      else j += 1;
      if (!path.startsWith(next.regex.start)) continue;
      steps += next.regex.steps * path.length;
      if (steps > MAX_STEPS) throw tooManySteps(path);
      if (next.regex.test(path)) return next.value;
    }
  }
}

const NONE: readonly never[] = [];

/** `api` of `/api/v`: a slash has to follow, or the element could go on. */
function elementSpeltOut(start: string): string | undefined {
  const slash = start.indexOf('/', 1);
  return start.startsWith('/') && slash > 0 ? start.slice(1, slash) : undefined;
}

function tooManySteps(path: string): GatewayError {
  return new GatewayError(
    'request-line-too-long',
    `a path of ${path.length} characters is too long for the regular expressions of its host`,
  );
}
