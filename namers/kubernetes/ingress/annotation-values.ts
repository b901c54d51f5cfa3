// Annotation values: the text of one annotation in, its value out; throws what is wanted, to be put behind what it is.

import { type AddressRanges, isAddressRange, parseAddressRanges } from '../../../src/base/address-ranges.js';
import { show } from '../../shared/members.js';

export function parseFlag(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new Error('want "true" or "false"');
}

/** Lower-cased. */
export function oneOf<Word extends string>(...words: readonly Word[]) {
  return (text: string): Word => {
    const lower = text.toLowerCase();
    const word = words.find((one) => one === lower);
    if (word !== undefined) return word;
    throw new Error(`want one of ${words.join(', ')}`);
  };
}

const MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const MAX_DURATION_MS = 24 * MS.h;

/** `500ms`, `5s`, `1m`, `2h`, in milliseconds. */
export function parseDurationMs(text: string): number {
  const [, digits, unit] = /^(\d{1,9})(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(digits) * MS[unit as keyof typeof MS];
  if (ms >= 1 && ms <= MAX_DURATION_MS) return ms;
  throw new Error('want a time such as 500ms, 5s or 1m, at most 24h');
}

const BYTES = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
const MAX_BYTES = 1024 ** 4;

/** `1000` bytes, `512k`, `10m`, `1g`, each of 1024 of the one before. */
export function parseBytes(text: string): number {
  const [, digits, unit] = /^(\d{1,15})([kmg]?)$/.exec(text.toLowerCase()) ?? [];
  const bytes = Number(digits) * BYTES[unit as keyof typeof BYTES];
  if (bytes >= 1 && bytes <= MAX_BYTES) return bytes;
  throw new Error('want a size such as 1000, 512k, 10m or 1g, at most 1024g; without the annotation there is no limit');
}

/** `10.0.0.0/8, 192.0.2.1`. Never empty: nobody means that. */
export function parseSourceRanges(text: string): AddressRanges {
  const ranges = text.split(',').map((range) => range.trim());
  const bad = ranges.find((range) => !isAddressRange(range));
  if (bad === undefined) return parseAddressRanges(ranges);
  throw new Error(`${show(bad)} is no range of addresses; want a list such as 10.0.0.0/8, 192.0.2.1`);
}

/** Percent, as a share in [0, 1]. */
export function parseShare(text: string): number {
  if (/^(\d{1,2}|100)$/.test(text)) return Number(text) / 100;
  throw new Error('want a whole number of percent from 0 to 100');
}

/** Visible ASCII without what would begin a query or a fragment. */
export function parseRewriteTarget(text: string): string {
  if (text.length <= MAX_TARGET_LENGTH && /^\/[!-~]*$/.test(text) && !/[?#]/.test(text)) return text;
  throw new Error(`want a path that begins with /, without ? and #, of at most ${MAX_TARGET_LENGTH} characters`);
}

const MAX_TARGET_LENGTH = 2048;

/** Lower-cased (RFC 9110 §5.1). */
export function parseHeaderName(text: string): string {
  return parseToken(text).toLowerCase();
}

/** Of a header, or of a cookie (RFC 6265 §4.1.1). */
export function parseToken(text: string): string {
  if (text.length <= MAX_TOKEN_LENGTH && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)) return text;
  throw new Error(`want a name of letters, digits and -, of at most ${MAX_TOKEN_LENGTH} characters`);
}

const MAX_TOKEN_LENGTH = 100;

/** Of a header; as it stands between the blanks around it. */
export function parseHeaderValue(text: string): string {
  if (text.length <= MAX_VALUE_LENGTH && /^[!-~]([ -~]*[!-~])?$/.test(text)) return text;
  throw new Error(`want visible ASCII, without blanks around it, of at most ${MAX_VALUE_LENGTH} characters`);
}

const MAX_VALUE_LENGTH = 1000;
