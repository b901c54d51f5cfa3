// Trip: one request's way through a router: named, bound, sent to an endpoint (again to another if it may), answered.
//
// One object per request; BindingWait, TimeLimits, Resends and UnwantedResponse join it where they are needed. It hears
// the caller's side (ExchangeListener), the upstream's side (ResponseSink) and those. Longer than other files, as every
// step of the way and every way to end is here.

import { GatewayError } from '../base/errors.js';
import { Path } from '../base/path.js';
import type { Admission } from '../breaker/breaker.js';
import { classifyResponse, type Verdict } from '../classifier/classifier.js';
import { type BackendProtocol, Redirect, type Route } from '../identifier/identifier.js';
import type { Dispatched, Exchange, ExchangeListener } from '../service/exchange.js';
import { Headers } from '../service/headers.js';
import { makeResponseHead, type ResponseHead } from '../service/message.js';
import type { BodyLimiter } from '../service/request-body.js';
import { admit } from './admission.js';
import { BindingWait, type WaitingRequest } from './binding-wait.js';
import type { ClientStack } from './client-stack.js';
import {
  addSuccessClass,
  addSuccessTrailer,
  EMPTY_CONTEXT,
  EXPLAIN,
  type RequestContext,
  trailersWithoutContext,
  withoutContext,
  writeContext,
} from './context-headers.js';
import type { Endpoint } from './endpoint.js';
import { asGatewayError, isFaultOfCaller, noHostsError } from './error-responder.js';
import { explainBinding } from './explain.js';
import { readGrpcTimeout } from './grpc-timeout.js';
import { identifyRequest } from './identification.js';
import { rewriteLocation } from './location-rewriter.js';
import type { BoundLeaf } from './name-tree-service.js';
import { Resends } from './resends.js';
import { bodyTooLargeError, limitBody, shorterLimit } from './route-policy.js';
import type { RouterParts } from './router-parts.js';
import { appendVia, type ServerStack } from './server-stack.js';
import type { ServiceStack } from './service-stack.js';
import { type ClassifiedTrip, makeStreamVerdict, type StreamVerdict } from './stream-verdict.js';
import { heldUpError, type LimitedRequest, TimeLimits } from './time-limits.js';
import { attemptError, overCapacityError } from './trip-errors.js';
import { isWorthReading, UnwantedResponse } from './unwanted-response.js';

export class Trip implements ExchangeListener, ClassifiedTrip, WaitingRequest, LimitedRequest, BodyLimiter {
  readonly #router: RouterParts;
  readonly #server: ServerStack;
  readonly #exchange: Exchange;
  #context: RequestContext = EMPTY_CONTEXT;
  #limits: TimeLimits | undefined;
  /** Undefined: the identifier gave a name alone. */
  #route: Route | undefined;
  #service: ServiceStack | undefined;
  #admission: Admission | undefined;
  #leaf: BoundLeaf | undefined;
  #wait: BindingWait | undefined;
  /** The leaf's metrics have been told of this request. */
  #isClientStarted = false;
  /** Of the attempt under way or, between two, of the one that has just failed. */
  #endpoint: Endpoint | undefined;
  #dispatched: Dispatched | undefined;
  /** Where the ends of responses tell how they went. */
  #streamVerdict: StreamVerdict | undefined;
  #attempts = 0;
  #attemptsEnded = 0;
  #attemptStartedAt = 0;
  #resends: Resends | undefined;
  /** The response under way is not the caller's: when it is over the request is sent again. */
  #unwanted: UnwantedResponse | undefined;
  /** The caller's Host, where an endpoint is asked under another. */
  #callerHost: string | undefined;
  /** From the arrival of the request to the head of its response. */
  #latencyMs = 0;
  /** From the arrival to the first attempt that the client has been told of: retries are other requests to it. */
  #clientDelayMs = 0;
  /** When the response's head came, as long as nothing but the rest of the same read has come since; else 0. */
  #headAt = 0;
  #verdict: Verdict = 'nonRetryableFailure';
  #headSent = false;
  /** The response's body must not be seen: it is an error of another Linkerd behind a `clearContext` listener. */
  #dropBody = false;
  /** The caller ended the request, by going away or by its deadline: that says nothing of the service. */
  #saysNothing = false;
  #done = false;

  constructor(router: RouterParts, server: ServerStack, exchange: Exchange) {
    this.#router = router;
    this.#server = server;
    this.#exchange = exchange;
  }

  // ---- in ----

