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

/**
 * Text with the bytes that it was made of: `text[i]` is `bytes[offset + i]`. Looking through bytes is several times faster
 * than through characters; cutting out is done from the text. The bytes may go on behind the text.
 */
export interface HeadText {
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly offset: number;
}

export function headText(text: string): HeadText {
  return { text, bytes: Buffer.from(text, 'latin1'), offset: 0 };
}

/** Index in the text of the first character at or after `from` that is not a token character. */
export function endOfToken({ bytes, offset }: HeadText, from: number): number {
  let i = offset + from;
  while (TOKEN_CHAR[bytes[i] as number] === 1) i += 1;
  return i - offset;
}

/** A header name as spelled, and what is known of it. */
export interface FieldName {
  readonly spelling: string;
  readonly lower: string;
  readonly isFraming: boolean;
  /** See `Headers.mayHaveGatewayFields`. */
  readonly isGatewayField: boolean;
}

/**
 * Spellings seen so far, by length and first letter. Most callers write a few dozen names in one way each; comparing with
 * those in place saves cutting out, hashing and lower-casing every name. Bounded, since callers choose the names.
 */
const buckets: FieldName[][] = Array.from({ length: 64 * 32 }, () => []);
const MAX_REMEMBERED_LENGTH = 63;
const MAX_REMEMBERED_PER_BUCKET = 4;

/** The name at `start` to `end` of `text`, which are token characters. */
function fieldName(text: string, start: number, end: number): FieldName {
  const length = end - start;
  if (length > MAX_REMEMBERED_LENGTH) return makeFieldName(text.substring(start, end));
  const bucket = buckets[length * 32 + (text.charCodeAt(start) & 31)] as FieldName[];
  for (let i = 0; i < bucket.length; i++) {
    const name = bucket[i] as FieldName;
    if (text.startsWith(name.spelling, start)) return name;
  }
  // A slice would keep the whole head alive for as long as the name is remembered.
  const name = makeFieldName(Buffer.from(text.substring(start, end), 'latin1').toString('latin1'));
  if (bucket.length < MAX_REMEMBERED_PER_BUCKET) bucket.push(name);
  return name;
}

function makeFieldName(spelling: string): FieldName {
  // As a property key the text becomes one that the engine compares by address, here and wherever headers are looked up.
  const lower = Object.keys({ [spelling.toLowerCase()]: true })[0] as string;
  return {
    spelling,
    lower,
    isFraming: lower === 'content-length' || lower === 'transfer-encoding',
    isGatewayField: isGatewayField(lower),
  };
}

/** See `Headers.mayHaveGatewayFields`. */
export function isGatewayField(lower: string): boolean {
  if (lower === 'via' || lower === 'x-forwarded-client-cert' || lower === 'grpc-timeout') return true;
  return lower.startsWith('l5d-');
}

/**
 * Takes one field: the name, and the value without surrounding white space. Answers whether the field is among the
 * headers, or was taken for something else.
 */
export type FieldVisitor = (name: FieldName, value: string) => boolean;

/**
 * Reads field lines of `head` from `start` up to `end`, which is where the empty line begins (so what is at `end` is CRLF).
 * Throws `GatewayError('bad-request')` at the first line that is not exactly `name ":" OWS value OWS CRLF`: bare CR or LF,
 * folded lines, white space before the colon and control bytes are all refused.
 *
 * Answers the `runs` of a HeaderSource for the fields that `visit` kept; undefined when one of them has other white space
 * than the single one that we write.
 */
export function readFieldLines(head: HeadText, start: number, end: number, visit: FieldVisitor): number[] | undefined {
  const { text, bytes, offset } = head;
  const runs: number[] = [];
  let isCanonical = true;
  let runStart = start;
  let i = start;
  while (i < end) {
    const lineStart = i;
    const colon = endOfToken(head, i);
    if (colon === i || bytes[offset + colon] !== COLON || colon >= end) throw badLine(text, i, colon, end);
    const name = fieldName(text, i, colon);
    let from = colon + 1;
    while (isWhiteSpace(bytes[offset + from])) from += 1;
    let to = from;
    while (VALUE_CHAR[bytes[offset + to] as number] === 1) to += 1;
    if (bytes[offset + to] !== CR || bytes[offset + to + 1] !== LF) {
      throw new GatewayError('bad-request', `header ${quote(name.spelling)} has a control byte in its value`);
    }
    i = to + 2;
    const valueEnd = to;
    // Trailing white space is not part of the value.
    while (to > from && isWhiteSpace(bytes[offset + to - 1])) {
      to -= 1;
      // Legal, but some parsers refuse it, and some take it for part of the number or coding.
      if (bytes[offset + to] === TAB && name.isFraming) {
        throw new GatewayError(
          'bad-request',
          `tab after the value of ${name.spelling}, which parsers read differently`,
        );
      }
    }
    if (!visit(name, text.substring(from, to))) {
      if (lineStart > runStart) runs.push(runStart, lineStart);
      runStart = i;
    } else if (from !== colon + 2 || bytes[offset + colon + 1] !== SPACE || to !== valueEnd) {
      isCanonical = false;
    }
  }
  if (i > runStart) runs.push(runStart, i);
  return isCanonical ? runs : undefined;
}

/** RFC 9110 §5.6.3 `OWS`. */
function isWhiteSpace(c: number | undefined): boolean {
  return c === SPACE || c === TAB;
}

function badLine(text: string, start: number, stop: number, end: number): GatewayError {
  const c = text.charCodeAt(stop);
  const lineEnd = text.indexOf('\r\n', start);
  const line = quote(text.substring(start, Math.min(end, lineEnd < 0 ? end : lineEnd, start + 40)));
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
