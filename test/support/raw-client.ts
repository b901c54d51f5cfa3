// RawClient: bytes out exactly as a test chose them, responses in as they stood on the wire. One TCP (or TLS) connection.

import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { type Body, ByteReader, type Ending, type Field, firstValue, readBody, readHead } from './http-reader.js';

export interface RawClientOptions {
  readonly port: number;
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Source address, e.g. `127.0.0.7`. */
  readonly localAddress?: string;
  /** Speaks TLS with these options. */
  readonly tls?: ConnectionOptions;
}

export interface RawResponse extends Body {
  /** `HTTP/1.1` as sent. */
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  readonly fields: readonly Field[];
  /** The head as it arrived (latin1). */
  readonly rawHead: string;
  /** The body as text (latin1). */
  readonly text: string;
  /** The first value of that field, in any case. */
  header(name: string): string | undefined;
}

export interface ReadOptions {
  /** Method of the request being answered: a response to HEAD has no body whatever its fields say. */
  readonly method?: string;
  readonly limitMs?: number;
}

/** Connects, sends `request`, reads one response and closes. */
export async function exchange(target: RawClientOptions, request: string, options?: ReadOptions): Promise<RawResponse> {
  const client = await RawClient.connect(target);
  try {
    await client.send(request);
    return await client.readResponse(options);
  } finally {
    client.close();
  }
}

/** `text` in pieces of `size` bytes, for `send`. */
export function pieces(text: string, size: number): string[] {
  return text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
}

export class RawClient {
  /** What has arrived, for reads of single bytes or chunks. */
  readonly reader: ByteReader;
  readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.reader = new ByteReader(socket);
  }

  static connect(options: RawClientOptions): Promise<RawClient> {
    const { tls, ...rest } = options;
    // allowHalfOpen: a server's FIN must not end our own side, or half-close could not be told from close.
    const target = { host: '127.0.0.1', noDelay: true, allowHalfOpen: true, ...rest };
    const socket = tls ? connectTls({ ...target, ...tls }) : connect(target);
    const client = new RawClient(socket);
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once(tls ? 'secureConnect' : 'connect', () => resolve(client));
    });
  }

  /**
   * Writes each piece (strings are latin1) as a segment of its own and gives a receiver in this process a turn to read it.
   * Resolves also when the peer has closed: what it answered is the test's business.
   */
  async send(...piecesInOrder: readonly (string | Uint8Array)[]): Promise<void> {
    for (const piece of piecesInOrder) {
      const bytes = typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece;
      await new Promise<void>((resolve) => this.socket.write(bytes, () => resolve()));
      await turn();
      await turn();
    }
  }

  /** The next response; an informational one (100, 103 …) is a response of its own, without body. */
  async readResponse(options: ReadOptions = {}): Promise<RawResponse> {
    const { startLine, fields, raw } = await readHead(this.reader, 'a response', options.limitMs);
    const match = /^(HTTP\/1\.[01]) (\d{3})(?: (.*))?$/.exec(startLine);
    if (!match) throw new Error(`malformed status line ${JSON.stringify(startLine)}`);
    const status = Number(match[2]);
    const bodiless = options.method === 'HEAD' || status < 200 || status === 204 || status === 304;
    const body = await readBody(this.reader, bodiless ? [] : fields, !bodiless, options.limitMs);
    return {
      version: match[1] ?? '',
      status,
      reason: match[3] ?? '',
      fields,
      rawHead: raw,
      ...body,
      text: body.bytes.toString('latin1'),
      header: (name) => firstValue(fields, name),
    };
  }

  /** `end` or `reset` when the server closes; rejects when it has not within `limitMs`. Bytes left are in `reader.unread`. */
  closedByServer(limitMs?: number): Promise<Ending> {
    return this.reader.ended(limitMs);
  }

  /** Half-close: nothing more will be sent, answers are still read. */
  end(): void {
    this.socket.end();
  }

  /** Stops reading from the socket, so that the server's writes back up; `resume` goes on. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Goes away with RST. Plain TCP only. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  close(): void {
    this.socket.destroy();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
