// H2Exchange: one request of an HTTP/2 connection, and the way back to its caller.

import { GatewayError } from '../base/errors.js';
import type { Caller, Exchange, ExchangeListener } from '../service/exchange.js';
import type { Headers } from '../service/headers.js';
import { mayTunnel, type RequestHead, type ResponseHead } from '../service/message.js';
import { RequestBody } from '../service/request-body.js';
import { StreamReset } from '../service/stream-reset.js';
import type { H2ErrorCode } from '../wire/h2/h2-error.js';
import type { H2Stream, H2StreamListener } from '../wire/h2/session-contract.js';
import { readTrailers, trailerFields } from '../wire/h2-fields.js';
import { responseFields } from './h2-heads.js';
import type { Refusal, Refuse } from './server.js';

/** The connection, as its exchanges see it. */
export interface H2ExchangeOwner {
  readonly caller: Caller;
  /** As of the last sweep. */
  readonly now: number;
  /** What streams have written leaves when all sockets that are ready have been read. */
  flushSoon(): void;
  /** The same bytes, where whoever gets them may hold them. */
  holdable(chunk: Buffer): Buffer;
  /** Some of them are held. */
  handOver(): void;
  /** The body of a request begins to come. */
  bodyBegins(exchange: H2Exchange): void;
  /** It is complete, or nobody wants it any more. Maybe more than once. */
  bodyEnds(exchange: H2Exchange): void;
  /** From here on raw bytes go both ways. */
  tunnelOpens(exchange: H2Exchange): void;
  /** Once, both ways. */
  tunnelEnds(exchange: H2Exchange): void;
}

/** `readAt` while the caller owes us nothing: it waits for a 100, or we do not read. */
const NOTHING_OWED = Number.POSITIVE_INFINITY;

/** After it ended, late calls do nothing. */
export class H2Exchange implements Exchange {
  listener: ExchangeListener | undefined;
  readonly request: RequestHead;
  readonly body: RequestBody | undefined;
  readonly receivedAt: number;
  /** `now` of the owner when the last byte of the body came, or when it began to be owed. */
  readAt: number;
  readonly #owner: H2ExchangeOwner;
  readonly #stream: H2Stream;
  #headSent = false;
  /** The response has no body, whatever comes. */
  #isBodiless = false;
  #isOver = false;
  /** Bytes of an open tunnel. */
  bytesRead = 0;
  bytesWritten = 0;
  #isTunnel = false;
  /** The one or the other way of the tunnel is at its end. */
  #isReceived = false;
  #isSent = false;

  /** Listens to the stream. */
  constructor(owner: H2ExchangeOwner, stream: H2Stream, request: RequestHead, receivedAt: number) {
    this.#owner = owner;
    this.#stream = stream;
    this.request = request;
    this.receivedAt = receivedAt;
    this.readAt = request.expectContinue ? NOTHING_OWED : owner.now;
    request.headers.sensitive = stream.sensitive;
    stream.listener = new RequestSide(this);
    if (!request.hasBody) return;
    const body = new RequestBody();
    body.onResume = () => {
      this.readAt = owner.now;
      stream.resume();
    };
    this.body = body;
    // Through a tunnel that is not open yet nothing need come.
    if (!mayTunnel(request)) owner.bodyBegins(this);
  }

  get caller(): Caller {
    return this.#owner.caller;
  }

  // ---- the response ----

