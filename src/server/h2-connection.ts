// H2Connection: the socket of one caller that speaks HTTP/2 in, an exchange for each of its streams out (RFC 9113).

import { GatewayError } from '../base/errors.js';
import { makeLogger } from '../base/log.js';
import { type Flushable, flushes } from '../wire/flush-queue.js';
import { PREFACE } from '../wire/h2/frames.js';
import { H2Error, type H2ErrorCode } from '../wire/h2/h2-error.js';
import { H2Session } from '../wire/h2/session.js';
import type { H2SessionOwner, H2Stream } from '../wire/h2/session-contract.js';
import { HOLD_BYTES } from '../wire/push-socket.js';
import type { CallerSocket, SocketOwner } from './caller-socket.js';
import { isOver, type SweepTime } from './connection-limits.js';
import type { ConnectionMetrics } from './connection-metrics.js';
import { H2Exchange, type H2ExchangeOwner, refuseRequest } from './h2-exchange.js';
import { readRequestHead } from './h2-heads.js';
import type { H2ServerOptions } from './h2-options.js';
import type { Http1ServerOptions } from './http1-options.js';
import type { IdleOrder } from './idle-order.js';
import type { ServerConnection } from './server-connection.js';
import { TakenWatch } from './taken-watch.js';
import { TunnelWatch } from './tunnel-watch.js';

/** What the connections of one server share. */
export interface H2ConnectionContext extends SweepTime {
  readonly options: Http1ServerOptions;
  readonly h2: H2ServerOptions;
  readonly metrics: ConnectionMetrics;
  readonly draining: boolean;
  /** Open at the moment. */
  tunnels: number;
  readonly idle: IdleOrder<ServerConnection>;
  closed(connection: ServerConnection): void;
}

/** The part of the preface that looks like the head of a request. */
const PREFACE_HEAD = PREFACE.subarray(0, PREFACE.indexOf('SM'));

const log = makeLogger('server');

export class H2Connection implements ServerConnection, SocketOwner, Flushable, H2SessionOwner, H2ExchangeOwner {
  readonly caller: CallerSocket;
  older: ServerConnection | undefined;
  newer: ServerConnection | undefined;
  readonly #context: H2ConnectionContext;
  readonly #session: H2Session;
  readonly #taken = new TakenWatch();
  /** Exchanges whose bodies are coming. */
  readonly #receiving = new Set<H2Exchange>();
  readonly #tunnels = new Map<H2Exchange, TunnelWatch>();
  /** `now` of the context when it became idle, or when its session closed. */
  #waitingSince: number;
  /** What the caller has begun to send and not completed, as its session numbers it, and since when. */
  #unfinished = 0;
  #unfinishedSince = 0;
  #isFlushDue = false;
  /** It takes no more requests: the caller has been told, or is about to be. */
  #isLeaving = false;
  /** The session has ended; what still comes in is thrown away. */
  #isClosed = false;

  constructor(caller: CallerSocket, context: H2ConnectionContext) {
    this.caller = caller;
    this.#context = context;
    this.#waitingSince = context.now;
    this.#session = new H2Session(context.h2, caller, this);
    caller.writes.onTaken = () => this.onDrain();
    caller.handTo(this);
    context.idle.touch(this);
    context.metrics.h2Connects.inc();
  }

