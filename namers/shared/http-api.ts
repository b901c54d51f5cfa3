// HTTP API: requests to one registry's HTTP or HTTPS interface out, whole answers or lines of an endless one in; bounded in
// size and time, with errors that say who was asked for what.

import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
} from 'node:http';
import { Agent as HttpsAgent, request as requestTls } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import type { Closable } from '../../src/base/closable.js';
import { GarbageError } from './registry-watch.js';

export interface HttpApiOptions {
  /** As messages call it, before `host:port`: `Consul`. */
  readonly name: string;
  /** Host name or IP address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Absent: plain HTTP. Read again for each new connection, so that rotated files are used. Throws what is wrong with it. */
  readonly tls?: () => ApiTls;
  /** Headers of every request, e.g. a token; read for each request. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** From asking for a connection until it (and TLS on it) is there. Default 5,000 milliseconds. */
  readonly connectTimeoutMs?: number;
  /** Larger answers are refused. Default 64 MiB. */
  readonly maxAnswerBytes?: number;
  /** A connection without a request is closed after so long, in milliseconds. Default: kept open. */
  readonly idleMs?: number;
}

export interface ApiTls extends SecureContextOptions {
  /** Name to send as SNI and to verify. Default: the host. */
  readonly servername?: string;
  /** False: any certificate will do. */
  readonly rejectUnauthorized?: boolean;
}

export interface ApiRequest {
  /** Default GET. */
  readonly method?: string;
  /** With the query. */
  readonly path: string;
  /** As messages call it, where the path is never the same twice. Default: the path. */
  readonly shownPath?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** From sending until the whole answer is there. For lines: between two pieces of the answer. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export class HttpApi implements Closable {
  /** `Consul 127.0.0.1:8500`. */
  readonly registry: string;
  readonly #options: HttpApiOptions;
  readonly #agent: HttpAgent;

  constructor(options: HttpApiOptions) {
    this.#options = options;
    const host = options.host.includes(':') ? `[${options.host}]` : options.host;
    this.registry = `${options.name} ${host}:${options.port}`;
    const keepAlive = {
      keepAlive: true,
      keepAliveMsecs: 15_000,
      // Of a socket that is in use it only makes an event that nobody listens to.
      ...(options.idleMs !== undefined && { timeout: options.idleMs }),
    };
    this.#agent = options.tls ? new HttpsAgent(keepAlive) : new HttpAgent(keepAlive);
  }

  /** Rejects when there is no whole answer: refused, reset, late, too large, aborted. Any status is an answer. */
  async request(wanted: ApiRequest): Promise<ApiAnswer> {
    const limit = new TimeLimit(wanted.timeoutMs, wanted.signal);
    try {
      return await this.#answerOf(await this.#send(wanted, limit.signal));
    } catch (error) {
      throw limit.isOver
        ? new Error(`${what(wanted)}: no whole answer after ${wanted.timeoutMs} ms`)
        : explain(wanted, error);
    } finally {
      limit.clear();
    }
  }

  /**
   * Calls `onLine` for each non-empty line of an answer with status 200, without the line feed, as it comes; resolves when
   * the answer ends. For any other answer what `onRefused` makes of it is thrown. Rejects when nothing has come for
   * `timeoutMs`, or a line is longer than `maxAnswerBytes`.
   */
  async lines(
    wanted: ApiRequest,
    onLine: (line: Buffer) => void,
    onRefused: (answer: ApiAnswer) => Error,
  ): Promise<void> {
    const limit = new TimeLimit(wanted.timeoutMs, wanted.signal);
    try {
      const response = await this.#send(wanted, limit.signal);
      if (response.statusCode !== 200) throw onRefused(await this.#answerOf(response));
      const splitter = new LineSplitter(this.#maxBytes, onLine);
      for await (const chunk of response) {
        limit.restart();
        splitter.push(chunk as Buffer);
      }
      splitter.end();
    } catch (error) {
      throw limit.isOver ? new Error(`${what(wanted)}: silent for ${wanted.timeoutMs} ms`) : explain(wanted, error);
    } finally {
      limit.clear();
    }
  }

  /** Ends every connection; what is under way is rejected. */
  close(): void {
    this.#agent.destroy();
  }

  get #maxBytes(): number {
    return this.#options.maxAnswerBytes ?? 64 * 1024 * 1024;
  }

  #send(wanted: ApiRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const { host, port, tls, headers, connectTimeoutMs = 5000 } = this.#options;
    return new Promise((resolve, reject) => {
      const options = {
        agent: this.#agent,
        host,
        port,
        method: wanted.method ?? 'GET',
        path: wanted.path,
        headers: {
          ...headers?.(),
          ...wanted.headers,
          ...(wanted.body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(wanted.body)) }),
        },
        signal,
      };
      const sent: ClientRequest = tls ? requestTls({ ...options, ...tls() }) : request(options);
      const connecting = setTimeout(() => {
        sent.destroy(new Error(`no connection after ${connectTimeoutMs} ms`));
      }, connectTimeoutMs);
      connecting.unref();
      const connected = (): void => clearTimeout(connecting);
      sent.on('socket', (socket) => {
        if (!socket.connecting) connected();
        else socket.once(tls ? 'secureConnect' : 'connect', connected);
      });
      sent.on('response', (response) => {
        connected();
        // A listener from the first moment: an error between here and the reading of the body must not be unheard.
        response.on('error', () => {});
        resolve(response);
      });
      sent.on('error', (error) => {
        connected();
        reject(error);
      });
      sent.end(wanted.body);
    });
  }

  /** By events, as an iterator of a stream costs a multiple: registries that change all the time answer all the time. */
  #answerOf(response: IncomingMessage): Promise<ApiAnswer> {
    const chunks: Buffer[] = [];
    let size = 0;
    return new Promise((resolve, reject) => {
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > this.#maxBytes) {
          response.destroy();
          reject(new GarbageError(`the answer is larger than ${this.#maxBytes} bytes`));
          return;
        }
        chunks.push(chunk);
      });
      response.on('end', () => {
        const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
      response.on('error', reject);
      response.on('close', () => reject(new Error('the connection was closed before the whole answer was there')));
    });
  }
}

