// The head of an HTTP/1.1 response: latin1 text up to the empty line in, ResponseHead out, or a GatewayError.

import { GatewayError } from '../base/errors.js';
import { ownText } from '../base/own-text.js';
import type { FieldName } from '../service/field-names.js';
import { Headers } from '../service/headers.js';
import { type HttpVersion, type ResponseHead, UNKNOWN_LENGTH } from '../service/message.js';
import { ConnectionOptions } from './connection-options.js';
import { type HeadText, quote, readFieldLines } from './field-lines.js';
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
let contentLength = UNKNOWN_LENGTH;
let chunked = false;
let gatewayFields = false;
let upgrade: string | undefined;
let host: string | undefined;
/** The last first line that was well-formed: nearly always that of 200 OK. */
let start: StatusLine = { line: 'HTTP/1.1 200 OK\r\n', version: '1.1', status: 200, reason: 'OK' };

interface StatusLine {
  /** With its CRLF. */
  readonly line: string;
  readonly version: HttpVersion;
  readonly status: number;
  readonly reason: string;
}

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
  if (!text.startsWith(start.line)) start = readStart(text);
  const { status, reason, version } = start;
  contentLength = UNKNOWN_LENGTH;
  chunked = false;
  gatewayFields = false;
  upgrade = undefined;
  host = undefined;
  connection.reset();
  const lines = readFieldLines(head, start.line.length, text.length, takeField);
  return finish(status, reason, version, lines, method);
}

function readStart(text: string): StatusLine {
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
  const line = ownText(text.substring(0, lineEnd + 2));
  const reason = lineEnd > 13 ? line.substring(13, lineEnd) : '';
  if (/[^\t\x20-\x7e\x80-\xff]/.test(reason)) {
    throw new GatewayError('upstream-malformed', `control byte in the reason phrase ${quote(reason)}`);
  }
  return { line, version, status, reason };
}

function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - 48;
  return value >= 0 && value <= 9 ? value : Number.NaN;
}

function takeField({ role }: FieldName, { text }: HeadText, from: number, to: number): boolean {
  const value = text.substring(from, to);
  switch (role) {
    case 'connection':
      connection.add(value);
      return false;
    case 'length': {
      const length = parseContentLength(value);
      if (contentLength !== UNKNOWN_LENGTH && contentLength !== length) {
        throw new GatewayError('upstream-malformed', 'conflicting `Content-Length` headers in the response');
      }
      contentLength = length;
      return false;
    }
    case 'coding':
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
    case 'te':
    case 'hop':
      return false;
    case 'gateway':
      gatewayFields = true;
      return true;
    case 'host':
      host ??= ownText(value);
      return true;
    case 'cookie':
    case 'expect':
    case 'plain':
      return true;
    default:
      return role satisfies never;
  }
}

function finish(status: number, reason: string, version: HttpVersion, lines: string, method: string): ParsedResponse {
  const hasBody = method !== 'HEAD' && status !== 204 && status !== 304 && status >= 200;
  if (chunked && (contentLength !== UNKNOWN_LENGTH || version === '1.0')) {
    throw new GatewayError('upstream-malformed', 'response has Transfer-Encoding beside Content-Length or in HTTP/1.0');
  }
  const headers = Headers.fromLines(lines, host);
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
