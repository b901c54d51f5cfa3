// What an encoder knows of names beforehand: their place in the static table, and which fields to put into the dynamic one.

import { STATIC_NAMES } from './static-table.js';

/**
 * - `at-once`: when it is first sent, because a service or a caller sends the same all day;
 * - `repeated`: when a name comes with the same value as last time. Paths, dates, lengths, validators, trace ids and
 *   user agents of many callers behind one connection would each evict something that is of use, and themselves be
 *   referred to never; when they do repeat (one caller, one resource, the responses of one second), they are worth it.
 */
export type Indexing = 'at-once' | 'repeated';

export interface KnownName {
  /** In the static table: the lowest index with this name, or 0; and value to index. */
  readonly index: number;
  readonly values: ReadonlyMap<string, number>;
  readonly indexing: Indexing;
  /**
   * A value shorter than this is a secret, and goes out as a literal that nobody may index (RFC 7541 §7.1.3): who can
   * have fields of his own compressed beside it, and sees how long the result is, could guess it. Only whole values
   * compress, so that a long one is no use to guess.
   */
  readonly secretBelow: number;
}

const MIN_COOKIE_LENGTH = 20;
const SECRETS = new Map([
  ...all(Number.POSITIVE_INFINITY, ['authorization', 'proxy-authorization', 'set-cookie']),
  ...all(Number.POSITIVE_INFINITY, ['x-api-key', 'x-auth-token', 'x-csrf-token', 'x-xsrf-token']),
  ...all(MIN_COOKIE_LENGTH, ['cookie']),
]);

const AT_ONCE = new Set([
  ...[':authority', ':method', ':scheme', ':status'],
  ...['content-type', 'content-encoding', 'content-language', 'accept-ranges', 'vary'],
  ...['server', 'via', 'cache-control', 'te', 'x-powered-by', 'x-forwarded-proto'],
  ...['access-control-allow-origin', 'access-control-allow-credentials', 'strict-transport-security'],
  ...['x-content-type-options', 'x-frame-options', 'referrer-policy', 'content-security-policy'],
  ...['grpc-status', 'grpc-encoding', 'grpc-accept-encoding'],
]);

const NOTHING_KNOWN: Omit<KnownName, 'indexing' | 'secretBelow'> = { index: 0, values: new Map() };

/** A name that is not among these is of index 0, `repeated`, and has no secrets. */
export const KNOWN_NAMES: ReadonlyMap<string, KnownName> = new Map(
  [...STATIC_NAMES.keys(), ...SECRETS.keys(), ...AT_ONCE].map((name) => [name, known(name)]),
);

function known(name: string): KnownName {
  const { index, values } = STATIC_NAMES.get(name) ?? NOTHING_KNOWN;
  return { index, values, indexing: AT_ONCE.has(name) ? 'at-once' : 'repeated', secretBelow: SECRETS.get(name) ?? 0 };
}

function all(length: number, names: readonly string[]): [name: string, length: number][] {
  return names.map((name) => [name, length]);
}
