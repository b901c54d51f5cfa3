// Fields of HTTP/2 messages (RFC 9113 §8): headers and trailers in, the names and values that may pass out; either way.
//
// The session has checked all fields by the rules of HTTP/2. What the other side may need beside that is made sure of here
// once more, whoever checked before: no name that is not a token and no line end in a value ever goes on from here.

import { GatewayError } from '../base/errors.js';
import { roleOf } from '../service/field-names.js';
import { Headers } from '../service/headers.js';
import { isToken, quote } from './field-lines.js';
import { mayBeTrailer } from './trailer-fields.js';

/** What ends a line or a text for some parser. */
export const LINE_END = /[\0\r\n]/;

/** Undefined when nothing is left that may be passed on. Throws `bad-request`. */
export function readTrailers(fields: readonly string[]): Headers | undefined {
  const trailers = new Headers();
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    if (LINE_END.test(value)) throw new GatewayError('bad-request', `${quote(name)} has a line end in its value`);
    if (isPassedOn(fieldKind(name)) && mayBeTrailer(name)) trailers.addKnown(name, name, value);
  }
  return trailers.size === 0 ? undefined : trailers;
}

export function trailerFields(trailers: Headers): string[] {
  const fields: string[] = [];
  writeFields(trailers, fields);
  return fields;
}

/** What is of one hop, or frames a body, never passes (RFC 9113 §8.2.2), whoever made the headers. */
export function writeFields({ pairs, lower }: Headers, out: string[]): void {
  for (let i = 0; i < lower.length; i += 1) {
    const name = lower[i] as string;
    if (isPassedOn(fieldKind(name))) out.push(name, pairs[2 * i + 1] as string);
  }
}

/**
 * - `dropped`: of one hop, or framing;
 * - `te`: of one hop too, but what it says of trailers is passed on;
 * - `gateway`: see `Headers.mayHaveGatewayFields`.
 */
export type FieldKind = 'plain' | 'dropped' | 'te' | 'host' | 'expect' | 'cookie' | 'gateway';

/** Names seen so far, all of them tokens. Bounded, since peers choose them. */
const kinds = new Map<string, FieldKind>();
const MAX_KINDS = 1000;
const MAX_KNOWN_LENGTH = 64;

/** Of a name in lower case. Throws `bad-request` of one that is none. */
export function fieldKind(name: string): FieldKind {
  return kinds.get(name) ?? newFieldKind(name);
}

function isPassedOn(kind: FieldKind): boolean {
  return kind !== 'dropped' && kind !== 'te';
}

function newFieldKind(name: string): FieldKind {
  if (!isToken(name) || name !== name.toLowerCase())
    throw new GatewayError('bad-request', `${quote(name)} is no name of a field, want a token in lower case`);
  const kind = classify(name);
  if (kinds.size < MAX_KINDS && name.length <= MAX_KNOWN_LENGTH) kinds.set(name, kind);
  return kind;
}

function classify(name: string): FieldKind {
  const role = roleOf(name);
  switch (role) {
    case 'length':
    case 'coding':
    case 'connection':
    case 'upgrade':
    case 'hop':
      return 'dropped';
    default:
      return role;
  }
}
