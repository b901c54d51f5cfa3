// Canary: a request in, whether it is one of those that go elsewhere out.

import type { Random } from '../base/random.js';
import type { Headers } from '../service/headers.js';
import type { Canary } from './route-rule.js';

/** Header before cookie before weight: the first that says something decides. */
export function takesCanary(
  { header, headerValue, cookie, weight }: Canary,
  headers: Headers,
  random: Random,
): boolean {
  if (header !== undefined) {
    const value = headers.get(header);
    if (headerValue === undefined) {
      if (value === ALWAYS) return true;
      if (value === NEVER) return false;
    } else if (value === headerValue) return true;
  }
  if (cookie !== undefined) {
    const value = cookieValue(headers, cookie);
    if (value === ALWAYS) return true;
    if (value === NEVER) return false;
  }
  return weight > 0 && random() < weight;
}

const ALWAYS = 'always';
const NEVER = 'never';

/** The first of that name. HTTP/2 may send each cookie as a line of its own (RFC 9113 §8.2.3). */
function cookieValue({ lower, pairs }: Headers, name: string): string | undefined {
  for (let i = lower.indexOf('cookie'); i >= 0; i = lower.indexOf('cookie', i + 1)) {
    const value = valueIn(pairs[2 * i + 1] as string, name);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** `cookies`: `a=1; b=2` (RFC 6265 §4.2.1), with or without the space. */
function valueIn(cookies: string, name: string): string | undefined {
  for (let start = 0; start < cookies.length; ) {
    while (cookies[start] === ' ') start += 1;
    const semicolon = cookies.indexOf(';', start);
    const end = semicolon < 0 ? cookies.length : semicolon;
    if (cookies.startsWith(name, start) && cookies[start + name.length] === '=') {
      return cookies.slice(start + name.length + 1, end).trimEnd();
    }
    start = end + 1;
  }
  return undefined;
}
