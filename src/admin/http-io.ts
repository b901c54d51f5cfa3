// Bodies in, answers out, on node:http's request and response: bounded, paced, and never left hanging.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { internalError } from './dispatch.js';
import type { AdminResponse } from './handler.js';
import { textResponse } from './responses.js';

/** The whole body. After `too large` the rest is read and dropped. */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer | 'too large' | 'caller gone'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else resolve('too large');
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', () => resolve('caller gone'));
    request.once('close', () => resolve('caller gone'));
  });
}

/**
 * Answers at once, but ends the connection only when the caller has stopped sending: closing a socket with unread bytes
 * resets it, and the caller would see that in place of the answer. `requestTimeoutMs` bounds the wait.
 */
export function refuseBody(request: IncomingMessage, response: ServerResponse, maxBodyBytes: number): void {
  const text = `The body is larger than ${maxBodyBytes} bytes.\n`;
  writeHead(response, { ...textResponse(413, text), headers: { connection: 'close' } }, Buffer.byteLength(text));
  response.write(text);
  request.once('close', () => response.end());
}

/** Resolves when the answer has been handed to the socket, or the caller has gone. `path` is for the log. */
export async function writeAnswer(response: ServerResponse, answer: AdminResponse, path: string): Promise<void> {
  if (typeof answer.body === 'string') writeWhole(response, answer, answer.body);
  else await writePieces(response, answer, answer.body, path);
}

/** Sent with everything: nothing here may be kept, guessed at, framed or used by another site. */
const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

function writeHead(response: ServerResponse, answer: AdminResponse, length: number | undefined): void {
  const { status, contentType, headers } = answer;
  response.writeHead(status, {
    ...COMMON_HEADERS,
    ...(contentType === undefined ? {} : { 'content-type': contentType }),
    ...(length === undefined ? {} : { 'content-length': length }),
    ...headers,
  });
}

/** To HEAD node:http sends the head alone, with the length of what GET would get. */
function writeWhole(response: ServerResponse, answer: AdminResponse, body: string): void {
  writeHead(response, answer, Buffer.byteLength(body));
  response.end(body);
}

async function writePieces(
  response: ServerResponse,
  answer: AdminResponse,
  pieces: Iterable<string>,
  path: string,
): Promise<void> {
  if (response.req.method === 'HEAD') {
    writeHead(response, answer, undefined);
    response.end();
    return;
  }
  try {
    for (const piece of pieces) {
      if (response.destroyed) return;
      if (piece !== '') {
        // Not before there is something to send: until then a failure can still be answered with 500.
        if (!response.headersSent) writeHead(response, answer, undefined);
        if (!response.write(piece) && !response.destroyed) await drainedOrClosed(response);
      }
      // Traffic first: a scrape of thousands of scopes must not hold up the requests that it counts.
      await eventLoopTurn();
    }
    if (!response.headersSent) writeHead(response, answer, 0);
    response.end();
  } catch (error) {
    const failure = internalError(path, error);
    // Once the status is out, a connection cut short is the only way left to say that this is not all.
    if (response.headersSent) response.destroy();
    else writeWhole(response, failure, failure.body);
  }
}

function drainedOrClosed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off('drain', settle);
      response.off('close', settle);
      resolve();
    };
    response.on('drain', settle);
    response.on('close', settle);
  });
}