  start(): void {
    const { metrics, options, nacks } = this.#server;
    const { clock } = this.#router;
    this.#exchange.listener = this;
    metrics.started();
    if (metrics.pending > options.maxConcurrentRequests) {
      nacks.inc();
      this.#answer(overCapacityError(options.maxConcurrentRequests));
      return;
    }
    try {
      this.#context = this.#server.prepare(this.#exchange, clock);
      const { deadline } = this.#context;
      if (deadline) this.#timeLimits.obey(deadline, this.#server.msUntil(deadline, clock));
      const { headers } = this.#exchange.request;
      const callerMs = headers.mayHaveGatewayFields ? readGrpcTimeout(headers) : undefined;
      if (callerMs !== undefined) this.#timeLimits.allow(callerMs);
      if (options.timeoutMs !== undefined) this.#limit(options.timeoutMs, 'the server');
      const service = this.#identify();
      if (!service) return;
      this.#enter(this.#admit(service));
    } catch (error) {
      this.#answer(asGatewayError(error, 'internal'));
      return;
    }
    this.route();
  }

  /** Undefined: the request is answered. */
  #identify(): ServiceStack | undefined {
    const origin = this.#server.admit(this.#exchange);
    const answer = identifyRequest(this.#server.options.identify ?? this.#router.identify, this.#exchange, origin);
    if (answer instanceof Path) return this.#stackOf(answer, undefined);
    if (answer instanceof Redirect) {
      this.#answerItself(answer.status, Headers.from([['Location', answer.location]]));
      return undefined;
    }
    this.#obey(answer);
    return this.#stackOf(answer.name, answer.policy.backend);
  }

  #obey(route: Route): void {
    const { name, policy } = route;
    this.#route = route;
    if (policy.maxBodyBytes !== undefined) limitBody(this.#exchange, policy.maxBodyBytes, name, this);
    if (policy.timeoutMs !== undefined) this.#limit(policy.timeoutMs, `the route to ${name.show()}`);
  }

  #stackOf(name: Path, backend: BackendProtocol | undefined): ServiceStack {
    const bindings = this.#router.bindings.of(this.#server.options.realm, backend);
    return bindings.get(name, this.#context.localDtab, this.#exchange.receivedAt);
  }

  #admit(service: ServiceStack): ServiceStack {
    if (!service.breaker) return service;
    // What a route says of its endpoints does not hold for those of another name.
    const admitted = admit(service, (fallback) => this.#stackOf(fallback, undefined));
    this.#admission = admitted.admission;
    return admitted.service;
  }

  #enter(service: ServiceStack): void {
    const { request, body, receivedAt } = this.#exchange;
    this.#service = service;
    service.metrics.started();
    appendVia(request.headers, this.#router.via[request.version]);
    writeContext(request.headers, this.#context, this.#router.random);
    const { totalTimeoutMs, retryBufferBytes } = service.settings;
    service.retryBudget.deposit(receivedAt);
    body?.retainUpTo(retryBufferBytes);
    if (totalTimeoutMs !== undefined) this.#limit(totalTimeoutMs, service.service.show());
  }

  // ---- bound ----

  route(): void {
    const service = this.#service as ServiceStack;
    const binding = service.resolve();
    this.#leaf = undefined;
    switch (binding.state) {
      case 'bound':
        this.#routeTo(binding);
        break;
      case 'pending':
        this.#await(undefined);
        break;
      case 'nothing':
        if (service.isRebinding) this.#await(undefined);
        else this.#answer(this.#server.nowhere(this.#noHosts()));
        break;
      case 'failed':
        this.#answer(asGatewayError(binding.error, 'binding-failed'));
        break;
      default:
        binding satisfies never;
    }
  }

  #routeTo(leaf: BoundLeaf): void {
    if ((this.#service as ServiceStack).isRebinding && leaf.client.isEmpty) {
      this.#await(undefined);
    } else if (leaf.syntheticStatus !== undefined) {
      this.#answerItself(leaf.syntheticStatus, new Headers());
    } else if (leaf.client.isPending) {
      this.#leaf = leaf;
      this.#await(leaf.client);
    } else {
      this.#wait?.stop();
      this.#startClient(leaf);
    }
  }

  #await(client: ClientStack | undefined): void {
    const { bindingTimeoutMs, clock } = this.#router;
    this.#wait ??= new BindingWait(this.#service as ServiceStack, this);
    this.#wait.begin(client, bindingTimeoutMs, clock);
  }

