// gRPC: one connection to one server; calls with messages as bytes go in, messages and errors that say what failed come out.
//
// A client of our own on Node's HTTP/2: docs/decisions/0006-etcd-client.md has the reasons. Wire format: the gRPC project's
// PROTOCOL-HTTP2.md. No compression is offered, so none comes.

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../../src/base/clock.js';
import type { Closable } from '../../src/base/closable.js';
import { type ApiTls, quote } from '../shared/http-api.js';
import { GarbageError } from '../shared/registry-watch.js';

export interface GrpcOptions {
  /** `http://10.0.0.1:2379`; `https` for TLS. */
  readonly url: string;
  /** For https. Default: the authorities of the system, the host of the URL. */
  readonly tls?: ApiTls | undefined;
  readonly clock: Clock;
  /** Larger messages are refused by their announced size. */
  readonly maxMessageBytes: number;
}

export interface GrpcCall {
  send(message: Buffer): void;
  /** Resolves when the server ended the call well. Rejects with what went wrong. */
  readonly ended: Promise<void>;
}

export class GrpcConnection implements Closable {
  readonly #socket: Socket;
  readonly #session: ClientHttp2Session;
  readonly #clock: Clock;
  readonly #maxMessageBytes: number;
  /** Why there is no connection: more than the calls are told. */
  #error: Error | undefined;

  /** Connects at once; a failure is what the calls reject with. */
  constructor({ url, tls, clock, maxMessageBytes }: GrpcOptions) {
    this.#clock = clock;
    this.#maxMessageBytes = maxMessageBytes;
    this.#socket = openSocket(new URL(url), tls);
    this.#session = connect(url, {
      createConnection: () => this.#socket,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    });
    // Also called after destroy(), when the connection had just come about.
    this.#session.on('connect', () => this.#session.destroyed || this.#session.setLocalWindowSize(WINDOW_BYTES));
    this.#session.on('error', (error: Error) => {
      this.#error ??= error;
    });
    this.#session.on('goaway', (code: number) => {
      this.#error ??= new Error(`the server ends the connection (GOAWAY ${code})`);
    });
  }

  /** One message there, one back. `method`: `etcdserverpb.KV/Range`. Rejects when there is no answer after `timeoutMs`. */
  async unary(method: string, message: Buffer, headers: Headers, timeoutMs: number): Promise<Buffer> {
    let answer: Buffer | undefined;
    const call = this.#open(method, headers, (received) => {
      answer = received;
    });
    const deadline = this.#clock.after(timeoutMs, () => call.fail(new Error(`no answer after ${timeoutMs} ms`)));
    try {
      call.send(message);
      call.end();
      await call.ended;
    } finally {
      deadline.cancel();
    }
    if (!answer) throw new GarbageError(`${shortName(method)}: the answer holds no message`);
    return answer;
  }

  /** Messages both ways until either side ends it. A throw in `onMessage` ends the call with that error. */
  duplex(method: string, headers: Headers, onMessage: (message: Buffer) => void): GrpcCall {
    return this.#open(method, headers, onMessage);
  }

  /** Ends the connection; calls under way reject. */
  close(): void {
    this.#error ??= new Error('the connection was closed');
    this.#session.destroy();
    // A session whose TLS was refused leaves its socket half closed, for as long as the server likes.
    this.#socket.destroy();
  }

  #open(method: string, headers: Headers, onMessage: (message: Buffer) => void): Call {
    try {
      const stream = this.#session.request({ ...REQUEST_HEADERS, ...headers, ':path': `/${method}` });
      return new Call(stream, {
        what: shortName(method),
        splitter: new MessageSplitter(this.#maxMessageBytes, onMessage),
        connectionError: () => this.#error,
        isConnected: () => !this.#session.destroyed,
      });
    } catch (error) {
      // The session is closed already.
      throw new Error(`${shortName(method)}: ${(this.#error ?? (error as Error)).message}`, { cause: error });
    }
  }
}

function openSocket(url: URL, tls: ApiTls | undefined): Socket {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  if (url.protocol === 'http:') return connectTcp({ host, port });
  // No SNI for addresses: RFC 6066 section 3.
  return connectTls({ host, port, ALPNProtocols: ['h2'], ...(isIP(host) === 0 && { servername: host }), ...tls });
}

/** `authorization` and its like. */
export type Headers = Readonly<Record<string, string>>;

const REQUEST_HEADERS = {
  ':method': 'POST',
  'content-type': 'application/grpc',
  te: 'trailers',
  'user-agent': 'linkgate',
};

/** How much may be on its way to us: a list of thousands of keys should not wait for a round trip every 64 KB. */
const WINDOW_BYTES = 1024 * 1024;

/** The server answered with a status other than OK. */
export class GrpcError extends Error {
  /** As in the gRPC project's statuscodes.md. */
  readonly code: number;

  constructor(what: string, code: number, message: string) {
    super(`${what}: ${message || `status ${code}`}`);
    this.code = code;
  }
}