  /** `rest`: what came behind the head of the preface, where that was read as the head of a request. */
  begin(rest?: Buffer): void {
    this.#session.start();
    if (rest) {
      this.#session.receive(PREFACE_HEAD);
      this.#session.receive(rest);
    }
    if (this.#context.draining) this.drain();
  }

  // ---- the server's side ----

  get openedAt(): number {
    return this.caller.openedAt;
  }

  get streams(): number {
    return this.#session.streams;
  }

  get isIdle(): boolean {
    return this.#session.streams === 0 && !this.caller.writes.isHeld;
  }

  drain(): void {
    this.#isLeaving = true;
    this.#session.goAway();
  }

  destroy(): void {
    if (this.isIdle) {
      this.#session.close();
      this.caller.socket.destroy();
    } else {
      this.#cut(new Error('the gateway closed it'));
    }
  }

  countAnew(): void {
    this.caller.writes.sentBytes = this.#context.metrics.bytesSent;
  }

  sweep(bornBefore: number): void {
    const { limits, metrics, options } = this.#context;
    const { writes, socket } = this.caller;
    if (this.#taken.takesNothing(writes, this.#context)) {
      metrics.writeTimeouts.inc();
      this.#cut(new Error(`the caller took no byte of what was sent for ${limits.writeMs} ms`));
    } else if (this.#isClosed) {
      // It waits for the caller only when the caller has everything.
      if (writes.isHeld) this.#waitingSince = this.#context.now;
      else if (isOver(this.#context, this.#waitingSince, limits.lingerMs)) socket.destroy();
    } else {
      if (this.#receiving.size > 0) this.#sweepBodies();
      if (this.#tunnels.size > 0) this.#sweepTunnels();
      if (!this.#isLeaving) this.#sweepAge(bornBefore);
      this.#sweepHead();
      this.#session.tick(options.clock.now());
    }
  }

  /** As of a head in HTTP/1.1: of each frame or field block the end comes in time. The session sees to the greeting. */
  #sweepHead(): void {
    const { now, limits } = this.#context;
    const { unfinished } = this.#session;
    const { headMs } = limits;
    if (unfinished === 0 || unfinished !== this.#unfinished) {
      this.#unfinished = unfinished;
      this.#unfinishedSince = now;
    } else if (isOver(this.#context, this.#unfinishedSince, headMs)) {
      this.#context.metrics.readTimeouts.inc();
      this.#session.close(
        new H2Error('ENHANCE_YOUR_CALM', `The end of a frame or field block did not come for ${headMs} ms`),
      );
    }
  }

  /** A body that stopped coming ends its own stream alone. */
  #sweepBodies(): void {
    const { limits, metrics, options } = this.#context;
    for (const exchange of this.#receiving) {
      if (!isOver(this.#context, exchange.readAt, limits.bodyReadMs)) continue;
      metrics.readTimeouts.inc();
      const error = new GatewayError('request-timeout', `no byte of the request body came for ${limits.bodyReadMs} ms`);
      exchange.timedOut(error, options.refuse);
    }
  }

  #sweepTunnels(): void {
    const { limits, metrics } = this.#context;
    for (const [exchange, watch] of this.#tunnels) {
      watch.count(exchange, metrics, this.#context);
      if (watch.isIdle(this.#context)) {
        metrics.tunnelExpired.inc();
        exchange.endTunnel(`nothing went through the tunnel for ${limits.tunnelIdleMs} ms`);
      } else if (isOver(this.#context, exchange.readAt, limits.tunnelReadMs)) {
        metrics.readTimeouts.inc();
        exchange.endTunnel(`the caller sent nothing through its tunnel for ${limits.tunnelReadMs} ms`);
      }
    }
  }

  #sweepAge(bornBefore: number): void {
    const { limits, metrics, idle } = this.#context;
    if (this.openedAt <= bornBefore) {
      metrics.lifeExpired.inc();
      this.drain();
    } else if (this.#session.streams === 0 && isOver(this.#context, this.#waitingSince, limits.idleMs)) {
      metrics.idleExpired.inc();
      this.drain();
    } else if (this.isIdle && !idle.has(this)) {
      // Asked while bytes were held for it, it had not been idle yet.
      idle.touch(this);
    }
  }

  /** What is under way is not worth waiting for. */
  #cut(error: Error): void {
    this.#session.lost(error);
    this.caller.writes.reset();
  }

  // ---- the socket's side ----

  onData(bytes: Buffer): void {
    this.#context.metrics.bytesReceived.add(bytes.length);
    this.#session.receive(bytes);
  }

  onDrain(): void {
    this.#session.drained();
  }

  onEnd(): void {
    if (!this.#isClosed) this.#session.peerEnded();
    else if (!this.caller.writes.isHeld) this.caller.socket.destroy();
  }

  onClose(): void {
    this.#session.lost(undefined);
    this.#context.closed(this);
  }

  // ---- H2SessionOwner ----

  request(stream: H2Stream, fields: string[], endStream: boolean): void {
    const { options } = this.#context;
    const { contentLength } = stream;
    const { maxInitialLineBytes } = options;
    let exchange: H2Exchange;
    try {
      const section = { contentLength, endStream, maxInitialLineBytes, takesConnect: options.proxy };
      const head = readRequestHead(fields, section);
      exchange = new H2Exchange(this, stream, head, options.clock.now());
    } catch (error) {
      this.#refuse(stream, fields, error);
      return;
    }
    options.serve(exchange);
  }

  #refuse(stream: H2Stream, fields: readonly string[], cause: unknown): void {
    const error = cause instanceof GatewayError ? cause : new GatewayError('internal', 'unexpected error', { cause });
    // The session lets none pass without.
    const method = fields[fields.indexOf(':method') + 1] as string;
    refuseRequest(stream, method, this.#context.options.refuse(error));
  }

  streamClosed(): void {
    if (this.#session.streams > 0) return;
    this.#waitingSince = this.#context.now;
    this.#context.idle.touch(this);
  }

  streamError(_streamId: number, code: H2ErrorCode, why: string): void {
    const { metrics, refuse } = this.#context.options;
    // The one error that the session itself answers with a status: it is counted as HTTP/1.1's is.
    if (code === 'NO_ERROR') refuse(new GatewayError('headers-too-large', why));
    else metrics.counter('h2', 'stream_errors', code).inc();
  }

  /** It will send no more requests, and closes when it has its answers. */
  goingAway(): void {}

  closed(error: Error | undefined): void {
    this.#isClosed = true;
    this.#waitingSince = this.#context.now;
    this.#context.idle.touch(this);
    if (!(error instanceof H2Error)) return;
    if (error.code === 'SETTINGS_TIMEOUT') this.#context.metrics.readTimeouts.inc();
    this.#context.options.metrics.counter('h2', 'connection_errors', error.code).inc();
    if (error.code === 'INTERNAL_ERROR') log.error(error.message, { err: error.cause });
  }

  // ---- its exchanges' side ----

  get now(): number {
    return this.#context.now;
  }

  flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    flushes.add(this);
  }

  flush(): void {
    this.#isFlushDue = false;
    this.#session.flush();
  }

  holdable(chunk: Buffer): Buffer {
    const { reads } = this.caller;
    if (chunk.length < HOLD_BYTES || !reads.isShared) return chunk;
    reads.startBulk();
    return Buffer.from(chunk);
  }

  handOver(): void {
    this.caller.reads.handOver();
  }

  bodyBegins(exchange: H2Exchange): void {
    this.#receiving.add(exchange);
  }

  bodyEnds(exchange: H2Exchange): void {
    if (this.#receiving.delete(exchange)) this.#endBulk();
  }

  tunnelOpens(exchange: H2Exchange): void {
    this.#tunnels.set(exchange, new TunnelWatch(exchange, this.#context));
    this.#context.tunnels += 1;
  }

  tunnelEnds(exchange: H2Exchange): void {
    this.#tunnels.get(exchange)?.count(exchange, this.#context.metrics, this.#context);
    this.#tunnels.delete(exchange);
    this.#context.tunnels -= 1;
    this.#endBulk();
  }

  #endBulk(): void {
    if (this.#receiving.size === 0 && this.#tunnels.size === 0) this.caller.reads.endBulk();
  }
}
