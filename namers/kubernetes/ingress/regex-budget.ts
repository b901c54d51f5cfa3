// Regex budget: the regular expressions of an Ingress in, compiled ones out, no more of them than there is time for.

import { parsePathRegex } from '../../../src/identifier/path-regex.js';
import type { PathRegex } from '../../../src/identifier/route-rule.js';

/** Of one Ingress. Compiling takes some microseconds for each character, in which no request is served. */
export const MAX_REGEX_CHARACTERS = 20_000;
const MAX_REMEMBERED = 5000;

/** Compiled expressions by their text: an Ingress that changes has most of them as before. */
export class RegexMemo {
  readonly #regexes = new Map<string, PathRegex>();

  /** Throws as `parsePathRegex`. */
  parse(text: string): PathRegex {
    const known = this.#regexes.get(text);
    if (known) return known;
    const regex = parsePathRegex(text);
    if (this.#regexes.size >= MAX_REMEMBERED) this.#regexes.delete(this.#regexes.keys().next().value as string);
    this.#regexes.set(text, regex);
    return regex;
  }
}

/** For one Ingress. */
export class RegexBudget {
  readonly parse: RegexMemo['parse'];
  #left = MAX_REGEX_CHARACTERS;

  constructor(memo: RegexMemo) {
    this.parse = (text) => memo.parse(text);
  }

  /** False: it is used up, and `text` may not be compiled. */
  take(text: string): boolean {
    this.#left -= text.length;
    return this.#left >= 0;
  }
}
