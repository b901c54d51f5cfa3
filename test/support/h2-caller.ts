// H2Caller: an HTTP/2 client of Node's own on one connection with prior knowledge; requests in, whole answers out.

import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { TestContext } from 'node:test';
import { type H2ErrorCode, h2ErrorCodeFromNumber } from '../../src/wire/h2/h2-error.js';
import { WAIT_LIMIT_MS } from './http-reader.js';

export interface H2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  readonly trailers: IncomingHttpHeaders;
  /** Statuses of 1xx heads that came first. */
  readonly interim: readonly number[];
  /** `NO_ERROR` also when the stream was not reset. */
  readonly code: H2ErrorCode;
}

export class H2Caller {
  readonly session: ClientHttp2Session;
  /** Error codes of GOAWAYs that came. */
  readonly goAways: number[] = [];

  private constructor(session: ClientHttp2Session) {
    this.session = session;
    session.on('error', () => {});
    session.on('goaway', (code: number) => this.goAways.push(code));
  }

  /** Closed when the test ends. Resolves when the gateway's SETTINGS have come. */
  static async connect(t: TestContext, port: number, options?: ClientSessionOptions): Promise<H2Caller> {
    // Node's own limit of what one session may hold is below what some tests have it send.
    const caller = new H2Caller(connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 256, ...options }));
    t.after(() => caller.session.destroy());
    await once(caller.session, 'remoteSettings');
    return caller;
  }

  /** A request of GET / to `web`, and what `headers` say otherwise. Its body is the caller's to write, unless `endStream`. */
  open(headers: OutgoingHttpHeaders = {}, endStream = true): ClientHttp2Stream {
    const all = { ':method': 'GET', ':path': '/', ':authority': 'web', ...headers };
    const stream = this.session.request(all, { endStream });
    stream.on('error', () => {});
    return stream;
  }

  /** The same, with this body if any, and its answer. */
  ask(headers: OutgoingHttpHeaders = {}, body?: string | Buffer): Promise<H2Answer> {
    const stream = this.open(headers, body === undefined);
    if (body !== undefined) stream.end(body);
    return answerOf(stream);
  }
}

/** Resolves when the stream is closed, however it came to that. */
export function answerOf(stream: ClientHttp2Stream): Promise<H2Answer> {
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  const interim: number[] = [];
  const chunks: Buffer[] = [];
  stream.on('headers', (head) => interim.push(Number(head[':status'])));
  stream.on('response', (head) => {
    headers = head;
  });
  stream.on('trailers', (fields) => {
    trailers = fields;
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`stream ${stream.id} is open after ${WAIT_LIMIT_MS} ms`)),
      WAIT_LIMIT_MS,
    );
    stream.on('close', () => {
      clearTimeout(timer);
      const body = Buffer.concat(chunks);
      resolve({
        status: Number(headers[':status'] ?? 0),
        headers,
        body,
        text: body.toString('latin1'),
        trailers,
        interim,
        code: h2ErrorCodeFromNumber(stream.rstCode ?? 0),
      });
    });
  });
}
