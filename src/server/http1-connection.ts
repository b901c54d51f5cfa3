// Http1Connection: the bytes of one caller's connection in, exchanges out, one at a time; responses written back in order.
//
// A state machine over one socket, longer than other files because its states share the socket's few flags. Requests
// that are pipelined wait unparsed until the exchange before them has ended, so answers cannot get out of order.

import type { Socket } from 'node:net';
import { GatewayError } from '../base/errors.js';
import type { Headers } from '../service/headers.js';
import { mayTunnel } from '../service/message.js';
import { RequestBody } from '../service/request-body.js';
import { ChunkedDecoder } from '../wire/chunked-decoder.js';
import { type HeadLimits, HeadReader } from '../wire/head-reader.js';
import { writeResponseHead } from '../wire/head-writer.js';
import { MessageWriter } from '../wire/message-writer.js';
import { HOLD_BYTES, type PushReads, type PushWrites } from '../wire/push-socket.js';
import { type ParsedRequest, parseRequestHead } from '../wire/request-head.js';
import type { CallerSocket, SocketOwner } from './caller-socket.js';
import { isOver, type SweepTime } from './connection-limits.js';
import type { ConnectionMetrics } from './connection-metrics.js';
import { Http1Exchange, type Http1ExchangeOwner } from './http1-exchange.js';
import type { Http1ServerOptions } from './http1-options.js';
import type { IdleOrder } from './idle-order.js';
import type { ServerConnection } from './server-connection.js';
import { TakenWatch } from './taken-watch.js';
import { TunnelWatch } from './tunnel-watch.js';

/** What the connections of one server share. */
export interface Http1ConnectionContext extends SweepTime {
  readonly options: Http1ServerOptions;
  readonly headLimits: HeadLimits;
  readonly metrics: ConnectionMetrics;
  readonly draining: boolean;
  /** Open at the moment. */
  tunnels: number;
  /** Those between requests, by when they came to be so. */
  readonly idle: IdleOrder<ServerConnection>;
  closed(connection: ServerConnection): void;
  /** The caller speaks HTTP/2: another connection goes on in place of this one. `rest`: what came behind `H2_HEAD`. */
  beginH2(connection: Http1Connection, caller: CallerSocket, rest: Buffer): void;
}

/**
 * - `head`: between requests, or reading a head;
 * - `length`, `chunked`: reading a body;
 * - `wait`: the request is complete, its response is not;
 * - `tunnel`: after 101, or 200 to CONNECT;
 * - `linger`: the last response is written, what still comes in is thrown away.
 */
type Mode = 'head' | 'length' | 'chunked' | 'wait' | 'tunnel' | 'linger';

/** How a connection of HTTP/2 begins, as far as it can be read as the head of a request (RFC 9113 §3.4). */
const H2_HEAD = 'PRI * HTTP/2.0\r\n';
const LETTER_P = 80;

/** Body bytes of a request already answered that are read and dropped to keep the connection; a longer rest closes it. */
const MAX_DISCARDED_BYTES = 256 * 1024;

/** `#readAt` while the caller may wait for a 100 before it sends its body. */
const NOTHING_OWED = Number.POSITIVE_INFINITY;

