// Scalars: how single values of a Linkerd configuration are read. Whole numbers are plain `z.int()`: quotes around them
// are taken off before (coerce.ts).

import { z } from 'zod';
import { parseDtab, parsePath } from '../../src/base/name-grammar.js';
import { briefly, ParseError } from '../../src/base/parse-error.js';

/** `true` or `false`. In YAML 1.2 `yes`, `no`, `on` and `off` are texts, so they are refused. */
export const flag = z.boolean();

/** Any text but the empty one. */
export const text = z.string().min(1);

/** A whole number of at least `min`, 0 unless given: sizes, counts and times in the unit that ends their key. */
export function count(min = 0) {
  return z.int().min(min);
}

/** A TCP port; 0 lets the system choose. */
export function port() {
  // Linkerd's own words, which people search for.
  const error = (issue: { readonly input?: unknown }): string => `${issue.input} outside valid range for ports`;
  return z.int().min(0, { error }).max(65535, { error });
}

/** A path such as `/svc`, as a `Path`. */
export function path() {
  return parsedText('a path such as "/svc"', parsePath);
}

/** A delegation table such as `/svc => /#/io.l5d.fs`, as a `Dtab`. */
export function dtab() {
  return parsedText('a dtab such as "/svc => /#/io.l5d.fs"', parseDtab);
}

/** A text that passes `test`; `want` completes "is …, want …". */
export function textThat(want: string, test: (text: string) => boolean) {
  const params: Expectation = { want };
  return z.string().refine(test, { params: { ...params } });
}

/** What problems.ts finds in `issue.params` of a text that will not do. */
export interface Expectation {
  readonly want: string;
  /** Place of the mistake in the text. */
  readonly offset?: number;
}

function parsedText<T>(want: string, parse: (text: string) => T) {
  return z.string().transform((input, context): T => {
    try {
      return parse(input);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      const params: Expectation = { want: `${want} (${briefly(error, input)})`, offset: error.offset };
      context.issues.push({ code: 'custom', input, params: { ...params } });
      return z.NEVER;
    }
  });
}
