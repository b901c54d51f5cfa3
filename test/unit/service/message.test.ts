import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Headers } from '../../../src/service/headers.js';
import { makeResponseHead } from '../../../src/service/message.js';

describe('response made here', () => {
  it('is HTTP/1.1, of the length of its body, and no upgrade', () => {
    const headers = Headers.from([['X', 'y']]);
    assert.deepEqual(makeResponseHead(502, 'Bad Gateway', headers, 5), {
      status: 502,
      reason: 'Bad Gateway',
      version: '1.1',
      headers,
      contentLength: 5,
      hasBody: true,
      upgrade: undefined,
    });
  });

  it('of no bytes says so and has no body', () => {
    const { contentLength, hasBody } = makeResponseHead(400, '', new Headers(), 0);
    assert.deepEqual([contentLength, hasBody], [0, false]);
  });
});
