// Rewrite: `rewriteTarget` of a rule in, what turns the target of a request into the one that goes upstream out.

import { GatewayError } from '../base/errors.js';
import { pathEnd, withoutEndSlash } from './request-path.js';
import type { PathRegex, RoutePath } from './route-rule.js';

/** From an origin-form target that the rule took, query included, to another. */
export type Rewrite = (target: string) => string;

/** A group of a long path, repeated, could make a target of any length. */
const MAX_TARGET_CHARS = 16_384;

/** Takes any text: what no path has is percent-encoded, so that nothing which registries hold can break a request. */
export function makeRewrite(rewriteTarget: string, path: RoutePath): Rewrite {
  const replacement = withOneSlash(rewriteTarget.replace(UNSAFE, percentEncoded));
  switch (path.type) {
    case 'exact':
      return (target) => replacement + target.slice(pathEnd(target));
    case 'prefix':
      return prefixRewrite(replacement, withoutEndSlash(path.value).length);
    case 'regex':
      return regexRewrite(replacement, path.regex);
    default:
      return path satisfies never;
  }
}

/** Not printable, or the end of a path (RFC 3986 §3.3). */
const UNSAFE = /[^\x21-\x7e]|[?#]/gu;

/** Not `encodeURIComponent`, which throws for half a surrogate pair. */
function percentEncoded(character: string): string {
  return Buffer.from(character).toString('hex').toUpperCase().replace(/../g, '%$&');
}

function prefixRewrite(replacement: string, prefixLength: number): Rewrite {
  const joint = withoutEndSlash(replacement);
  return (target) => {
    const rest = target.slice(prefixLength);
    return rest.startsWith('/') ? withOneSlash(joint + rest) : replacement + rest;
  };
}

function regexRewrite(replacement: string, regex: PathRegex): Rewrite {
  const parts = replacement.split(/\$([0-9])/);
  if (parts.length === 1) return (target) => replacement + target.slice(pathEnd(target));
  return (target) => {
    const end = pathEnd(target);
    const groups = regex.match(target.slice(0, end)) ?? [];
    let rewritten = '';
    // Text and numbers of groups take turns.
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as string;
      rewritten += i % 2 === 0 ? part : (groups[Number(part)] ?? '');
      if (rewritten.length > MAX_TARGET_CHARS) {
        throw new GatewayError(
          'request-line-too-long',
          `the rewritten path is longer than ${MAX_TARGET_CHARS} characters`,
        );
      }
    }
    return withOneSlash(rewritten) + target.slice(end);
  };
}

/** Begins with one slash: with two a target reads as the start of a host to some servers. */
function withOneSlash(path: string): string {
  if (path.startsWith('//')) return path.replace(/^\/+/, '/');
  return path.startsWith('/') ? path : `/${path}`;
}
