// Heads of requests and responses for tests that need no wire.

import { Headers } from '../../src/service/headers.js';
import type { RequestHead, ResponseHead } from '../../src/service/message.js';

/** A `GET / HTTP/1.1` of no headers but `headers`, with `overrides`. */
export function requestHead(headers: readonly [string, string][], overrides: Partial<RequestHead> = {}): RequestHead {
  return {
    method: 'GET',
    target: '/',
    version: '1.1',
    absoluteScheme: undefined,
    headers: Headers.from(headers),
    contentLength: 0,
    hasBody: false,
    upgrade: undefined,
    expectContinue: false,
    acceptsTrailers: false,
    ...overrides,
  };
}

export function responseHead(status: number, overrides: Partial<ResponseHead> = {}): ResponseHead {
  return {
    status,
    reason: '',
    version: '1.1',
    headers: new Headers(),
    contentLength: 0,
    hasBody: false,
    upgrade: undefined,
    ...overrides,
  };
}
