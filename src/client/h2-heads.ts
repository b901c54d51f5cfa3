// Heads of HTTP/2 to and from upstreams (RFC 9113 §8): RequestHead in, its fields out; fields of a response in, ResponseHead out.

import { STATUS_CODES } from 'node:http';
import { GatewayError } from '../base/errors.js';
import { Headers } from '../service/headers.js';
import { type RequestHead, type ResponseHead, UNKNOWN_LENGTH } from '../service/message.js';
import type { RouteHeaders } from '../service/route-headers.js';
import { quote } from '../wire/field-lines.js';
import { fieldKind, LINE_END, readTrailers, writeFields } from '../wire/h2-fields.js';
import { webSocketAccept } from './websocket-handshake.js';

/**
 * Pseudo-headers first. `authority` replaces the Host, which is sent as `:authority` alone (RFC 9113 §8.3.1); without
 * either there is none, as in HTTP/1.0.
 *
 * A Cookie is sent in one piece. RFC 9113 §8.2.3 allows crumbs, for the dynamic table's sake; but this connection carries
 * the requests of all callers, whose crumbs would only push each other out of it.
 */
export function requestFields(
  request: RequestHead,
  route: RouteHeaders,
  scheme: 'http' | 'https',
  authority: string | undefined,
): string[] {
  const { headers, contentLength } = request;
  const host = authority ?? headers.get('host');
  const fields = [':method', request.method, ':scheme', scheme, ':path', request.target];
  if (host) fields.push(':authority', host);
  const { pairs, lower } = headers;
  for (let i = 0; i < lower.length; i += 1) {
    const name = lower[i] as string;
    switch (fieldKind(name)) {
      case 'host':
      case 'dropped':
      case 'te':
      case 'expect':
        continue;
      default:
        fields.push(name, pairs[2 * i + 1] as string);
    }
  }
  writeFields(route.headers, fields);
  if (contentLength !== UNKNOWN_LENGTH) fields.push('content-length', String(contentLength));
  if (request.expectContinue) fields.push('expect', '100-continue');
  if (request.acceptsTrailers) fields.push('te', 'trailers');
  return fields;
}

/** The same of a WebSocket: extended CONNECT (RFC 8441 §5), which has no key. */
export function webSocketFields(...of: Parameters<typeof requestFields>): string[] {
  const fields = [':method', 'CONNECT', ':protocol', 'websocket'];
  const all = requestFields(...of);
  // Behind the method.
  for (let i = 2; i < all.length; i += 2) {
    const name = all[i] as string;
    if (name !== 'sec-websocket-key') fields.push(name, all[i + 1] as string);
  }
  return fields;
}

/** What a section says of the response around it. */
export interface ResponseSection {
  /** Method of the request. */
  readonly method: string;
  /** Of the Content-Length; UNKNOWN_LENGTH without one. */
  readonly contentLength: number;
  /** Neither body nor trailers follow. */
  readonly endStream: boolean;
}

/** The session has checked the fields. Throws `upstream-malformed` at what HTTP/1.1 could not carry on. */
export function readResponseHead(fields: readonly string[], section: ResponseSection): ResponseHead {
  const status = Number(fields[1]);
  if (!(status >= 100 && status <= 599)) throw malformed(`:status is ${quote(fields[1] as string)}, want 100 to 599`);
  const pairs: string[] = [];
  const lower: string[] = [];
  let isGateway = false;
  for (let i = 2; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    if (LINE_END.test(value)) throw malformed(`${quote(name)} has a line end in its value`);
    const kind = kindOf(name);
    if (kind === 'dropped' || kind === 'te') continue;
    if (kind === 'gateway') isGateway = true;
    pairs.push(name, value);
    lower.push(name);
  }
  const headers = new Headers(pairs, lower);
  headers.mayHaveGatewayFields = isGateway;
  const isBodiless = section.method === 'HEAD' || status === 204 || status === 304 || status < 200;
  const contentLength = lengthOf(status, section, isBodiless);
  return {
    status,
    reason: STATUS_CODES[status] ?? '',
    version: '2',
    headers,
    contentLength,
    hasBody: !isBodiless && !section.endStream && contentLength !== 0,
    upgrade: undefined,
  };
}

/** Undefined when nothing is left that may be passed on. Throws `upstream-malformed`. */
export function readResponseTrailers(fields: readonly string[]): Headers | undefined {
  try {
    return readTrailers(fields);
  } catch (error) {
    throw malformed((error as Error).message, error);
  }
}

/** A 204 or 1xx has no length (RFC 9110 §8.6), whatever it says; and what ends at once has one, if it does not say so. */
function lengthOf(status: number, { contentLength, endStream }: ResponseSection, isBodiless: boolean): number {
  if (status === 204 || status < 200) return UNKNOWN_LENGTH;
  return contentLength === UNKNOWN_LENGTH && endStream && !isBodiless ? 0 : contentLength;
}

function kindOf(name: string): ReturnType<typeof fieldKind> {
  try {
    return fieldKind(name);
  } catch (error) {
    throw malformed((error as Error).message, error);
  }
}

/** The 200 that opens a WebSocket, as the 101 that it is elsewhere, with the proof for a caller who sent a `key`. */
export function switchedHead(head: ResponseHead, key: string | undefined): ResponseHead {
  if (key !== undefined) head.headers.set('Sec-WebSocket-Accept', webSocketAccept(key));
  return {
    ...head,
    status: 101,
    reason: 'Switching Protocols',
    contentLength: UNKNOWN_LENGTH,
    hasBody: false,
    upgrade: 'websocket',
  };
}

function malformed(why: string, cause?: unknown): GatewayError {
  return new GatewayError('upstream-malformed', `upstream response refused: ${why}`, { cause });
}
