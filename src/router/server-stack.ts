// ServerStack: what one listener does to its requests before they are named, and what it counts of them.

import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import { type ErrorCode, GatewayError } from '../base/errors.js';
import type { Counter, MetricsScope } from '../base/metrics.js';
import type { Identifier, RequestOrigin } from '../identifier/identifier.js';
import type { Refusal } from '../server/server.js';
import type { Exchange } from '../service/exchange.js';
import { type Headers, ReadyField } from '../service/headers.js';
import type { HttpVersion, RequestHead } from '../service/message.js';
import { clearRequestContext, EMPTY_CONTEXT, type RequestContext, readContext } from './context-headers.js';
import { type Deadline, msLeft, showInstant } from './deadline.js';
import type { Edge } from './edge.js';
import { type ErrorResponderOptions, makeErrorResponder, type RespondToError } from './error-responder.js';
import type { AddForwarded } from './forwarded.js';
import { isGrpc } from './grpc-errors.js';
import type { Realm } from './realm.js';
import { RequestMetrics, StatusMetrics } from './request-metrics.js';

/** Finagle's: a request may take this long on the wire, and two clocks may differ by it. */
const DEADLINE_TOLERANCE_MS = 170;

export interface ServerStackOptions extends ErrorResponderOptions {
  /** Requests served at a time; Infinity by default. More are refused at once. */
  readonly maxConcurrentRequests: number;
  /** Longest time for a request, in ms; undefined for none. */
  readonly timeoutMs: number | undefined;
  readonly clearContext: boolean;
  readonly addForwarded: AddForwarded | undefined;
  /** Name of a header that gets the epoch milliseconds of arrival. */
  readonly timestampHeader: string | undefined;
  readonly maxCallDepth: number;
  /** Strict-Transport-Security of every response; undefined for none. */
  readonly hsts: string | undefined;
  /** Of an h2 router: requests that fail in some ways are reset, as Linkerd does there, and not answered. */
  readonly resetsFailures: boolean;
  /** What is done to requests of callers outside before they have a name; undefined: callers are inside. */
  readonly edge: Edge | undefined;
  /** What gives its requests their names; undefined: the router's. */
  readonly identify: Identifier | undefined;
  /** What is done to what these names are bound to; undefined: nothing. */
  readonly realm: Realm | undefined;
  /** `rt/<label>/server/<ip>/<port>`. */
  readonly metrics: MetricsScope;
}

export class ServerStack implements Closable {
  readonly metrics: RequestMetrics;
  readonly statuses: StatusMetrics;
  readonly nacks: Counter;
  #options: ServerStackOptions;
  #respondToError: RespondToError;

  constructor(options: ServerStackOptions) {
    this.#options = options;
    this.metrics = new RequestMetrics(options.metrics);
    this.statuses = new StatusMetrics(options.metrics);
    this.nacks = options.metrics.counter('nacks');
    this.#respondToError = makeErrorResponder(options, options.clearContext);
  }

  get options(): ServerStackOptions {
    return this.#options;
  }

  get respondToError(): RespondToError {
    return this.#respondToError;
  }

  /** Goes on as `options` say, with the same metrics: for requests under way as well. */
  reconfigure(options: ServerStackOptions): void {
    this.#options = options;
    this.#respondToError = makeErrorResponder(options, options.clearContext);
  }

  /** Requests under way are their connections' to end. */
  close(): void {}

  /** Whom a request comes from, as its identifier is to see it. Throws what keeps it out. */
  admit(exchange: Exchange): RequestOrigin {
    const { edge } = this.#options;
    return edge === undefined ? exchange.caller : edge.admit(exchange);
  }

  /** As callers of this listener are told of it: those outside learn nothing of names that lead nowhere but that they do. */
  asTold(error: GatewayError): GatewayError {
    const { edge } = this.#options;
    return edge !== undefined && error.code === 'unidentified' ? edge.notFound(error) : error;
  }

  /** A name that is bound to nothing: `error` says which. */
  nowhere(error: GatewayError): GatewayError {
    return this.#options.edge?.notFound(error) ?? error;
  }

