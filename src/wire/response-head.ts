// The head of an HTTP/1.1 response: latin1 text up to the empty line in, ResponseHead out, or a GatewayError.

import { GatewayError } from '../base/errors.js';
import { type HeaderSource, Headers } from '../service/headers.js';
import { type HttpVersion, type ResponseHead, UNKNOWN_LENGTH } from '../service/message.js';
import { ConnectionOptions, isHopByHop } from './connection-options.js';
import { type FieldName, type HeadText, quote, readFieldLines } from './field-lines.js';
import { parseContentLength } from './request-head.js';

/** Responses of 1xx to one request, in any version of HTTP: each is work, and none ends the wait. */
export const MAX_INTERIM_RESPONSES = 100;

export interface ParsedResponse {
  readonly head: ResponseHead;
  /** The upstream allows another request on this connection, if the body has an end of its own. */
  readonly keepAlive: boolean;
  readonly chunked: boolean;
}

// One draft for all connections, as in request-head.ts.
const connection = new ConnectionOptions();
let pairs: string[] = [];
let lowers: string[] = [];
let source: HeaderSource | undefined;
let contentLength = UNKNOWN_LENGTH;
let chunked = false;
let gatewayFields = false;
let upgrade: string | undefined;
/** The last reason phrase that was well-formed: nearly always OK. */
let lastReason = '';

/**
 * `head` is the whole head, its last line ended by CRLF and the empty line left out. `method` is that of the request,
 * which decides whether a body follows. Throws `GatewayError('upstream-malformed')`.
 */
export function parseResponseHead(head: HeadText, method: string): ParsedResponse {
  try {
    return parse(head, method);
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code === 'upstream-malformed') throw error;
    throw new GatewayError('upstream-malformed', `upstream response refused: ${error.message}`, { cause: error });
  }
}

function parse(head: HeadText, method: string): ParsedResponse {
  const { text } = head;
  const version: HttpVersion | undefined = text.startsWith('HTTP/1.1 ')
    ? '1.1'
    : text.startsWith('HTTP/1.0 ')
      ? '1.0'
      : undefined;
  const status = digit(text, 9) * 100 + digit(text, 10) * 10 + digit(text, 11);
  const lineEnd = text.indexOf('\r\n');
  const afterStatus = text.charCodeAt(12);
  // The space before an empty reason phrase is often left out (RFC 9112 §4 asks for it; servers do not).
  if (version === undefined || !(status >= 100 && status <= 599) || (afterStatus !== 32 && lineEnd !== 12)) {
    throw new GatewayError(
      'upstream-malformed',
      `malformed status line ${quote(text.substring(0, Math.min(lineEnd, 80)))}`,
    );
  }
  const reason = lineEnd > 13 ? text.substring(13, lineEnd) : '';
  if (reason !== lastReason && /[^\t\x20-\x7e\x80-\xff]/.test(reason)) {
    throw new GatewayError('upstream-malformed', `control byte in the reason phrase ${quote(reason)}`);
  }

  lastReason = reason;
  pairs = [];
  lowers = [];
  contentLength = UNKNOWN_LENGTH;
  chunked = false;
  gatewayFields = false;
  upgrade = undefined;
  connection.reset();
  const runs = readFieldLines(head, lineEnd + 2, text.length, takeField);
  source = runs && { text, runs, count: lowers.length };
  return finish(status, reason, version, method);
}

function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - 48;
  return value >= 0 && value <= 9 ? value : Number.NaN;
}

function takeField(name: FieldName, value: string): boolean {
  const { lower } = name;
  switch (lower) {
    case 'connection':
      connection.add(value);
      return false;
    case 'content-length': {
      const length = parseContentLength(value);
      if (contentLength !== UNKNOWN_LENGTH && contentLength !== length) {
        throw new GatewayError('upstream-malformed', 'conflicting `Content-Length` headers in the response');
      }
      contentLength = length;
      return false;
    }
    case 'transfer-encoding':
      if (chunked || value.toLowerCase() !== 'chunked') {
        throw new GatewayError(
          'upstream-malformed',
          `Transfer-Encoding ${quote(value)}: only a single "chunked" is understood`,
        );
      }
      chunked = true;
      return false;
    case 'upgrade':
      upgrade = value;
      return false;
    default:
      if (isHopByHop(lower)) return false;
  }
  pairs.push(name.spelling, value);
  lowers.push(lower);
  if (name.isGatewayField) gatewayFields = true;
  return true;
}

function finish(status: number, reason: string, version: HttpVersion, method: string): ParsedResponse {
  const hasBody = method !== 'HEAD' && status !== 204 && status !== 304 && status >= 200;
  if (chunked && (contentLength !== UNKNOWN_LENGTH || version === '1.0')) {
    throw new GatewayError('upstream-malformed', 'response has Transfer-Encoding beside Content-Length or in HTTP/1.0');
  }
  const headers = new Headers(pairs, lowers);
  headers.source = source;
  headers.mayHaveGatewayFields = gatewayFields;
  if (connection.listed) {
    const listed = connection.listed;
    headers.removeIf((lower) => listed.has(lower));
  }
  // A 204 or 1xx has no length (RFC 9110 §8.6), whatever it says.
  const length = status === 204 || status < 200 ? UNKNOWN_LENGTH : contentLength;
  return {
    head: {
      status,
      reason,
      version,
      headers,
      contentLength: length,
      hasBody: hasBody && length !== 0,
      upgrade: status === 101 ? upgrade : undefined,
    },
    keepAlive: version === '1.1' ? !connection.close : connection.keepAlive && !connection.close,
    chunked,
  };
}
