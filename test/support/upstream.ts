// Upstream: a server on a port of its own that keeps every byte it is sent and answers whatever bytes a test wants.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import {
  type Body,
  ByteReader,
  Conditions,
  ConnectionOver,
  type Field,
  firstValue,
  readBody,
  readHead,
} from './http-reader.js';

/**
 * Called at each complete request head; may answer at once, await the body first, or never answer. Once its promise has
 * resolved, the connection is half-closed as soon as the peer has half-closed it.
 */
export type UpstreamHandler = (request: UpstreamRequest) => void | Promise<void>;

export interface UpstreamOptions {
  /** Serves TLS. */
  readonly tls?: TlsOptions;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Called at each new connection. With `raw` it is the only thing that happens. */
  readonly onConnection?: (connection: UpstreamConnection) => void;
  /** True: nothing is parsed and the handler is never called; the test reads `connection.reader` itself. */
  readonly raw?: boolean;
}

export async function startUpstream(
  handler: UpstreamHandler = fixed(200, 'ok'),
  options: UpstreamOptions = {},
): Promise<Upstream> {
  const upstream = new Upstream(handler, options);
  await upstream.listen(options.port ?? 0);
  return upstream;
}

/** Answers every request, once its body has arrived, with these. */
export function fixed(status: number, body: string, fields: readonly Field[] = []): UpstreamHandler {
  return async (request) => {
    await request.body();
    request.respond(status, body, fields);
  };
}

/** Answers 200 with the request itself as body: its head as it arrived, then its body. */
export const echo: UpstreamHandler = async (request) => {
  const { bytes } = await request.body();
  request.respond(200, request.rawHead + bytes.toString('latin1'));
};

/** Never answers. */
export const hang: UpstreamHandler = () => {};

/** Answers every request with RST. */
export const reset: UpstreamHandler = (request) => request.connection.reset();

/** The bytes of a whole response with a Content-Length (latin1). */
export function responseBytes(status: number, body = '', fields: readonly Field[] = []): string {
  const lines = [...fields, ['content-length', String(body.length)] as const].map(([n, v]) => `${n}: ${v}\r\n`);
  return `HTTP/1.1 ${status} Status ${status}\r\n${lines.join('')}\r\n${body}`;
}

export class UpstreamRequest {
  readonly connection: UpstreamConnection;
  readonly method: string;
  readonly target: string;
  readonly fields: readonly Field[];
  /** The head as it arrived, with its empty line (latin1). */
  readonly rawHead: string;
  #whole: Promise<Body> | undefined;

  constructor(connection: UpstreamConnection, rawHead: string, startLine: string, fields: readonly Field[]) {
    const match = /^([^ ]+) ([^ ]+) HTTP\/1\.[01]$/.exec(startLine);
    if (!match) throw new Error(`upstream was sent a malformed request line ${JSON.stringify(startLine)}`);
    this.connection = connection;
    this.method = match[1] ?? '';
    this.target = match[2] ?? '';
    this.fields = fields;
    this.rawHead = rawHead;
  }

  header(name: string): string | undefined {
    return firstValue(this.fields, name);
  }

  /**
   * The whole body, however long it takes: the test's limit is in what it waits for at the other end. Rejects with
   * ConnectionOver when the connection ends first. May be called more than once.
   */
  body(): Promise<Body> {
    if (!this.#whole) {
      this.#whole = readBody(this.connection.reader, this.fields, false, Number.POSITIVE_INFINITY);
      // A handler that asked for the body may be gone when the connection ends: that is nobody's error.
      this.#whole.catch(() => {});
    }
    return this.#whole;
  }

  respond(status: number, body = '', fields: readonly Field[] = []): void {
    this.connection.write(responseBytes(status, body, fields));
  }
}

export class UpstreamConnection {
  /** 0 for the first connection of the upstream. */
  readonly id: number;
  readonly reader: ByteReader;
  readonly socket: Socket;
  readonly requests: UpstreamRequest[] = [];
  readonly #arrived: Buffer[] = [];

