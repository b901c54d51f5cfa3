// The bytes of a connection in; the requests that Node's HTTP server, in its strict mode, reads in them out. No socket.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { MemoryConnection } from './memory-connection.js';

export interface NodeRequest {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  /** `[name, value]` as received, in order. */
  readonly fields: readonly (readonly [string, string])[];
  /** Latin1. */
  body: string;
  trailers: readonly (readonly [string, string])[];
  complete: boolean;
}

export interface NodeReading {
  readonly requests: readonly NodeRequest[];
  /** What Node refused the bytes for. */
  readonly error: Error | undefined;
}

let reading: { requests: NodeRequest[]; error: Error | undefined };

const server = createServer({ insecureHTTPParser: false, requireHostHeader: true, maxHeaderSize: 64 * 1024 });
server.maxHeadersCount = 0;
server.on('request', record);
server.on('checkContinue', record);
server.on('checkExpectation', record);
server.on('clientError', (error, connection) => {
  reading.error = error;
  // Requests that were complete before the error still have their ends to tell.
  setImmediate(() => connection.destroy());
});

function record(request: IncomingMessage, response: ServerResponse): void {
  const seen: NodeRequest = {
    method: request.method ?? '',
    target: request.url ?? '',
    version: request.httpVersion,
    fields: pairs(request.rawHeaders),
    body: '',
    trailers: [],
    complete: false,
  };
  reading.requests.push(seen);
  request.on('data', (chunk: Buffer) => {
    seen.body += chunk.toString('latin1');
  });
  request.on('end', () => {
    seen.trailers = pairs(request.rawTrailers);
    seen.complete = true;
    response.end();
  });
  request.on('error', () => {});
}

function pairs(raw: readonly string[]): (readonly [string, string])[] {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] as string, raw[2 * i + 1] as string] as const);
}

/** One connection at a time. `bytes` is latin1. */
export async function readWithNode(bytes: string): Promise<NodeReading> {
  reading = { requests: [], error: undefined };
  const mine = reading;
  const connection = new MemoryConnection();
  const closed = once(connection, 'close');
  server.emit('connection', connection);
  connection.push(Buffer.from(bytes, 'latin1'));
  connection.push(null);
  await closed;
  return mine;
}