  /** What is done to a request before it has a name. Throws what its caller did wrong. */
  prepare({ request, caller, receivedAt }: Exchange, clock: Clock): RequestContext {
    const { headers, absoluteScheme } = request;
    const { clearContext, maxCallDepth, addForwarded, timestampHeader } = this.options;
    let context = EMPTY_CONTEXT;
    if (headers.mayHaveGatewayFields) {
      if (clearContext) clearRequestContext(headers);
      else context = readContext(headers);
      checkCallDepth(headers, maxCallDepth);
      // Whatever a caller claims about its certificate is not true: only a TLS listener may say.
      headers.remove('x-forwarded-client-cert');
    }
    // What it came by is known; a target or `:scheme` could say anything.
    addForwarded?.(headers, caller, headers.get('host'), caller.secure ? 'https' : absoluteScheme);
    if (timestampHeader !== undefined) {
      headers.add(timestampHeader, String(Math.round(clock.epochMs() - (clock.now() - receivedAt))));
    }
    return context;
  }

  /**
   * Milliseconds left until the caller's deadline. Undefined when it passed too long ago: then our clocks differ, or it has
   * been on the way for so long that nobody knows. Throws `request-timed-out` when it has just passed (Finagle's
   * DeadlineFilter, but for its limit to a share of the requests).
   */
  msUntil(deadline: Deadline, clock: Clock): number | undefined {
    const ms = msLeft(deadline, clock.epochMs());
    if (ms > 0) return ms;
    const scope = this.options.metrics.scope('admission_control', 'deadline');
    if (ms < -DEADLINE_TOLERANCE_MS) {
      scope.counter('exceeded_beyond_tolerance').inc();
      return undefined;
    }
    scope.counter('rejected').inc();
    const message = `the caller's deadline (l5d-ctx-deadline) of ${showInstant(deadline)} passed ${Math.ceil(-ms)} ms before its request came`;
    throw new GatewayError('request-timed-out', message);
  }

  /** In place of `respondToError`: the request's stream is to be reset. gRPC has statuses for what HTTP/2 has no words for. */
  isReset({ code }: GatewayError, { headers }: RequestHead): boolean {
    return this.#options.resetsFailures && RESET_CODES.has(code) && !isGrpc(headers);
  }

  /** The answer to what could not be read as a request; so it is in none of the counts of requests, but in its own. */
  refuse(error: GatewayError, request?: RequestHead): Refusal {
    this.options.metrics.counter('refused', error.code).inc();
    const refusal = this.respondToError(error, request);
    this.secure(refusal.head.headers);
    return refusal;
  }

  /** What upstreams say of it themselves is replaced: the listener knows how it is reached. */
  secure(headers: Headers): void {
    const { hsts } = this.#options;
    if (hsts !== undefined) headers.set('Strict-Transport-Security', hsts);
  }
}

/** Errors that Linkerd's h2 routers answer with a reset: all but those that say that the name leads nowhere. */
const RESET_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'unidentified',
  'over-capacity',
  'upstream-reset',
  'upstream-malformed',
  'request-timed-out',
  'internal',
]);

/** `Via` of this hop. `linkerd`, because call depth is counted together with 1.x hops on the way. */
export type ViaFields = Readonly<Record<HttpVersion, ReadyField>>;

/** RFC 9110 §7.6.3: the version that the message came by, without `HTTP/`. */
export const HTTP_VIA: ViaFields = {
  '1.0': new ReadyField('Via', '1.0 linkerd'),
  '1.1': new ReadyField('Via', '1.1 linkerd'),
  '2': new ReadyField('Via', '2 linkerd'),
};
/** Linkerd's h2 routers write it so. */
export const H2_VIA: ViaFields = { ...HTTP_VIA, '2': new ReadyField('Via', 'h2 linkerd') };

/** Adds our entry to Via, joining several lines into one: 1.x lost all but the first. */
export function appendVia(headers: Headers, via: ReadyField): void {
  if (!headers.mayHaveGatewayFields || !headers.has('via')) headers.addReady(via);
  else headers.set('Via', [...headers.getAll('via'), via.value].join(', '));
}

/** Throws `too-many-hops` when the request has passed more proxies than `maxCallDepth`. */
function checkCallDepth(headers: Headers, maxCallDepth: number): void {
  if (!headers.has('via')) return;
  const hops = headers.getAll('via').reduce((sum, line) => sum + line.split(',').length, 0);
  if (hops > maxCallDepth) {
    throw new GatewayError(
      'too-many-hops',
      `Maximum number of calls (${maxCallDepth}) has been exceeded. Please check for proxy loops.`,
    );
  }
}
