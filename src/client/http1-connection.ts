// Http1ClientConnection: one connection to an upstream; a request out, its response in, one exchange at a time.
//
// A state machine over one socket, longer than other files because its states share the socket's few flags.

import type { Socket } from 'node:net';
import { showAddress } from '../base/addr.js';
import type { TimerHandle } from '../base/clock.js';
import { GatewayError, type Resend } from '../base/errors.js';
import type { Ticking } from '../base/ticker.js';
import type { Dispatched, ResponseSink } from '../service/exchange.js';
import type { Headers } from '../service/headers.js';
import { makeConnectedHead, type RequestHead, type ResponseHead, UNKNOWN_LENGTH } from '../service/message.js';
import type { RequestBody } from '../service/request-body.js';
import type { RouteHeaders } from '../service/route-headers.js';
import { ChunkedDecoder } from '../wire/chunked-decoder.js';
import { CloseNotifyWatch } from '../wire/close-notify-watch.js';
import { HeadReader } from '../wire/head-reader.js';
import { writeRequestHead } from '../wire/head-writer.js';
import { MessageWriter } from '../wire/message-writer.js';
import { HOLD_BYTES, PushReads, PushWrites } from '../wire/push-socket.js';
import { MAX_INTERIM_RESPONSES, type ParsedResponse, parseResponseHead } from '../wire/response-head.js';
import { connectUpstream, type TlsResumption } from '../wire/upstream-socket.js';
import type { EndpointClientOptions } from './client.js';
import { connectError, connectTimeout, isCertificateRefused } from './connect-error.js';
import { RequestWriter, type RequestWriterOwner } from './request-writer.js';
import { type Owed, type StallLimits, StallWatch } from './stall-watch.js';
import { WebSocketHandshake } from './websocket-handshake.js';

/** A socket that is connected, with TLS if that is wanted, and nobody has written to. */
export interface MadeConnection {
  readonly socket: Socket;
  readonly reads: PushReads;
}

/** The pool, as its connections see it. */
export interface Http1ConnectionOwner {
  readonly options: EndpointClientOptions;
  readonly stallLimits: StallLimits;
  readonly resumption: TlsResumption;
  connected(connection: Http1ClientConnection): void;
  /** The connection could not be made. `lost` follows. */
  connectFailed(connection: Http1ClientConnection): void;
  /** The connection can take another request. */
  released(connection: Http1ClientConnection): void;
  /** Called at each tick while it is idle. */
  idled(connection: Http1ClientConnection): void;
  /** The connection is closed. Called once. */
  lost(connection: Http1ClientConnection): void;
}

/**
 * - `connecting`: the request, if there is one, is held until the socket is connected;
 * - `idle`: no request; any byte that comes is unsolicited;
 * - `head`, `length`, `chunked`, `untilClose`: reading a response;
 * - `done`: the response is complete, the rest of what came with it is not looked at yet;
 * - `tunnel`: after 101, or at once for CONNECT;
 * - `closed`.
 */
type Mode = 'connecting' | 'idle' | 'head' | 'length' | 'chunked' | 'untilClose' | 'done' | 'tunnel' | 'closed';

const CONNECTION = Symbol('connection');
type ConnectionSocket = Socket & { [CONNECTION]: Http1ClientConnection };

export class Http1ClientConnection implements Dispatched, RequestWriterOwner, Ticking {
  readonly writer: MessageWriter;
  /** Tick at which it was begun. */
  readonly openedAt: number;
  readonly #owner: Http1ConnectionOwner;
  readonly #socket: Socket;
  readonly #reads: PushReads;
  readonly #writes: PushWrites;
  readonly #stalls: StallWatch;
  readonly #reader: HeadReader;
  readonly #startedAt: number;
  #connectTimer: TimerHandle | undefined;
  #mode: Mode = 'connecting';
  /** Set before anything reads it, as is the route. */
  #request!: RequestHead;
  #route!: RouteHeaders;
  #body: RequestBody | undefined;
  /** Undefined without a request. */
  #sink: ResponseSink | undefined;
  #bodyWriter: RequestWriter | undefined;
  #decoder: ChunkedDecoder | undefined;
  #bodyLeft = 0;
  #keepAlive = false;
  #handshake: WebSocketHandshake | undefined;
  #paused = false;
  /** It has been idle: the upstream may have closed it before it read the current request. */
  #wasIdle = false;
  #responseStarted = false;
  #interimLeft = 0;
  #trailers: Headers | undefined;
  /** Of a TLS response that ends with the connection. */
  #closeNotify: CloseNotifyWatch | undefined;

