// Authorities: the Host of a request in, by its bytes, out the text of it, checked.
//
// Callers name the same hosts over and over. One that was named lately is neither cut out of its head nor checked again, and as
// it is the same text each time, whoever looks it up next finds it by its address: a new one would have to be hashed and
// compared letter by letter.

import { ownText } from '../base/own-text.js';
import { byteTable, type HeadText } from './field-lines.js';

/** RFC 3986 §3.2.2 `reg-name`, without the comma. */
const NAME_CHAR = byteTable(/[A-Za-z0-9._~!$&'()*+;=%-]/);
const COLON = 58;

/** Places in pairs, so that two authorities of one hash do not push each other out. */
const PLACES = 8192;
/** No name of DNS is longer, and callers choose what is remembered. */
const MAX_REMEMBERED_LENGTH = 259;
const remembered: string[] = new Array(PLACES).fill('');

/** What `head` has from `from` to `to`, as a text of its own; undefined: that is no authority. */
export function authorityAt(head: HeadText, from: number, to: number): string | undefined {
  const { bytes, offset } = head;
  const place = placeOf(head, from, to);
  const first = remembered[place] as string;
  if (isAt(first, bytes, offset + from, to - from)) return first;
  const second = remembered[place ^ 1] as string;
  if (isAt(second, bytes, offset + from, to - from)) return second;
  const authority = ownText(head.text.substring(from, to));
  if (!isAuthority(authority)) return undefined;
  if (authority.length <= MAX_REMEMBERED_LENGTH) {
    remembered[place ^ 1] = first;
    remembered[place] = authority;
  }
  return authority;
}

/**
 * `reg-name`, IPv4 or `[IPv6]`, with an optional port (RFC 3986 §3.2), or nothing (RFC 9112 §3.2). No comma, though a
 * `reg-name` may have one: `a,b` is what some proxies make of two Host headers.
 */
export function isAuthority(text: string): boolean {
  return text === '' || isNameAndPort(text) || /^\[[0-9A-Fa-f:.]+\](?::[0-9]*)?$/.test(text);
}

/** FNV-1a, of words as long as there are whole ones; their upper bytes are mixed into the lower bits, which alone choose. */
function placeOf({ bytes, offset, words }: HeadText, from: number, to: number): number {
  let hash = 0x811c9dc5;
  let i = offset + from;
  const end = offset + to;
  for (; i <= end - 4; i += 4) {
    hash = Math.imul(hash ^ words.getInt32(i, true), 0x01000193);
    hash ^= hash >>> 15;
  }
  for (; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return (hash ^ (hash >>> 16)) & (PLACES - 1);
}

function isAt(text: string, bytes: Uint8Array, start: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

/** `reg-name` or IPv4. A loop over a few characters, as a regular expression costs more to start than that. */
function isNameAndPort(text: string): boolean {
  let i = 0;
  while (i < text.length && NAME_CHAR[text.charCodeAt(i)] === 1) i += 1;
  if (i === 0 || i === text.length) return i > 0;
  if (text.charCodeAt(i) !== COLON) return false;
  for (i += 1; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return false;
  }
  return true;
}
