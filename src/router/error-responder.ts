// Error responder: a GatewayError in, the response that the caller gets out. The only place that knows status codes.

import { type Dtab, showDtab } from '../base/dtab.js';
import { type ErrorCode, GatewayError } from '../base/errors.js';
import { makeLogger } from '../base/log.js';
import type { Path } from '../base/path.js';
import type { Refusal } from '../server/server.js';
import { Headers } from '../service/headers.js';
import { makeResponseHead, type RequestHead } from '../service/message.js';
import { grpcRefusal, isGrpc } from './grpc-errors.js';

/** Linkerd's statuses: timeouts are 503 and never 504, no route is 502 or 400 and never 404. */
export const ERROR_STATUS: Readonly<Record<ErrorCode, number>> = {
  'bad-request': 400,
  'request-line-too-long': 414,
  'headers-too-large': 431,
  'request-timeout': 408,
  'unsupported-version': 505,
  'expectation-failed': 417,
  'method-refused': 405,
  misdirected: 421,
  'not-found': 404,
  forbidden: 403,
  'body-too-large': 413,
  'routes-pending': 503,
  unidentified: 400,
  'bad-dtab': 400,
  'too-many-hops': 400,
  'over-capacity': 503,
  'no-hosts': 502,
  'binding-failed': 502,
  'binding-timeout': 502,
  'circuit-open': 503,
  'circuit-full': 503,
  'connect-failed': 502,
  'tls-failed': 502,
  'too-many-waiters': 503,
  'upgrade-refused': 501,
  'upstream-reset': 502,
  'upstream-malformed': 502,
  'request-timed-out': 503,
  'caller-gone': 499,
  internal: 500,
};

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  431: 'Request Header Fields Too Large',
  499: 'Client Closed Request',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
};

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

const log = makeLogger('router');

export interface ErrorResponderOptions {
  /** `l5d-err` is cut to this many bytes: `maxHeadersKB`. */
  readonly maxHeaderBytes: number;
  /** The body is cut to this many bytes: `maxErrResponseKB`. */
  readonly maxBodyBytes: number;
  /** TRACE is served. Default true. */
  readonly takesTrace?: boolean;
}

/** Whether it is the caller who did something wrong: then it is no failure of the listener, whatever the answer looks like. */
export function isFaultOfCaller({ code }: GatewayError): boolean {
  return ERROR_STATUS[code] < 500;
}

/** `request` is left out where there is none yet. */
export type RespondToError = (error: GatewayError, request?: RequestHead) => Refusal;

/**
 * The response has `l5d-err` with the message, form-encoded as Linkerd does, and the message as `text/plain` body. With
 * `clearContext` both are left out, since they name services and addresses. A gRPC request gets a gRPC status instead.
 */
export function makeErrorResponder(options: ErrorResponderOptions, clearContext: boolean): RespondToError {
  return (error, request) => {
    if (error.code === 'internal') log.error(error.message, { err: error.cause ?? error });
    const headers = new Headers();
    if (error.code === 'method-refused')
      headers.add('Allow', options.takesTrace === false ? METHODS : `${METHODS}, TRACE`);
    const isNack = error.code === 'over-capacity' && !request?.hasBody;
    if (isNack) {
      headers.add('Retry-After', '0');
      headers.add('finagle-http-nack', 'true');
    }
    // Whole seconds (RFC 9110 §10.2.3), and never 0: that would be an invitation to try at once.
    if (error.retryAfterMs !== undefined) {
      headers.add('Retry-After', String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))));
    }
    if (!clearContext) {
      headers.add('l5d-err', formEncode(error.message, options.maxHeaderBytes));
      if (error.resend === 'safe') headers.add('l5d-retryable', 'true');
    }
    if (request && isGrpc(request.headers)) {
      return grpcRefusal(error, headers, clearContext ? '' : error.message, options.maxHeaderBytes);
    }
    const body = clearContext ? Buffer.alloc(0) : Buffer.from(error.message, 'utf8').subarray(0, options.maxBodyBytes);
    if (body.length > 0) headers.add('Content-Type', 'text/plain');
    // A Finagle client sends a nacked request again by itself; one whose body may be half sent it must not.
    const status = error.code === 'over-capacity' && !isNack ? 502 : ERROR_STATUS[error.code];
    return { head: makeResponseHead(status, REASONS[status] ?? '', headers, body.length), body };
  };
}

/** What is thrown at a request becomes a GatewayError: of its own code, or `code`. */
export function asGatewayError(error: unknown, code: ErrorCode): GatewayError {
  if (error instanceof GatewayError) return error;
  const message = error instanceof Error ? error.message || error.name : String(error);
  return new GatewayError(code, message, { cause: error });
}

/**
 * Linkerd's message for a name that is bound to nothing or to no address; below it what registries that have never
 * answered gave as their last error, since the name may well exist there.
 */
export function noHostsError(
  service: Path,
  baseDtab: Dtab,
  localDtab: Dtab,
  unanswered: readonly Error[] = [],
): GatewayError {
  const lines = ['Unable to route request!', '', `service name: ${service.show()}`, 'dtab:'];
  lines.push('base dtab:', ...dentryLines(baseDtab), 'override dtab:', ...dentryLines(localDtab));
  if (unanswered.length > 0) {
    const messages = [...new Set(unanswered.map((error) => error.message))];
    lines.push('not known, as there was no answer:', ...messages.map((message) => `  ${message}`));
  }
  return new GatewayError('no-hosts', lines.join('\n'), { resend: 'safe' });
}

function dentryLines(dtab: Dtab): string[] {
  return showDtab(dtab)
    .split(';')
    .filter((dentry) => dentry !== '')
    .map((dentry) => `  ${dentry.replace('=>', ' => ')}`);
}

/** A duration as Finagle prints it: `10.seconds`, `1500.milliseconds`. */
export function showDuration(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}.seconds` : `${ms}.milliseconds`;
}

/** How java.net.URLEncoder writes each byte: a request of an outage has a message of some hundred characters to encode. */
const FORM_ENCODED: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const c = String.fromCharCode(byte);
  if (/[A-Za-z0-9.*_-]/.test(c)) return c;
  return c === ' ' ? '+' : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
});

/** `application/x-www-form-urlencoded` of Latin-1 text, at most `maxLength` characters of it. */
function formEncode(text: string, maxLength: number): string {
  let out = '';
  for (let i = 0; i < text.length && out.length < maxLength; i++) out += FORM_ENCODED[text.charCodeAt(i) & 0xff];
  return out.slice(0, maxLength);
}