  /** Connects. Without a request by then it is idle. `made`: to this, whose `onConnect` is still to be called. */
  constructor(owner: Http1ConnectionOwner, made?: MadeConnection) {
    this.#owner = owner;
    const { options } = owner;
    this.#stalls = new StallWatch(owner.stallLimits);
    this.openedAt = options.ticker.now;
    options.ticker.add(this);
    this.#reader = new HeadReader({
      maxInitialLineBytes: options.maxInitialLineBytes,
      maxHeaderBytes: options.maxHeaderBytes,
      lineTooLong: 'upstream-malformed',
      headersTooLarge: 'upstream-malformed',
      what: 'response',
    });
    this.#startedAt = options.clock.now();
    options.metrics.now.connections += 1;
    const onRead = (bytes: Buffer): void => this.#onData(bytes);
    this.#reads = made?.reads ?? new PushReads(onRead, options.tls !== undefined);
    made?.reads.handTo(onRead);
    const { host, port } = options.address;
    const { noDelay, keepAlive, tls } = options;
    const { resumption } = owner;
    const socket =
      made?.socket ?? connectUpstream({ host, port, noDelay, keepAlive, tls, resumption }, this.#reads, onConnect);
    this.#socket = socket;
    this.#writes = new PushWrites(socket, options.metrics.sentBytes);
    this.writer = new MessageWriter(this.#writes);
    (socket as ConnectionSocket)[CONNECTION] = this;
    socket.on('drain', onDrain);
    socket.on('end', onEnd);
    socket.on('error', onError);
    socket.on('close', onClose);
    this.#connectTimer = options.clock.after(options.connectTimeoutMs, () => {
      this.#connectFailed(connectTimeout(socket, tls, options.connectTimeoutMs));
    });
  }

  // ---- requests out ----

  /** Only while it is idle, or has just been made. */
  send(request: RequestHead, route: RouteHeaders, body: RequestBody | undefined, sink: ResponseSink): void {
    this.#request = request;
    this.#route = route;
    this.#body = body;
    this.#sink = sink;
    if (this.#mode !== 'connecting') this.#start();
  }

  #start(): void {
    this.#mode = 'head';
    this.#stalls.heardAt = this.#owner.options.ticker.now;
    this.#responseStarted = false;
    this.#interimLeft = MAX_INTERIM_RESPONSES;
    const request = this.#request;
    const body = this.#body;
    if (request.method === 'CONNECT') {
      this.#openTunnel(makeConnectedHead());
      this.#sink?.flush();
      return;
    }
    let route = this.#route.http1;
    if (request.upgrade !== undefined && request.version === '2') {
      this.#handshake = new WebSocketHandshake();
      route += this.#handshake.http1;
    }
    const head = writeRequestHead(request, route, this.#owner.options.address.meta.authority);
    if (!body || request.upgrade !== undefined) {
      this.writer.begin(head, 'none');
      this.writer.flush();
      return;
    }
    this.writer.begin(head, request.contentLength === UNKNOWN_LENGTH ? 'chunked' : 'length');
    const bodyWriter = new RequestWriter(this);
    this.#bodyWriter = bodyWriter;
    body.attach(bodyWriter);
    // The rest of the body may be in the caller's next packet; its head must not wait for that.
    if (this.writer.isHolding) process.nextTick(flushBody, bodyWriter);
  }

  endTunnel(): void {
    this.#writes.end();
  }

  isCurrent(body: RequestWriter): boolean {
    return this.#bodyWriter === body;
  }

  onDrain(): void {
    if (this.#bodyWriter) this.#body?.resume();
  }

  // ---- Dispatched ----

  cancel(_error: Error): void {
    const isConnecting = this.#mode === 'connecting';
    this.#finishExchange();
    this.#close();
    // A reset tells the upstream that nobody wants the answer; a FIN would not stop its work. Node resets a socket that is
    // still connecting only once it is connected, which to a dead host takes minutes.
    if (isConnecting) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#stalls.excuse();
    this.#socket.resume();
    this.#closeNotify?.resumed();
  }

  destroy(): void {
    this.#close();
    this.#socket.destroy();
  }

  // ---- responses in ----

  onConnect(): void {
    if (this.#mode !== 'connecting') return;
    this.#connectTimer?.cancel();
    const { metrics, clock } = this.#owner.options;
    metrics.connects.inc();
    metrics.connectLatencyMs.add(clock.now() - this.#startedAt);
    this.#owner.connected(this);
    if (this.#sink) this.#start();
    else this.#becomeIdle();
  }

  #onData(bytes: Buffer): void {
    const { metrics, ticker } = this.#owner.options;
    metrics.receivedBytes.add(bytes.length);
    this.#stalls.heardAt = ticker.now;
    try {
      this.#consume(bytes);
    } catch (error) {
      this.#malformed(error);
      return;
    }
    this.#sink?.flush();
  }

  #consume(bytes: Buffer): void {
    let i = 0;
    while (i < bytes.length) {
      switch (this.#mode) {
        case 'head':
          this.#responseStarted = true;
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
        case 'untilClose':
        case 'tunnel':
          this.#closeNotify?.received();
          this.data(i === 0 ? bytes : bytes.subarray(i));
          i = bytes.length;
          break;
        case 'done':
          // Bytes after a complete response must never be taken for the answer to the next request (response splitting).
          this.#keepAlive = false;
          i = bytes.length;
          break;
        case 'idle':
          this.destroy();
          return;
        case 'connecting':
        case 'closed':
          return;
        default:
          this.#mode satisfies never;
      }
    }
    if (this.#mode === 'done') this.#finishResponse();
  }

  #readHead(bytes: Buffer, start: number): number {
    const wasStarted = this.#reader.started;
    const next = this.#reader.read(bytes, start, this.#reads.wordsOf(bytes));
    if (next < 0) {
      if (!wasStarted) this.#stalls.headAt = this.#stalls.heardAt;
      return bytes.length;
    }
    const parsed = parseResponseHead(this.#reader, this.#request.method);
    this.#reader.forget();
    if (parsed.head.status === 101) this.#switchProtocols(parsed.head);
    else if (parsed.head.status < 200) this.#interim(parsed.head);
    else {
      this.#handshake?.refuse(parsed.head.status);
      this.#beginResponse(parsed);
    }
    return next;
  }

  /** Each goes to the caller and puts off what limits the wait for a response. */
  #interim(head: ResponseHead): void {
    this.#interimLeft -= 1;
    if (this.#interimLeft < 0) {
      const message = `more than ${MAX_INTERIM_RESPONSES} responses of 1xx came, and none that is final`;
      throw new GatewayError('upstream-malformed', message);
    }
    this.#sink?.informational(head);
  }

  #switchProtocols(head: ResponseHead): void {
    const asked = this.#request.upgrade;
    if (asked === undefined || head.upgrade === undefined || !isOffered(head.upgrade, asked)) {
      throw new GatewayError(
        'upstream-malformed',
        `101 to ${head.upgrade ?? 'no protocol'} where ${asked ?? 'none'} was asked for`,
      );
    }
    this.#handshake?.check(head.headers);
    this.#openTunnel(head);
  }

  #openTunnel(head: ResponseHead): void {
    this.#mode = 'tunnel';
    this.#keepAlive = false;
    // The caller's side opens first, so that its bytes find a sink.
    const body = this.#body as RequestBody;
    this.writer.begin('', 'tunnel');
    this.#bodyWriter = new RequestWriter(this);
    body.attach(this.#bodyWriter);
    body.release();
    this.#sink?.head(head);
  }

  #beginResponse({ head, keepAlive, chunked }: ParsedResponse): void {
    this.#keepAlive = keepAlive;
    if (!head.hasBody) {
      this.#mode = 'length';
      this.#sink?.head(head);
      this.end(undefined);
      return;
    }
    if (chunked) {
      this.#decoder = new ChunkedDecoder(this.#owner.options.maxHeaderBytes);
      this.#mode = 'chunked';
    } else if (head.contentLength !== UNKNOWN_LENGTH) {
      this.#bodyLeft = head.contentLength;
      this.#mode = 'length';
    } else {
      this.#mode = 'untilClose';
      this.#keepAlive = false;
      if (this.#owner.options.tls) this.#closeNotify = new CloseNotifyWatch(this.#socket);
    }
    this.#sink?.head(head);
  }

  /** Body bytes, from here and from the chunked decoder. */
  data(chunk: Buffer): void {
    if (!this.#sink) return;
    let own = chunk;
    if (chunk.length >= HOLD_BYTES && this.#reads.isShared) {
      // The first of a long body: it may be held, so it cannot stay in the shared buffer.
      own = Buffer.from(chunk);
      this.#reads.startBulk();
    }
    if (this.#sink.data(own)) return;
    this.#reads.handOver();
    this.#paused = true;
    this.#socket.pause();
  }

  /** The response's body is complete. */
  end(trailers: Headers | undefined): void {
    // The sink may have cancelled on the way.
    if (this.#mode === 'closed') return;
    this.#reads.endBulk();
    this.#trailers = trailers;
    this.#mode = 'done';
  }

  #finishResponse(): void {
    const trailers = this.#trailers;
    this.#trailers = undefined;
    const reusable = this.#keepAlive && !(this.#body && !this.#body.finished);
    const sink = this.#finishExchange();
    if (reusable) {
      // The sink may have paused reading with the last chunk.
      this.resume();
      // Before the sink hears of it: the next request of a caller that pipelines finds this connection free.
      this.#becomeIdle();
    } else {
      this.destroy();
    }
    sink?.end(trailers);
  }

  #becomeIdle(): void {
    this.#mode = 'idle';
    this.#wasIdle = true;
    this.#owner.released(this);
  }

  onEnd(): void {
    if (this.#mode === 'untilClose') {
      if (this.#closeNotify?.isCut) {
        // Anyone on the way can end a TCP connection; only the upstream can end the response (RFC 9112 §9.8).
        this.#lost(new Error('TLS was cut without close_notify'));
        return;
      }
      this.end(undefined);
      this.#finishResponse();
    } else if (this.#mode === 'tunnel') {
      const sink = this.#sink;
      this.#sink = undefined;
      sink?.end(undefined);
      // The caller's half goes on until it ends too.
      if (!this.#body || this.#body.finished) this.destroy();
    } else if (this.#mode !== 'connecting') {
      // Else Node takes it for an error of the handshake.
      this.#lost(undefined);
    }
  }

  onError(cause: Error): void {
    if (this.#mode === 'connecting') this.#connectFailed(cause);
    else this.#lost(cause);
  }

  onClose(): void {
    if (this.#mode === 'connecting') this.#connectFailed(new Error('closed while connecting'));
    else this.#lost(undefined);
  }

  #connectFailed(cause: Error): void {
    if (this.#mode !== 'connecting') return;
    const { metrics, clock, address, tls } = this.#owner.options;
    metrics.failedConnectLatencyMs.add(clock.now() - this.#startedAt);
    this.#owner.connectFailed(this);
    const sink = this.#finishExchange();
    this.destroy();
    sink?.fail(connectError(address, tls, cause));
  }

  #lost(cause: Error | undefined): void {
    if (this.#mode === 'closed') return;
    const resend: Resend = this.#wasIdle && !this.#responseStarted ? 'idempotent' : 'no';
    const tunnelBody = this.#mode === 'tunnel' ? this.#body : undefined;
    const sink = this.#finishExchange();
    this.destroy();
    if (!sink) {
      if (tunnelBody && !tunnelBody.finished) tunnelBody.abandon();
      return;
    }
    const { address, tls } = this.#owner.options;
    if (cause && !this.#responseStarted && isCertificateRefused(cause)) {
      sink.fail(connectError(address, tls, cause));
      return;
    }
    const where = showAddress(address);
    const message = `${where} closed the connection before its response was complete${cause ? `: ${cause.message}` : ''}`;
    sink.fail(new GatewayError('upstream-reset', message, { cause, resend }));
  }

  // ---- time ----

  /** Ticks since the last byte came, for one that is idle. */
  get silentTicks(): number {
    return this.#owner.options.ticker.now - this.#stalls.heardAt;
  }

  tick(): void {
    const mode = this.#mode;
    if (mode === 'idle') {
      this.#owner.idled(this);
    } else if (mode === 'head' || mode === 'length' || mode === 'chunked' || mode === 'untilClose') {
      const fault = this.#stalls.stalled(this.#owed(mode), this.#writes);
      if (fault !== undefined) this.#timedOut(fault);
    }
  }

  #owed(mode: 'head' | 'length' | 'chunked' | 'untilClose'): Owed {
    if (this.#paused) return 'nothing';
    if (mode !== 'head') return 'body';
    if (this.#reader.started) return 'head';
    const isSending = this.#bodyWriter !== undefined && !this.#body?.finished;
    return isSending || this.#writes.isHeld ? 'nothing' : 'start';
  }

  #timedOut(fault: string): void {
    const sink = this.#finishExchange();
    this.#close();
    this.#socket.resetAndDestroy();
    sink?.fail(new GatewayError('request-timed-out', `${showAddress(this.#owner.options.address)} ${fault}`));
  }

  // ---- the end ----

  #malformed(error: unknown): void {
    const sink = this.#finishExchange();
    this.destroy();
    if (error instanceof GatewayError) {
      const cause = error.code === 'upstream-malformed' ? error : asUpstreamError(error);
      sink?.fail(cause);
    } else {
      sink?.fail(new GatewayError('internal', 'unexpected error while reading a response', { cause: error }));
    }
  }

  /** The exchange has nothing more to do with this connection. Answers who was waiting. */
  #finishExchange(): ResponseSink | undefined {
    const sink = this.#sink;
    this.#sink = undefined;
    if (this.#bodyWriter) {
      this.#bodyWriter = undefined;
      this.#body?.detach();
    }
    this.#body = undefined;
    this.#decoder = undefined;
    this.#handshake = undefined;
    return sink;
  }

  #close(): void {
    if (this.#mode === 'closed') return;
    this.#connectTimer?.cancel();
    const { metrics, ticker } = this.#owner.options;
    ticker.delete(this);
    if (this.#mode !== 'connecting') metrics.closes.inc();
    metrics.now.connections -= 1;
    this.#mode = 'closed';
    this.#owner.lost(this);
  }
}

function onConnect(this: Socket): void {
  (this as ConnectionSocket)[CONNECTION].onConnect();
}

function onDrain(this: Socket): void {
  (this as ConnectionSocket)[CONNECTION].onDrain();
}

function onEnd(this: Socket): void {
  (this as ConnectionSocket)[CONNECTION].onEnd();
}

function onError(this: Socket, error: Error): void {
  (this as ConnectionSocket)[CONNECTION].onError(error);
}

function onClose(this: Socket): void {
  (this as ConnectionSocket)[CONNECTION].onClose();
}

function asUpstreamError(error: GatewayError): GatewayError {
  return new GatewayError('upstream-malformed', `upstream response refused: ${error.message}`, { cause: error });
}

/** Whether the protocol that the upstream chose is one that the caller offered. */
function isOffered(chosen: string, offered: string): boolean {
  return offered
    .toLowerCase()
    .split(',')
    .some((offer) => offer.trim() === chosen.toLowerCase());
}

function flushBody(body: RequestWriter): void {
  body.flush();
}
