// Trip: one request's way through a router: named, bound, sent to an endpoint (again to another if it may), answered.
//
// One object per request. It hears the caller's side (ExchangeListener), the upstream's side (ResponseSink), and what it
// waits for. Longer than other files, as every step of the way and every way to end is here.

import { showAddress } from '../base/addr.js';
import type { BackoffSequence } from '../base/backoff.js';
import type { TimerHandle } from '../base/clock.js';
import { GatewayError } from '../base/errors.js';
import { classifyResponse, type Verdict } from '../classifier/classifier.js';
import { Unidentified } from '../identifier/identifier.js';
import type { Dispatched, Exchange, ExchangeListener, ResponseSink } from '../service/exchange.js';
import { Headers } from '../service/headers.js';
import { makeResponseHead, type ResponseHead } from '../service/message.js';
import type { AddressWaiter } from './client-stack.js';
import {
  clearRequestContext,
  clearResponseContext,
  EMPTY_CONTEXT,
  EXPLAIN,
  type RequestContext,
  readContext,
  writeContext,
} from './context-headers.js';
import type { Endpoint } from './endpoint.js';
import { asGatewayError, noHostsError, showDuration } from './error-responder.js';
import { explainBinding } from './explain.js';
import { rewriteLocation } from './location-rewriter.js';
import type { BoundLeaf } from './name-tree-service.js';
import type { RequestMetrics } from './request-metrics.js';
import type { RouterParts } from './router-parts.js';
import { appendVia, checkCallDepth, type ServerStack, viaEntry } from './server-stack.js';
import type { BindingWaiter, ServiceStack } from './service-stack.js';

/** Methods that may be sent again on a connection that was closed before it answered (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Share of the requeue budget's balance that one request may use (Finagle's RequeueFilter). */
const REQUEUES_PER_REQUEST = 0.2;

/** The rest of a failed response is read, to keep its connection, if it is no longer than this and comes within this time. */
const MAX_DRAINED_BYTES = 64 * 1024;
const MAX_DRAIN_MS = 1000;

const SUCCESS_CLASS = 'l5d-success-class';

export class Trip implements ExchangeListener, ResponseSink, BindingWaiter, AddressWaiter {
  readonly #router: RouterParts;
  readonly #server: ServerStack;
  readonly #exchange: Exchange;
  #context: RequestContext = EMPTY_CONTEXT;
  #service: ServiceStack | undefined;
  #leaf: BoundLeaf | undefined;
  /** The leaf's metrics have been told of this request. */
  #isClientStarted = false;
  /** The service or the client may have this trip among its waiters. */
  #isWaiting = false;
  #endpoint: Endpoint | undefined;
  #dispatched: Dispatched | undefined;
  /** The caller's Host, where an endpoint is asked under another. */
  #callerHost: string | undefined;
  #attempts = 0;
  #attemptsEnded = 0;
  #requeuesLeft = -1;
  #retries = 0;
  #retryWaits: BackoffSequence | undefined;
  #retryTimer: TimerHandle | undefined;
  /** The endpoint that has just failed the request: another one is tried next. */
  #failedEndpoint: Endpoint | undefined;
  /** The response is not wanted: its rest is being read before the request is sent again. Bytes of it so far. */
  #drained = -1;
  #attemptStartedAt = 0;
  #latencyMs = 0;
  /** When the response's head came, as long as nothing but the rest of the same read has come since; else 0. */
  #headAt = 0;
  #verdict: Verdict = 'nonRetryableFailure';
  #headSent = false;
  /** The response's body must not be seen: it is an error of another Linkerd behind a `clearContext` listener. */
  #dropBody = false;
  #done = false;
  #bindingTimer: TimerHandle | undefined;
  #attemptTimer: TimerHandle | undefined;
  #totalTimer: TimerHandle | undefined;
  #serverTimer: TimerHandle | undefined;

  constructor(router: RouterParts, server: ServerStack, exchange: Exchange) {
    this.#router = router;
    this.#server = server;
    this.#exchange = exchange;
  }

  // ---- in ----

