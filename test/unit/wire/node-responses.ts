// The bytes of a connection in; what Node's HTTP client, in its strict mode, reads in them as the answer to one request out.

import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { MemoryConnection } from './memory-connection.js';

export interface NodeResponse {
  readonly status: number;
  readonly reason: string;
  readonly fields: readonly (readonly [string, string])[];
  /** Latin1. */
  body: string;
  trailers: readonly (readonly [string, string])[];
  complete: boolean;
}

export interface NodeAnswer {
  /** Of 1xx responses before the last one. */
  readonly informational: readonly number[];
  readonly response: NodeResponse | undefined;
}

/** `bytes` is latin1, and the connection ends after them. */
export async function readAnswerWithNode(bytes: string, method = 'GET'): Promise<NodeAnswer> {
  const connection = new MemoryConnection();
  const closed = once(connection, 'close');
  const informational: number[] = [];
  let response: NodeResponse | undefined;
  const call = request({
    method,
    host: 'h',
    insecureHTTPParser: false,
    maxHeaderSize: 64 * 1024,
    createConnection: () => connection as unknown as Socket,
  });
  call.maxHeadersCount = 0;
  call.on('information', ({ statusCode }) => informational.push(statusCode));
  call.on('response', (incoming: IncomingMessage) => {
    const seen: NodeResponse = {
      status: incoming.statusCode ?? 0,
      reason: incoming.statusMessage ?? '',
      fields: pairs(incoming.rawHeaders),
      body: '',
      trailers: [],
      complete: false,
    };
    response = seen;
    incoming.on('data', (chunk: Buffer) => {
      seen.body += chunk.toString('latin1');
    });
    incoming.on('end', () => {
      seen.trailers = pairs(incoming.rawTrailers);
      seen.complete = incoming.complete;
    });
    incoming.on('error', () => {});
  });
  // Every way to refuse ends the connection: that is what is waited for.
  call.on('error', () => connection.destroy());
  call.on('upgrade', () => connection.destroy());
  call.end();
  // The parser is there once the request has its socket.
  await new Promise((resolve) => setImmediate(resolve));
  connection.push(Buffer.from(bytes, 'latin1'));
  connection.push(null);
  await closed;
  return { informational, response };
}

function pairs(raw: readonly string[]): (readonly [string, string])[] {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] as string, raw[2 * i + 1] as string] as const);
}
