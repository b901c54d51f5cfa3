// Headers: an ordered list of name/value pairs as received, case and repeats kept; looked up without regard to case.
//
// Values are binary strings (latin1): each character is one byte on the wire.

/** Where headers were read from, while they still are what was read. */
export interface HeaderSource {
  readonly text: string;
  /** `[start, end, start, end, …]`: pieces of `text` that are the lines of the first `count` headers, written as
   *  `name: value CRLF`. A codec that writes lines so may write these pieces instead, which is much cheaper. */
  readonly runs: readonly number[];
  readonly count: number;
}

export class Headers {
  /**
   * False: the codec that read the headers saw none of Via, `l5d-*`, `grpc-timeout` and `x-forwarded-client-cert`, so
   * nobody need look for them. True, also for headers that no codec read: there may be some.
   */
  mayHaveGatewayFields = true;
  /** Names, in lower case, of fields that HTTP/2 must send never indexed (RFC 7541 §6.2.3), as they were received so. */
  sensitive: readonly string[] | undefined;
  /** Dropped by every change but appending. */
  source: HeaderSource | undefined;
  /** `[name, value, name, value, …]`. The codecs read and write it directly; others use the methods. */
  readonly pairs: string[];
  /** The lower-case name of each pair: `lower[i]` belongs to `pairs[2 * i]`. */
  readonly lower: string[];

  constructor(pairs: string[] = [], lower: string[] = []) {
    this.pairs = pairs;
    this.lower = lower;
  }

  /** From `[name, value]` pairs, in order. */
  static from(entries: Iterable<readonly [string, string]>): Headers {
    const headers = new Headers();
    for (const [name, value] of entries) headers.add(name, value);
    return headers;
  }

  get size(): number {
    return this.lower.length;
  }

  /** The first value, or undefined. `lowerName` must be in lower case. */
  get(lowerName: string): string | undefined {
    const i = this.lower.indexOf(lowerName);
    return i < 0 ? undefined : this.pairs[2 * i + 1];
  }

  has(lowerName: string): boolean {
    return this.lower.includes(lowerName);
  }

  /** Every value of that name, in order. */
  getAll(lowerName: string): string[] {
    const values: string[] = [];
    for (let i = this.lower.indexOf(lowerName); i >= 0; i = this.lower.indexOf(lowerName, i + 1)) {
      values.push(this.pairs[2 * i + 1] as string);
    }
    return values;
  }

  /** Appends a line. The caller vouches for the bytes: a token as name, no control bytes in the value. */
  add(name: string, value: string): void {
    this.pairs.push(name, value);
    this.lower.push(name.toLowerCase());
  }

  /** `add` with the lower-case name at hand: for names that are written to every message. */
  addKnown(name: string, lowerName: string, value: string): void {
    this.pairs.push(name, value);
    this.lower.push(lowerName);
  }

  /** Replaces the first line of that name and removes the others; appends when there is none. */
  set(name: string, value: string): void {
    const lowerName = name.toLowerCase();
    const i = this.lower.indexOf(lowerName);
    if (i < 0) {
      this.pairs.push(name, value);
      this.lower.push(lowerName);
      return;
    }
    this.source = undefined;
    this.pairs[2 * i + 1] = value;
    if (this.lower.indexOf(lowerName, i + 1) >= 0) this.#removeFrom(i + 1, (name) => name === lowerName);
  }

  /** Removes every line of that name. */
  remove(lowerName: string): void {
    const i = this.lower.indexOf(lowerName);
    if (i >= 0) this.#removeFrom(i, (name) => name === lowerName);
  }

  /** Removes every line whose lower-case name answers true. */
  removeIf(test: (lowerName: string) => boolean): void {
    this.#removeFrom(0, test);
  }

  #removeFrom(start: number, test: (lowerName: string) => boolean): void {
    let to = start;
    for (let from = start; from < this.lower.length; from++) {
      const lowerName = this.lower[from] as string;
      if (test(lowerName)) {
        this.source = undefined;
        continue;
      }
      if (to !== from) {
        this.lower[to] = lowerName;
        this.pairs[2 * to] = this.pairs[2 * from] as string;
        this.pairs[2 * to + 1] = this.pairs[2 * from + 1] as string;
      }
      to += 1;
    }
    this.lower.length = to;
    this.pairs.length = 2 * to;
  }

  *[Symbol.iterator](): IterableIterator<readonly [string, string]> {
    for (let i = 0; i < this.lower.length; i++) yield [this.pairs[2 * i] as string, this.pairs[2 * i + 1] as string];
  }
}