  start(): void {
    const { metrics, options, nacks } = this.#server;
    this.#exchange.listener = this;
    metrics.started();
    if (metrics.pending > options.maxConcurrentRequests) {
      nacks.inc();
      this.#answer(
        new GatewayError('over-capacity', `over ${options.maxConcurrentRequests} concurrent requests`, {
          resend: 'safe',
        }),
      );
      return;
    }
    if (options.timeoutMs !== undefined) this.#serverTimer = this.#timeout(options.timeoutMs, 'the server');
    try {
      this.#prepare();
      this.#identify();
    } catch (error) {
      this.#answer(asGatewayError(error, 'internal'));
      return;
    }
    this.#route();
  }

  #prepare(): void {
    const { request, caller, receivedAt } = this.#exchange;
    const { headers } = request;
    const { options } = this.#server;
    if (headers.mayHaveGatewayFields) {
      if (options.clearContext) clearRequestContext(headers);
      else this.#context = readContext(headers);
      checkCallDepth(headers, options.maxCallDepth);
      // Whatever a caller claims about its certificate is not true: only a TLS listener may say.
      headers.remove('x-forwarded-client-cert');
    }
    options.addForwarded?.(headers, caller, headers.get('host'), request.absoluteScheme);
    if (options.timestampHeader !== undefined) {
      const { clock } = this.#router;
      headers.add(options.timestampHeader, String(Math.round(clock.epochMs() - (clock.now() - receivedAt))));
    }
  }

  #identify(): void {
    const { request, receivedAt } = this.#exchange;
    const { identify, bindings, random } = this.#router;
    let name: ReturnType<typeof identify>;
    try {
      name = identify(request);
    } catch (error) {
      throw this.#unidentified((error as Error).message, error);
    }
    if (name instanceof Unidentified) throw this.#unidentified(name.reason, undefined);

    const service = bindings.get(name, this.#context.localDtab, receivedAt);
    this.#service = service;
    service.metrics.started();
    appendVia(request.headers, viaEntry(request.version));
    writeContext(request.headers, this.#context, random);
    const { totalTimeoutMs, retryBufferBytes } = service.settings;
    service.retryBudget.deposit();
    this.#exchange.body?.retainUpTo(retryBufferBytes);
    if (totalTimeoutMs !== undefined) this.#totalTimer = this.#timeout(totalTimeoutMs, service.service.show());
  }

  #unidentified(reason: string, cause: unknown): GatewayError {
    const { request, caller } = this.#exchange;
    const summary = `Request("${request.method} ${request.target}", from /${caller.remoteAddress}:${caller.remotePort})`;
    return new GatewayError('unidentified', `Unknown destination: ${summary} / ${reason}`, { cause });
  }

  // ---- bound ----

  bound(): void {
    this.#routeAgain();
  }

  addressesKnown(): void {
    this.#routeAgain();
  }

  /** May be called for both: who waits for addresses is also told when the name is bound anew. */
  #routeAgain(): void {
    if (this.#done || this.#isClientStarted) return;
    this.#leaf?.client.forget(this);
    this.#leaf = undefined;
    this.#route();
  }

  #route(): void {
    const service = this.#service as ServiceStack;
    const binding = service.resolve();
    switch (binding.state) {
      case 'pending':
        service.whenBound(this);
        this.#awaitBinding();
        return;
      case 'failed':
        this.#answer(asGatewayError(binding.error, 'binding-failed'));
        return;
      case 'bound':
        break;
      default:
        binding satisfies never;
    }
    const { leaf } = binding;
    if (service.isRebinding && (leaf === undefined || leaf.client.isEmpty)) {
      service.whenBound(this);
      this.#awaitBinding();
    } else if (leaf === undefined) {
      this.#answer(this.#noHosts());
    } else if (leaf.syntheticStatus !== undefined) {
      this.#answerSynthetic(leaf.syntheticStatus);
    } else if (leaf.client.isPending) {
      this.#leaf = leaf;
      leaf.client.whenKnown(this);
      // While the addresses do not come the name may be bound elsewhere.
      service.whenBound(this);
      this.#awaitBinding();
    } else {
      this.#bindingTimer?.cancel();
      this.#leaf = leaf;
      this.#isClientStarted = true;
      leaf.client.metrics.started();
      leaf.client.requeueBudget.deposit();
      leaf.metrics.started();
      this.#attempt();
    }
  }

  #awaitBinding(): void {
    this.#isWaiting = true;
    const { bindingTimeoutMs, clock } = this.#router;
    this.#bindingTimer ??= clock.after(bindingTimeoutMs, () => {
      const name = (this.#service as ServiceStack).service.show();
      const what = this.#leaf
        ? `connecting to ${this.#leaf.client.id.show()} for name: ${name}`
        : `resolving name: ${name}`;
      this.#answer(
        new GatewayError('binding-timeout', `Exceeded ${showDuration(bindingTimeoutMs)} binding timeout while ${what}`),
      );
    });
  }

  #noHosts(): GatewayError {
    const service = this.#service as ServiceStack;
    return noHostsError(service.service, this.#router.baseDtab, service.localDtab, service.unanswered);
  }

  // ---- out ----

  #attempt(): void {
    const leaf = this.#leaf as BoundLeaf;
    const { client } = leaf;
    const now = this.#attempts === 0 ? this.#exchange.receivedAt : this.#router.clock.now();
    const endpoint = client.pick(now, this.#failedEndpoint);
    if (!endpoint) {
      this.#answer(this.#noHosts());
      return;
    }
    this.#attempts += 1;
    const attempt = this.#attempts;
    this.#endpoint = endpoint;
    this.#attemptStartedAt = now;
    endpoint.started(now);
    const { requestAttemptTimeoutMs } = client.settings;
    if (requestAttemptTimeoutMs !== undefined) {
      this.#attemptTimer = this.#attemptTimeout(requestAttemptTimeoutMs, endpoint);
    }
    const { request, body } = this.#exchange;
    if (endpoint.address.meta.authority !== undefined) this.#callerHost = request.headers.get('host');
    const dispatched = endpoint.client.dispatch(request, leaf.route, body, this);
    // It may have ended, or been sent again, before `dispatch` returned.
    if (this.#attempts === attempt && this.#attemptsEnded < attempt) this.#dispatched = dispatched;
  }

  // ---- the upstream's side ----

  informational(head: ResponseHead): void {
    this.#exchange.informational(head);
  }

  head(response: ResponseHead): void {
    const { request, caller, receivedAt } = this.#exchange;
    const service = this.#service as ServiceStack;
    const { client } = this.#leaf as BoundLeaf;
    this.#headAt = this.#router.clock.now();
    this.#latencyMs = this.#headAt - receivedAt;
    this.#verdict = classifyResponse(service.settings.classifier, request, response);
    client.statuses.record(response.status, this.#latencyMs);
    if (this.#verdict === 'retryableFailure' && this.#mayRetry()) {
      this.#drain(response);
      return;
    }
    this.#router.accessLog?.log(request, response, caller.remoteAddress);

    const { headers } = response;
    const { authority } = (this.#endpoint as Endpoint).address.meta;
    if (authority !== undefined && this.#callerHost !== undefined)
      rewriteLocation(headers, authority, this.#callerHost);
    appendVia(headers, viaEntry(response.version));
    if (this.#context.explain) this.#explain(headers);
    if (this.#server.options.clearContext) {
      if (headers.mayHaveGatewayFields && clearResponseContext(headers) && response.status >= 400) {
        this.#dropBody = true;
        this.#sendHead(makeResponseHead(response.status, response.reason, headers, 0));
        return;
      }
    } else {
      const success = this.#verdict === 'success' ? '1.0' : '0.0';
      if (headers.mayHaveGatewayFields && headers.has(SUCCESS_CLASS)) headers.set(SUCCESS_CLASS, success);
      else headers.addKnown(SUCCESS_CLASS, SUCCESS_CLASS, success);
    }
    this.#sendHead(response);
  }

  data(chunk: Buffer): boolean {
    if (this.#drained >= 0) {
      this.#drained += chunk.length;
      if (this.#drained > MAX_DRAINED_BYTES) this.#stopDraining();
      return true;
    }
    return this.#dropBody || this.#exchange.data(chunk);
  }

  flush(): void {
    this.#headAt = 0;
    if (this.#drained < 0) this.#exchange.flush();
  }

  end(trailers: Headers | undefined): void {
    if (this.#drained >= 0) {
      this.#drained = -1;
      this.#endAttempt(false);
      this.#retry(undefined);
      return;
    }
    const success = this.#verdict === 'success';
    this.#endAttempt(success);
    this.#finish(success, undefined);
    this.#exchange.end(this.#dropBody ? undefined : trailers);
  }

  fail(error: Error): void {
    this.#endAttempt(false);
    if (this.#headSent) {
      this.#finish(false, error);
      this.#exchange.fail(error);
      return;
    }
    if (this.#drained >= 0) {
      this.#drained = -1;
      this.#retry(undefined);
      return;
    }
    this.#failed(asGatewayError(error, 'upstream-reset'));
  }

  /** An attempt brought no response: it may be made again, or the caller is told. */
  #failed(failure: GatewayError): void {
    if (this.#mayRequeue(failure)) this.#attempt();
    else if (this.#isErrorRetryable(failure) && this.#mayRetry()) this.#retry(failure);
    else this.#answer(this.#describe(failure));
  }

  // ---- again ----

  #isErrorRetryable(error: GatewayError): boolean {
    const { classifier } = (this.#service as ServiceStack).settings;
    return classifier.classifyError(this.#exchange.request, error) === 'retryableFailure';
  }

  /** Whether the request can be sent again from its first byte, and its service has budget for that. */
  #mayRetry(): boolean {
    const { body } = this.#exchange;
    if (body && !body.replayable) return false;
    const service = this.#service as ServiceStack;
    if (service.retryBudget.tryWithdraw()) return true;
    service.retries.budgetExhausted.inc();
    return false;
  }

  /** A connection is worth reading a short response to its end; a long one is not. */
  #drain({ contentLength, hasBody }: ResponseHead): void {
    this.#attemptTimer?.cancel();
    this.#drained = 0;
    // Below 0 it is not known: a chunked error page is short as a rule.
    if (!hasBody || contentLength <= MAX_DRAINED_BYTES) {
      this.#attemptTimer = this.#router.clock.after(MAX_DRAIN_MS, () => this.#stopDraining());
    } else {
      this.#stopDraining();
    }
  }

  #stopDraining(): void {
    const dispatched = this.#dispatched;
    this.#drained = -1;
    this.#endAttempt(false);
    dispatched?.cancel(new GatewayError('upstream-reset', 'the request is sent again: its response is not wanted'));
    this.#retry(undefined);
  }

  /** The client's part of the request is over, and it is bound anew after a while. */
  #retry(error: GatewayError | undefined): void {
    const service = this.#service as ServiceStack;
    this.#retries += 1;
    service.retries.total.inc();
    this.#endClient(false, error);
    this.#leaf = undefined;
    this.#requeuesLeft = -1;
    this.#headAt = 0;
    this.#retryWaits ??= service.settings.retryBackoff();
    const waitMs = this.#retryWaits.next();
    if (waitMs <= 0) this.#route();
    else this.#retryTimer = this.#router.clock.after(waitMs, () => this.#route());
  }

  /** Whether the request can go to another endpoint, and there is budget for it. */
  #mayRequeue(error: GatewayError): boolean {
    const { request, body } = this.#exchange;
    const resendable = error.resend === 'safe' || (error.resend === 'idempotent' && IDEMPOTENT.has(request.method));
    if (!resendable || (body && !body.replayable)) return false;
    const { client } = this.#leaf as BoundLeaf;
    if (this.#requeuesLeft < 0) this.#requeuesLeft = Math.ceil(client.requeueBudget.balance * REQUEUES_PER_REQUEST);
    if (this.#requeuesLeft === 0) {
      client.requeueLimit.inc();
      return false;
    }
    if (!client.requeueBudget.tryWithdraw()) {
      client.requeueBudgetExhausted.inc();
      return false;
    }
    this.#requeuesLeft -= 1;
    client.requeues.inc();
    return true;
  }

  /** One line for each gateway on the way: those in front of this one add theirs. */
  #explain(headers: Headers): void {
    if (this.#leaf) headers.add(EXPLAIN, explainBinding(this.#leaf));
  }

  /** Linkerd's message for a connection that could not be made; others speak for themselves. */
  #describe(error: GatewayError): GatewayError {
    if (error.code !== 'connect-failed') return error;
    const { client } = this.#leaf as BoundLeaf;
    const addresses = client.endpoints.map((endpoint) => showAddress(endpoint.address));
    const selected = (this.#endpoint as Endpoint).toString();
    const lines = [
      `Unable to establish connection to ${selected}.`,
      '',
      `service name: ${(this.#service as ServiceStack).service.show()}`,
      `client name: ${client.id.show()}`,
      `addresses: [${addresses.join(', ')}]`,
      `selected address: ${selected}`,
    ];
    return new GatewayError('connect-failed', lines.join('\n'), { cause: error, resend: 'safe' });
  }

  // ---- the caller's side ----

  callerGone(error: Error): void {
    if (this.#done) return;
    const dispatched = this.#dispatched;
    this.#endAttempt(undefined);
    this.#latencyMs = this.#router.clock.now() - this.#exchange.receivedAt;
    this.#finish(false, error);
    dispatched?.cancel(error);
  }

  resume(): void {
    this.#dispatched?.resume();
  }

  // ---- the end ----

  #attemptTimeout(ms: number, endpoint: Endpoint): TimerHandle {
    return this.#router.clock.after(ms, () => {
      const error = timeoutError(ms, endpoint.toString());
      const dispatched = this.#dispatched;
      this.#endAttempt(false);
      // First, so that a request with a body finds it free for the next attempt.
      dispatched?.cancel(error);
      this.#failed(error);
    });
  }

  #timeout(ms: number, what: string): TimerHandle {
    return this.#router.clock.after(ms, () => {
      const error = timeoutError(ms, what);
      const dispatched = this.#dispatched;
      this.#endAttempt(false);
      if (this.#headSent) {
        this.#finish(false, error);
        this.#exchange.fail(error);
      } else {
        this.#answer(error);
      }
      dispatched?.cancel(error);
    });
  }

  #sendHead(head: ResponseHead): void {
    this.#headSent = true;
    // Timeouts are for the wait for a response, as in Finagle; from here on bytes flow or the connection breaks.
    this.#attemptTimer?.cancel();
    this.#totalTimer?.cancel();
    this.#serverTimer?.cancel();
    this.#server.statuses.record(head.status, this.#latencyMs);
    this.#exchange.head(head);
  }

  #answer(error: GatewayError): void {
    if (this.#done) return;
    this.#latencyMs = this.#router.clock.now() - this.#exchange.receivedAt;
    const { head, body } = this.#server.respondToError(error, this.#exchange.request);
    if (this.#context.explain) this.#explain(head.headers);
    this.#finish(head.status < 500, error);
    this.#respond(head, body);
  }

  #answerSynthetic(status: number): void {
    this.#latencyMs = this.#router.clock.now() - this.#exchange.receivedAt;
    const head = makeResponseHead(status, '', new Headers(), 0);
    appendVia(head.headers, viaEntry('1.1'));
    this.#finish(status < 500, undefined);
    this.#respond(head, Buffer.alloc(0));
  }

  #respond(head: ResponseHead, body: Buffer): void {
    this.#sendHead(head);
    if (body.length > 0 && this.#exchange.request.method !== 'HEAD') this.#exchange.data(body);
    this.#exchange.end(undefined);
  }

  /** The attempt under way, if any, is over for its endpoint. `success` undefined: nothing can be said. */
  #endAttempt(success: boolean | undefined): void {
    const endpoint = this.#endpoint;
    if (!endpoint || this.#attempts === this.#attemptsEnded) return;
    this.#attemptTimer?.cancel();
    this.#dispatched = undefined;
    this.#attemptsEnded = this.#attempts;
    if (success === false) this.#failedEndpoint = endpoint;
    endpoint.finished(this.#headAt || this.#router.clock.now(), this.#attemptStartedAt, success);
  }

  /** Counts the request and lets go of everything. Called once, before the last call to the exchange. */
  #finish(success: boolean, error: Error | undefined): void {
    this.#done = true;
    this.#bindingTimer?.cancel();
    this.#totalTimer?.cancel();
    this.#serverTimer?.cancel();
    this.#retryTimer?.cancel();
    this.#count(this.#server.metrics, success, error);
    if (this.#service) {
      if (this.#isWaiting) this.#service.forget(this);
      this.#count(this.#service.metrics, success, error);
      this.#service.retries.perRequest.add(this.#retries);
    }
    this.#endClient(success, error);
  }

  #endClient(success: boolean, error: Error | undefined): void {
    if (!this.#leaf) return;
    if (this.#isWaiting) this.#leaf.client.forget(this);
    if (!this.#isClientStarted) return;
    this.#isClientStarted = false;
    this.#count(this.#leaf.client.metrics, success, error);
    this.#count(this.#leaf.metrics, success, error);
  }

  #count(metrics: RequestMetrics, success: boolean, error: Error | undefined): void {
    metrics.ended(success, this.#latencyMs);
    if (error && !success) metrics.failedBy(error);
  }
}

function timeoutError(ms: number, what: string): GatewayError {
  return new GatewayError('request-timed-out', `exceeded ${showDuration(ms)} to ${what} while waiting for a response`);
}
