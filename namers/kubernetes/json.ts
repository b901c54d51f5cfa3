// JSON as the API server sends it: an unknown value in, the part of it that was looked for out; throws what it is instead.

import { show } from '../shared/members.js';

/** An object of the API, or a part of one. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Go's encoder writes an absent object as null or leaves it out: both are empty. Throws `<what> "x" is no object`. */
export function objectIn(value: unknown, what: string): JsonObject {
  if (value === undefined || value === null) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as JsonObject;
  throw new Error(`${what} ${show(value)} is no object`);
}

/** As `objectIn`, for lists. */
export function listIn(value: unknown, what: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value as readonly unknown[];
  throw new Error(`${what} ${show(value)} is no list`);
}

/** Undefined when absent; so is the empty text, as Go's encoder has it. */
export function textIn(value: unknown, what: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw new Error(`${what} ${show(value)} is no text`);
}