export const GRPC_UNAVAILABLE = 14;
export const GRPC_UNAUTHENTICATED = 16;

interface CallOptions {
  readonly what: string;
  readonly splitter: MessageSplitter;
  readonly connectionError: () => Error | undefined;
  readonly isConnected: () => boolean;
}

class Call implements GrpcCall {
  readonly ended: Promise<void>;
  readonly #stream: ClientHttp2Stream;
  readonly #what: string;
  readonly #connectionError: () => Error | undefined;
  readonly #isConnected: () => boolean;
  #resolve: () => void = () => {};
  #reject: (error: Error) => void = () => {};
  #status: IncomingHttpHeaders | undefined;

  constructor(stream: ClientHttp2Stream, { what, splitter, connectionError, isConnected }: CallOptions) {
    this.#stream = stream;
    this.#what = what;
    this.#connectionError = connectionError;
    this.#isConnected = isConnected;
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Who only sends need not wait for the end.
    this.ended.catch(() => {});
    stream.on('response', (headers) => this.#onResponse(headers));
    stream.on('trailers', (trailers) => {
      this.#status = trailers;
    });
    stream.on('data', (chunk: Buffer) => {
      try {
        splitter.push(chunk);
      } catch (error) {
        this.fail(error as Error);
      }
    });
    stream.on('error', (error) => this.fail(this.#connectionError() ?? reasonOf(error)));
    // What the server has ended is over, also where we could still send.
    stream.on('end', () => stream.end());
    stream.on('close', () => this.#finish());
  }

  send(message: Buffer): void {
    if (this.#stream.writable) this.#stream.write(frame(message));
  }

  end(): void {
    this.#stream.end();
  }

  /** The first reason counts. */
  fail(error: Error): void {
    const message = `${this.#what}: ${error.message}`;
    const options = { cause: error };
    this.#reject(error instanceof GarbageError ? new GarbageError(message, options) : new Error(message, options));
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #onResponse(headers: IncomingHttpHeaders): void {
    if (headers['grpc-status'] !== undefined) this.#status = headers;
    else if (
      headers[':status'] !== (200 as unknown) ||
      !String(headers['content-type']).startsWith('application/grpc')
    ) {
      const type = quote(String(headers['content-type'] ?? ''));
      this.fail(new GarbageError(`the server does not speak gRPC: status ${headers[':status']} ${type}`.trimEnd()));
    }
  }

  #finish(): void {
    if (!this.#status) {
      const what = this.#isConnected() ? 'the server ended the call without a status' : 'the connection was lost';
      this.fail(this.#connectionError() ?? new Error(what));
      return;
    }
    const code = Number(this.#status['grpc-status']);
    if (code === 0) this.#resolve();
    else this.#reject(new GrpcError(this.#what, code, statusMessage(this.#status)));
  }
}

/** Of a call that waited for a connection Node says only that it was cancelled, and why in the cause. */
function reasonOf(error: Error): Error {
  return error.cause instanceof Error ? error.cause : error;
}

function statusMessage(status: IncomingHttpHeaders): string {
  const text = String(status['grpc-message'] ?? '');
  let decoded = text;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    // A lone percent sign: it is readable as it came.
  }
  return quote(decoded).slice(1, -1);
}

function shortName(method: string): string {
  return method.slice(method.lastIndexOf('/') + 1);
}

function frame(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(FRAME_HEAD + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  message.copy(framed, FRAME_HEAD);
  return framed;
}

/** One byte that says whether it is compressed, four of length. */
const FRAME_HEAD = 5;

/** Pieces of bytes in, messages out; a message may come in any number of pieces. */
class MessageSplitter {
  readonly #maxBytes: number;
  readonly #onMessage: (message: Buffer) => void;
  #pieces: Buffer[] = [];
  #size = 0;
  /** With its head; the head alone until that is there. */
  #wanted = FRAME_HEAD;

  constructor(maxBytes: number, onMessage: (message: Buffer) => void) {
    this.#maxBytes = maxBytes;
    this.#onMessage = onMessage;
  }

  push(chunk: Buffer): void {
    this.#pieces.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= this.#wanted) {
      const all = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
      this.#pieces = [all];
      if (this.#wanted === FRAME_HEAD) this.#wanted += this.#lengthIn(all);
      if (all.length < this.#wanted) return;
      const message = all.subarray(FRAME_HEAD, this.#wanted);
      const rest = all.subarray(this.#wanted);
      this.#pieces = rest.length > 0 ? [rest] : [];
      this.#size = rest.length;
      this.#wanted = FRAME_HEAD;
      this.#onMessage(message);
    }
  }

  #lengthIn(head: Buffer): number {
    if (head[0] !== 0) throw new GarbageError('the answer is compressed, which nobody asked for');
    const length = head.readUInt32BE(1);
    if (length > this.#maxBytes) {
      throw new GarbageError(`an answer of ${length} bytes is larger than the limit of ${this.#maxBytes}`);
    }
    return length;
  }
}
