// Normal path: the target of a request from outside in, the one spelling of it that routes are matched with and upstreams get.

import { GatewayError } from '../base/errors.js';

/**
 * What becomes of `%2F`, `%5C` and `\` in a path, which some servers take for a slash and others do not. `refuse`: 400. `keep`:
 * they stay, encoded, and stand for no slash. `decode`: they are slashes.
 */
export type EncodedSlashes = 'refuse' | 'keep' | 'decode';

const PERCENT = 37;
const DOT = 46;
const SLASH = 47;
const QUESTION = 63;
const BACKSLASH = 92;
const HASH = 35;

/**
 * Removes dot segments (RFC 3986 §5.2.4), also those that are encoded or have parameters behind them (`/..;x/`, which Tomcat
 * reads as `/../`), joins slashes, decodes what need not be encoded (§6.2.2.2) and writes the rest in upper case (§6.2.2.1).
 * The query stays as it is. A target that is normal is answered as it is, after one look at it.
 *
 * Throws `bad-request` for a target that is no path, leads above the root, or has NUL, an incomplete or overlong encoding.
 */
export function normalTarget(target: string, encodedSlashes: EncodedSlashes): string {
  if (target.charCodeAt(0) !== SLASH) throw refused(target, 'want one that begins with a slash');
  let isNormal = true;
  let end = 1;
  for (let before = SLASH; end < target.length; end++) {
    const c = target.charCodeAt(end);
    if (c === QUESTION) break;
    if (c <= 32 || c >= 127 || c === HASH) throw refused(target, 'want printable ASCII without blanks and "#"');
    // A name that begins with a dot has to be looked at more closely.
    if (c === PERCENT || c === BACKSLASH || (before === SLASH && (c === SLASH || c === DOT))) isNormal = false;
    before = c;
  }
  if (isNormal) return target;
  const path = decoded(target.slice(0, end), encodedSlashes);
  return withoutDotSegments(path, target) + target.slice(end);
}

const ENCODED = /%([0-9A-Fa-f]{2})?|\\/g;
const UNRESERVED = /^[A-Za-z0-9._~-]$/;
/** UTF-8 that takes more bytes than it needs: `%C0%AE` is a dot to decoders that do not look (RFC 3629 §10). */
const OVERLONG = /%(?:C[01]%[89AB]|E0%[89]|F0%8)/;

/** What `\` and `%5C`, `/` and `%2F` have become of is one and the same from here on. */
function decoded(path: string, encodedSlashes: EncodedSlashes): string {
  const text = path.replace(ENCODED, (code: string, hex: string | undefined) => {
    if (hex === undefined && code !== '\\') throw refused(path, 'want two hexadecimal digits behind each "%"');
    const byte = hex === undefined ? BACKSLASH : Number.parseInt(hex, 16);
    if (byte === 0) throw refused(path, 'want none that holds NUL');
    if (byte === SLASH || byte === BACKSLASH) {
      if (encodedSlashes === 'refuse') throw refused(path, 'want one without encoded slashes and backslashes');
      return encodedSlashes === 'decode' ? '/' : byte === SLASH ? '%2F' : '%5C';
    }
    const char = String.fromCharCode(byte);
    return UNRESERVED.test(char) ? char : code.toUpperCase();
  });
  if (OVERLONG.test(text)) throw refused(path, 'want UTF-8 of no more bytes than it needs');
  return text;
}

function withoutDotSegments(path: string, target: string): string {
  const kept: string[] = [];
  const segments = path.split('/');
  const last = segments.length - 1;
  let isDirectory = false;
  for (let i = 1; i <= last; i++) {
    const segment = segments[i] as string;
    const dots = dotsOf(segment);
    if (dots === 2 && kept.pop() === undefined) throw refused(target, 'want one that does not lead above the root');
    if (dots === 0 && segment !== '') {
      checkInner(segment, target);
      kept.push(segment);
    }
    isDirectory = dots > 0 || segment === '';
  }
  return kept.length === 0 ? '/' : `/${kept.join('/')}${isDirectory ? '/' : ''}`;
}

/** 1 of `.`, 2 of `..`, with parameters or without; else 0. */
function dotsOf(segment: string): 0 | 1 | 2 {
  if (segment.charCodeAt(0) !== DOT) return 0;
  const dots = segment.charCodeAt(1) === DOT ? 2 : 1;
  return segment.length === dots || segment[dots] === ';' || segment.startsWith('%3B', dots) ? dots : 0;
}

/** Slashes that are kept encoded: whoever decodes them must not find dot segments between them. */
function checkInner(segment: string, target: string): void {
  if (!segment.includes('%2F') && !segment.includes('%5C')) return;
  if (segment.split(/%2F|%5C/).some((part) => dotsOf(part) > 0))
    throw refused(target, 'want none with dot segments between encoded slashes');
}

function refused(target: string, want: string): GatewayError {
  const shown = target.length > 80 ? `${target.slice(0, 80)}…` : target;
  return new GatewayError('bad-request', `path ${JSON.stringify(shown)} is refused: ${want}`);
}
