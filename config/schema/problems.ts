// Problems: what zod found wrong in, sentences that say what is and what is wanted out, each with its place.

import { z } from 'zod';
import { withoutQuotedNumbers } from './coerce.js';
import { type KeyPath, valueAt } from './config-error.js';
import { nearestWord } from './did-you-mean.js';
import type { Expectation } from './scalars.js';
import { showValue } from './secrets.js';

export interface Problem {
  readonly path: KeyPath;
  readonly message: string;
  /** Whether it is the key or the value that is wrong. */
  readonly at: 'key' | 'value';
  /** How far into a text value the mistake is. */
  readonly offset?: number;
}

type Issue = z.core.$ZodIssue;

/** Everything that is wrong with `file` by `schema`, or what the schema makes of it. */
export function checkAgainst<T>(
  schema: z.ZodType<T>,
  file: unknown,
): { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: Problem[] } {
  // zod drops the schema from its issues; their `keys` array is the only thing left to recognise them by.
  const knownKeys: KnownKeys = new WeakMap();
  const result = schema.safeParse(withoutQuotedNumbers(schema, file), {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys' && issue.inst instanceof z.ZodObject) {
        knownKeys.set(issue.keys, Object.keys(issue.inst.shape));
      }
      // Nothing from zod itself: whatever message an issue has is one of ours.
      return '';
    },
  });
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, problems: result.error.issues.flatMap((issue) => problemsOf(issue, [], file, knownKeys)) };
}

type KnownKeys = WeakMap<readonly string[], readonly string[]>;

function problemsOf(issue: Issue, above: KeyPath, file: unknown, knownKeys: KnownKeys): Problem[] {
  const path = [...above, ...issue.path.filter((key) => typeof key !== 'symbol')];
  const value = valueAt(file, path);
  const say = (message: string): Problem[] => [{ path, at: 'value', message }];
  const want = (wanted: string): Problem[] =>
    say(value === undefined ? `is missing, want ${wanted}` : `is ${showValue(value, path)}, want ${wanted}`);

  // A kind's own message that begins with "want" lacks only what is.
  if (issue.message.startsWith('want ')) return want(issue.message.slice('want '.length));
  if (issue.message !== '') return say(issue.message);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        at: 'key' as const,
        message: unknownWord(`unknown key ${JSON.stringify(key)}`, key, knownKeys.get(issue.keys) ?? []),
      }));
    case 'invalid_union':
      return issue.discriminator === undefined
        ? problemsOfBestBranch(issue, path, file, knownKeys, want)
        : say(
            problemOfDiscriminator(value, issue.discriminator, 'options' in issue ? (issue.options ?? []) : [], path),
          );
    case 'invalid_type':
      return want(typeWords(issue.expected, value));
    case 'invalid_value':
      return want(issue.values.map((one) => JSON.stringify(one)).join(' or '));
    case 'too_small':
      return want(sizeWords(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum));
    case 'too_big':
      return want(sizeWords(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum));
    case 'invalid_format':
      return want(
        issue.pattern === undefined ? `a text of the form ${issue.format}` : `a text that matches ${issue.pattern}`,
      );
    case 'not_multiple_of':
      return want(`a multiple of ${issue.divisor}`);
    case 'invalid_key':
    case 'invalid_element':
      return issue.issues.flatMap((inner) => problemsOf(inner, path, file, knownKeys));
    case 'custom': {
      const params = issue.params as Partial<Expectation> | undefined;
      const problems = want(params?.want ?? 'something else');
      const offset = params?.offset;
      return offset === undefined ? problems : problems.map((one) => ({ ...one, offset }));
    }
    default:
      return issue satisfies never;
  }
}

/** Of the alternatives, the one whose sort (map, list, …) the value has: the others only say that it is not theirs. */
function problemsOfBestBranch(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: KeyPath,
  file: unknown,
  knownKeys: KnownKeys,
  want: (wanted: string) => Problem[],
): Problem[] {
  const isMismatch = (inner: Issue): boolean => inner.code === 'invalid_type' && inner.path.length === 0;
  const branch = issue.errors.find((issues) => !issues.some(isMismatch));
  if (branch) return branch.flatMap((inner) => problemsOf(inner, path, file, knownKeys));
  const sorts = issue.errors
    .flat()
    .flatMap((inner) => (inner.code === 'invalid_type' ? [typeWords(inner.expected)] : []));
  return want([...new Set(sorts)].join(' or '));
}

function problemOfDiscriminator(value: unknown, key: string, options: readonly unknown[], path: KeyPath): string {
  const known = options.filter((option) => typeof option === 'string').sort();
  if (value === undefined) return `is missing, want one of: ${known.join(', ')}`;
  const shown = showValue(value, path);
  return typeof value === 'string'
    ? unknownWord(`unknown ${key} ${shown}`, value, known)
    : `is ${shown}, want one of: ${known.join(', ')}`;
}

function unknownWord(complaint: string, word: string, known: readonly string[]): string {
  const nearest = nearestWord(word, known);
  const hint = nearest === undefined ? '' : `, did you mean "${nearest}"?`;
  return `${complaint}${hint} (known: ${known.join(', ')})`;
}

function typeWords(expected: string, value?: unknown): string {
  switch (expected) {
    case 'object':
    case 'record':
      return 'a map';
    case 'array':
      return 'a list';
    case 'boolean':
      return 'true or false';
    case 'int':
      return 'a whole number';
    case 'number':
      return 'a number';
    case 'string':
      return typeof value === 'number' || typeof value === 'boolean' ? 'a text (put it in quotes)' : 'a text';
    default:
      return expected;
  }
}

function sizeWords(origin: string, bound: string, size: number | bigint): string {
  if (origin === 'string') return size === 1 ? 'a text that is not empty' : `a text of ${bound} ${size} characters`;
  if (origin === 'array') return size === 1 ? 'a list that is not empty' : `a list of ${bound} ${size} entries`;
  return `${bound} ${size}`;
}
