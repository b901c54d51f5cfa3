// One plain GET, for readiness and for checking that a proxy answers rightly before it is measured.

import { type ClientRequest, get as httpGet, type IncomingMessage } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

export const ANSWER_LIMIT_MS = 5_000;

/** Every host name of the load is `host-<n>.example.com`. */
export function hostName(n: number): string {
  return `host-${n}.example.com`;
}

/** Undefined when there was no whole answer. */
export function get(port: number, path: string): Promise<Answer | undefined> {
  const options = { host: '127.0.0.1', port, path, headers: { host: hostName(0) }, agent: false };
  return answerTo((take) => httpGet({ ...options, timeout: ANSWER_LIMIT_MS }, take));
}

/** The same of any request that `send` sends. */
export function answerTo(
  send: (take: (response: IncomingMessage) => void) => ClientRequest,
): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const request = send((response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
      response.on('error', () => resolve(undefined));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}
