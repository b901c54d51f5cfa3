// Trailers: the name of a field in, whether it may come behind a body out; the same for every wire.

import { isHopByHop } from '../service/field-names.js';

/**
 * Fields that route a message, authorise it or say how it is to be taken, and so may not come after it (RFC 9110
 * §6.5.1): a recipient that merges trailers into its headers would let the end of a body rewrite what was checked before.
 */
const NOT_AS_TRAILER: ReadonlySet<string> = new Set([
  'host',
  'content-encoding',
  'content-type',
  'content-range',
  'authorization',
  'www-authenticate',
  'cookie',
  'set-cookie',
  'expect',
  'range',
  'max-forwards',
  'cache-control',
  'pragma',
  'age',
  'date',
  'expires',
  'vary',
  'location',
  'retry-after',
  'origin',
  'forwarded',
  'via',
  'x-real-ip',
  'x-request-id',
]);
const NOT_AS_TRAILER_PREFIXES = ['if-', 'l5d-', 'x-forwarded-', 'x-b3-', 'sec-'] as const;

/** Of a lower-case name. Fields that frame a body are the codecs' business. */
export function mayBeTrailer(lower: string): boolean {
  if (NOT_AS_TRAILER.has(lower) || isHopByHop(lower)) return false;
  return !NOT_AS_TRAILER_PREFIXES.some((prefix) => lower.startsWith(prefix));
}
