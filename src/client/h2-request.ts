// H2Request: one request to an upstream that speaks HTTP/2, from its dispatch, through the wait for a stream, to its end.

import { GatewayError, type Resend } from '../base/errors.js';
import type { BodySink } from '../service/body-sink.js';
import type { Dispatched, ResponseSink } from '../service/exchange.js';
import type { Headers } from '../service/headers.js';
import type { RequestHead, ResponseHead } from '../service/message.js';
import type { RequestBody } from '../service/request-body.js';
import type { RouteHeaders } from '../service/route-headers.js';
import { StreamReset } from '../service/stream-reset.js';
import type { H2ErrorCode } from '../wire/h2/h2-error.js';
import type { H2Session } from '../wire/h2/session.js';
import type { H2Stream, H2StreamListener } from '../wire/h2/session-contract.js';
import { trailerFields } from '../wire/h2-fields.js';
import type { EndpointClient } from './client.js';
import { readResponseHead, readResponseTrailers, requestFields, switchedHead, webSocketFields } from './h2-heads.js';
import { type Owed, type StallLimits, StallWatch, type WriteProgress } from './stall-watch.js';

/** The connection, as its requests see it. */
export interface H2RequestOwner {
  readonly session: H2Session;
  readonly stallLimits: StallLimits;
  readonly scheme: 'http' | 'https';
  /** Of the address; replaces the Host. */
  readonly authority: string | undefined;
  /** `host:port` for messages. */
  readonly where: string;
  /** What streams have written leaves at the end of this turn of the event loop. */
  flushSoon(): void;
  /** The same bytes, where whoever gets them may hold them. */
  holdable(chunk: Buffer): Buffer;
  /** Some of them are held. */
  handOver(): void;
  /** Something of its response came: its sink is flushed when all that came with it has been read. */
  heard(request: H2Request): void;
  /** It is over. */
  ended(request: H2Request): void;
  /** The upstream has not processed it. */
  refused(): void;
  /** Why the connection was cut off by us, if it was. */
  readonly cutBy: GatewayError | undefined;
  /** Whether the requests of a connection that was lost may be sent again. */
  readonly resendOfLost: Resend;
}

/** Where requests wait. */
export interface H2RequestQueue {
  /** It was cancelled. */
  forget(request: H2Request): void;
}

/** What the kernel takes is the connection's to watch. */
const NOT_HELD: WriteProgress = { isHeld: false, takenBytes: 0 };

/** After it ended, late calls do nothing. */
export class H2Request implements Dispatched, H2StreamListener {
  readonly #queue: H2RequestQueue;
  readonly #head: RequestHead;
  readonly #route: RouteHeaders;
  readonly #body: RequestBody | undefined;
  /** Undefined when it is over. */
  #sink: ResponseSink | undefined;
  /** Undefined while it waits. */
  #owner: H2RequestOwner | undefined;
  #stream: H2Stream | undefined;
  /** It has left for a client that speaks something else. */
  #elsewhere: Dispatched | undefined;
  #stalls: StallWatch | undefined;
  #isSending = false;
  #headCame = false;
  #isPaused = false;
  /** Since a 2xx to extended CONNECT: raw bytes both ways, which end one by one. */
  #isTunnel = false;
  /** The owner will flush its sink. */
  isHeard = false;

  constructor(
    queue: H2RequestQueue,
    head: RequestHead,
    route: RouteHeaders,
    body: RequestBody | undefined,
    sink: ResponseSink,
  ) {
    this.#queue = queue;
    this.#head = head;
    this.#route = route;
    this.#body = body;
    this.#sink = sink;
  }

  // ---- out ----