export class Http1Connection implements Http1ExchangeOwner, ServerConnection, SocketOwner {
  readonly caller: CallerSocket;
  readonly writer: MessageWriter;
  readonly streams = 0;
  older: ServerConnection | undefined;
  newer: ServerConnection | undefined;
  readonly #socket: Socket;
  readonly #reads: PushReads;
  readonly #writes: PushWrites;
  readonly #context: Http1ConnectionContext;
  readonly #reader: HeadReader;
  #mode: Mode = 'head';
  /** What has come may still turn out to be HTTP/2. Undefined: nothing has come. */
  #mayBeH2: boolean | undefined;
  #bodyLeft = 0;
  #decoder: ChunkedDecoder | undefined;
  #exchange: Http1Exchange | undefined;
  /** The body being read; stays after its exchange ended early, until the rest of it has been dropped. */
  #body: RequestBody | undefined;
  #discarded = 0;
  /** Bytes after the current request, unparsed. While there are any the socket is paused. */
  #pipelined: Buffer | undefined;
  #consuming = false;
  /** `now` of the context when it became idle, when the head began, or when it began to linger. */
  #waitingSince: number;
  /** The same when the last byte came that was owed to us, or when it began to be owed. */
  #readAt: number;
  readonly #taken = new TakenWatch();
  /** From the opening of a tunnel on. */
  #tunnel: TunnelWatch | undefined;
  /** It has lived for `lifeTimeMs`. */
  #isOld = false;
  #callerEnded = false;
  /** A response chunk is held by the socket: the producer waits for `drain`. */
  #blocked = false;
  /** The next request waits for `drain`. */
  #stalled = false;

