// The textual forms of paths, name trees and dtabs: text in, values out, ParseError for anything else.
//
// One recursive-descent parser of Finagle's grammar, one character of lookahead, linear time. The text comes from
// request headers too, so only parentheses recurse and their depth is bounded.

import { type Dentry, Dtab, type PrefixElement, WILDCARD } from './dtab.js';
import { alt, EMPTY, FAIL, leaf, type NameTree, NEG, union, type Weighted } from './name-tree.js';
import { type ParseError, unexpected } from './parse-error.js';
import { Path } from './path.js';

/** Parentheses within parentheses; people write two or three. */
export const MAX_NESTING = 100;

/** Reads `/a/b`. Throws ParseError. */
export function parsePath(text: string): Path {
  const grammar = new Grammar(text);
  return grammar.whole(() => grammar.path());
}

/** Reads `0.9 * /a & 0.1 * /b | !`. Throws ParseError. */
export function parseNameTree(text: string): NameTree<Path> {
  const grammar = new Grammar(text);
  return grammar.whole(() => grammar.tree(0));
}

/** Reads `/a => /b ; /c/* => /d ;`; empty text is the empty dtab. Throws ParseError. */
export function parseDtab(text: string): Dtab {
  const grammar = new Grammar(text);
  return grammar.whole(() => new Dtab(grammar.dentries()));
}

class Grammar {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole<T>(parse: () => T): T {
    const value = parse();
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected('end of input');
    return value;
  }

  dentries(): Dentry[] {
    const dentries: Dentry[] = [];
    do {
      this.#skipSpace();
      // Here the empty dtab ends, and one that closes with a semicolon.
      if (this.#at >= this.#text.length) break;
      dentries.push(this.#dentry());
      this.#skipSpace();
    } while (this.#take(SEMICOLON));
    return dentries;
  }

  tree(nesting: number): NameTree<Path> {
    const trees: NameTree<Path>[] = [];
    do {
      trees.push(this.#union(nesting));
      this.#skipSpace();
    } while (this.#take(BAR));
    return alt(trees);
  }

  path(): Path {
    this.#skipSpace();
    this.#expect(SLASH);
    const elements: string[] = [];
    if (!this.#atLabel()) return new Path(elements);
    do elements.push(this.#label());
    while (this.#take(SLASH));
    return new Path(elements);
  }

  #dentry(): Dentry {
    const prefix = this.#prefix();
    this.#skipSpace();
    this.#expect(EQUALS);
    this.#expect(GREATER);
    return { prefix, dst: this.tree(0) };
  }

  #prefix(): PrefixElement[] {
    this.#expect(SLASH);
    const elements: PrefixElement[] = [];
    if (!this.#atLabel() && this.#peek() !== STAR) return elements;
    do elements.push(this.#take(STAR) ? WILDCARD : this.#label());
    while (this.#take(SLASH));
    return elements;
  }

  #union(nesting: number): NameTree<Path> {
    const branches: Weighted<Path>[] = [];
    do {
      branches.push({ weight: this.#weight(), tree: this.#simple(nesting) });
      this.#skipSpace();
    } while (this.#take(AMPERSAND));
    return union(branches);
  }

  #weight(): number {
    this.#skipSpace();
    const start = this.#at;
    let dots = 0;
    for (let code = this.#peek(); isDigit(code) || code === DOT; code = this.#peek()) {
      if (code === DOT && ++dots > 1) throw this.#unexpected('number char');
      this.#at += 1;
    }
    if (this.#at === start) return 1;
    const number = this.#text.slice(start, this.#at);
    const weight = number === '.' ? Number.NaN : Number(number);
    if (!Number.isFinite(weight)) throw this.#unexpected('weight', `'${number}'`);
    this.#skipSpace();
    this.#expect(STAR);
    return weight;
  }

  #simple(nesting: number): NameTree<Path> {
    this.#skipSpace();
    if (this.#peek() === SLASH) return leaf(this.path());
    if (this.#take(BANG)) return FAIL;
    if (this.#take(TILDE)) return NEG;
    if (this.#take(DOLLAR)) return EMPTY;
    if (this.#peek() !== OPEN) throw this.#unexpected('simple');
    if (nesting >= MAX_NESTING) throw this.#unexpected(`at most ${MAX_NESTING} nested parentheses`);
    this.#at += 1;
    const tree = this.tree(nesting + 1);
    this.#skipSpace();
    this.#expect(CLOSE);
    return tree;
  }

  #label(): string {
    if (!this.#atLabel()) throw this.#unexpected('label char');
    let label = '';
    do {
      if (this.#take(BACKSLASH)) {
        this.#expect(LOWER_X);
        label += String.fromCharCode(this.#hexDigit() * 16 + this.#hexDigit());
      } else {
        const start = this.#at;
        while (isLabelChar(this.#peek())) this.#at += 1;
        label += this.#text.slice(start, this.#at);
      }
    } while (this.#atLabel());
    return label;
  }

  #hexDigit(): number {
    const digit = HEX_DIGITS.indexOf(this.#text.charAt(this.#at).toLowerCase());
    // `indexOf('')` is 0: the end of the text would pass for a digit.
    if (digit < 0 || this.#at >= this.#text.length) throw this.#unexpected('hex char');
    this.#at += 1;
    return digit;
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#peek();
      // A comment starts only where white space may stand: within a label `#` is an ordinary character.
      if (code === HASH) {
        const end = this.#text.indexOf('\n', this.#at);
        this.#at = end < 0 ? this.#text.length : end + 1;
      } else if (isSpace(code)) this.#at += 1;
      else return;
    }
  }

  #atLabel(): boolean {
    const code = this.#peek();
    return code === BACKSLASH || isLabelChar(code);
  }

  /** NaN at the end of the text: equal to no character. */
  #peek(): number {
    return this.#text.charCodeAt(this.#at);
  }

  #take(code: number): boolean {
    if (this.#peek() !== code) return false;
    this.#at += 1;
    return true;
  }

  #expect(code: number): void {
    if (!this.#take(code)) throw this.#unexpected(`'${String.fromCharCode(code)}'`);
  }

  #unexpected(expected: string, found?: string): ParseError {
    return unexpected(this.#text, this.#at, expected, found);
  }
}

const HASH = 0x23;
const DOLLAR = 0x24;
const AMPERSAND = 0x26;
const OPEN = 0x28;
const CLOSE = 0x29;
const STAR = 0x2a;
const DOT = 0x2e;
const SLASH = 0x2f;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const GREATER = 0x3e;
const BANG = 0x21;
const BACKSLASH = 0x5c;
const LOWER_X = 0x78;
const BAR = 0x7c;
const TILDE = 0x7e;
const HEX_DIGITS = '0123456789abcdef';

const LABEL_CHARS = new Set([...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_:.#$%-'].map(codeOf));

/** Java's Character.isWhitespace beyond ASCII: all space separators but the no-break ones U+00A0, U+2007, U+202F. */
const WIDE_SPACES = new Set(
  [...'\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u2028\u2029\u205f\u3000'].map(codeOf),
);

function codeOf(char: string): number {
  return char.charCodeAt(0);
}

function isLabelChar(code: number): boolean {
  return LABEL_CHARS.has(code);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d) || code >= 0x1c;
  return code >= 0x1680 && WIDE_SPACES.has(code);
}
