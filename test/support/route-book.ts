// RouteBook: an identifier kind `test.book` whose answers a test writes, host by host, and whose sources it can look at.

import { z } from 'zod';
import { GatewayError } from '../../src/base/errors.js';
import { defineKind } from '../../src/base/kind.js';
import { parsePath } from '../../src/base/name-grammar.js';
import {
  type Identifier,
  type IdentifierContext,
  type Redirect,
  Route,
  type RoutePolicy,
  type RouteSource,
  Unidentified,
} from '../../src/identifier/identifier.js';
import { kinds } from '../../src/kinds.js';
import type { Kinds } from '../../src/linker.js';

export const NO_POLICY: RoutePolicy = {
  backend: undefined,
  timeoutMs: undefined,
  attemptTimeoutMs: undefined,
  maxBodyBytes: undefined,
};

export interface BookEntry {
  /** Behind the prefix. Default: `/` and the host. */
  readonly name?: string;
  readonly policy?: Partial<RoutePolicy>;
  /** In place of a route. */
  readonly answer?: Redirect | GatewayError;
}

/** Of one entry `{kind: test.book, words: …}` of the configuration. */
export class BookSource implements RouteSource {
  readonly words: string;
  pending: string | undefined;
  started = 0;
  closed = 0;

  constructor(words: string, pending: string | undefined) {
    this.words = words;
    this.pending = pending;
  }

  start(): void {
    this.started += 1;
  }

  close(): void {
    this.closed += 1;
  }
}

export class RouteBook {
  /** All that there ever were, in order. */
  readonly sources: BookSource[] = [];
  /** Why sources that are made from now on have no routes yet. */
  pending: string | undefined;
  readonly #entries: Readonly<Record<string, BookEntry>>;

  constructor(entries: Readonly<Record<string, BookEntry>>) {
    this.#entries = entries;
  }

  get kinds(): Kinds {
    const book = defineKind({
      kind: 'test.book',
      description: 'Answers what a test has written.',
      config: z.strictObject({ words: z.string().default('') }),
      make: ({ words }, context: IdentifierContext) => this.#identifier(words, context),
    });
    return { ...kinds, identifier: [...kinds.identifier, book] };
  }

  #identifier(words: string, { source: use, dstPrefix }: IdentifierContext): Identifier {
    const source = use(() => {
      const made = new BookSource(words, this.pending);
      this.sources.push(made);
      return made;
    });
    return ({ headers }) => {
      if (source.pending !== undefined) throw new GatewayError('routes-pending', source.pending);
      const host = headers.get('host') ?? '';
      const entry = this.#entries[host];
      if (!entry) return new Unidentified(`${host} is not in the book`);
      const { answer, name = `/${host}`, policy } = entry;
      if (answer instanceof GatewayError) throw answer;
      return answer ?? new Route(dstPrefix.concat(parsePath(name)), { ...NO_POLICY, ...policy });
    };
  }
}
