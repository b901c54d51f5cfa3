// ServerStack: what one listener does to its requests before they are named, and what it counts of them.

import { GatewayError } from '../base/errors.js';
import type { Counter, MetricsScope } from '../base/metrics.js';
import type { Refusal } from '../server/server.js';
import type { Headers } from '../service/headers.js';
import { type ErrorResponderOptions, makeErrorResponder, type RespondToError } from './error-responder.js';
import type { AddForwarded } from './forwarded.js';
import { RequestMetrics, StatusMetrics } from './request-metrics.js';

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
  /** `rt/<label>/server/<ip>/<port>`. */
  readonly metrics: MetricsScope;
}

export class ServerStack {
  readonly options: ServerStackOptions;
  readonly metrics: RequestMetrics;
  readonly statuses: StatusMetrics;
  readonly nacks: Counter;
  readonly respondToError: RespondToError;

  constructor(options: ServerStackOptions) {
    this.options = options;
    this.metrics = new RequestMetrics(options.metrics);
    this.statuses = new StatusMetrics(options.metrics);
    this.nacks = options.metrics.counter('nacks');
    this.respondToError = makeErrorResponder(options, options.clearContext);
  }

  /** The answer to what could not be read as a request; so it is in none of the counts of requests, but in its own. */
  refuse(error: GatewayError): Refusal {
    this.options.metrics.counter('refused', error.code).inc();
    return this.respondToError(error);
  }
}

/** `Via` entry of this hop. `linkerd`, because call depth is counted together with 1.x hops on the way. */
export function viaEntry(version: string): string {
  return version === '1.0' ? '1.0 linkerd' : '1.1 linkerd';
}

/** Adds our entry to Via, joining several lines into one: 1.x lost all but the first. */
export function appendVia(headers: Headers, entry: string): void {
  if (!headers.mayHaveGatewayFields || !headers.has('via')) headers.addKnown('Via', 'via', entry);
  else headers.set('Via', [...headers.getAll('via'), entry].join(', '));
}

/** Throws `too-many-hops` when the request has passed more proxies than `maxCallDepth`. */
export function checkCallDepth(headers: Headers, maxCallDepth: number): void {
  if (!headers.has('via')) return;
  const hops = headers.getAll('via').reduce((sum, line) => sum + line.split(',').length, 0);
  if (hops > maxCallDepth) {
    throw new GatewayError(
      'too-many-hops',
      `Maximum number of calls (${maxCallDepth}) has been exceeded. Please check for proxy loops.`,
    );
  }
}
