// H2Upstream: a server of raw HTTP/2 frames, right or wrong, for a gateway that speaks HTTP/2 with prior knowledge to it.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { HEADERS } from '../../src/wire/h2/frames.js';
import { H2Peer, type PeerFrame } from './h2-peer.js';
import { WAIT_LIMIT_MS } from './http-reader.js';

export interface H2UpstreamOptions {
  /** SETTINGS that each connection begins with; undefined: it says nothing. Default: none set. */
  readonly settings?: readonly (readonly [number, number])[] | undefined;
  /** SETTINGS and PING are acknowledged as they come. Default true. */
  readonly acknowledges?: boolean;
}

/** One connection of the gateway. */
export class H2UpstreamConnection extends H2Peer {
  readonly socket: Socket;

  constructor(socket: Socket, acknowledges: boolean) {
    super((bytes) => socket.write(bytes), { expectsPreface: true, acknowledges });
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => this.feed(bytes));
    socket.on('error', () => {});
  }

  get isOpen(): boolean {
    return !this.socket.destroyed && !this.socket.readableEnded;
  }

  /** Waits for a frame of this type (and stream), and takes it. */
  async next(type: number, id?: number): Promise<PeerFrame> {
    return waitFor(
      () => this.take(type, id),
      () => this.expect(type, id),
    );
  }

  /** The next head of a request (of this stream), by name, and its stream. */
  async nextRequest(id?: number): Promise<{ readonly id: number; readonly head: Readonly<Record<string, string>> }> {
    const frame = await this.next(HEADERS, id);
    const fields = frame.fields ?? [];
    const head: Record<string, string> = {};
    for (let i = 0; i < fields.length; i += 2) head[fields[i] as string] = fields[i + 1] as string;
    return { id: frame.id, head };
  }

  /** A whole response. */
  respond(id: number, body = '', fields: readonly string[] = [':status', '200']): void {
    this.headers(id, fields, { endStream: body === '' });
    if (body !== '') this.data(id, body, { endStream: true });
  }
}

export class H2Upstream {
  /** Every connection there ever was, in order. */
  readonly connections: H2UpstreamConnection[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Closed when the test ends. */
  static async start(t: TestContext, options: H2UpstreamOptions = {}): Promise<H2Upstream> {
    const settings = 'settings' in options ? options.settings : [];
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const upstream = new H2Upstream(server);
    server.on('connection', (socket) => {
      const connection = new H2UpstreamConnection(socket, options.acknowledges ?? true);
      upstream.connections.push(connection);
      socket.on('end', () => socket.end());
      if (settings) connection.settings(settings);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => upstream.close());
    return upstream;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Waits for the connection of this number, from 0. */
  connection(i: number): Promise<H2UpstreamConnection> {
    return waitFor(
      () => this.connections[i],
      () => {
        throw new Error(`the gateway made ${this.connections.length} connections, want ${i + 1}`);
      },
    );
  }

  async close(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

async function waitFor<T>(ask: () => T | undefined, fail: () => T): Promise<T> {
  const deadline = performance.now() + WAIT_LIMIT_MS;
  for (;;) {
    const found = ask();
    if (found !== undefined) return found;
    if (performance.now() > deadline) return fail();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
