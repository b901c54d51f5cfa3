// Field lines of HTTP/1.1: header and trailer text in, names and values out, checked byte by byte (RFC 9112 §5).

import { GatewayError } from '../base/errors.js';

const CR = 13;
const LF = 10;
const COLON = 58;
const SPACE = 32;
const TAB = 9;

/** RFC 9110 §5.6.2 `tchar`. */
const TOKEN_CHAR = makeTable((c) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(c)));
/** RFC 9110 §5.5 `field-vchar`, space and tab. Not CR, LF, NUL, DEL or any other control byte. */
const VALUE_CHAR = makeTable((c) => c === TAB || (c >= 0x20 && c !== 0x7f));

function makeTable(test: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (test(code) ? 1 : 0));
}

export function isToken(text: string): boolean {
  if (text.length === 0) return false;
  for (let i = 0; i < text.length; i++) if (TOKEN_CHAR[text.charCodeAt(i)] !== 1) return false;
  return true;
}

/** Index of the first character at or after `from` that is not a token character. */
export function endOfToken(text: string, from: number): number {
  let i = from;
  while (TOKEN_CHAR[text.charCodeAt(i)] === 1) i += 1;
  return i;
}

/** What is remembered of a header name's spelling. */
export interface FieldName {
  readonly lower: string;
}

/** Spellings seen so far. A hit saves the lower-casing of a name; bounded, since callers choose the names. */
const names = new Map<string, FieldName>();
const MAX_REMEMBERED_NAMES = 2048;
const MAX_REMEMBERED_LENGTH = 64;

function fieldName(spelling: string): FieldName {
  const known = names.get(spelling);
  if (known) return known;
  const name: FieldName = { lower: spelling.toLowerCase() };
  if (names.size < MAX_REMEMBERED_NAMES && spelling.length <= MAX_REMEMBERED_LENGTH) {
    // The spelling is a slice of a whole head: keep a copy, or the map would keep those heads alive.
    names.set(Buffer.from(spelling, 'latin1').toString('latin1'), name);
  }
  return name;
}

/** Takes one field: the name as spelled, in lower case, and the value without surrounding white space. */
export type FieldVisitor = (spelling: string, lower: string, value: string) => void;

/**
 * Reads field lines of `text` from `start` up to `end`, which is where the empty line begins (so the text at `end` is
 * CRLF). Throws `GatewayError('bad-request')` at the first line that is not exactly `name ":" OWS value OWS CRLF`: bare
 * CR or LF, folded lines, white space before the colon and control bytes are all refused.
 */
export function readFieldLines(text: string, start: number, end: number, visit: FieldVisitor): void {
  let i = start;
  while (i < end) {
    const colon = endOfToken(text, i);
    if (colon === i || text.charCodeAt(colon) !== COLON || colon >= end) throw badLine(text, i, colon, end);
    const spelling = text.substring(i, colon);
    let from = colon + 1;
    while (isWhiteSpace(text.charCodeAt(from))) from += 1;
    let to = from;
    while (VALUE_CHAR[text.charCodeAt(to)] === 1) to += 1;
    if (text.charCodeAt(to) !== CR || text.charCodeAt(to + 1) !== LF) {
      throw new GatewayError('bad-request', `header ${quote(spelling)} has a control byte in its value`);
    }
    i = to + 2;
    // Trailing white space is not part of the value.
    while (to > from && isWhiteSpace(text.charCodeAt(to - 1))) to -= 1;
    visit(spelling, fieldName(spelling).lower, text.substring(from, to));
  }
}

/** RFC 9110 §5.6.3 `OWS`. */
function isWhiteSpace(c: number): boolean {
  return c === SPACE || c === TAB;
}

function badLine(text: string, start: number, stop: number, end: number): GatewayError {
  const c = text.charCodeAt(stop);
  const line = quote(text.substring(start, Math.min(end, start + 40)));
  if (start === stop && isWhiteSpace(c)) {
    return new GatewayError('bad-request', `folded header line ${line}: obsolete line folding is not accepted`);
  }
  if (isWhiteSpace(c)) return new GatewayError('bad-request', `white space before the colon in header line ${line}`);
  return new GatewayError('bad-request', `malformed header line ${line}: want a token, a colon and a value`);
}

/** `text` in double quotes, with everything but printable ASCII escaped: safe in logs and error bodies. */
export function quote(text: string): string {
  return JSON.stringify(text).replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