  constructor(id: number, socket: Socket) {
    this.id = id;
    this.socket = socket;
    this.reader = new ByteReader(socket);
    socket.on('data', (chunk: Buffer) => this.#arrived.push(chunk));
  }

  /** Every byte that arrived on this connection so far, read or not (latin1). */
  get received(): string {
    return Buffer.concat(this.#arrived).toString('latin1');
  }

  get open(): boolean {
    return !this.socket.destroyed && this.reader.ending === undefined;
  }

  /** Strings are latin1. */
  write(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Half-close, after what was written. */
  end(): void {
    this.socket.end();
  }

  /** RST. What was written before may be lost. Plain TCP only. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Stops reading, so that the sender's writes back up; `resume` goes on. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  destroy(): void {
    this.socket.destroy();
  }
}

export class Upstream {
  /** Every connection there ever was, in order. */
  readonly connections: UpstreamConnection[] = [];
  /** Every request whose head arrived, over all connections, in order. */
  readonly requests: UpstreamRequest[] = [];

  readonly #server: Server;
  readonly #handler: UpstreamHandler;
  readonly #options: UpstreamOptions;
  readonly #conditions = new Conditions();
  readonly #tcp = new Set<Socket>();
  #failure: unknown;

  constructor(handler: UpstreamHandler, options: UpstreamOptions) {
    this.#handler = handler;
    this.#options = options;
    const accept = (socket: Socket): void => this.#accept(socket);
    const sockets = { allowHalfOpen: true, noDelay: true };
    this.#server = options.tls
      ? createTlsServer({ ...sockets, ...options.tls }, accept)
      : createServer(sockets, accept);
    // Before there is a TLS connection, or without there ever being one.
    this.#server.on('connection', (socket: Socket) => {
      this.#tcp.add(socket);
      socket.once('close', () => this.#tcp.delete(socket));
    });
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, rejectListen) => {
      this.#server.once('error', rejectListen);
      this.#server.listen(port, this.#options.host ?? '127.0.0.1', () => resolve());
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `127.0.0.1 <port>`: a line of an fs namer's file. */
  get discoLine(): string {
    return `127.0.0.1 ${this.port}\n`;
  }

  /** Connections that neither side has ended. */
  get openConnections(): number {
    return this.connections.filter((connection) => connection.open).length;
  }

  /** Waits until `condition` holds; asked again at each connection, byte, request and ending. */
  async until(what: string, condition: () => boolean, limitMs?: number): Promise<void> {
    const describe = (): string =>
      `${what}; had ${this.connections.length} connections (${this.openConnections} open), ${this.requests.length} requests`;
    await this.#conditions.wait(() => condition() || undefined, describe, limitMs);
  }

  /** Destroys every connection and stops listening. Rejects with what a handler threw, so that no test hides it. */
  async close(): Promise<void> {
    for (const connection of this.connections) connection.destroy();
    for (const socket of this.#tcp) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    if (this.#failure !== undefined) throw this.#failure;
  }

  #accept(socket: Socket): void {
    const connection = new UpstreamConnection(this.connections.length, socket);
    this.connections.push(connection);
    for (const event of ['data', 'end', 'error', 'close']) socket.on(event, () => this.#conditions.changed());
    this.#options.onConnection?.(connection);
    this.#conditions.changed();
    if (!this.#options.raw) this.#serve(connection).catch((error: unknown) => this.#stopped(connection, error));
  }

  /** One request after the other: the next head is read once the body before it is complete. */
  async #serve(connection: UpstreamConnection): Promise<void> {
    for (;;) {
      const { startLine, fields, raw } = await readHead(connection.reader, 'a request', Number.POSITIVE_INFINITY);
      const request = new UpstreamRequest(connection, raw, startLine, fields);
      connection.requests.push(request);
      this.requests.push(request);
      this.#conditions.changed();
      await this.#handler(request);
      await request.body();
    }
  }

  /** That the gateway hangs up is no failure of the upstream; anything else is. */
  #stopped(connection: UpstreamConnection, error: unknown): void {
    if (!(error instanceof ConnectionOver)) this.#failure ??= error;
    connection.end();
  }
}
