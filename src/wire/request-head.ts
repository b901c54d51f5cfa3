// The head of an HTTP/1.1 request: latin1 text up to the empty line in, RequestHead out, or a GatewayError.
//
// Strict on purpose: whatever two parsers could read differently is refused (request smuggling). Each refusal below names
// the disagreement that it prevents.

import { GatewayError } from '../base/errors.js';
import { ownText } from '../base/own-text.js';
import type { FieldName } from '../service/field-names.js';
import { Headers } from '../service/headers.js';
import { type HttpVersion, type RequestHead, UNKNOWN_LENGTH } from '../service/message.js';
import { authorityAt, isAuthority } from './authorities.js';
import { hostOfConnect } from './connect-target.js';
import { ConnectionOptions } from './connection-options.js';
import { endOfToken, type HeadText, quote, readFieldLines } from './field-lines.js';

export interface ParsedRequest {
  readonly head: RequestHead;
  /** The caller allows another request on this connection. */
  readonly keepAlive: boolean;
  readonly chunked: boolean;
}

const SPACE = 32;
/** Among the codings of a TE (RFC 9110 §10.1.4). */
const TRAILERS_CODING = /(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i;
/** More could not be exact as a number. */
const MAX_LENGTH_DIGITS = 15;

// One draft for all connections: parsing is synchronous and never nested, so nothing is allocated but the result.
const connection = new ConnectionOptions();
let contentLength = UNKNOWN_LENGTH;
let chunked = false;
let gatewayFields = false;
let host: string | undefined;
let expectation: string | undefined;
let upgrade: string | undefined;
let acceptsTrailers = false;

/**
 * `head` is the whole head, its last line ended by CRLF and the empty line left out. Throws `GatewayError` with one of the
 * codes bad-request, unsupported-version, expectation-failed, method-refused. `takesConnect`: CONNECT is not refused.
 */
export function parseRequestHead(head: HeadText, takesConnect = false): ParsedRequest {
  const { text } = head;
  const methodEnd = endOfToken(head, 0);
  if (methodEnd === 0 || text.charCodeAt(methodEnd) !== SPACE) throw badRequestLine(text);
  const method = methodAt(text, methodEnd);
  const targetEnd = endOfTarget(head, methodEnd + 1);
  if (targetEnd === methodEnd + 1 || text.charCodeAt(targetEnd) !== SPACE) throw badRequestLine(text);
  const target = text.substring(methodEnd + 1, targetEnd);
  const version = readVersion(text, targetEnd + 1);

  contentLength = UNKNOWN_LENGTH;
  chunked = false;
  gatewayFields = false;
  host = undefined;
  expectation = undefined;
  upgrade = undefined;
  acceptsTrailers = false;
  connection.reset();
  const lines = readFieldLines(head, targetEnd + 11, text.length, takeField);
  return finish(method, target, version, lines, takesConnect);
}

function takeField({ role }: FieldName, head: HeadText, from: number, to: number): boolean {
  if (role === 'host') {
    takeHost(head, from, to);
    return true;
  }
  const value = head.text.substring(from, to);
  switch (role) {
    case 'connection':
      connection.add(value);
      return false;
    case 'length':
      // Equal repeats are refused too: another parser may join them to "5, 5" or take the first of "5" and "5 6".
      if (contentLength !== UNKNOWN_LENGTH)
        throw new GatewayError('bad-request', 'conflicting `Content-Length` headers');
      contentLength = parseContentLength(value);
      return false;
    case 'coding':
      if (chunked || value.toLowerCase() !== 'chunked') {
        throw new GatewayError(
          'bad-request',
          `Transfer-Encoding ${quote(value)}: only a single "chunked" is understood`,
        );
      }
      chunked = true;
      return false;
    case 'expect':
      expectation = expectation === undefined ? value : `${expectation}, ${value}`;
      return false;
    case 'upgrade':
      upgrade = upgrade === undefined ? value : `${upgrade}, ${value}`;
      return false;
    case 'te':
      if (TRAILERS_CODING.test(value)) acceptsTrailers = true;
      return false;
    case 'hop':
      return false;
    case 'gateway':
      gatewayFields = true;
      return true;
    case 'cookie':
    case 'plain':
      return true;
    default:
      return role satisfies never;
  }
}

function takeHost(head: HeadText, from: number, to: number): void {
  if (host !== undefined) throw new GatewayError('bad-request', 'more than one Host header');
  host = authorityAt(head, from, to);
  if (host === undefined) {
    throw new GatewayError('bad-request', `malformed Host header ${quote(head.text.substring(from, to))}`);
  }
}

function finish(
  method: string,
  target: string,
  version: HttpVersion,
  lines: string,
  takesConnect: boolean,
): ParsedRequest {
  if (chunked && contentLength !== UNKNOWN_LENGTH) {
    throw new GatewayError(
      'bad-request',
      'both Content-Length and Transfer-Encoding: which of them ends the body is not certain',
    );
  }
  if (chunked && version === '1.0') {
    throw new GatewayError('bad-request', 'Transfer-Encoding in an HTTP/1.0 request, which has none');
  }
  if (connection.forbidden !== undefined) {
    throw new GatewayError(
      'bad-request',
      `Connection header lists ${quote(connection.forbidden)}, which is meant for every recipient`,
    );
  }
  if (method === 'CONNECT' && !takesConnect) {
    throw new GatewayError('method-refused', `CONNECT ${quote(target)} refused: this gateway is not a forward proxy`);
  }
  const headers = Headers.fromLines(lines, host);
  headers.mayHaveGatewayFields = gatewayFields;
  if (connection.listed) {
    const listed = connection.listed;
    headers.removeIf((lower) => listed.has(lower));
  }

  // Also beside an absolute-form target, which has the host (RFC 9112 §3.2): the next parser may not look there.
  if (host === undefined && version === '1.1') throw new GatewayError('bad-request', 'Host header is missing');
  if (method === 'CONNECT') return finishConnect(target, headers);
  let absoluteScheme: string | undefined;
  if (target.charCodeAt(0) !== 47 /* "/" */ && !(target === '*' && method === 'OPTIONS')) {
    const absolute = splitAbsolute(target, method);
    if (host !== undefined && host.toLowerCase() !== absolute.authority.toLowerCase()) {
      // RFC 9112 §3.2.2 would have the target win; but whoever filters by Host would have seen the other name.
      throw new GatewayError(
        'bad-request',
        `Host ${quote(host)} differs from the target's authority ${quote(absolute.authority)}`,
      );
    }
    if (host === undefined) headers.add('Host', ownText(absolute.authority));
    absoluteScheme = absolute.scheme;
    target = absolute.rest;
  }
  const bodyFollows = chunked || contentLength > 0;
  if (expectation !== undefined && version === '1.1' && expectation.toLowerCase() !== '100-continue') {
    throw new GatewayError('expectation-failed', `Expect ${quote(expectation)}: only 100-continue is understood`);
  }
  const tunnel = connection.upgrade && version === '1.1' && !bodyFollows ? tunnelProtocol(upgrade) : undefined;
  const head: RequestHead = {
    method,
    target,
    version,
    absoluteScheme,
    headers,
    contentLength,
    hasBody: bodyFollows || tunnel !== undefined,
    upgrade: tunnel,
    expectContinue: expectation !== undefined && version === '1.1' && bodyFollows,
    acceptsTrailers: acceptsTrailers && version === '1.1',
  };
  const keepAlive = version === '1.1' ? !connection.close : connection.keepAlive && !connection.close;
  return { head, keepAlive, chunked };
}

/**
 * Of HTTP/1.0 too, which many clients use for it; it is named as one of 1.1, for it has a host. What follows is a tunnel's or
 * nobody's: bytes that came before a refusal must not pass for a request, so the connection is not kept.
 */
function finishConnect(target: string, headers: Headers): ParsedRequest {
  const host = hostOfConnect(target);
  if (chunked || contentLength > 0) throw new GatewayError('bad-request', 'CONNECT with a body, which it cannot have');
  const stated = headers.get('host');
  // Without the port it is what some clients send.
  if (stated !== undefined && !isSame(stated, target) && !isSame(stated, host)) {
    throw new GatewayError('bad-request', `Host ${quote(stated)} differs from the target ${quote(target)}`);
  }
  headers.set('Host', target);
  const head: RequestHead = {
    method: 'CONNECT',
    target,
    version: '1.1',
    absoluteScheme: undefined,
    headers,
    contentLength: UNKNOWN_LENGTH,
    hasBody: true,
    upgrade: undefined,
    expectContinue: false,
    acceptsTrailers: false,
  };
  return { head, keepAlive: false, chunked: false };
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** The methods of RFC 9110 and PATCH are found in place, by far most requests being GET. */
const METHODS = ['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH'] as const;

function methodAt(text: string, end: number): string {
  for (const method of METHODS) if (method.length === end && text.startsWith(method)) return method;
  return text.substring(0, end);
}

/**
 * Printable ASCII (RFC 3986 §2), although Linkerd let bytes above it pass after the `?`: many parsers refuse them. No `#`:
 * a target has no fragment (RFC 9112 §3.2).
 */
function endOfTarget({ bytes, offset }: HeadText, from: number): number {
  let i = offset + from;
  for (; ; i++) {
    const c = bytes[i] as number;
    if (!(c > SPACE && c < 0x7f) || c === 35 /* # */) return i - offset;
  }
}

function readVersion(text: string, at: number): HttpVersion {
  // Eight characters and CRLF; startsWith compares without allocating.
  if (text.startsWith('HTTP/1.1\r\n', at)) return '1.1';
  if (text.startsWith('HTTP/1.0\r\n', at)) return '1.0';
  if (/^HTTP\/[0-9]\.[0-9]\r\n/.test(text.substring(at, at + 10))) {
    throw new GatewayError('unsupported-version', `${text.substring(at, at + 8)} is not spoken here, want HTTP/1.1`);
  }
  throw badRequestLine(text);
}

function badRequestLine(text: string): GatewayError {
  const line = text.substring(0, Math.min(text.indexOf('\r\n') >= 0 ? text.indexOf('\r\n') : text.length, 80));
  return new GatewayError(
    'bad-request',
    `malformed request line ${quote(line)}: want method, target and HTTP/1.1, one space between`,
  );
}

/** Digits only, and few enough to be exact as a number. Shared with responses. */
export function parseContentLength(value: string): number {
  let length = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 48;
    length = digit >= 0 && digit <= 9 ? length * 10 + digit : Number.NaN;
  }
  if (value.length === 0 || value.length > MAX_LENGTH_DIGITS || Number.isNaN(length)) {
    throw new GatewayError('bad-request', `Content-Length ${quote(value)} is not a number of bytes`);
  }
  return length;
}

interface AbsoluteTarget {
  readonly scheme: string;
  readonly authority: string;
  readonly rest: string;
}

/** `http://host:port/path?query` in its parts; the rest is kept as text, its percent-encoding untouched. */
function splitAbsolute(target: string, method: string): AbsoluteTarget {
  const parts = /^(https?):\/\/([^/?]+)(.*)$/i.exec(target);
  if (!parts || !isAuthority(parts[2] as string)) {
    throw new GatewayError('bad-request', `request target ${quote(target)} is neither a path nor an http URI`);
  }
  const rest = parts[3] as string;
  return {
    scheme: (parts[1] as string).toLowerCase(),
    authority: parts[2] as string,
    // RFC 9112 §3.2.4: OPTIONS of a server as a whole.
    rest: rest === '' && method === 'OPTIONS' ? '*' : rest.startsWith('/') ? rest : `/${rest}`,
  };
}

/**
 * The protocol that may be tunnelled. `h2c` never is: a backend that takes the upgrade would then be spoken to past the
 * gateway's routing (h2c smuggling); such a request is served as plain HTTP/1.1, as RFC 9110 §7.8 allows.
 */
function tunnelProtocol(value: string | undefined): string | undefined {
  if (value === undefined || value === '') return undefined;
  const offers = value.split(',').map((offer) => offer.trim().toLowerCase());
  return offers.some((offer) => offer === 'h2c' || offer === 'h2' || offer === '') ? undefined : value;
}
