// Http1Exchange: one request of a connection, and the way back to its caller.

import type { Caller, Exchange, ExchangeListener } from '../service/exchange.js';
import type { Headers } from '../service/headers.js';
import { type RequestHead, type ResponseHead, UNKNOWN_LENGTH } from '../service/message.js';
import type { RequestBody } from '../service/request-body.js';
import { type BodyFraming, writeResponseHead } from '../wire/head-writer.js';
import type { MessageWriter } from '../wire/message-writer.js';

/** The connection, as its exchange sees it. */
export interface Http1ExchangeOwner {
  readonly caller: Caller;
  readonly writer: MessageWriter;
  /** It takes no further request. */
  readonly draining: boolean;
  /** False while the caller still has to send some of the body. */
  readonly isRequestComplete: boolean;
  /** True while that is more than is worth reading for nothing. */
  readonly isLongBodyLeft: boolean;
  isCurrent(exchange: Http1Exchange): boolean;
  /** Text that leaves before the head; `isContinue`: from here on the caller owes the body. */
  writeInformational(text: string, isContinue: boolean): void;
  /** A chunk is held by the socket: `resume` the listener when it is written. */
  block(): void;
  /** From here on both ways carry raw bytes. */
  openTunnel(): void;
  /** Our side of a tunnel is at its end. */
  closeTunnel(): void;
  /** The response is written completely. */
  exchangeEnded(keepAlive: boolean): void;
  abort(): void;
}

/** After it ended, late calls do nothing. */
export class Http1Exchange implements Exchange {
  listener: ExchangeListener | undefined;
  headSent = false;
  readonly request: RequestHead;
  readonly body: RequestBody | undefined;
  readonly receivedAt: number;
  readonly #connection: Http1ExchangeOwner;
  #keepAlive: boolean;
  #isContinued = false;

  constructor(
    connection: Http1ExchangeOwner,
    request: RequestHead,
    body: RequestBody | undefined,
    keepAlive: boolean,
    receivedAt: number,
  ) {
    this.#connection = connection;
    this.request = request;
    this.body = body;
    this.#keepAlive = keepAlive;
    this.receivedAt = receivedAt;
  }

  get caller(): Caller {
    return this.#connection.caller;
  }

  informational(head: ResponseHead): void {
    // A 1.0 caller does not know 1xx (RFC 9110 §15.2).
    if (!this.#connection.isCurrent(this) || this.headSent || this.request.version === '1.0') return;
    const isContinue = head.status === 100;
    if (isContinue) this.#isContinued = true;
    this.#connection.writeInformational(writeResponseHead(head, 'none', ''), isContinue);
  }

  head(head: ResponseHead): void {
    const connection = this.#connection;
    if (!connection.isCurrent(this) || this.headSent) return;
    this.headSent = true;
    if (head.upgrade !== undefined) {
      connection.writer.begin(writeResponseHead(head, 'tunnel', head.status === 101 ? 'Upgrade' : ''), 'tunnel');
      connection.writer.flush();
      connection.openTunnel();
      return;
    }
    if (this.request.method === 'CONNECT' && head.status < 300) {
      // The caller would take it for a tunnel.
      connection.abort();
      return;
    }
    const old = this.request.version === '1.0';
    const framing = bodyFraming(head, old);
    if (framing === 'close' || connection.draining || this.#mustClose()) this.#keepAlive = false;
    const option = this.#keepAlive ? (old ? 'keep-alive' : '') : 'close';
    connection.writer.begin(writeResponseHead(head, framing, option), framing);
  }

  /** Whether the connection cannot serve another request for what this one leaves unread. */
  #mustClose(): boolean {
    const connection = this.#connection;
    // A caller that was not told to continue may leave its body out (RFC 9110 §10.1.1): what follows could be either.
    if (this.request.expectContinue && !this.#isContinued && !connection.isRequestComplete) return true;
    return connection.isLongBodyLeft;
  }

  data(chunk: Buffer): boolean {
    const connection = this.#connection;
    if (!connection.isCurrent(this)) return true;
    const taken = connection.writer.data(chunk);
    if (!taken) connection.block();
    return taken;
  }

  flush(): void {
    if (this.#connection.isCurrent(this)) this.#connection.writer.flush();
  }

  end(trailers: Headers | undefined): void {
    const connection = this.#connection;
    if (!connection.isCurrent(this)) return;
    if (connection.writer.framing === 'tunnel') {
      connection.closeTunnel();
      return;
    }
    connection.writer.end(trailers);
    connection.exchangeEnded(this.#keepAlive);
  }

  fail(_error: Error): void {
    if (this.#connection.isCurrent(this)) this.#connection.abort();
  }
}

function bodyFraming(head: ResponseHead, old: boolean): BodyFraming {
  if (!head.hasBody) return 'none';
  if (head.contentLength !== UNKNOWN_LENGTH) return 'length';
  return old ? 'close' : 'chunked';
}
