// Rules of HTTP/2 for field sections (RFC 9113 §8): the fields of a message in, what they say of it out, or what is wrong.
//
// As strict as the HTTP/1.1 codec: whatever a service behind us could read in another way than we do is refused.

import { quote } from '../field-lines.js';

const COLON = 58;
const SPACE = 32;
const TAB = 9;

/** More could not be exact as a number. */
const MAX_LENGTH_DIGITS = 15;

/** `tchar` of RFC 9110 §5.6.2 without capitals (RFC 9113 §8.2.1). */
const NAME_CHAR = makeTable((c) => /[!#$%&'*+\-.^_`|~0-9a-z]/.test(String.fromCharCode(c)));
const METHOD_CHAR = makeTable((c) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(c)));
/** `field-vchar` of RFC 9110 §5.5, space and tab. Not CR, LF, NUL nor any other control byte. */
const VALUE_CHAR = makeTable((c) => c === TAB || (c >= SPACE && c !== 0x7f));
/** Printable ASCII without `#`: a path has no fragment. */
const PATH_CHAR = makeTable((c) => c > SPACE && c < 0x7f && c !== 35);

/** As for the Host of HTTP/1.1: `reg-name` without comma, IPv4 or `[IPv6]`, with an optional port. No user information. */
const AUTHORITY = /^(?:[A-Za-z0-9._~!$&'()*+;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?$/;
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/;
const STATUS = /^[1-9][0-9][0-9]$/;

/** What HTTP/1.1 says of a connection has no place here (RFC 9113 §8.2.2). */
const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);

function makeTable(test: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (test(code) ? 1 : 0));
}

/** Whether a field may be in any message at all, for the HPACK decoder to ask once. Pseudo-headers too. */
export function isValidField(name: string, value: string): boolean {
  if (name.charCodeAt(0) === COLON) return isValidPseudoHeader(name, value);
  return (
    name.length > 0 &&
    isMadeOf(name, NAME_CHAR) &&
    isFieldValue(value) &&
    !CONNECTION_SPECIFIC.has(name) &&
    (name !== 'te' || value.toLowerCase() === 'trailers')
  );
}

/** Those that we do not know are left to be refused by name. */
function isValidPseudoHeader(name: string, value: string): boolean {
  switch (name) {
    case ':path':
      return value.length > 0 && isMadeOf(value, PATH_CHAR);
    case ':method':
    case ':protocol':
      return value.length > 0 && isMadeOf(value, METHOD_CHAR);
    case ':authority':
      return AUTHORITY.test(value);
    case ':scheme':
      return SCHEME.test(value);
    case ':status':
      return STATUS.test(value);
    default:
      return true;
  }
}

function isMadeOf(text: string, table: Uint8Array): boolean {
  for (let i = 0; i < text.length; i += 1) if (table[text.charCodeAt(i)] !== 1) return false;
  return true;
}

/** RFC 9113 §8.2.1: nor white space around it. */
function isFieldValue(value: string): boolean {
  const { length } = value;
  if (length === 0) return true;
  return (
    isMadeOf(value, VALUE_CHAR) && !isWhiteSpace(value.charCodeAt(0)) && !isWhiteSpace(value.charCodeAt(length - 1))
  );
}

function isWhiteSpace(c: number): boolean {
  return c === SPACE || c === TAB;
}

/**
 * Checks one section at a time and keeps what it said, until the next. Each check answers undefined, or what is wrong:
 * the message is malformed then (RFC 9113 §8.1.1). Fields have passed `isValidField`.
 */
export class FieldsCheck {
  /** -1: not stated. */
  contentLength = -1;
  /** Of a request. */
  isConnect = false;
  /** Of a response. */
  status = 0;
  #host: string | undefined;

  /** RFC 9113 §8.3.1; `extendedConnect`: RFC 8441. */
  request(fields: readonly string[], extendedConnect: boolean): string | undefined {
    let method: string | undefined;
    let scheme: string | undefined;
    let authority: string | undefined;
    let path: string | undefined;
    let protocol: string | undefined;
    let i = 0;
    for (; i < fields.length; i += 2) {
      const name = fields[i] as string;
      if (name.charCodeAt(0) !== COLON) break;
      const value = fields[i + 1] as string;
      let earlier: string | undefined;
      switch (name) {
        case ':method':
          earlier = method;
          method = value;
          break;
        case ':scheme':
          earlier = scheme;
          scheme = value;
          break;
        case ':authority':
          earlier = authority;
          authority = value;
          break;
        case ':path':
          earlier = path;
          path = value;
          break;
        case ':protocol':
          if (!extendedConnect) return 'a request has :protocol, which we have not offered (RFC 8441 §3)';
          earlier = protocol;
          protocol = value;
          break;
        default:
          return `a request has the pseudo-header ${quote(name)}, want :method, :scheme, :authority and :path`;
      }
      if (earlier !== undefined) return `a request has ${name} more than once`;
    }
    const wrong = this.#regular(fields, i);
    if (wrong !== undefined) return wrong;
    if (method === undefined) return 'a request has no :method';
    this.isConnect = method === 'CONNECT';
    if (this.isConnect && protocol === undefined) {
      if (scheme !== undefined || path !== undefined) return 'CONNECT has :scheme or :path (RFC 9113 §8.5)';
      return authority ? undefined : 'CONNECT has no :authority (RFC 9113 §8.5)';
    }
    if (protocol !== undefined && !this.isConnect)
      return `:protocol goes with CONNECT alone, not with ${quote(method)}`;
    return this.#target(method, scheme, authority, path);
  }

  #target(
    method: string,
    scheme: string | undefined,
    authority: string | undefined,
    path: string | undefined,
  ): string | undefined {
    if (scheme === undefined) return 'a request has no :scheme';
    if (path === undefined) return 'a request has no :path';
    const host = this.#host;
    if (path.charCodeAt(0) !== 47 /* "/" */ && !(path === '*' && method === 'OPTIONS'))
      return `:path is ${quote(path)}, want a path that begins with "/"`;
    if (authority === undefined) return host ? undefined : 'a request has neither :authority nor host';
    if (authority === '') return ':authority is empty';
    if (host === undefined || host === authority || host.toLowerCase() === authority.toLowerCase()) return undefined;
    // One of two proxies may route by the one and one by the other (RFC 9113 §8.3.1).
    return `host is ${quote(host)} and :authority ${quote(authority)}, want the same in both`;
  }

  /** RFC 9113 §8.3.2. */
  response(fields: readonly string[]): string | undefined {
    if (fields[0] !== ':status') return 'a response does not begin with :status';
    if (fields[1] === '101') return ':status is 101, which HTTP/2 does not have (RFC 9113 §8.6)';
    this.status = Number(fields[1]);
    if (fields.length > 2 && fields[2] === ':status') return 'a response has :status more than once';
    return this.#regular(fields, 2);
  }

  /** RFC 9113 §8.1: no pseudo-headers at all. */
  trailers(fields: readonly string[]): string | undefined {
    return this.#regular(fields, 0);
  }

  /** From index `from` on there are no more pseudo-headers. */
  #regular(fields: readonly string[], from: number): string | undefined {
    this.contentLength = -1;
    this.#host = undefined;
    for (let i = from; i < fields.length; i += 2) {
      const name = fields[i] as string;
      if (name.charCodeAt(0) === COLON)
        return `the pseudo-header ${quote(name)} is in trailers, or behind a field that is none (RFC 9113 §8.3)`;
      // By length first: nearly every name is none of these.
      switch (name.length) {
        case 4:
          if (name !== 'host') break;
          if (this.#host !== undefined) return 'a request has host more than once';
          this.#host = fields[i + 1] as string;
          if (!AUTHORITY.test(this.#host)) return `host is ${quote(this.#host)}, want a host name`;
          break;
        case 14: {
          if (name !== 'content-length') break;
          // Equal repeats are refused too: the next parser may join them to "5, 5".
          if (this.contentLength >= 0) return 'a message has content-length more than once';
          this.contentLength = digits(fields[i + 1] as string);
          if (this.contentLength < 0)
            return `content-length is ${quote(fields[i + 1] as string)}, want a number of bytes`;
          break;
        }
        case 17:
          // The static table has it, with an empty value, so that it can come without `isValidField`.
          if (name === 'transfer-encoding') return 'a message has transfer-encoding (RFC 9113 §8.2.2)';
          break;
        default:
      }
    }
    return undefined;
  }
}

/** -1: not a number, or too large a one. */
function digits(value: string): number {
  if (value.length === 0 || value.length > MAX_LENGTH_DIGITS) return -1;
  let number = 0;
  for (let i = 0; i < value.length; i += 1) {
    const digit = value.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    number = 10 * number + digit;
  }
  return number;
}
