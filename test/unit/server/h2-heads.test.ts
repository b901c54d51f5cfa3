import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../../src/base/errors.js';
import { type RequestSection, readRequestHead, responseFields } from '../../../src/server/h2-heads.js';
import { Headers } from '../../../src/service/headers.js';
import { makeResponseHead, type RequestHead, UNKNOWN_LENGTH } from '../../../src/service/message.js';
import { readTrailers, trailerFields } from '../../../src/wire/h2-fields.js';

const GET = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'web'];

function read(fields: readonly string[], section: Partial<RequestSection> = {}): RequestHead {
  return readRequestHead(fields, {
    contentLength: UNKNOWN_LENGTH,
    endStream: true,
    maxInitialLineBytes: 4096,
    ...section,
  });
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof GatewayError) return error.code;
    throw error;
  }
  return 'none';
}

test('h2 request head has its parts, the Host first, and nothing of HTTP/2', () => {
  const head = read([...GET, 'x-a', '1', 'accept', '*/*']);
  assert.deepEqual(
    [...head.headers],
    [
      ['host', 'web'],
      ['x-a', '1'],
      ['accept', '*/*'],
    ],
  );
  assert.deepEqual(
    { ...head, headers: undefined },
    {
      method: 'GET',
      target: '/',
      version: '2',
      absoluteScheme: 'http',
      headers: undefined,
      contentLength: UNKNOWN_LENGTH,
      hasBody: false,
      upgrade: undefined,
      expectContinue: false,
      acceptsTrailers: false,
    },
  );
});

test('h2 request head tells whether a body may follow, and how long it is', () => {
  const post = GET.with(1, 'POST');
  const body = (fields: readonly string[], section: Partial<RequestSection>): [boolean, number] => {
    const { hasBody, contentLength } = read(fields, section);
    return [hasBody, contentLength];
  };
  assert.deepEqual(body(post, { endStream: false }), [true, UNKNOWN_LENGTH]);
  assert.deepEqual(body(post, { endStream: false, contentLength: 7 }), [true, 7]);
  assert.deepEqual(body(post, { endStream: false, contentLength: 0 }), [false, 0]);
  assert.deepEqual(body(post, {}), [false, 0]);
  assert.deepEqual(body(GET.with(1, 'PUT'), {}), [false, 0]);
  assert.deepEqual(body(GET.with(1, 'PATCH'), {}), [false, 0]);
  assert.deepEqual(body(GET, {}), [false, UNKNOWN_LENGTH]);
});

test('h2 request head waits for 100 only with a body', () => {
  const expecting = [...GET, 'expect', '100-Continue'];
  assert.equal(read(expecting, { endStream: false }).expectContinue, true);
  assert.equal(read(expecting).expectContinue, false);
  assert.equal(read(expecting).headers.has('expect'), false);
});

test('h2 request head knows fields of gateways, and says so only then', () => {
  assert.equal(read(GET).headers.mayHaveGatewayFields, false);
  for (const name of ['via', 'x-forwarded-client-cert', 'l5d-dtab', 'l5d-x'])
    assert.equal(read([...GET, name, 'x']).headers.mayHaveGatewayFields, true, name);
});

test('h2 request head has a scheme of its own only if we know it', () => {
  assert.equal(read(GET.with(3, 'HTTPS')).absoluteScheme, 'https');
  assert.equal(read(GET.with(3, 'coap')).absoluteScheme, undefined);
});

// The session refuses all of these first. Should it ever not: they must not leave as HTTP/1.1 either.
for (const [what, fields] of Object.entries({
  'a line feed in a value': [...GET, 'x-a', 'b\nc'],
  'a carriage return in a value': [...GET, 'x-a', 'b\rc'],
  'a NUL in a value': [...GET, 'x-a', 'b\0c'],
  'a line end in the authority': GET.with(7, 'web\r\nx: y'),
  'a line end in the path': GET.with(5, '/\r\nx: y'),
  'a space in the path': GET.with(5, '/ HTTP/1.1'),
  'an empty path': GET.with(5, ''),
  'a line end in the method': GET.with(1, 'GET\r\n'),
  'a space in the method': GET.with(1, 'GET /x'),
  'a colon in a name': [...GET, 'x: y', '1'],
  'a line end in a name': [...GET, 'x\r\ny', '1'],
  'a space in a name': [...GET, 'x y', '1'],
  'an empty name': [...GET, '', '1'],
  'capitals in a name': [...GET, 'Transfer-Encoding', 'chunked'],
  'another host': [...GET, 'host', 'evil'],
  'no host': GET.slice(0, 6),
})) {
  test(`h2 request head with ${what} is refused, twice in a row as well`, () => {
    for (let i = 0; i < 2; i++)
      assert.equal(
        codeOf(() => read(fields)),
        'bad-request',
      );
  });
}

test('h2 framing and fields of one hop are dropped, should a session ever let them pass', () => {
  const hop = ['connection', 'x', 'transfer-encoding', 'chunked', 'content-length', '5', 'te', 'x', 'upgrade', 'x'];
  assert.deepEqual(read([...GET, ...hop]).headers.lower, ['host']);
  assert.equal(readTrailers(hop), undefined);
  assert.equal(
    codeOf(() => readTrailers(['x-a', 'b\r\nc'])),
    'bad-request',
  );
  assert.equal(
    codeOf(() => readTrailers(['x-a: b', 'c'])),
    'bad-request',
  );
});

test('h2 names of fields that callers make up do not pile up', () => {
  for (let i = 0; i < 5000; i++) read([...GET, `x-${i}-${'y'.repeat(i % 100)}`, '1']);
  // Past what is remembered a name is still judged.
  assert.equal(
    codeOf(() => read([...GET, 'x-5001\n', '1'])),
    'bad-request',
  );
  assert.equal(read([...GET, 'x-5002', '1']).headers.get('x-5002'), '1');
});

test('h2 response fields begin with the status and have the length, but nothing of one hop', () => {
  const headers = Headers.from([
    ['X-A', '1'],
    ['Connection', 'close'],
    ['Keep-Alive', '5'],
    ['Transfer-Encoding', 'chunked'],
    ['Upgrade', 'x'],
    ['x-a', '2'],
  ]);
  assert.deepEqual(responseFields(makeResponseHead(200, 'OK', headers, 5)), [
    ':status',
    '200',
    'x-a',
    '1',
    'x-a',
    '2',
    'content-length',
    '5',
  ]);
  assert.deepEqual(responseFields(makeResponseHead(204, '', new Headers(), UNKNOWN_LENGTH)), [':status', '204']);
  assert.deepEqual(trailerFields(headers), ['x-a', '1', 'x-a', '2']);
});
