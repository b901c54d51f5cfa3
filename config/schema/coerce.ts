// Coercion: a file and a schema in; the file with the quotes taken off whole numbers, where numbers are wanted, out.
//
// Linkerd's parser (Jackson) takes `port: "8080"`. Doing it here, from what the schema complains about, spares every
// kind of every plugin from saying so in its own schema.

import type { z } from 'zod';
import { type KeyPath, valueAt } from './config-error.js';

type Issue = z.core.$ZodIssue;

/** `file` itself when there is nothing to take off. */
export function withoutQuotedNumbers(schema: z.ZodType, file: unknown): unknown {
  let current = file;
  // A mistake can hide another (a union reports one branch), so again until nothing more is found.
  for (;;) {
    const result = schema.safeParse(current);
    const paths = result.success ? [] : result.error.issues.flatMap((issue) => quotedNumbers(issue, [], current));
    if (paths.length === 0) return current;
    current = paths.reduce((changed, path) => withNumberAt(changed, path), current);
  }
}

function quotedNumbers(issue: Issue, above: KeyPath, file: unknown): KeyPath[] {
  const path = [...above, ...issue.path.filter((key) => typeof key !== 'symbol')];
  if (issue.code === 'invalid_union') {
    return issue.errors.flat().flatMap((inner) => quotedNumbers(inner, path, file));
  }
  if (issue.code !== 'invalid_type' || (issue.expected !== 'number' && issue.expected !== 'int')) return [];
  const value = valueAt(file, path);
  return typeof value === 'string' && /^[+-]?[0-9]{1,15}$/.test(value) ? [path] : [];
}

/** A copy of what lies on the way; the rest is shared. Aliased parts are one object, so the original must stay. */
function withNumberAt(value: unknown, [key, ...rest]: KeyPath): unknown {
  if (key === undefined) return Number(value);
  if (Array.isArray(value)) return value.map((item, i) => (i === key ? withNumberAt(item, rest) : item));
  const map = value as Readonly<Record<string, unknown>>;
  return { ...map, [key]: withNumberAt(map[key], rest) };
}
