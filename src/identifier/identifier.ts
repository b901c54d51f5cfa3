// Identifier: the contract of what turns a request into its logical name. This file is the identifier author's manual.

import { EMPTY_PATH, type Path } from '../base/path.js';
import type { RequestHead } from '../service/message.js';

/** The request has no name by this identifier; the next one in the list is asked. */
export class Unidentified {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/**
 * Called once a request, on the hot path: answer from what is in memory, and give back the same Path object for the same
 * name as far as you can (`PathMemo`), because its shown text is the key of the binding cache.
 *
 * May rewrite `request.target` when it answers a Path (and only then). Throwing means that the request is bad: it is
 * refused with 400 and later identifiers are not asked.
 */
export type Identifier = (request: RequestHead) => Path | Unidentified;

/** What `make` of an identifier kind is given. */
export interface IdentifierContext {
  /** `dstPrefix` of the router, prepended to every name. */
  readonly dstPrefix: Path;
}

/** Most callers ask for few names: a bounded memory of `make(key)`, forgetting the oldest. */
export class PathMemo {
  readonly #limit: number;
  readonly #prefix: Path;
  readonly #paths = new Map<string, Path>();
  #lastKey = '';
  #lastPath: Path = EMPTY_PATH;

  constructor(prefix: Path, limit = 1000) {
    this.#prefix = prefix;
    this.#limit = limit;
  }

  /** The path remembered for `key`, or prefix ++ `make(key)`. What throws is not remembered. */
  get(key: string, make: (key: string) => Path): Path {
    if (key === this.#lastKey && this.#lastPath !== EMPTY_PATH) return this.#lastPath;
    let path = this.#paths.get(key);
    if (path === undefined) {
      path = this.#prefix.concat(make(key));
      // Insertion order is age of the entry: good enough, and a hit costs no write.
      if (this.#paths.size >= this.#limit) this.#paths.delete(this.#paths.keys().next().value as string);
      // The key is a slice of a whole request head, which it would keep alive: remember a copy.
      this.#paths.set(Buffer.from(key, 'latin1').toString('latin1'), path);
    }
    this.#lastKey = key;
    this.#lastPath = path;
    return path;
  }
}

/**
 * Asks `identifiers` in order. When none identifies, the answer is the last one's; what one of them throws ends the
 * search, as a failure says that the request is bad and not that it is someone else's. Throws `RangeError` for none.
 */
export function identifyFirst(identifiers: readonly Identifier[]): Identifier {
  const [only] = identifiers;
  if (only === undefined) throw new RangeError('a list of identifiers needs at least one');
  if (identifiers.length === 1) return only;
  const last = identifiers.length - 1;
  const lastIdentifier = identifiers[last] as Identifier;
  return (request) => {
    for (let i = 0; i < last; i++) {
      const answer = (identifiers[i] as Identifier)(request);
      if (!(answer instanceof Unidentified)) return answer;
    }
    return lastIdentifier(request);
  };
}
