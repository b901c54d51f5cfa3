// Route path: the path of a rule with its type in, as routes have it out.

import type { RoutePath } from '../../../src/identifier/route-rule.js';
import { show } from '../../shared/members.js';
import type { IngressPath } from './ingress-object.js';
import type { Problems } from './problem.js';
import { MAX_REGEX_CHARACTERS, type RegexBudget } from './regex-budget.js';

const MAX_LENGTH = 2048;

/** Undefined, and a problem added, when it is none. Without a path: any. `regexes` undefined: they are not enabled. */
export function parseRoutePath(
  path: IngressPath,
  regexes: RegexBudget | undefined,
  problems: Problems,
): RoutePath | undefined {
  const { at, path: value, pathType } = path;
  // ImplementationSpecific, none as in v1beta1, or what a later API may have: all up to us.
  const type = TYPES.get(pathType);
  if (value === undefined) {
    if (type !== 'exact') return ANY_PATH;
    problems.add('InvalidPath', `${at}: pathType Exact without a path, want one that begins with /; it is left out`);
    return undefined;
  }
  if (value.length > MAX_LENGTH) {
    const is = `path of ${value.length} characters, want at most ${MAX_LENGTH}`;
    problems.add('InvalidPath', `${at}: ${is}; it is left out`);
    return undefined;
  }
  if (type === undefined && regexes && REGEX_CHARACTERS.test(value)) return parseRegex(at, value, regexes, problems);
  if (type === undefined && !regexes && LOOKS_LIKE_REGEX.test(value)) {
    const is = `path ${show(value)} of pathType ${pathType ?? 'ImplementationSpecific'} reads like a regular expression`;
    const want = 'set pathRegex: true to have it as one, as in Linkerd 1.x, or pathType Prefix to have it as it is';
    problems.add('RegexNotEnabled', `${at}: ${is}; ${want}; it is left out`);
    return undefined;
  }
  const wrong = whatIsWrong(value);
  // An expression of nothing but itself, as many paths of 1.x are, need not be compiled.
  if (wrong === undefined) return { type: type ?? (regexes ? 'exact' : 'prefix'), value };
  problems.add('InvalidPath', `${at}: path ${show(value)} ${wrong}; it is left out`);
  return undefined;
}

const TYPES = new Map<string | undefined, 'exact' | 'prefix'>([
  ['Exact', 'exact'],
  ['Prefix', 'prefix'],
]);
const ANY_PATH: RoutePath = { type: 'prefix', value: '/' };
/** `/shop/*` is one as well: other controllers mean a prefix by it, 1.x any number of slashes. */
const LOOKS_LIKE_REGEX = /[*+?()[\]{}|\\^$]/;
const REGEX_CHARACTERS = /[.*+?()[\]{}|\\^$]/;

function parseRegex(at: string, value: string, regexes: RegexBudget, problems: Problems): RoutePath | undefined {
  if (!regexes.take(value)) {
    const is = `the regular expressions up to here have more than ${MAX_REGEX_CHARACTERS} characters together`;
    problems.add('TooManyRegexes', `${at}: ${is}; it is left out, use pathType Prefix or several Ingresses`);
    return undefined;
  }
  try {
    return { type: 'regex', value, regex: regexes.parse(value) };
  } catch (error) {
    problems.add('InvalidRegex', `${at}: path ${show(value)}: ${(error as Error).message}; it is left out`);
    return undefined;
  }
}

/** What no request can match, or what two readers would match differently. */
function whatIsWrong(path: string): string | undefined {
  if (!path.startsWith('/')) return 'does not begin with /';
  if (/[?#]/.test(path)) return 'has a query or a fragment, and only the path is looked at';
  if (!/^[!-~]+$/.test(path)) return 'has characters that a request has only as %xx, want them written so';
  // As the API server refuses them in v1.
  if (path.includes('//')) return 'has an empty element (//)';
  if (/\/\.{1,2}(\/|$)/.test(path)) return 'has a dot segment (/./ or /../)';
  if (/%2f/i.test(path)) return 'has an encoded slash (%2f)';
  return undefined;
}

/** Two that have the same take the same requests. */
export function pathKey(path: RoutePath): string {
  const value =
    path.type === 'prefix' && path.value !== '/' && path.value.endsWith('/') ? path.value.slice(0, -1) : path.value;
  return `${path.type} ${value}`;
}
