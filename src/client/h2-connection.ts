// H2ClientConnection: one connection to an upstream that speaks HTTP/2; its socket and session, the requests under way on it.
//
//   connecting ─▶ greeting ─▶ open ─▶ leaving ─▶ closed
//   (TCP, TLS)    (SETTINGS)          (GOAWAY of either side, or too old)
//
// A state machine over one socket, longer than other files because its states share the socket's and the session's few flags.

import type { Socket } from 'node:net';
import { showAddress } from '../base/addr.js';
import type { TimerHandle } from '../base/clock.js';
import { GatewayError, type Resend } from '../base/errors.js';
import { makeLogger } from '../base/log.js';
import type { Ticking } from '../base/ticker.js';
import { flushes } from '../wire/flush-queue.js';
import { H2Error, type H2ErrorCode } from '../wire/h2/h2-error.js';
import { H2Session } from '../wire/h2/session.js';
import type { H2SessionOptions, H2SessionOwner, H2Transport } from '../wire/h2/session-contract.js';
import { HOLD_BYTES, PushReads, PushWrites } from '../wire/push-socket.js';
import { agreedProtocol, connectUpstream, type TlsResumption, type UpstreamTls } from '../wire/upstream-socket.js';
import type { EndpointClientOptions } from './client.js';
import { connectError, connectTimeout, isCertificateRefused } from './connect-error.js';
import { KeepAlive, PING_TIMEOUT_MS, type PingTimes } from './h2-keep-alive.js';
import type { H2Request, H2RequestOwner } from './h2-request.js';
import type { MadeConnection } from './http1-connection.js';
import { type StallLimits, StallWatch } from './stall-watch.js';

/** The pool, as its connections see it. */
export interface H2ConnectionOwner {
  readonly options: EndpointClientOptions;
  readonly stallLimits: StallLimits;
  readonly sessionOptions: H2SessionOptions;
  readonly pingTimes: PingTimes;
  /** What is offered in the handshake of TLS. */
  readonly alpn: readonly string[];
  readonly resumption: TlsResumption;
  /** How many times longer than usual is waited before a PING. */
  readonly pingSlowness: number;
  /** TLS has agreed on no HTTP/2. True: the socket has been taken over. */
  takeOver(made: MadeConnection): boolean;
  /** The upstream has sent its SETTINGS, and takes requests. */
  opened(connection: H2ClientConnection): void;
  /** It never came to that. `closed` was called before. */
  connectFailed(error: GatewayError): void;
  /** It may take more requests than before. */
  roomGrew(connection: H2ClientConnection): void;
  /** Called at each tick while it is open. */
  ticked(connection: H2ClientConnection): void;
  /** It takes no more requests. */
  left(connection: H2ClientConnection): void;
  /** The upstream asks for calm (ENHANCE_YOUR_CALM); `message` is what it says of that. */
  calmAsked(message: string): void;
  /** It is of no more use. Called once. */
  closed(connection: H2ClientConnection): void;
}

type Mode = 'connecting' | 'greeting' | 'open' | 'leaving' | 'closed';

const CONNECTION = Symbol('connection');
type ConnectionSocket = Socket & { [CONNECTION]: H2ClientConnection };

/** What an HTTP/1.1 server answers to the preface begins so. */
const HTTP1 = Buffer.from('HTTP/1.');
/** Ticks that a closed connection's last words have to be taken. */
const LINGER_TICKS = 2;

const log = makeLogger('client');

export class H2ClientConnection implements H2SessionOwner, H2RequestOwner, H2Transport, Ticking {
  readonly session: H2Session;
  readonly stallLimits: StallLimits;
  readonly scheme: 'http' | 'https';
  readonly authority: string | undefined;
  readonly where: string;
  /** Tick at which it was begun. */
  readonly openedAt: number;
  cutBy: GatewayError | undefined;
  readonly #owner: H2ConnectionOwner;
  readonly #socket: Socket;
  readonly #reads: PushReads;
  readonly #writes: PushWrites;
  readonly #stalls: StallWatch;
  readonly #keepAlive: KeepAlive;
  readonly #startedAt: number;
  readonly #requests = new Set<H2Request>();
  /** Those whose sinks want a flush. */
  readonly #heard: H2Request[] = [];
  #connectTimer: TimerHandle | undefined;
  #mode: Mode = 'connecting';
  /** The handshake of TLS is done, if there is one. */
  #isSecured = false;
  #isFlushDue = false;
  /** Tick at which its last stream ended. */
  #idleSince = 0;
  /** It has served a request, and been idle since. */
  #wasIdle = false;
  /** It had been idle when the oldest of its requests was sent, and nothing has come since. */
  #isRevived = false;
  /** A frame or field block that has begun and not ended, as the session numbers it, and since which tick. */
  #unfinished = 0;
  #unfinishedSince = 0;
  #closedTicks = 0;

