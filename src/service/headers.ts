// Headers: an ordered list of name/value pairs as received, case and repeats kept; looked up without regard to case.
//
// Values are binary strings (latin1): each character is one byte on the wire. What a codec of HTTP/1.1 has read stays the text
// that it was until somebody asks for more than the Host or changes more than its end: most messages are passed on as they are,
// and cutting out names and values only to put them together again would cost as much as all else that is done to a head.

import { fieldNameAt } from './field-names.js';

/** In place of pairs that have not been cut out. */
const UNREAD: string[] = [];

/** A line that is written to many messages, made once. */
export class ReadyField {
  readonly name: string;
  readonly lower: string;
  readonly value: string;
  readonly line: string;

  constructor(name: string, value: string) {
    this.name = name;
    this.lower = name.toLowerCase();
    this.value = value;
    this.line = fieldLine(name, value);
  }
}

export class Headers {
  /**
   * False: the codec that read the headers saw none of Via, `l5d-*`, `grpc-timeout` and `x-forwarded-client-cert`, so
   * nobody need look for them. True, also for headers that no codec read: there may be some.
   */
  mayHaveGatewayFields = true;
  /** Names, in lower case, of fields that HTTP/2 must send never indexed (RFC 7541 §6.2.3), as they were received so. */
  sensitive: readonly string[] | undefined;
  /** All of them as `name: value CRLF`. Dropped by every change but appending. */
  #lines: string | undefined;
  /** Of the lines, while they are unread. */
  #host: string | undefined;
  #pairs: string[];
  #lower: string[];

  /** `pairs`: `[name, value, name, value, …]`; `lower`: the names in lower case, `lower[i]` for `pairs[2 * i]`. Both are kept. */
  constructor(pairs: string[] = [], lower: string[] = []) {
    this.#pairs = pairs;
    this.#lower = lower;
  }

  /** From `[name, value]` pairs, in order. */
  static from(entries: Iterable<readonly [string, string]>): Headers {
    const headers = new Headers();
    for (const [name, value] of entries) headers.add(name, value);
    return headers;
  }

  /**
   * From complete lines, which the caller vouches for: each exactly `name ": " value CRLF`, the value without white space around
   * it. `host`: the value of the first Host among them, as a text of its own: whoever remembers it is not to keep a whole head.
   */
  static fromLines(lines: string, host: string | undefined): Headers {
    const headers = new Headers(UNREAD, UNREAD);
    headers.#lines = lines;
    headers.#host = host;
    return headers;
  }