/**
 * Aborts `signal` after a time, or with `outer`. Not `AbortSignal.any`: in Node 20 the outer signal, which lives as long as
 * a watch, keeps every one that was made of it.
 */
class TimeLimit {
  readonly #controller = new AbortController();
  readonly #ms: number;
  readonly #outer: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#controller.abort();
  #timer: NodeJS.Timeout | undefined;
  isOver = false;

  constructor(ms: number, outer: AbortSignal | undefined) {
    this.#ms = ms;
    this.#outer = outer;
    if (outer?.aborted) this.#controller.abort();
    outer?.addEventListener('abort', this.#onAbort);
    this.restart();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.isOver = true;
      this.#controller.abort();
    }, this.#ms);
    this.#timer.unref();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#onAbort);
  }
}

function what({ method = 'GET', path, shownPath = path }: Pick<ApiRequest, 'method' | 'path' | 'shownPath'>): string {
  return `${method} ${shownPath}`;
}

/** What went wrong, behind what was asked; the registry is named by who reports it. */
function explain(wanted: ApiRequest, error: unknown): Error {
  if (error instanceof Refused) return error;
  const { message, code } = error as NodeJS.ErrnoException;
  const text = `${what(wanted)}: ${message || code || String(error)}`;
  return error instanceof GarbageError ? new GarbageError(text, { cause: error }) : new Error(text, { cause: error });
}

/** The registry answered with a status that is an error; the message has the status and the beginning of the body. */
export class Refused extends Error {
  readonly status: number;

  constructor(wanted: Pick<ApiRequest, 'method' | 'path' | 'shownPath'>, answer: ApiAnswer) {
    super(`${what(wanted)}: status ${answer.status} ${quote(answer.body.toString('utf8'))}`.trimEnd());
    this.status = answer.status;
  }
}

/** The JSON value of `body`. Throws GarbageError with the beginning of what is none. */
export function parseJson(body: Buffer, what: string): unknown {
  const text = body.toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new GarbageError(`${what}: not JSON: ${quote(text) || 'an empty answer'}`);
  }
}

/** At most 100 characters of what a registry said, on one line, in quotes; empty when there is nothing. */
export function quote(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  if (line === '') return '';
  return line.length > 100 ? `"${line.slice(0, 100)}…"` : `"${line}"`;
}

/** Pieces of bytes in, lines out; a line may come in any number of pieces. */
class LineSplitter {
  readonly #maxBytes: number;
  readonly #onLine: (line: Buffer) => void;
  #pieces: Buffer[] = [];
  #size = 0;

  constructor(maxBytes: number, onLine: (line: Buffer) => void) {
    this.#maxBytes = maxBytes;
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      this.#keep(chunk.subarray(start, end));
      this.end();
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
  }

  end(): void {
    if (this.#size > 0)
      this.#onLine(this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces));
    this.#pieces = [];
    this.#size = 0;
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#size += piece.length;
    if (this.#size > this.#maxBytes)
      throw new GarbageError(`a line of the answer is larger than ${this.#maxBytes} bytes`);
    this.#pieces.push(piece);
  }
}

const LF = 0x0a;
