// A Path: a list of non-empty byte strings, the one kind of name that everything here is written in.
//
// Elements are bytes, not text (Finagle's `Path`). Each is kept as a "binary string": a JavaScript string with one
// character of U+0000–U+00FF for each byte. Comparing, hashing and slicing then cost what they cost for strings.
// `parsePath` reads the textual form; it lives in name-grammar.ts with the other grammars.

/** Bytes that a label may hold unescaped: `0-9 A-Z a-z _ : . # $ % -` (Linkerd's `Path.showableChars`). */
const SHOWABLE = /^[0-9A-Za-z_:.#$%-]+$/;

export class Path {
  /** Binary strings, each of at least one byte. */
  readonly elements: readonly string[];
  #shown: string | undefined;
  #place: object | undefined;

  /** `elements` are binary strings; throws `RangeError` when one is empty. Use `pathFromText` for ordinary text. */
  constructor(elements: readonly string[]) {
    for (const element of elements) if (element.length === 0) throw new RangeError('a path element may not be empty');
    this.elements = elements;
  }

  /**
   * Where a cache has found what it keeps under this name, so that it need not look it up again for the same object. Others may have
   * been there since: whoever reads it checks that it is his, and still good.
   */
  get place(): object | undefined {
    return this.#place;
  }

  set place(place: object) {
    this.#place = place;
  }

  get size(): number {
    return this.elements.length;
  }

  get isEmpty(): boolean {
    return this.elements.length === 0;
  }

  take(n: number): Path {
    return n >= this.elements.length ? this : new Path(this.elements.slice(0, Math.max(0, n)));
  }

  drop(n: number): Path {
    return n <= 0 ? this : n >= this.elements.length ? EMPTY_PATH : new Path(this.elements.slice(n));
  }

  startsWith(prefix: Path): boolean {
    if (prefix.elements.length > this.elements.length) return false;
    return prefix.elements.every((element, i) => element === this.elements[i]);
  }

  concat(suffix: Path): Path {
    if (suffix.isEmpty) return this;
    if (this.isEmpty) return suffix;
    return new Path([...this.elements, ...suffix.elements]);
  }

  equals(other: Path): boolean {
    return this === other || (this.elements.length === other.elements.length && this.startsWith(other));
  }

  /**
   * The textual form, `/a/b`; the root shows as `/`. An element with any byte outside the label characters has **every**
   * byte escaped as `\xhh`, because this text is a metric scope, a cache key and a header value. Computed once.
   */
  show(): string {
    this.#shown ??= this.elements.length === 0 ? '/' : this.elements.map((e) => `/${showElement(e)}`).join('');
    return this.#shown;
  }

  toString(): string {
    return this.show();
  }

  toJSON(): string {
    return this.show();
  }
}

/** `/`: the path of no elements. */
export const EMPTY_PATH = new Path([]);

/** A path of text elements, each encoded as UTF-8. */
export function pathFromText(...elements: readonly string[]): Path {
  return new Path(elements.map(bytesFromText));
}

/** UTF-8 bytes of `text` as a binary string. */
export function bytesFromText(text: string): string {
  // Latin1 alone would be wrong for U+0080–U+00FF; plain ASCII, nearly always the case, is its own UTF-8.
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The text of a binary string read as UTF-8 (invalid sequences become U+FFFD). */
export function textFromBytes(element: string): string {
  return /^[\x00-\x7f]*$/.test(element) ? element : Buffer.from(element, 'latin1').toString('utf8');
}

/** One element as `Path.show` prints it, without the slash. */
export function showElement(element: string): string {
  if (SHOWABLE.test(element)) return element;
  let out = '';
  for (let i = 0; i < element.length; i++) out += `\\x${element.charCodeAt(i).toString(16).padStart(2, '0')}`;
  return out;
}
