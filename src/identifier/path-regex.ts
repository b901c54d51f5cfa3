// Path regex: a regular expression as text in, what tells which paths it matches out, in time linear in their length.

import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';
import { regexSize } from './regex-size.js';
import type { PathRegex } from './route-rule.js';

/** A longer expression is refused. */
const MAX_REGEX_CHARS = 1000;
/** An expression that compiles to more instructions is refused: matching takes at most as many steps for each character. */
const MAX_REGEX_INSTRUCTIONS = 500;

/**
 * RE2 syntax (https://github.com/google/re2/wiki/Syntax) without what is beyond ASCII. Throws `RangeError` for what is none,
 * back-references and look-around among it, and for what is longer than the limits above.
 */
export function parsePathRegex(text: string): PathRegex {
  if (text.length > MAX_REGEX_CHARS) {
    throw new RangeError(`a regular expression of ${text.length} characters, want at most ${MAX_REGEX_CHARS}`);
  }
  const [beyond] = BEYOND_ASCII.exec(text) ?? [];
  if (beyond !== undefined)
    throw new RangeError(`a regular expression with ${beyond}, and paths of requests are ASCII`);
  // Before it is compiled, which takes long for a large one, as far as can be told then.
  checkSize(regexSize(text), 2 * MAX_REGEX_INSTRUCTIONS);
  const compiled = compile(text);
  checkSize(compiled.programSize(), MAX_REGEX_INSTRUCTIONS);
  return new Re2PathRegex(compiled, literalStart(text));
}

/**
 * Classes of Unicode, `\x{100}`, and such characters themselves. They could not match; and a class of them takes up to half a
 * second to compile, as it is gone through character by character for their cases.
 */
const BEYOND_ASCII = /\\[pP]|\\x\{|[^\x00-\x7f]/;

function checkSize(instructions: number, most: number): void {
  if (instructions <= most) return;
  const is = `a regular expression of ${instructions} instructions, repetitions written out`;
  throw new RangeError(`${is}, want at most ${MAX_REGEX_INSTRUCTIONS}`);
}

function compile(text: string): RE2JS {
  try {
    return loadRe2().compile(text);
  } catch (error) {
    const reason = (error as Error).message.replace(/^error parsing regexp: /, '');
    throw new RangeError(`no regular expression of RE2 syntax: ${reason}`, { cause: error });
  }
}

let re2: typeof RE2JS | undefined;
/** Loaded with the first expression: a gateway without any does not pay 15 ms at its start. */
function loadRe2(): typeof RE2JS {
  re2 ??= (createRequire(import.meta.url)('re2js') as { readonly RE2JS: typeof RE2JS }).RE2JS;
  return re2;
}

class Re2PathRegex implements PathRegex {
  readonly start: string;
  readonly steps: number;
  readonly #compiled: RE2JS;

  constructor(compiled: RE2JS, start: string) {
    this.#compiled = compiled;
    this.start = start;
    this.steps = compiled.programSize();
  }

  /** By a matcher, although `testExact` is faster: its lazy DFA takes up to 8 MB for each expression, and far longer to build. */
  test(path: string): boolean {
    return path.startsWith(this.start) && this.#compiled.matcher(path).matches();
  }

  match(path: string): readonly (string | undefined)[] | undefined {
    if (!path.startsWith(this.start)) return undefined;
    const matcher = this.#compiled.matcher(path);
    if (!matcher.matches()) return undefined;
    return Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i) ?? undefined);
  }
}

/** Characters that an expression begins with and that stand for themselves, as far as a simple look tells. */
function literalStart(text: string): string {
  // Each branch has a start of its own.
  if (text.includes('|')) return '';
  let start = '';
  let at = text.startsWith('^') ? 1 : 0;
  for (;;) {
    const [written = '', literal] = LITERAL.exec(text.slice(at, at + 2)) ?? [];
    const next = text.charAt(at + written.length);
    // `ab?` begins with `a` alone.
    if (written === '' || next === '?' || next === '*' || next === '{') return start;
    start += literal ?? written;
    at += written.length;
    if (next === '+') return start;
  }
}

/** A character without a meaning of its own, or a sign of which a backslash takes its meaning. */
const LITERAL = /^(?:[A-Za-z0-9/_~!@#%&=:;,<>'"-]|\\([^A-Za-z0-9]))/;