  /** Connects. */
  constructor(owner: H2ConnectionOwner) {
    const { options } = owner;
    const { address, ticker, tls, noDelay, keepAlive, metrics } = options;
    const { host, port } = address;
    this.#owner = owner;
    this.stallLimits = owner.stallLimits;
    this.scheme = tls ? 'https' : 'http';
    this.authority = address.meta.authority;
    this.where = showAddress(address);
    this.#stalls = new StallWatch(owner.stallLimits);
    this.#keepAlive = new KeepAlive(owner.pingTimes);
    this.openedAt = ticker.now;
    ticker.add(this);
    this.#startedAt = options.clock.now();
    metrics.now.connections += 1;
    this.session = new H2Session(owner.sessionOptions, this, this);
    this.#reads = new PushReads((bytes) => this.#onData(bytes));
    const { resumption } = owner;
    const secure = tls && offering(tls, owner.alpn);
    const socket = connectUpstream({ host, port, noDelay, keepAlive, tls: secure, resumption }, this.#reads, onConnect);
    this.#socket = socket;
    this.#writes = new PushWrites(socket, metrics.sentBytes);
    this.#writes.onTaken = () => this.session.drained();
    (socket as ConnectionSocket)[CONNECTION] = this;
    socket.on('drain', onDrain);
    socket.on('end', onEnd);
    socket.on('error', onError);
    socket.on('close', onClose);
    this.#connectTimer = options.clock.after(options.connectTimeoutMs, () => this.#connectTimedOut());
  }

  // ---- the pool's side ----

  /** Requests that it takes now. */
  get capacity(): number {
    return this.#mode === 'open' ? this.session.capacity : 0;
  }

  get isIdle(): boolean {
    return this.#mode === 'open' && this.session.streams === 0;
  }

  /** Ticks without a stream, of one that is idle. */
  get idleTicks(): number {
    return this.stallLimits.ticker.now - this.#idleSince;
  }

  /** Only while there is `capacity`. */
  send(request: H2Request): void {
    if (request.isWebSocket && !this.session.peerTakesExtendedConnect) {
      const message = `an upgrade to websocket is refused: ${this.where} is spoken to in HTTP/2 and does not take extended CONNECT, want protocol: http1`;
      request.refuse(new GatewayError('upgrade-refused', message));
      return;
    }
    const { metrics } = this.#owner.options;
    if (this.session.streams === 0) {
      metrics.now.idle -= 1;
      this.#isRevived = this.#wasIdle;
    }
    metrics.h2.now.streams += 1;
    this.#requests.add(request);
    this.#keepAlive.active();
    request.sendOn(this);
  }

  /** Requests under way go on, none follow. */
  leave(): void {
    if (this.#mode === 'connecting' || this.#mode === 'greeting') {
      this.close();
    } else if (this.#mode === 'open') {
      this.#left();
      // Closes where nothing is under way.
      this.session.goAway();
    }
  }

  close(): void {
    if (this.#mode === 'connecting') {
      this.#closed();
      this.#socket.destroy();
    } else {
      this.session.close();
    }
  }

  // ---- H2RequestOwner ----

  flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    flushes.add(this);
  }

  flush(): void {
    this.#isFlushDue = false;
    this.session.flush();
  }