  /** Once, on a connection with room for it. */
  sendOn(owner: H2RequestOwner): void {
    this.#owner = owner;
    this.#stalls = new StallWatch(owner.stallLimits);
    const body = this.#body;
    const writeFields = this.isWebSocket ? webSocketFields : requestFields;
    const fields = writeFields(this.#head, this.#route, owner.scheme, owner.authority);
    this.#stream = owner.session.open(fields, body === undefined, this, this.#head.headers.sensitive);
    owner.flushSoon();
    // What goes through a tunnel waits for its opening.
    if (!body || this.isWebSocket) return;
    this.#isSending = true;
    body.attach(new H2RequestWriter(this));
  }

  /** Instead: through another client. */
  sendThrough(client: EndpointClient): void {
    const sink = this.#sink as ResponseSink;
    this.#sink = undefined;
    this.#elsewhere = client.dispatch(this.#head, this.#route, this.#body, sink);
  }

  /** Instead: not at all. */
  refuse(error: GatewayError): void {
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.fail(error);
  }

  get isWebSocket(): boolean {
    return this.#head.upgrade?.toLowerCase() === 'websocket';
  }

  /** A piece of its body. */
  write(chunk: Buffer): boolean {
    if (!this.#isUnderWay) return true;
    this.#owner?.flushSoon();
    return (this.#stream as H2Stream).data(chunk);
  }

  complete(trailers: Headers | undefined): void {
    if (!this.#isUnderWay) return;
    this.#isSending = false;
    this.#stream?.end(trailers && trailerFields(trailers));
    this.#owner?.flushSoon();
    if (this.#isTunnel && !this.#sink) this.#over();
    // Nobody will say when what is held has been sent: the caller need not wait for that with its next request.
    this.#body?.resume();
  }

  writable(): void {
    this.#body?.resume();
  }

  // ---- Dispatched ----

  cancel(error: Error): void {
    if (this.#elsewhere) {
      this.#elsewhere.cancel(error);
      return;
    }
    if (!this.#isUnderWay) return;
    this.#sink = undefined;
    if (this.#owner) this.#stop();
    else this.#queue.forget(this);
  }

  resume(): void {
    this.#elsewhere?.resume();
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#stalls?.excuse();
    this.#stream?.resume();
  }

  // ---- in ----

  headers(fields: string[], endStream: boolean): void {
    const sink = this.#sink;
    if (!sink) return;
    this.#cameIn();
    try {
      if (this.#headCame) this.#finish(readResponseTrailers(fields));
      else this.#readHead(sink, fields, endStream);
    } catch (error) {
      this.#give(asGatewayError(error));
    }
  }

  #readHead(sink: ResponseSink, fields: string[], endStream: boolean): void {
    const { contentLength, sensitive } = this.#stream as H2Stream;
    const head = readResponseHead(fields, { method: this.#head.method, contentLength, endStream });
    head.headers.sensitive = sensitive;
    if (head.status < 200) {
      sink.informational(head);
      return;
    }
    this.#headCame = true;
    if (this.isWebSocket && head.status < 300) this.#openTunnel(sink, head);
    else sink.head(head);
    if (endStream) this.#finish(undefined);
  }

  #openTunnel(sink: ResponseSink, head: ResponseHead): void {
    this.#isTunnel = true;
    this.#isSending = true;
    // The caller's side opens first, so that its bytes find a sink.
    const body = this.#body as RequestBody;
    body.attach(new H2RequestWriter(this));
    body.release();
    sink.head(switchedHead(head, this.#head.version === '2' ? undefined : this.#head.headers.get('sec-websocket-key')));
  }

  data(chunk: Buffer): boolean {
    const owner = this.#owner;
    if (!this.#sink || !owner) return true;
    this.#cameIn();
    if (this.#sink.data(owner.holdable(chunk))) return true;
    this.#isPaused = true;
    owner.handOver();
    return false;
  }

  end(): void {
    this.#finish(undefined);
  }

  /** All that came together has been read. */
  flush(): void {
    this.isHeard = false;
    this.#sink?.flush();
  }

  #cameIn(): void {
    const owner = this.#owner as H2RequestOwner;
    (this.#stalls as StallWatch).heardAt = owner.stallLimits.ticker.now;
    owner.heard(this);
  }

  #finish(trailers: Headers | undefined): void {
    const sink = this.#sink;
    if (!sink) return;
    this.#sink = undefined;
    if (this.#isTunnel) {
      // The caller's half goes on until it ends too.
      if (!this.#isSending) this.#over();
      sink.end(undefined);
      return;
    }
    // Nobody reads the rest of a request that is answered (RFC 9113 §8.1).
    if (this.#isSent) this.#over();
    else this.#stop();
    sink.end(trailers);
  }

  reset(code: H2ErrorCode, refused: boolean, why: string | undefined): void {
    const owner = this.#owner;
    const sink = this.#sink;
    if (!this.#isUnderWay || !owner) return;
    this.#sink = undefined;
    this.#over();
    if (!sink) {
      this.#body?.abandon();
      return;
    }
    if (refused) owner.refused();
    sink.fail(resetError(owner, code, refused, why));
  }

  // ---- time ----

  /** Called at each tick. */
  tick(): void {
    if (this.#isTunnel) return;
    const fault = this.#stalls?.stalled(this.#owed(), NOT_HELD);
    if (fault !== undefined) this.#give(new GatewayError('request-timed-out', `${this.#owner?.where} ${fault}`));
  }

  #owed(): Owed {
    if (this.#isPaused) return 'nothing';
    if (this.#headCame) return 'body';
    return this.#isSent ? 'start' : 'nothing';
  }

  /** Some of it may still come or be sent: of a tunnel that is half-closed the caller's bytes alone. */
  get #isUnderWay(): boolean {
    return this.#sink !== undefined || (this.#isTunnel && this.#isSending);
  }

  /** The upstream has all of the request. */
  get #isSent(): boolean {
    return !this.#isSending && this.#stream?.isSent === true;
  }

  // ---- the end ----

  /** Of its own stream alone, for what the upstream did. */
  #give(error: GatewayError): void {
    const sink = this.#sink;
    if (!sink) return;
    this.#sink = undefined;
    this.#stop();
    sink.fail(error);
  }

  /** The upstream is told that nobody wants to hear more. */
  #stop(): void {
    const stream = this.#stream;
    this.#over();
    stream?.reset('CANCEL');
  }

  #over(): void {
    this.#isSending = false;
    this.#body?.detach();
    this.#owner?.ended(this);
  }
}

/** What the caller's side sends. Its names are those of a stream's other way, so it is an object of its own. */
class H2RequestWriter implements BodySink {
  readonly #request: H2Request;

  constructor(request: H2Request) {
    this.#request = request;
  }

  data(chunk: Buffer): boolean {
    return this.#request.write(chunk);
  }

  end(trailers: Headers | undefined): void {
    this.#request.complete(trailers);
  }

  fail(error: Error): void {
    this.#request.cancel(error);
  }
}

function resetError(
  { where, cutBy, resendOfLost }: H2RequestOwner,
  code: H2ErrorCode,
  refused: boolean,
  why: string | undefined,
): GatewayError {
  if (refused) {
    const message = `${where} refused the request without having processed it (${code})`;
    return new GatewayError('upstream-reset', message, { resend: 'safe', cause: new StreamReset(code) });
  }
  if (cutBy) return cutBy;
  if (why === undefined) {
    const message = `${where} reset the stream with ${code}`;
    return new GatewayError('upstream-reset', message, { cause: new StreamReset(code) });
  }
  switch (code) {
    // No window for too long.
    case 'CANCEL':
      return new GatewayError('request-timed-out', `${where}: ${why}`);
    case 'NO_ERROR':
    case 'INTERNAL_ERROR':
      return new GatewayError('upstream-reset', `${where}: ${why}`, { resend: resendOfLost });
    default:
      return new GatewayError('upstream-malformed', `upstream response refused: ${where}: ${why} (${code})`);
  }
}

function asGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  return new GatewayError('internal', 'unexpected error while reading a response', { cause: error });
}
