// Field lines of HTTP/1.1: header and trailer text in, names and values out, checked byte by byte (RFC 9112 §5).

import { GatewayError } from '../base/errors.js';
import { type FieldName, fieldNameAt, knownFieldNameAt } from '../service/field-names.js';

const CR = 13;
const LF = 10;
const COLON = 58;
const SPACE = 32;
const TAB = 9;

/** RFC 9110 §5.6.2 `tchar`. */
const TOKEN_CHAR = byteTable(/[!#$%&'*+\-.^_`|~0-9A-Za-z]/);
/** RFC 9110 §5.5 `field-vchar`, space and tab. Not CR, LF, NUL, DEL or any other control byte. */
const VALUE_CHAR = byteTable(/[\t\x20-\x7e\x80-\xff]/);

/** By byte: 1 where the character of that code matches. */
export function byteTable(pattern: RegExp): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (pattern.test(String.fromCharCode(code)) ? 1 : 0));
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
  /** The same bytes, to be looked at four at a time. */
  readonly words: DataView;
}

export function headText(text: string): HeadText {
  const bytes = Buffer.from(text, 'latin1');
  return { text, bytes, offset: 0, words: wordsOf(bytes) };
}

/** For `HeadText.words`. */
export function wordsOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Index in the text of the first character at or after `from` that is not a token character. */
export function endOfToken({ bytes, offset }: HeadText, from: number): number {
  let i = offset + from;
  while (TOKEN_CHAR[bytes[i] as number] === 1) i += 1;
  return i - offset;
}

/**
 * Takes a field that is not `plain`: the name, and where in the text of `head` the value is, without surrounding white space.
 * Answers whether the field is among the headers, or was taken for something else.
 */
export type FieldVisitor = (name: FieldName, head: HeadText, from: number, to: number) => boolean;

/**
 * Reads field lines of `head` from `start` up to `end`, which is where the empty line begins (so what is at `end` is CRLF).
 * Throws `GatewayError('bad-request')` at the first line that is not exactly `name ":" OWS value OWS CRLF`: bare CR or LF,
 * folded lines, white space before the colon and control bytes are all refused.
 *
 * Answers the lines of the fields that are plain or that `visit` kept, for `Headers.fromLines`.
 */
export function readFieldLines(head: HeadText, start: number, end: number, visit: FieldVisitor): string {
  const { text, bytes, offset, words } = head;
  let lines = '';
  // Lines that are kept and are as we write them are cut out together: nearly always it is all of them.
  let runStart = start;
  let i = start;
  while (i < end) {
    const lineStart = i;
    const name = knownFieldNameAt(bytes, words, offset + i) ?? newFieldNameAt(head, i, end);
    const colon = i + name.bytes.length;
    let from = colon + 1;
    while (isWhiteSpace(bytes[offset + from])) from += 1;
    let to = endOfValue(bytes, words, offset + from) - offset;
    if (bytes[offset + to] !== CR || bytes[offset + to + 1] !== LF) {
      throw new GatewayError('bad-request', `header ${quote(name.spelling)} has a control byte in its value`);
    }
    i = to + 2;
    const valueEnd = to;
    // Trailing white space is not part of the value.
    while (to > from && isWhiteSpace(bytes[offset + to - 1])) {
      to -= 1;
      // Legal, but some parsers refuse it, and some take it for part of the number or coding.
      if (bytes[offset + to] === TAB && (name.role === 'length' || name.role === 'coding')) {
        throw new GatewayError(
          'bad-request',
          `tab after the value of ${name.spelling}, which parsers read differently`,
        );
      }
    }
    const isKept = name.role === 'plain' || visit(name, head, from, to);
    if (isKept && from === colon + 2 && bytes[offset + colon + 1] === SPACE && to === valueEnd) continue;
    if (lineStart > runStart) lines += text.substring(runStart, lineStart);
    if (isKept) lines += `${name.spelling}: ${text.substring(from, to)}\r\n`;
    runStart = i;
  }
  return i > runStart ? lines + text.substring(runStart, i) : lines;
}

/** Checked character by character. */
function newFieldNameAt(head: HeadText, start: number, end: number): FieldName {
  const { text, bytes, offset, words } = head;
  const colon = endOfToken(head, start);
  if (colon === start || bytes[offset + colon] !== COLON || colon >= end) throw badLine(text, start, colon, end);
  return fieldNameAt(bytes, words, offset + start, offset + colon);
}

/**
 * Index of the first byte at or after `from` that a value cannot have. Four at a time, as it is most of what reading a head
 * costs: in a word of which no byte has its highest bit, taking 0x20 from each sets that bit in those below, and taking 1 sets
 * it in those that were 0, which 0x7f is after an exclusive or with itself. Bytes that have the bit are all allowed.
 */
function endOfValue(bytes: Uint8Array, words: DataView, from: number): number {
  let i = from;
  for (const last = words.byteLength - 4; i <= last; i += 4) {
    const word = words.getInt32(i, true);
    const notDel = word ^ 0x7f7f7f7f;
    if (((((word - 0x20202020) & ~word) | ((notDel - 0x01010101) & ~notDel)) & 0x80808080) !== 0) break;
  }
  // A tab, which may stand in a value, or the end.
  while (VALUE_CHAR[bytes[i] as number] === 1) i += 1;
  return i;
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
