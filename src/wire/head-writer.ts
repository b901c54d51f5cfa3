// Heads out: RequestHead and ResponseHead written anew as HTTP/1.1 text from what was understood, never copied.

import type { Headers } from '../service/headers.js';
import { type RequestHead, type ResponseHead, UNKNOWN_LENGTH } from '../service/message.js';

/**
 * The head of a request to an upstream, with its empty line. `route` is text of complete header lines that every
 * request to the same name carries; `authority` replaces the Host header.
 */
export function writeRequestHead(request: RequestHead, route: string, authority: string | undefined): string {
  const old = request.version === '1.0';
  let text = `${request.method} ${request.target} HTTP/${old ? '1.0' : '1.1'}\r\n`;
  text += authority === undefined ? request.headers.lines : writeFieldsWithHost(request.headers, authority);
  text += route;
  // A request to be upgraded has no body; a Content-Length of 0 says nothing.
  if (request.upgrade !== undefined) text += `Connection: Upgrade\r\nUpgrade: ${request.upgrade}\r\n`;
  else if (request.contentLength !== UNKNOWN_LENGTH) text += `Content-Length: ${request.contentLength}\r\n`;
  else if (request.hasBody) text += 'Transfer-Encoding: chunked\r\n';
  if (request.expectContinue) text += 'Expect: 100-continue\r\n';
  if (old) text += 'Connection: keep-alive\r\n';
  return `${text}\r\n`;
}

// Nearly always it is that of 200 OK.
let lastStatus = 0;
let lastReason = '';
let lastStatusLine = '';

function statusLine({ status, reason }: ResponseHead): string {
  if (status !== lastStatus || reason !== lastReason) {
    lastStatus = status;
    lastReason = reason;
    lastStatusLine = `HTTP/1.1 ${status} ${reason}\r\n`;
  }
  return lastStatusLine;
}

/** How a response's body is delimited towards the caller; `tunnel`: raw bytes both ways, as long as they come. */
export type BodyFraming = 'none' | 'length' | 'chunked' | 'close' | 'tunnel';

/** The head of a response to a caller, with its empty line. `connection` is the value of the Connection header, or ''. */
export function writeResponseHead(response: ResponseHead, framing: BodyFraming, connection: string): string {
  let text = statusLine(response) + response.headers.lines;
  if (response.status === 101) text += `Upgrade: ${response.upgrade ?? ''}\r\n`;
  if (framing === 'chunked') text += 'Transfer-Encoding: chunked\r\n';
  else if (response.contentLength !== UNKNOWN_LENGTH) text += `Content-Length: ${response.contentLength}\r\n`;
  if (connection !== '') text += `Connection: ${connection}\r\n`;
  return `${text}\r\n`;
}

function writeFieldsWithHost(headers: Headers, host: string): string {
  const { pairs, lower } = headers;
  let text = `Host: ${host}\r\n`;
  for (let i = 0; i < lower.length; i += 1) {
    if (lower[i] !== 'host') text += `${pairs[2 * i]}: ${pairs[2 * i + 1]}\r\n`;
  }
  return text;
}