  informational(head: ResponseHead): void {
    if (this.#isOver || this.#headSent) return;
    if (head.status === 100) this.readAt = this.#owner.now;
    this.#stream.headers(responseFields(head), false);
    this.#owner.flushSoon();
  }

  head(head: ResponseHead): void {
    if (this.#isOver || this.#headSent) return;
    this.#headSent = true;
    if (head.upgrade !== undefined) {
      this.#openTunnel(head);
    } else if (head.status < 300 && mayTunnel(this.request)) {
      // The caller would take it for a tunnel (RFC 9113 §8.5).
      this.fail(new GatewayError('upstream-malformed', `${head.status} to CONNECT, and no tunnel`));
    } else {
      this.#isBodiless = !head.hasBody;
      this.#stream.headers(responseFields(head), false, head.headers.sensitive);
    }
  }

  /** HTTP/2 has no 101 (RFC 8441 §5). */
  #openTunnel(head: ResponseHead): void {
    this.#isTunnel = true;
    this.readAt = this.#owner.now;
    this.#stream.headers(responseFields({ ...head, status: 200 }), false, head.headers.sensitive);
    this.#owner.tunnelOpens(this);
  }

  data(chunk: Buffer): boolean {
    if (this.#isTunnel) this.bytesWritten += chunk.length;
    return this.#isOver || this.#isBodiless || this.#stream.data(chunk);
  }

  flush(): void {
    if (!this.#isOver) this.#owner.flushSoon();
  }

  end(trailers: Headers | undefined): void {
    if (this.#isOver) return;
    this.#stream.end(trailers && trailerFields(trailers));
    if (this.#isTunnel && !this.#isReceived) this.#endSent();
    else this.#close();
    this.#owner.flushSoon();
  }

  fail(error: Error): void {
    if (this.#isOver) return;
    // The caller must not take what it has for a complete response. Of a tunnel: RFC 9113 §8.5.
    this.#stream.reset(this.#isTunnel ? 'CONNECT_ERROR' : resetCode(error));
    this.#close();
  }

  /** Half-close: what the caller still sends goes on to the upstream. */
  #endSent(): void {
    this.#isSent = true;
    const body = this.body as RequestBody;
    body.onAbandoned = () => {
      if (this.#isOver) return;
      this.#stream.reset('CONNECT_ERROR');
      this.#close();
    };
  }

  /** Nothing more is passed on, either way. What is left of the request is not read: the session stops its sender. */
  #close(): void {
    this.#isOver = true;
    if (this.#isTunnel) this.#owner.tunnelEnds(this);
    else this.#owner.bodyEnds(this);
    this.body?.discard();
  }

  // ---- the request ----

  /** A piece of its body. */
  received(chunk: Buffer): boolean {
    const { body } = this;
    if (this.#isOver || !body) return true;
    this.readAt = this.#owner.now;
    if (this.#isTunnel) this.bytesRead += chunk.length;
    if (body.push(this.#owner.holdable(chunk))) return true;
    this.readAt = NOTHING_OWED;
    this.#owner.handOver();
    return false;
  }

  /** The request is complete. */
  finished(fields: readonly string[] | undefined): void {
    if (this.#isOver) return;
    let trailers: Headers | undefined;
    try {
      if (fields && this.#isTunnel) throw new GatewayError('bad-request', 'trailers in a tunnel (RFC 9113 §8.5)');
      trailers = fields && readTrailers(fields);
    } catch (error) {
      this.#stream.reset('PROTOCOL_ERROR');
      this.#goneWith(error as Error);
      return;
    }
    this.#isReceived = true;
    this.readAt = NOTHING_OWED;
    if (!this.#isTunnel) this.#owner.bodyEnds(this);
    this.body?.finish(trailers);
    if (this.#isSent) this.#close();
  }

  /** The caller has had enough, or did wrong. */
  stopped(code: H2ErrorCode, why: string | undefined): void {
    if (this.#isOver) return;
    this.#goneWith(new GatewayError('caller-gone', why ?? `the caller reset the stream with ${code}`));
  }

  resume(): void {
    if (!this.#isOver) this.listener?.resume();
  }

  /** Its body stopped coming: it gets `refusal` where it has no answer yet. */
  timedOut(error: GatewayError, refuse: Refuse): void {
    if (this.#headSent) this.#stream.reset('CANCEL');
    else refuseRequest(this.#stream, this.request.method, refuse(error, this.request));
    this.#goneWith(error);
    this.#owner.flushSoon();
  }

  /** A limit ends both ways. */
  endTunnel(why: string): void {
    this.#stream.reset('CANCEL');
    this.#goneWith(new GatewayError('caller-gone', why));
  }

  #goneWith(error: Error): void {
    // The one half of a tunnel that is left has nobody else to tell.
    if (this.#isSent) this.body?.fail(error);
    this.#close();
    if (!this.#isSent) this.listener?.callerGone(error);
  }
}

/** Answers a request that is not served. */
export function refuseRequest(stream: H2Stream, method: string, { head, body }: Refusal): void {
  stream.headers(responseFields(head), false);
  if (method !== 'HEAD') stream.data(body);
  stream.end();
}

/** With which a caller learns of a request that failed (Linkerd's outcomes of h2): what an upstream said of it is passed on. */
function resetCode(error: Error): H2ErrorCode {
  if (!(error instanceof GatewayError)) return 'INTERNAL_ERROR';
  const { code, resend, cause } = error;
  if (code === 'unidentified' || code === 'over-capacity' || resend === 'safe') return 'REFUSED_STREAM';
  switch (cause instanceof StreamReset ? cause.code : undefined) {
    case 'CANCEL':
      return 'CANCEL';
    case 'ENHANCE_YOUR_CALM':
      return 'ENHANCE_YOUR_CALM';
    default:
      return 'INTERNAL_ERROR';
  }
}

/** What the stream tells. Its names are those of an exchange's other way, so it is an object of its own. */
class RequestSide implements H2StreamListener {
  readonly #exchange: H2Exchange;

  constructor(exchange: H2Exchange) {
    this.#exchange = exchange;
  }

  headers(fields: string[]): void {
    this.#exchange.finished(fields);
  }

  data(chunk: Buffer): boolean {
    return this.#exchange.received(chunk);
  }

  end(): void {
    this.#exchange.finished(undefined);
  }

  reset(code: H2ErrorCode, _refused: boolean, why: string | undefined): void {
    this.#exchange.stopped(code, why);
  }

  writable(): void {
    this.#exchange.resume();
  }
}
