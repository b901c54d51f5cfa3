// Heads of HTTP/2 (RFC 9113 §8): fields of a request in, RequestHead out; ResponseHead in, fields of a response out.
//
// The session has checked all fields by the rules of HTTP/2. What an upstream of HTTP/1.1 needs beside that is made sure of
// here once more, whoever checked before: no name that is not a token and no line end in a value ever leaves this file.

import { GatewayError } from '../base/errors.js';
import { Headers } from '../service/headers.js';
import { type RequestHead, type ResponseHead, UNKNOWN_LENGTH } from '../service/message.js';
import { hostOfConnect } from '../wire/connect-target.js';
import { isToken, quote } from '../wire/field-lines.js';
import { fieldKind, LINE_END, writeFields } from '../wire/h2-fields.js';

const COLON = 58;
/** `HTTP/1.1` and two spaces: a request line is as long as it would be there. */
const LINE_OVERHEAD = 10;

/** What a section says of the message around it. */
export interface RequestSection {
  /** Of the Content-Length; UNKNOWN_LENGTH without one. */
  readonly contentLength: number;
  /** Neither body nor trailers follow. */
  readonly endStream: boolean;
  readonly maxInitialLineBytes: number;
  /** CONNECT is not refused. Default false. */
  readonly takesConnect?: boolean | undefined;
}

/**
 * `:authority` becomes the Host, which is what the rest of the program goes by. Throws `GatewayError` with one of the codes
 * bad-request, request-line-too-long, method-refused, expectation-failed.
 */
export function readRequestHead(fields: readonly string[], section: RequestSection): RequestHead {
  const { endStream, maxInitialLineBytes } = section;
  let method = '';
  let scheme = '';
  let path = '';
  let host: string | undefined;
  let expectation: string | undefined;
  let protocol: string | undefined;
  let isGateway = false;
  let acceptsTrailers = false;
  /** Of the Cookie among `pairs`; -1: there is none. */
  let cookieAt = -1;
  // The Host comes first, as RFC 9110 §7.2 wants it.
  const pairs: string[] = ['host', ''];
  const lower: string[] = ['host'];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    if (LINE_END.test(value)) throw new GatewayError('bad-request', `${quote(name)} has a line end in its value`);
    if (name.charCodeAt(0) === COLON) {
      if (name === ':method') method = value;
      else if (name === ':path') path = value;
      else if (name === ':authority') host = value;
      else if (name === ':scheme') scheme = value;
      else if (name === ':protocol') protocol = value;
      continue;
    }
    switch (fieldKind(name)) {
      case 'host':
        if (host !== undefined && host.toLowerCase() !== value.toLowerCase())
          throw new GatewayError('bad-request', `Host ${quote(value)} differs from ${quote(host)}`);
        host ??= value;
        continue;
      case 'dropped':
        continue;
      case 'te':
        // The session lets no other value pass (RFC 9113 §8.2.2).
        acceptsTrailers = true;
        continue;
      case 'expect':
        expectation = expectation === undefined ? value : `${expectation}, ${value}`;
        continue;
      case 'cookie':
        // HTTP/2 cuts it into crumbs that compress better; elsewhere there must be one line (RFC 9113 §8.2.3).
        if (cookieAt >= 0) {
          pairs[cookieAt] += `; ${value}`;
          continue;
        }
        cookieAt = pairs.length + 1;
        break;
      case 'gateway':
        isGateway = true;
        break;
      case 'plain':
        break;
    }
    pairs.push(name, value);
    lower.push(name);
  }
  if (method === 'CONNECT') {
    checkConnect(host ?? '', protocol, section);
    // Extended CONNECT is a GET with Upgrade elsewhere (RFC 8441 §5); who sends it there makes the key.
    if (protocol === undefined) path = host as string;
    else method = 'GET';
  }
  const isTunnel = protocol !== undefined || method === 'CONNECT';
  if (!isToken(method)) throw new GatewayError('bad-request', `malformed method ${quote(method)}`);
  if (path === '' || path.includes(' ')) throw new GatewayError('bad-request', `malformed path ${quote(path)}`);
  if (!host) throw new GatewayError('bad-request', 'neither :authority nor Host');
  if (method.length + path.length + LINE_OVERHEAD > maxInitialLineBytes)
    throw new GatewayError(
      'request-line-too-long',
      `first line of the request is longer than ${maxInitialLineBytes} bytes`,
    );
  if (expectation !== undefined && expectation.toLowerCase() !== '100-continue')
    throw new GatewayError('expectation-failed', `Expect ${quote(expectation)}: only 100-continue is understood`);
  pairs[1] = host;
  const headers = new Headers(pairs, lower);
  headers.mayHaveGatewayFields = isGateway;
  if (protocol !== undefined) headers.remove('sec-websocket-key');
  const contentLength =
    section.contentLength === UNKNOWN_LENGTH && endStream ? lengthOfNone(method) : section.contentLength;
  const hasBody = !endStream && contentLength !== 0;
  return {
    method,
    target: path,
    version: '2',
    absoluteScheme: showScheme(scheme),
    headers,
    contentLength,
    hasBody,
    upgrade: protocol,
    expectContinue: expectation !== undefined && hasBody && !isTunnel,
    acceptsTrailers,
  };
}

/** RFC 9113 §8.5, RFC 8441 §4. Throws `bad-request` and `method-refused`. */
function checkConnect(target: string, protocol: string | undefined, section: RequestSection): void {
  if (protocol === undefined) {
    if (section.takesConnect !== true)
      throw new GatewayError('method-refused', `CONNECT ${quote(target)} refused: this gateway is not a forward proxy`);
    hostOfConnect(target);
  } else if (protocol.toLowerCase() !== 'websocket') {
    throw new GatewayError('method-refused', `CONNECT with :protocol ${quote(protocol)} refused, want websocket`);
  }
  if (section.endStream) throw new GatewayError('bad-request', 'CONNECT ends its stream: there is nothing to tunnel');
  if (section.contentLength !== UNKNOWN_LENGTH)
    throw new GatewayError('bad-request', 'CONNECT with a Content-Length: it has no body');
}

/** Of any status but 101, which HTTP/2 does not have. */
export function responseFields({ status, headers, contentLength }: ResponseHead): string[] {
  const fields = [':status', String(status)];
  writeFields(headers, fields);
  if (contentLength !== UNKNOWN_LENGTH) fields.push('content-length', String(contentLength));
  return fields;
}

/** A request that may have a body and has none says so, or some servers ask for its length (RFC 9110 §8.6). */
function lengthOfNone(method: string): number {
  return method === 'POST' || method === 'PUT' || method === 'PATCH' ? 0 : UNKNOWN_LENGTH;
}

/** Other schemes mean nothing to us (RFC 9113 §8.3.1). */
function showScheme(scheme: string): string | undefined {
  const lower = scheme.toLowerCase();
  return lower === 'http' || lower === 'https' ? lower : undefined;
}