  constructor(caller: CallerSocket, context: Http1ConnectionContext) {
    this.caller = caller;
    caller.handTo(this);
    // Over TLS the handshake has agreed on what is spoken (RFC 9113 §3.3).
    if (caller.secure) this.#mayBeH2 = false;
    this.#socket = this.caller.socket;
    this.#reads = this.caller.reads;
    this.#writes = this.caller.writes;
    this.writer = new MessageWriter(this.#writes);
    this.#context = context;
    this.#waitingSince = context.now;
    this.#readAt = context.now;
    this.#reader = new HeadReader(context.headLimits);
    context.idle.touch(this);
  }

  // ---- the server's side ----

  get openedAt(): number {
    return this.caller.openedAt;
  }

  /** No request is under way, and every byte of the last response is with the kernel. */
  get isIdle(): boolean {
    const { isHeld } = this.#writes;
    return !isHeld && (this.#mode === 'linger' || (this.#mode === 'head' && !this.#reader.started));
  }

  drain(): void {
    const isAnswered = this.#mode === 'head' ? !this.#reader.started : this.#stalled && !this.#pipelined;
    if (!isAnswered) return;
    if (this.#writes.isHeld) this.#shutDown();
    else this.#socket.destroy();
  }

  destroy(): void {
    this.#writes.flush();
    // Not a FIN: half a response without a length would look like a whole one.
    if (this.#exchange || this.#mode === 'tunnel' || this.#writes.isHeld) this.#writes.reset();
    else this.#socket.destroy();
  }

  countAnew(): void {
    this.#writes.sentBytes = this.#context.metrics.bytesSent;
  }

  sweep(bornBefore: number): void {
    const { limits, metrics } = this.#context;
    if (this.openedAt <= bornBefore) this.#isOld = true;
    if (this.#taken.takesNothing(this.#writes, this.#context)) {
      metrics.writeTimeouts.inc();
      this.#giveUp(`the caller took no byte of its response for ${limits.writeMs} ms`);
      return;
    }
    switch (this.#mode) {
      case 'head':
        if (this.#reader.started) this.#sweepHead();
        else if (!this.#writes.isHeld) this.#sweepIdle();
        return;
      case 'length':
      case 'chunked':
        if (this.#socket.isPaused() || !isOver(this.#context, this.#readAt, limits.bodyReadMs)) return;
        metrics.readTimeouts.inc();
        this.#refuse(
          new GatewayError('request-timeout', `no byte of the request body came for ${limits.bodyReadMs} ms`),
        );
        return;
      case 'tunnel':
        this.#sweepTunnel(this.#tunnel as TunnelWatch);
        return;
      case 'linger':
        // It waits for the caller only when the caller has everything.
        if (this.#writes.isHeld) this.#waitingSince = this.#context.now;
        else if (isOver(this.#context, this.#waitingSince, limits.lingerMs)) this.#socket.destroy();
        return;
      case 'wait':
        return;
      default:
        this.#mode satisfies never;
    }
  }

  #sweepTunnel(tunnel: TunnelWatch): void {
    const { limits, metrics } = this.#context;
    tunnel.count(this.#socket, metrics, this.#context);
    if (tunnel.isIdle(this.#context)) {
      metrics.tunnelExpired.inc();
      this.#giveUp(`nothing went through the tunnel for ${limits.tunnelIdleMs} ms`);
    } else if (
      !(this.#callerEnded || this.#socket.isPaused()) &&
      isOver(this.#context, this.#readAt, limits.tunnelReadMs)
    ) {
      metrics.readTimeouts.inc();
      this.#giveUp(`the caller sent nothing through its tunnel for ${limits.tunnelReadMs} ms`);
    }
  }

  #sweepIdle(): void {
    const { limits, metrics, draining, idle } = this.#context;
    if (draining) {
      this.#socket.destroy();
    } else if (this.#isOld) {
      metrics.lifeExpired.inc();
      this.#socket.destroy();
    } else if (isOver(this.#context, this.#waitingSince, limits.idleMs)) {
      metrics.idleExpired.inc();
      this.#socket.destroy();
    } else if (!idle.has(this)) {
      // Asked while bytes were held for it, it had not been idle yet.
      idle.touch(this);
    }
  }

  #sweepHead(): void {
    const { limits, metrics } = this.#context;
    if (
      !isOver(this.#context, this.#waitingSince, limits.headMs) &&
      !isOver(this.#context, this.#readAt, limits.headReadMs)
    )
      return;
    metrics.readTimeouts.inc();
    this.#refuse(new GatewayError('request-timeout', 'the request head did not arrive in time'));
  }

  /** The rest of what is under way is not worth waiting for. */
  #giveUp(why: string): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.listener?.callerGone(new GatewayError('caller-gone', why));
    // The next sweep may come before its end.
    this.#mode = 'linger';
    this.#writes.reset();
  }

  // ---- bytes in ----

  onData(bytes: Buffer): void {
    this.#context.metrics.bytesReceived.add(bytes.length);
    this.#readAt = this.#context.now;
    this.#consume(bytes);
  }

  #consume(bytes: Buffer): void {
    this.#consuming = true;
    let i = 0;
    try {
      while (i < bytes.length) {
        switch (this.#mode) {
          case 'head':
            i = this.#readHead(bytes, i);
            break;
          case 'length': {
            const end = Math.min(bytes.length, i + this.#bodyLeft);
            this.#bodyLeft -= end - i;
            this.data(bytes.subarray(i, end));
            i = end;
            if (this.#bodyLeft === 0) this.end(undefined);
            break;
          }
          case 'chunked':
            i = (this.#decoder as ChunkedDecoder).decode(bytes, i, this);
            break;
          case 'wait':
            // What one read brought at most: reading stops until the exchange has ended. Copied, as the buffer is shared. Of
            // TLS one read may hold several records, each of which comes by itself.
            this.#pipelined = this.#pipelined
              ? Buffer.concat([this.#pipelined, bytes.subarray(i)])
              : Buffer.from(bytes.subarray(i));
            this.#socket.pause();
            i = bytes.length;
            break;
          case 'tunnel':
            this.data(i === 0 ? bytes : bytes.subarray(i));
            i = bytes.length;
            break;
          case 'linger':
            i = bytes.length;
            break;
          default:
            this.#mode satisfies never;
        }
      }
    } catch (error) {
      this.#refuse(
        error instanceof GatewayError ? error : new GatewayError('internal', 'unexpected error', { cause: error }),
      );
    }
    this.#consuming = false;
  }

  #readHead(bytes: Buffer, start: number): number {
    const wasStarted = this.#reader.started;
    this.#mayBeH2 ??= this.#context.options.h2 === true && bytes[start] === LETTER_P;
    const next = this.#reader.read(bytes, start, this.#reads.wordsOf(bytes));
    if (next < 0) {
      if (!wasStarted) this.#waitingSince = this.#context.now;
      return bytes.length;
    }
    if (this.#mayBeH2 && this.#handOver(bytes.subarray(next))) return bytes.length;
    const { proxy, h2Only } = this.#context.options;
    if (h2Only) throw new GatewayError('unsupported-version', 'this listener takes HTTP/2 alone');
    const parsed = parseRequestHead(this.#reader, proxy);
    this.#reader.forget();
    this.#begin(parsed);
    return next;
  }

  /**
   * At the first head of the connection. Later ones must not be taken for HTTP/2: a proxy in front that sends requests of
   * many callers over one connection would let any of them take it over.
   */
  #handOver(rest: Buffer): boolean {
    this.#mayBeH2 = false;
    if (this.#reader.text !== H2_HEAD) return false;
    this.#reader.forget();
    this.#mode = 'linger';
    this.#context.beginH2(this, this.caller, rest);
    return true;
  }

  #begin({ head, keepAlive, chunked }: ParsedRequest): void {
    let body: RequestBody | undefined;
    if (head.hasBody) {
      body = new RequestBody();
      body.onResume = () => this.#resumeReading();
      this.#readAt = head.expectContinue ? NOTHING_OWED : this.#context.now;
      if (chunked) {
        this.#decoder = new ChunkedDecoder(this.#context.options.maxHeaderBytes);
        this.#mode = 'chunked';
      } else if (mayTunnel(head)) {
        this.#mode = 'wait';
      } else {
        this.#bodyLeft = head.contentLength;
        this.#mode = 'length';
      }
    } else {
      this.#mode = 'wait';
    }
    this.#body = body;
    const exchange = new Http1Exchange(this, head, body, keepAlive, this.#context.options.clock.now());
    this.#exchange = exchange;
    this.#context.options.serve(exchange);
  }

  /** Body bytes, from here and from the chunked decoder. */
  data(chunk: Buffer): void {
    if (!this.#body) return;
    if (!this.#exchange && this.#mode !== 'tunnel') {
      this.#discarded += chunk.length;
      if (this.#discarded > MAX_DISCARDED_BYTES) this.#shutDown();
      return;
    }
    let own = chunk;
    if (chunk.length >= HOLD_BYTES && this.#reads.isShared) {
      // The first of a long body: it may be held, so it cannot stay in the shared buffer.
      own = Buffer.from(chunk);
      this.#reads.startBulk();
    }
    if (this.#body.push(own)) return;
    this.#reads.handOver();
    this.#socket.pause();
  }

  /** The request's body is complete. */
  end(trailers: Headers | undefined): void {
    if (this.#mode === 'linger') return;
    const body = this.#body;
    this.#body = undefined;
    this.#decoder = undefined;
    this.#mode = 'wait';
    this.#reads.endBulk();
    body?.finish(trailers);
    // It had been answered before it was complete: only this was missing for the next request.
    if (!this.#exchange && this.#mode === 'wait') this.#nextRequest();
  }

  #resumeReading(): void {
    if (this.#pipelined) return;
    this.#readAt = this.#context.now;
    this.#socket.resume();
  }

  /** The caller closed its side. */
  onEnd(): void {
    this.#callerEnded = true;
    if (this.#mode === 'tunnel') {
      this.#body?.finish(undefined);
      return;
    }
    // A FIN during an exchange is taken for a caller that gave up, as Linkerd (Netty) and nginx do: TCP does not tell
    // the two apart, and work for callers that are gone is what overloads upstreams.
    this.#writes.destroy();
  }

  onClose(): void {
    const exchange = this.#exchange;
    const body = this.#body;
    this.#exchange = undefined;
    this.#pipelined = undefined;
    this.#mode = 'linger';
    this.#body = undefined;
    if (this.#tunnel) {
      this.#tunnel.count(this.#socket, this.#context.metrics, this.#context);
      this.#context.tunnels -= 1;
    }
    this.#context.closed(this);
    if (!exchange && !body) return;
    const error = new GatewayError('caller-gone', 'the caller closed the connection before its response');
    if (exchange) exchange.listener?.callerGone(error);
    // A tunnel whose other half has ended already, or a body that nobody reads any more.
    else if (!this.#callerEnded) body?.fail(error);
  }

  onDrain(): void {
    if (this.#stalled) this.#nextRequest();
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#exchange?.listener?.resume();
  }

  // ---- bytes out ----

  /** Answers a request that cannot be served, and closes: nothing after a malformed byte can be trusted. */
  #refuse(error: GatewayError): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.listener?.callerGone(error);
    if (this.#mode === 'linger') return;
    if (exchange?.headSent) {
      this.#writes.reset();
      return;
    }
    if (!exchange && this.#mode !== 'head') {
      // The rest of a request that has its answer: a second one would pass for the answer to the next.
      this.#shutDown();
      return;
    }
    const { head, body } = this.#context.options.refuse(error);
    this.#writes.text(writeResponseHead(head, 'length', 'close') + body.toString('latin1'));
    this.#shutDown();
  }

  writeInformational(text: string, isContinue: boolean): void {
    if (isContinue) this.#readAt = this.#context.now;
    this.#writes.text(text);
  }

  block(): void {
    this.#blocked = true;
  }

  get draining(): boolean {
    return this.#context.draining || this.#isOld;
  }

  isCurrent(exchange: Http1Exchange): boolean {
    return this.#exchange === exchange;
  }

  get isRequestComplete(): boolean {
    return !this.#body || this.#mode === 'wait';
  }

  get isLongBodyLeft(): boolean {
    return !this.isRequestComplete && this.#mode === 'length' && this.#bodyLeft > MAX_DISCARDED_BYTES;
  }

  openTunnel(): void {
    this.#mode = 'tunnel';
    const pipelined = this.#pipelined;
    this.#pipelined = undefined;
    this.#readAt = this.#context.now;
    // The head, which is not of the tunnel and not to be counted with it.
    this.#writes.flush();
    this.#tunnel = new TunnelWatch(this.#socket, this.#context);
    this.#context.tunnels += 1;
    this.#socket.resume();
    if (pipelined) this.#consume(pipelined);
  }

  closeTunnel(): void {
    this.#exchange = undefined;
    this.#writes.end();
    if (this.#callerEnded) return;
    // Half-close: what the caller still sends goes on to the upstream.
    this.#mode = 'tunnel';
    if (this.#body) this.#body.onAbandoned = () => this.abort();
  }

  exchangeEnded(keepAlive: boolean): void {
    this.#exchange = undefined;
    if (!keepAlive || this.#context.draining) {
      this.#shutDown();
      return;
    }
    if (this.#mode !== 'wait') {
      // Answered early: what is left of the request is read and dropped.
      this.#discarded = 0;
      this.#body?.discard();
      return;
    }
    this.#body = undefined;
    this.#nextRequest();
  }

  abort(): void {
    this.#exchange = undefined;
    // A reset, not a FIN: the caller must not take what it has for a complete response.
    this.#writes.reset();
  }

  #nextRequest(): void {
    // A caller that sends requests and does not read the answers: they must not pile up here.
    this.#stalled = this.#writes.needsDrain;
    if (this.#stalled) {
      this.#mode = 'wait';
      return;
    }
    this.#mode = 'head';
    this.#waitingSince = this.#context.now;
    this.#context.idle.touch(this);
    // Inside `#consume` its loop goes on; pipelined bytes can be there only outside of it.
    if (this.#consuming) return;
    const pipelined = this.#pipelined;
    if (!pipelined) return;
    this.#pipelined = undefined;
    this.#socket.resume();
    this.#consume(pipelined);
  }

  #shutDown(): void {
    this.#body?.discard();
    this.#body = undefined;
    this.#pipelined = undefined;
    this.#mode = 'linger';
    this.#stalled = false;
    this.#waitingSince = this.#context.now;
    this.#context.idle.touch(this);
    this.#writes.end();
    // Unread bytes in the socket's buffer would turn our close into a reset that can overtake the response.
    this.#socket.resume();
  }
}