  holdable(chunk: Buffer): Buffer {
    if (chunk.length < HOLD_BYTES || !this.#reads.isShared) return chunk;
    this.#reads.startBulk();
    return Buffer.from(chunk);
  }

  handOver(): void {
    this.#reads.handOver();
  }

  heard(request: H2Request): void {
    this.#keepAlive.active();
    if (request.isHeard) return;
    request.isHeard = true;
    this.#heard.push(request);
  }

  ended(request: H2Request): void {
    if (!this.#requests.delete(request)) return;
    this.#owner.options.metrics.h2.now.streams -= 1;
  }

  refused(): void {
    this.#owner.options.metrics.h2.refused.inc();
  }

  /** As in HTTP/1.1 (RFC 9112 §9.3.1): the upstream closed a connection that was idle before it had read what was sent. */
  get resendOfLost(): Resend {
    return this.#isRevived ? 'idempotent' : 'no';
  }

  // ---- the socket's side ----

  onConnect(): void {
    if (this.#mode !== 'connecting') return;
    this.#isSecured = true;
    const { tls } = this.#owner.options;
    const agreed = tls && agreedProtocol(this.#socket);
    if (tls && agreed !== 'h2') this.#withoutH2(agreed);
    else {
      this.#mode = 'greeting';
      this.session.start();
    }
  }

  #withoutH2(agreed: string | undefined): void {
    const socket = this.#socket;
    if (this.#owner.takeOver({ socket, reads: this.#reads })) {
      socket.off('drain', onDrain).off('end', onEnd).off('error', onError).off('close', onClose);
      this.stallLimits.ticker.delete(this);
      this.#closed();
      return;
    }
    const answer = agreed === undefined ? 'agreed on no protocol' : `chose ${agreed}`;
    this.#connectFailed(new Error(`HTTP/2 was offered in the TLS handshake (ALPN), and it ${answer}`));
  }

  #onData(bytes: Buffer): void {
    if (this.#mode === 'closed') return;
    this.#owner.options.metrics.receivedBytes.add(bytes.length);
    this.#stalls.heardAt = this.stallLimits.ticker.now;
    this.#isRevived = false;
    if (this.#mode === 'greeting' && HTTP1.compare(bytes, 0, Math.min(bytes.length, HTTP1.length)) === 0) {
      this.#connectFailed(new Error('it answers in HTTP/1.1 to the preface of HTTP/2'));
      return;
    }
    this.session.receive(bytes);
    if (this.#heard.length > 0) this.#flushHeard();
  }

  #flushHeard(): void {
    for (const request of this.#heard) request.flush();
    this.#heard.length = 0;
  }

  onDrain(): void {
    this.session.drained();
  }

  onEnd(): void {
    if (this.#mode === 'connecting') this.#connectFailed(new Error('closed while connecting'));
    else this.#lost(undefined);
  }

  onError(cause: Error): void {
    if (this.#mode === 'connecting') this.#connectFailed(cause);
    else this.#lost(cause);
  }

  onClose(): void {
    if (this.#mode === 'connecting') this.#connectFailed(new Error('closed while connecting'));
    else this.#lost(undefined);
    this.stallLimits.ticker.delete(this);
  }

  // ---- H2Transport ----

  write(bytes: Buffer): boolean {
    return this.#writes.bytes(bytes);
  }

  /** What is left to be written is waited for a while, by `tick`. */
  end(): void {
    this.#socket.once('finish', () => this.#socket.destroy());
    this.#writes.end();
  }

  destroy(): void {
    this.#writes.reset();
  }

  // ---- H2SessionOwner ----

  /** The session calls it for servers alone. */
  request(): void {}

  settingsChanged(): void {
    if (this.#mode === 'greeting') {
      if (this.session.capacity > 0) this.#opened();
    } else if (this.#mode === 'open') {
      this.#owner.roomGrew(this);
    }
  }

  #opened(): void {
    const { metrics, clock } = this.#owner.options;
    this.#connectTimer?.cancel();
    this.#mode = 'open';
    metrics.connects.inc();
    metrics.connectLatencyMs.add(clock.now() - this.#startedAt);
    metrics.now.idle += 1;
    this.#owner.opened(this);
  }

  goingAway(_lastStreamId: number, code: H2ErrorCode, message: string): void {
    const { metrics } = this.#owner.options;
    metrics.h2.goAways.inc();
    if (code === 'ENHANCE_YOUR_CALM') this.#owner.calmAsked(message);
    if (this.#mode === 'greeting') {
      this.#connectFailed(new Error(`it goes away at once: ${code}${message === '' ? '' : ` "${message}"`}`));
    } else if (this.#mode === 'open') {
      this.#left();
    }
  }

  streamClosed(): void {
    if (this.#mode !== 'open') return;
    if (this.session.streams === 0) {
      this.#idleSince = this.stallLimits.ticker.now;
      this.#wasIdle = true;
      this.#owner.options.metrics.now.idle += 1;
      this.#reads.endBulk();
    }
    this.#owner.roomGrew(this);
  }

  streamError(_streamId: number, code: H2ErrorCode): void {
    const { metrics } = this.#owner.options;
    if (code === 'CANCEL') metrics.writeTimeouts.inc();
    metrics.h2.streamError(code);
  }

  closed(error: Error | undefined): void {
    if (error instanceof H2Error) {
      this.#owner.options.metrics.h2.connectionError(error.code);
      if (error.code === 'INTERNAL_ERROR') log.error(error.message, { err: error.cause });
    }
    if (this.#mode === 'greeting') this.#connectFailed(error ?? new Error('closed before it sent its SETTINGS'));
    else this.#closed();
  }

  // ---- time ----

  tick(): void {
    switch (this.#mode) {
      case 'connecting':
      case 'greeting':
        return;
      case 'closed':
        this.#closedTicks += 1;
        if (this.#closedTicks >= LINGER_TICKS) this.#socket.destroy();
        return;
      default:
    }
    const stuck = this.#stalls.stalled('nothing', this.#writes);
    if (stuck !== undefined) {
      this.#cut(new GatewayError('request-timed-out', `${this.where} ${stuck}`));
      return;
    }
    for (const request of this.#requests) request.tick();
    this.session.tick(this.#owner.options.clock.now());
    this.#watchFrame();
    this.#keepAliveStep();
    if (this.#mode === 'open') this.#owner.ticked(this);
  }

  /** As of a response's head in HTTP/1.1: of each frame and field block the end comes in time. */
  #watchFrame(): void {
    const { ticker, limits, metrics, responseHeadTicks } = this.stallLimits;
    const { unfinished } = this.session;
    if (unfinished === 0 || unfinished !== this.#unfinished) {
      this.#unfinished = unfinished;
      this.#unfinishedSince = ticker.now;
    } else if (ticker.now - this.#unfinishedSince >= responseHeadTicks) {
      metrics.readTimeouts.inc();
      const message = `${this.where} did not complete a frame or field block within ${limits.responseHeadMs} ms`;
      this.#cut(new GatewayError('request-timed-out', message));
    }
  }

  #keepAliveStep(): void {
    if (this.#mode === 'closed') return;
    const { metrics } = this.#owner.options;
    const { ticker } = this.stallLimits;
    const hasStreams = this.session.streams > 0;
    switch (this.#keepAlive.step(ticker.now, this.#stalls.heardAt, hasStreams, this.#owner.pingSlowness)) {
      case 'wait':
        return;
      case 'ping':
        metrics.h2.pings.inc();
        this.session.ping();
        return;
      case 'dead':
        metrics.h2.pingTimeouts.inc();
        this.#cut(new GatewayError('upstream-reset', `${this.where} answered no PING for ${PING_TIMEOUT_MS} ms`));
    }
  }

  // ---- the end ----

  #connectTimedOut(): void {
    const { connectTimeoutMs, tls } = this.#owner.options;
    if (this.#mode === 'connecting') {
      this.#connectFailed(connectTimeout(this.#socket, tls, connectTimeoutMs));
    } else {
      const what = this.session.capacity === 0 ? 'no SETTINGS that allow a request' : 'no SETTINGS';
      this.#connectFailed(new Error(`${what} within ${connectTimeoutMs} ms: does it speak HTTP/2?`));
    }
  }

  #connectFailed(cause: Error): void {
    if (this.#mode !== 'connecting' && this.#mode !== 'greeting') return;
    const { metrics, clock } = this.#owner.options;
    metrics.failedConnectLatencyMs.add(clock.now() - this.#startedAt);
    const error = this.#connectError(cause);
    this.#closed();
    this.#owner.connectFailed(error);
    this.#socket.destroy();
  }

  /** What fails behind the handshake of TLS is none of its. */
  #connectError(cause: Error): GatewayError {
    const { address, tls } = this.#owner.options;
    const isInHandshake = this.#mode === 'connecting' && !this.#isSecured;
    if (isInHandshake || isCertificateRefused(cause)) return connectError(address, tls, cause);
    return connectError(address, undefined, cause);
  }

  /** No more requests. */
  #left(): void {
    if (this.session.streams === 0) this.#owner.options.metrics.now.idle -= 1;
    this.#mode = 'leaving';
    this.#owner.left(this);
  }

  #lost(error: Error | undefined): void {
    this.session.lost(error);
    this.#flushHeard();
    this.#socket.destroy();
  }

  /** What is under way is not worth waiting for. */
  #cut(error: GatewayError): void {
    this.cutBy = error;
    this.session.lost(error);
    this.#writes.reset();
  }

  /** Once. */
  #closed(): void {
    const mode = this.#mode;
    if (mode === 'closed') return;
    this.#mode = 'closed';
    this.#connectTimer?.cancel();
    const { metrics } = this.#owner.options;
    metrics.now.connections -= 1;
    if (mode === 'open' || mode === 'leaving') metrics.closes.inc();
    if (mode === 'open') metrics.now.idle -= 1;
    this.#owner.closed(this);
  }
}

/** Its values are read at each connect: they may have changed. */
function offering(tls: UpstreamTls, alpn: readonly string[]): UpstreamTls {
  const { context, serverName, validate, identity, handshakes } = tls;
  return { context, serverName, alpn, validate, identity, handshakes };
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