  /** `[name, value, name, value, …]`. */
  get pairs(): readonly string[] {
    if (this.#pairs === UNREAD) this.#read();
    return this.#pairs;
  }

  /** The lower-case name of each pair: `lower[i]` belongs to `pairs[2 * i]`. */
  get lower(): readonly string[] {
    if (this.#pairs === UNREAD) this.#read();
    return this.#lower;
  }

  /** All of them as lines of HTTP/1.1: `name: value CRLF`. */
  get lines(): string {
    if (this.#lines !== undefined) return this.#lines;
    const pairs = this.#pairs;
    let lines = '';
    for (let i = 0; i < pairs.length; i += 2) lines += fieldLine(pairs[i] as string, pairs[i + 1] as string);
    return lines;
  }

  get size(): number {
    return this.lower.length;
  }

  /** The first value, or undefined. `lowerName` must be in lower case. */
  get(lowerName: string): string | undefined {
    if (this.#pairs === UNREAD && lowerName === 'host') return this.#host;
    const i = this.lower.indexOf(lowerName);
    return i < 0 ? undefined : this.#pairs[2 * i + 1];
  }

  has(lowerName: string): boolean {
    return this.lower.includes(lowerName);
  }

  /** Every value of that name, in order. */
  getAll(lowerName: string): string[] {
    const { lower } = this;
    const values: string[] = [];
    for (let i = lower.indexOf(lowerName); i >= 0; i = lower.indexOf(lowerName, i + 1)) {
      values.push(this.#pairs[2 * i + 1] as string);
    }
    return values;
  }

  /** Appends a line. The caller vouches for the bytes: a token as name, no control bytes in the value. */
  add(name: string, value: string): void {
    this.addKnown(name, name.toLowerCase(), value);
  }

  /** `add` with the lower-case name at hand: for names that are written to every message. */
  addKnown(name: string, lowerName: string, value: string): void {
    this.#append(name, lowerName, value, undefined);
  }

  addReady({ name, lower, value, line }: ReadyField): void {
    this.#append(name, lower, value, line);
  }

  /** Appends complete lines, of which the caller vouches for as for those of `fromLines`. None of them is a Host. */
  addLines(lines: string): void {
    if (this.#lines !== undefined) this.#lines += lines;
    if (this.#pairs !== UNREAD) readLines(lines, this.#pairs, this.#lower);
  }

  /** Replaces the first line of that name and removes the others; appends when there is none. */
  set(name: string, value: string): void {
    const lowerName = name.toLowerCase();
    const i = this.lower.indexOf(lowerName);
    if (i < 0) {
      this.addKnown(name, lowerName, value);
      return;
    }
    this.#lines = undefined;
    this.#pairs[2 * i + 1] = value;
    if (this.#lower.indexOf(lowerName, i + 1) >= 0) this.#removeFrom(i + 1, (name) => name === lowerName);
  }

  /** Removes every line of that name. */
  remove(lowerName: string): void {
    const i = this.lower.indexOf(lowerName);
    if (i >= 0) this.#removeFrom(i, (name) => name === lowerName);
  }

  /** Removes every line whose lower-case name answers true. */
  removeIf(test: (lowerName: string) => boolean): void {
    if (this.#pairs === UNREAD) this.#read();
    this.#removeFrom(0, test);
  }

  /** `line`: the same, if it is there already. */
  #append(name: string, lowerName: string, value: string, line: string | undefined): void {
    if (this.#lines !== undefined) this.#lines += line ?? fieldLine(name, value);
    if (this.#pairs === UNREAD) {
      if (lowerName === 'host') this.#host ??= value;
      return;
    }
    this.#pairs.push(name, value);
    this.#lower.push(lowerName);
  }

  /** Cuts out names and values. */
  #read(): void {
    const pairs: string[] = [];
    const lower: string[] = [];
    readLines(this.#lines as string, pairs, lower);
    const i = this.#host === undefined ? -1 : lower.indexOf('host');
    if (i >= 0) pairs[2 * i + 1] = this.#host as string;
    this.#pairs = pairs;
    this.#lower = lower;
  }

  #removeFrom(start: number, test: (lowerName: string) => boolean): void {
    const pairs = this.#pairs;
    const lower = this.#lower;
    let to = start;
    for (let from = start; from < lower.length; from++) {
      const lowerName = lower[from] as string;
      if (test(lowerName)) {
        this.#lines = undefined;
        continue;
      }
      if (to !== from) {
        lower[to] = lowerName;
        pairs[2 * to] = pairs[2 * from] as string;
        pairs[2 * to + 1] = pairs[2 * from + 1] as string;
      }
      to += 1;
    }
    lower.length = to;
    pairs.length = 2 * to;
  }

  *[Symbol.iterator](): IterableIterator<readonly [string, string]> {
    const { pairs } = this;
    for (let i = 0; i < pairs.length; i += 2) yield [pairs[i] as string, pairs[i + 1] as string];
  }
}

function fieldLine(name: string, value: string): string {
  return `${name}: ${value}\r\n`;
}

function readLines(lines: string, pairs: string[], lower: string[]): void {
  const bytes = Buffer.from(lines, 'latin1');
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let start = 0; start < lines.length; ) {
    const colon = lines.indexOf(':', start);
    const end = lines.indexOf('\r', colon);
    const name = fieldNameAt(bytes, words, start, colon);
    pairs.push(name.spelling, lines.substring(colon + 2, end));
    lower.push(name.lower);
    start = end + 2;
  }
}
