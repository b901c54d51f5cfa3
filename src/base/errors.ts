// Errors of the way of a request: one table of codes, and the error that carries one.
//
// What a code means to a caller (status, body) is known to src/router/error-responder.ts alone; docs/errors.md lists the
// same codes and a test holds the two equal.

/** Every code, with what it says in one sentence. */
export const ERROR_CODES = {
  'bad-request': 'The request cannot be read in exactly one way, or breaks the syntax of HTTP/1.1.',
  'request-line-too-long': 'The request line is longer than maxInitialLineKB.',
  'headers-too-large': 'The request headers are larger than maxHeadersKB.',
  'request-timeout': 'The head of the request took too long, or its body stopped coming.',
  'unsupported-version': 'The request is of an HTTP version that the listener does not speak.',
  'expectation-failed': 'The request has an Expect header other than 100-continue.',
  'method-refused': 'CONNECT is refused: this is not a forward proxy; TRACE is, of callers outside.',
  misdirected: 'The request is for another host than the TLS handshake of its connection.',
  'not-found': 'A listener for callers outside has nothing published there; nothing more is said.',
  forbidden: 'The route does not take requests from the address of the caller.',
  'body-too-large': 'The request body is longer than its route allows.',
  'routes-pending': 'The routes have not been read from their registry yet.',
  unidentified: 'No identifier gave the request a name.',
  'bad-dtab': 'A dtab in l5d-dtab or l5d-ctx-dtab cannot be parsed.',
  'too-many-hops': 'The request has passed more proxies than maxCallDepth allows.',
  'over-capacity': 'The listener already serves maxConcurrentRequests.',
  'no-hosts': 'The name is bound to nothing, or to no address.',
  'binding-failed': 'The name could not be bound: a namer failed or does not exist.',
  'binding-timeout': 'The name was not bound within bindingTimeoutMs.',
  'circuit-open': 'The circuit breaker of the service is open: too many of its requests failed.',
  'circuit-full': 'The service already has as many requests under way as its circuit breaker allows.',
  'connect-failed': 'No connection to the chosen endpoint could be made.',
  'tls-failed': 'The chosen endpoint could not be reached by TLS, or is not who it has to be.',
  'too-many-waiters': 'The connection pool of the chosen endpoint is full, and so is its queue.',
  'upgrade-refused': 'The request asks for a tunnel, which the chosen endpoint, spoken to in HTTP/2, does not give.',
  'upstream-reset': 'The upstream closed or reset the connection before its response was complete.',
  'upstream-malformed': 'The upstream answered something that is not an HTTP response.',
  'request-timed-out': 'A timeout ended the request.',
  'caller-gone': 'The caller went away before the response was complete.',
  internal: 'A defect of linkgate itself.',
} as const satisfies Readonly<Record<string, string>>;

export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * Whether a failed request may be sent again:
 * - `safe`: no byte of it reached an upstream;
 * - `idempotent`: a reused connection closed before any response byte, which nearly always means that the upstream had
 *   closed it for idleness and read nothing (RFC 9112 §9.3.1), so an idempotent request may be;
 * - `no`: an upstream may have acted on it.
 */
export type Resend = 'safe' | 'idempotent' | 'no';

export interface GatewayErrorOptions {
  readonly cause?: unknown;
  /** Default `no`. */
  readonly resend?: Resend;
  /** Milliseconds after which the caller may try again. */
  readonly retryAfterMs?: number;
}

/** An error with a code. `message` says what was tried, quotes the value, and says what is wanted. */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly resend: Resend;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: GatewayErrorOptions = {}) {
    const { stackTraceLimit } = Error;
    // What befalls requests is told by code and message. In an outage every request has errors, and recording the stack of one
    // costs more than proxying a request does.
    if (code !== 'internal') Error.stackTraceLimit = 0;
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'GatewayError';
    this.code = code;
    this.resend = options.resend ?? 'no';
    this.retryAfterMs = options.retryAfterMs;
  }
}