  #startClient(leaf: BoundLeaf): void {
    const { receivedAt } = this.#exchange;
    const now = this.#attempts === 0 ? receivedAt : this.#router.clock.now();
    this.#leaf = leaf;
    this.#isClientStarted = true;
    this.#clientDelayMs = now - receivedAt;
    leaf.client.metrics.started();
    leaf.client.requeueBudget.deposit(now);
    leaf.metrics.started();
    if (leaf.client.settings.forwardClientCert || this.#attempts > 0) this.#tellClientCert(leaf.client);
    this.#attempt(now);
  }

  /** What callers wrote themselves is gone already; a name that is bound anew may have another client. */
  #tellClientCert({ settings }: ClientStack): void {
    const { caller, request } = this.#exchange;
    const told = settings.forwardClientCert ? caller.forwardedClientCert : undefined;
    if (told === undefined) request.headers.remove('x-forwarded-client-cert');
    else request.headers.set('x-forwarded-client-cert', told);
  }

  #noHosts(): GatewayError {
    const service = this.#service as ServiceStack;
    return noHostsError(service.service, this.#router.baseDtab, service.localDtab, service.unanswered);
  }

  // ---- out ----

  #attempt(now: number): void {
    const { client, route } = this.#leaf as BoundLeaf;
    const endpoint = client.pick(now, this.#endpoint);
    if (!endpoint) {
      this.#answer(this.#noHosts());
      return;
    }
    this.#attempts += 1;
    const attempt = this.#attempts;
    this.#endpoint = endpoint;
    this.#attemptStartedAt = now;
    endpoint.started(now);
    const { request, body } = this.#exchange;
    let timeoutMs = client.settings.requestAttemptTimeoutMs;
    if (this.#route) timeoutMs = shorterLimit(timeoutMs, this.#route.policy.attemptTimeoutMs);
    if (timeoutMs !== undefined || this.#limits) this.#timeLimits.beginAttempt(request.headers, timeoutMs, endpoint);
    if (endpoint.address.meta.authority !== undefined) this.#callerHost = request.headers.get('host');
    this.#streamVerdict = makeStreamVerdict(this.#service as ServiceStack, request, this.#router.clock, this);
    const dispatched = endpoint.client.dispatch(request, route, body, this.#streamVerdict ?? this);
    // It may have ended, or been sent again, before `dispatch` returned.
    if (this.#attempts === attempt && this.#attemptsEnded < attempt) this.#dispatched = dispatched;
  }

  // ---- the upstream's side ----

  informational(head: ResponseHead): void {
    this.#exchange.informational(this.#server.options.clearContext ? withoutContext(head) : head);
  }

  head(response: ResponseHead): void {
    const { classifier } = (this.#service as ServiceStack).settings;
    this.classified(response, classifyResponse(classifier, this.#exchange.request, response));
  }

  classified(response: ResponseHead, verdict: Verdict | undefined): void {
    const service = this.#service as ServiceStack;
    this.#record(response);
    this.#verdict = verdict ?? 'success';
    if (verdict === 'retryableFailure' && this.#resending.mayResend(service)) {
      this.#drain(response);
      return;
    }
    const { headers } = response;
    const { authority } = (this.#endpoint as Endpoint).address.meta;
    if (authority !== undefined && this.#callerHost !== undefined)
      rewriteLocation(headers, authority, this.#callerHost);
    appendVia(headers, this.#router.via[response.version]);
    if (this.#context.explain) this.#explain(headers);
    if (this.#server.options.clearContext) {
      const cleared = withoutContext(response);
      this.#dropBody = cleared !== response;
      this.#sendHead(cleared);
    } else {
      if (verdict) addSuccessClass(headers, verdict === 'success');
      this.#sendHead(response);
    }
  }

  classifiedAtEnd(verdict: Verdict, trailers: Headers | undefined): Headers | undefined {
    this.#verdict = verdict;
    return this.#server.options.clearContext ? trailers : addSuccessTrailer(trailers, verdict === 'success');
  }

  get isReplayable(): boolean {
    return this.#exchange.body?.replayable ?? true;
  }

  retryInstead(response: ResponseHead): boolean {
    if (!this.#resending.mayResend(this.#service as ServiceStack)) return false;
    this.#record(response);
    this.#exchange.body?.detach();
    this.#endAttempt(false);
    this.#retry(undefined);
    return true;
  }

  #record(response: ResponseHead): void {
    const { request, caller, receivedAt } = this.#exchange;
    this.#headAt = this.#router.clock.now();
    this.#latencyMs = this.#headAt - receivedAt;
    (this.#leaf as BoundLeaf).client.statuses.record(response.status, this.#latencyMs - this.#clientDelayMs);
    this.#router.accessLog?.log(request, response, caller.remoteAddress);
  }

  data(chunk: Buffer): boolean {
    if (this.#unwanted) {
      this.#unwanted.data(chunk);
      return true;
    }
    return this.#dropBody || this.#exchange.data(chunk);
  }

  flush(): void {
    this.#headAt = 0;
    if (!this.#unwanted) this.#exchange.flush();
  }

  end(trailers: Headers | undefined): void {
    if (this.#unwanted) {
      this.#endAttempt(false);
      this.#retry(undefined);
      return;
    }
    const success = this.#verdict === 'success';
    this.#endAttempt(success);
    this.#finish(success, undefined);
    if (this.#dropBody || trailers === undefined) this.#exchange.end(undefined);
    else this.#exchange.end(this.#server.options.clearContext ? trailersWithoutContext(trailers) : trailers);
  }

  fail(error: Error): void {
    const wasUnwanted = this.#unwanted !== undefined;
    this.#endAttempt(false);
    if (this.#headSent) {
      this.#finish(false, error);
      this.#exchange.fail(error);
    } else if (wasUnwanted) {
      this.#retry(undefined);
    } else {
      this.#failed(asGatewayError(error, 'upstream-reset'));
    }
  }

  // ---- again ----

  /** An attempt brought no response: it may be made again, or the caller is told. */
  #failed(failure: GatewayError): void {
    if (this.#limits) this.#catchUp(this.#router.clock.now());
    // It may have been its own time.
    if (this.#done) return;
    const service = this.#service as ServiceStack;
    const { client } = this.#leaf as BoundLeaf;
    const resends = this.#resending;
    const canRequeue = resends.canRequeue(failure, client);
    if (!(canRequeue || this.#isRetryable(failure)) || !resends.mayResend(service)) {
      this.#answer(attemptError(failure, service, client, this.#endpoint as Endpoint));
    } else if (canRequeue) {
      resends.requeued(client);
      this.#attempt(this.#router.clock.now());
    } else {
      this.#retry(failure);
    }
  }

  #isRetryable(failure: GatewayError): boolean {
    const { classifier } = (this.#service as ServiceStack).settings;
    return classifier.classifyError(this.#exchange.request, failure) === 'retryableFailure';
  }

  get #resending(): Resends {
    this.#resends ??= new Resends(this.#router.clock, this.#exchange);
    return this.#resends;
  }

  /** The response is not wanted, its connection may be. */
  #drain(response: ResponseHead): void {
    this.#limits?.endAttempt();
    // What is still to come of the request's body is kept for the next attempt: too much of it is not read before.
    this.#exchange.body?.detach();
    if (isWorthReading(response)) {
      this.#unwanted = new UnwantedResponse(this.#router.clock, () => this.#stopDraining());
    } else {
      this.#stopDraining();
    }
  }

  #stopDraining(): void {
    const dispatched = this.#dispatched;
    this.#endAttempt(false);
    dispatched?.cancel(new GatewayError('upstream-reset', 'the request is sent again: its response is not wanted'));
    this.#retry(undefined);
  }

  /** The client's part of the request is over, and it is bound anew after a while. */
  #retry(error: GatewayError | undefined): void {
    if (error) this.#measureLatency();
    this.#endClient(false, error);
    this.#headAt = 0;
    this.#resending.retry(this.#service as ServiceStack, () => this.route());
  }

  // ---- the caller's side ----

  callerGone(error: Error): void {
    if (this.#done) return;
    const dispatched = this.#dispatched;
    this.#saysNothing = true;
    this.#endAttempt(undefined);
    this.#measureLatency();
    this.#finish(false, error);
    dispatched?.cancel(error);
  }

  resume(): void {
    this.#dispatched?.resume();
  }

  bodyTooLong(): void {
    if (this.#done) return;
    const { name, policy } = this.#route as Route;
    const error = bodyTooLargeError('of unstated length', policy.maxBodyBytes as number, name);
    const dispatched = this.#dispatched;
    this.#saysNothing = true;
    this.#endAttempt(undefined);
    if (this.#headSent) {
      this.#finish(true, error);
      this.#exchange.fail(error);
    } else {
      this.#answer(error);
    }
    dispatched?.cancel(error);
  }

  // ---- out of time ----

  get #timeLimits(): TimeLimits {
    this.#limits ??= new TimeLimits(this.#router.clock, this.#router.timeouts, this);
    return this.#limits;
  }

  /** The request has `ms` from when it came: in an outage what cannot be answered in time must not keep others from it. */
  #limit(ms: number, what: string): void {
    const waitedMs = this.#catchUp(this.#exchange.receivedAt);
    this.#saysNothing = waitedMs >= ms;
    if (this.#saysNothing) throw heldUpError(ms, what);
    this.#timeLimits.limit(ms, what, waitedMs);
  }

  /** Ends requests whose time is over, where the loop is held up and their timers with it. By how much, in ms. */
  #catchUp(now: number): number {
    const { loop, timeouts } = this.#router;
    const heldUpMs = loop.waitedMs(now);
    if (heldUpMs > 0) timeouts.runDue(now);
    return heldUpMs;
  }

  outOfTime(error: GatewayError, ofCaller: boolean): void {
    const dispatched = this.#dispatched;
    this.#saysNothing = ofCaller;
    this.#endAttempt(ofCaller ? undefined : false);
    this.#answer(error);
    dispatched?.cancel(error);
  }

  attemptOutOfTime(error: GatewayError): void {
    const dispatched = this.#dispatched;
    this.#endAttempt(false);
    // First, so that a request with a body finds it free for the next attempt.
    dispatched?.cancel(error);
    this.#failed(error);
  }

  // ---- the end ----

  /** Of what has no head of a response. */
  #measureLatency(): void {
    this.#latencyMs = this.#router.clock.now() - this.#exchange.receivedAt;
  }

  #sendHead(head: ResponseHead): void {
    this.#headSent = true;
    if (this.#route && head.upgrade !== undefined) this.#exchange.body?.unlimit();
    // Limits are for the wait for a response, as in Finagle; from here on bytes flow or the connection breaks.
    this.#limits?.end();
    this.#server.statuses.record(head.status, this.#latencyMs);
    this.#server.secure(head.headers);
    this.#exchange.head(head);
  }

  #answer(failure: GatewayError): void {
    if (this.#done) return;
    const error = this.#server.asTold(failure);
    this.#measureLatency();
    if (this.#server.isReset(error, this.#exchange.request)) {
      this.#finish(false, error);
      this.#exchange.fail(error);
      return;
    }
    const { head, body } = this.#server.respondToError(error, this.#exchange.request);
    if (this.#context.explain) this.#explain(head.headers);
    this.#finish(isFaultOfCaller(error), error);
    this.#respond(head, body);
  }

  /** Without a body, and without having asked anyone. */
  #answerItself(status: number, headers: Headers): void {
    this.#measureLatency();
    const head = makeResponseHead(status, '', headers, 0);
    appendVia(head.headers, this.#router.via['1.1']);
    this.#finish(status < 500, undefined);
    this.#respond(head, Buffer.alloc(0));
  }

  #respond(head: ResponseHead, body: Buffer): void {
    this.#sendHead(head);
    if (body.length > 0 && this.#exchange.request.method !== 'HEAD') this.#exchange.data(body);
    this.#exchange.end(undefined);
  }

  /** One line for each gateway on the way: those in front of this one add theirs. */
  #explain(headers: Headers): void {
    if (this.#leaf) headers.add(EXPLAIN, explainBinding(this.#leaf));
  }

  /** The attempt under way, if any, is over for its endpoint. `success` undefined: nothing can be said. */
  #endAttempt(success: boolean | undefined): void {
    if (this.#attempts === this.#attemptsEnded) return;
    this.#attemptsEnded = this.#attempts;
    this.#dispatched = undefined;
    this.#limits?.endAttempt();
    this.#unwanted?.end();
    this.#unwanted = undefined;
    this.#streamVerdict?.stop();
    const endpoint = this.#endpoint as Endpoint;
    endpoint.finished(this.#headAt || this.#router.clock.now(), this.#attemptStartedAt, success);
  }

  /** Counts the request and lets go of everything. Called once, before the last call to the exchange. */
  #finish(success: boolean, error: Error | undefined): void {
    this.#done = true;
    this.#wait?.end();
    this.#limits?.end();
    this.#resends?.end();
    this.#server.metrics.ended(success, this.#latencyMs, error);
    if (this.#service) {
      this.#service.metrics.ended(success, this.#latencyMs, error);
      this.#admission?.ended(this.#saysNothing ? undefined : success);
      if (this.#resends) this.#service.retries.perRequest.add(this.#resends.retries);
    }
    this.#endClient(success, error);
  }

  #endClient(success: boolean, error: Error | undefined): void {
    if (!this.#leaf || !this.#isClientStarted) return;
    this.#isClientStarted = false;
    const latencyMs = this.#latencyMs - this.#clientDelayMs;
    this.#leaf.client.metrics.ended(success, latencyMs, error);
    this.#leaf.metrics.ended(success, latencyMs, error);
  }
}
