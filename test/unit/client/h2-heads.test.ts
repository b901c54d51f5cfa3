import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../../src/base/errors.js';
import {
  type ResponseSection,
  readResponseHead,
  readResponseTrailers,
  requestFields,
} from '../../../src/client/h2-heads.js';
import { Headers } from '../../../src/service/headers.js';
import { UNKNOWN_LENGTH } from '../../../src/service/message.js';
import { RouteHeaders } from '../../../src/service/route-headers.js';
import { requestHead } from '../../support/requests.js';

const ROUTE = new RouteHeaders(Headers.from([['l5d-dst-service', '/svc/web']]));

function read(fields: readonly string[], section: Partial<ResponseSection> = {}) {
  return readResponseHead(fields, { method: 'GET', contentLength: UNKNOWN_LENGTH, endStream: false, ...section });
}

const isMalformed = (error: unknown): boolean => error instanceof GatewayError && error.code === 'upstream-malformed';

test('h2 request fields are pseudo-headers, headers in lower case, those of the route, and the framing', () => {
  const head = requestHead(
    [
      ['Host', 'web:80'],
      ['X-A', '1'],
      ['Cookie', 'a=1; b=2'],
      ['X-A', '2'],
    ],
    { method: 'POST', target: '/p?q', contentLength: 5, hasBody: true, expectContinue: true, acceptsTrailers: true },
  );
  assert.deepEqual(requestFields(head, ROUTE, 'https', undefined), [
    ...[':method', 'POST', ':scheme', 'https', ':path', '/p?q', ':authority', 'web:80'],
    ...['x-a', '1', 'cookie', 'a=1; b=2', 'x-a', '2', 'l5d-dst-service', '/svc/web'],
    ...['content-length', '5', 'expect', '100-continue', 'te', 'trailers'],
  ]);
});

test('h2 request fields name the authority of the address in place of the Host, and none where there is none', () => {
  const authority = (host: string | undefined, of: string | undefined): string | undefined => {
    const fields = requestFields(requestHead(host === undefined ? [] : [['Host', host]]), ROUTE, 'http', of);
    const at = fields.indexOf(':authority');
    return at < 0 ? undefined : fields[at + 1];
  };
  assert.equal(authority('web', 'other'), 'other');
  assert.equal(authority('web', undefined), 'web');
  assert.equal(authority(undefined, undefined), undefined);
});

test('h2 request fields have nothing of one hop, whoever put it into the headers', () => {
  const head = requestHead(
    ['Connection', 'Keep-Alive', 'Transfer-Encoding', 'Content-Length', 'Upgrade', 'TE', 'Expect', 'Trailer'].map(
      (name) => [name, 'x'] as [string, string],
    ),
    { contentLength: UNKNOWN_LENGTH },
  );
  assert.deepEqual(requestFields(head, new RouteHeaders(new Headers()), 'http', 'web'), [
    ...[':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'web'],
  ]);
});

test('h2 response head has its status with the usual phrase, its headers, and its length', () => {
  const head = read([':status', '404', 'x-a', '1', 'via', '2 x'], { contentLength: 7 });
  const { headers, ...rest } = head;
  assert.deepEqual(rest, {
    status: 404,
    reason: 'Not Found',
    version: '2',
    contentLength: 7,
    hasBody: true,
    upgrade: undefined,
  });
  assert.deepEqual(
    [...headers],
    [
      ['x-a', '1'],
      ['via', '2 x'],
    ],
  );
  assert.equal(headers.mayHaveGatewayFields, true);
  assert.equal(read([':status', '200', 'x-a', '1']).headers.mayHaveGatewayFields, false);
});

test('h2 response head says whether a body follows, and how long it is', () => {
  const body = (status: string, section: Partial<ResponseSection> = {}): [boolean, number] => {
    const { hasBody, contentLength } = read([':status', status], section);
    return [hasBody, contentLength];
  };
  assert.deepEqual(body('200'), [true, UNKNOWN_LENGTH]);
  assert.deepEqual(body('200', { endStream: true }), [false, 0]);
  assert.deepEqual(body('200', { contentLength: 0 }), [false, 0]);
  assert.deepEqual(body('200', { contentLength: 9, method: 'HEAD', endStream: true }), [false, 9]);
  assert.deepEqual(body('200', { method: 'HEAD', endStream: true }), [false, UNKNOWN_LENGTH]);
  assert.deepEqual(body('304', { contentLength: 9, endStream: true }), [false, 9]);
  assert.deepEqual(body('204', { contentLength: 9, endStream: true }), [false, UNKNOWN_LENGTH]);
  assert.deepEqual(body('103'), [false, UNKNOWN_LENGTH]);
});

test('h2 response head that HTTP/1.1 could not carry on is refused, whatever the session let pass', () => {
  assert.throws(() => read([':status', '600']), isMalformed);
  assert.throws(() => read([':status', '099']), isMalformed);
  assert.throws(() => read([':status', '200', 'x-a', 'b\r\nc: d']), isMalformed);
  assert.throws(() => read([':status', '200', 'x a', 'b']), isMalformed);
  assert.throws(() => readResponseTrailers(['x-a', 'b\0']), isMalformed);
});

test('h2 response trailers are those that may be', () => {
  const trailers = readResponseTrailers(['grpc-status', '0', 'set-cookie', 'a=b', 'content-length', '5']);
  assert.deepEqual(trailers && [...trailers], [['grpc-status', '0']]);
  assert.equal(readResponseTrailers(['via', 'x']), undefined);
});
