import assert from 'node:assert/strict';
import { METHODS } from 'node:http';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Headers } from '../../../src/service/headers.js';
import { type RequestHead, type ResponseHead, TCP_TUNNEL, UNKNOWN_LENGTH } from '../../../src/service/message.js';
import { type BodyFraming, writeRequestHead, writeResponseHead } from '../../../src/wire/head-writer.js';
import { requestHead, responseHead } from '../../support/requests.js';
import { hostileRequests, hostileResponses } from './arbitrary-messages.js';
import { readWithNode } from './node-requests.js';
import { readAnswerWithNode } from './node-responses.js';
import { readRequests, readResponses } from './read-messages.js';

const SEED = 20_240_607;
const RUNS = 1500;

describe('head of a request to an upstream', () => {
  const lines = (text: string): string[] => text.split('\r\n');

  it('is the request line, the fields in their order and case, those of the route, and an empty line', () => {
    const request = requestHead([
      ['host', 'h'],
      ['X-B', '1'],
      ['x-a', ''],
      ['X-B', '2'],
    ]);
    assert.equal(
      writeRequestHead(request, 'l5d-dst-service: /svc/h\r\n', undefined),
      'GET / HTTP/1.1\r\nhost: h\r\nX-B: 1\r\nx-a: \r\nX-B: 2\r\nl5d-dst-service: /svc/h\r\nContent-Length: 0\r\n\r\n',
    );
  });

  it('names the authority of the endpoint in place of every Host', () => {
    const request = requestHead([
      ['X', 'y'],
      ['HOST', 'h'],
    ]);
    assert.deepEqual(lines(writeRequestHead(request, '', 'web.dc1')).slice(1, 3), ['Host: web.dc1', 'X: y']);
    assert.doesNotMatch(writeRequestHead(request, '', 'web.dc1'), /HOST/);
  });

  for (const [what, overrides, framing] of [
    ['no body', { contentLength: UNKNOWN_LENGTH }, []],
    ['a body of no length', { contentLength: 0 }, ['Content-Length: 0']],
    ['a body of a length', { contentLength: 5, hasBody: true }, ['Content-Length: 5']],
    ['chunks', { contentLength: UNKNOWN_LENGTH, hasBody: true }, ['Transfer-Encoding: chunked']],
    [
      'an upgrade',
      { contentLength: UNKNOWN_LENGTH, hasBody: true, upgrade: 'WebSocket' },
      ['Connection: Upgrade', 'Upgrade: WebSocket'],
    ],
    [
      'an upgrade with a length of 0',
      { contentLength: 0, hasBody: true, upgrade: 'websocket' },
      ['Connection: Upgrade', 'Upgrade: websocket'],
    ],
    [
      'a body that waits for 100',
      { contentLength: 5, hasBody: true, expectContinue: true },
      ['Content-Length: 5', 'Expect: 100-continue'],
    ],
    [
      'HTTP/1.0, whose connection is kept by asking',
      { version: '1.0', contentLength: 5, hasBody: true },
      ['Content-Length: 5', 'Connection: keep-alive'],
    ],
  ] as const satisfies readonly (readonly [string, Partial<RequestHead>, readonly string[]])[]) {
    it(`frames ${what}`, () => {
      assert.deepEqual(lines(writeRequestHead(requestHead([], overrides), '', undefined)).slice(1), [
        ...framing,
        '',
        '',
      ]);
    });
  }
});

describe('head of a response to a caller', () => {
  for (const [what, head, framing, connection, text] of [
    ['a length', { contentLength: 5 }, 'length', '', 'HTTP/1.1 200 Fine\r\nX: y\r\nContent-Length: 5\r\n\r\n'],
    [
      'chunks',
      { contentLength: UNKNOWN_LENGTH },
      'chunked',
      '',
      'HTTP/1.1 200 Fine\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n',
    ],
    [
      'the end of the connection',
      { contentLength: UNKNOWN_LENGTH },
      'close',
      'close',
      'HTTP/1.1 200 Fine\r\nX: y\r\nConnection: close\r\n\r\n',
    ],
    [
      'no body, of a length that is told',
      { contentLength: 5 },
      'none',
      '',
      'HTTP/1.1 200 Fine\r\nX: y\r\nContent-Length: 5\r\n\r\n',
    ],
    ['nothing', { contentLength: UNKNOWN_LENGTH }, 'none', '', 'HTTP/1.1 200 Fine\r\nX: y\r\n\r\n'],
    [
      'a tunnel',
      { status: 101, contentLength: UNKNOWN_LENGTH, upgrade: 'websocket' },
      'tunnel',
      'Upgrade',
      'HTTP/1.1 101 Fine\r\nX: y\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    ],
    [
      'a tunnel that CONNECT asked for',
      { contentLength: UNKNOWN_LENGTH, upgrade: TCP_TUNNEL },
      'tunnel',
      '',
      'HTTP/1.1 200 Fine\r\nX: y\r\n\r\n',
    ],
  ] as const satisfies readonly (readonly [string, Partial<ResponseHead>, BodyFraming, string, string])[]) {
    it(`is framed by ${what}`, () => {
      const response = responseHead(200, { reason: 'Fine', headers: Headers.from([['X', 'y']]), ...head });
      assert.equal(writeResponseHead(response, framing, connection), text);
    });
  }

  it('says HTTP/1.1 and leaves a space for the reason that a response has not', () => {
    assert.match(writeResponseHead(responseHead(204, { version: '1.0' }), 'none', ''), /^HTTP\/1\.1 204 \r\n/);
  });
});

// ---- what is printed is read back ----

const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/);

/** Names that a codec takes out of the headers, and Host. */
const RESERVED =
  /^(?:connection|proxy-connection|keep-alive|proxy-auth.*|te|trailer|upgrade|http2-settings|content-length|transfer-encoding|expect|host)$/i;

/** Any bytes that a value may have; no white space around them. */
const anyValue = fc
  .array(
    fc.integer({ min: 0x20, max: 0xff }).filter((code) => code !== 0x7f),
    { maxLength: 20 },
  )
  .map((codes) => String.fromCharCode(...codes).replace(/^[ \t]+|[ \t]+$/g, ''));

const anyFields = fc.array(
  fc.tuple(
    token.filter((name) => !RESERVED.test(name)),
    anyValue,
  ),
  { maxLength: 6 },
);

const anyTarget = fc.stringMatching(/^[!$-~"]{0,20}$/).map((rest) => `/${rest}`);

const anyFraming: fc.Arbitrary<Pick<RequestHead, 'contentLength' | 'hasBody' | 'upgrade' | 'expectContinue'>> =
  fc.oneof(
    fc.constant({ contentLength: UNKNOWN_LENGTH, hasBody: false, upgrade: undefined, expectContinue: false }),
    fc.constant({ contentLength: 0, hasBody: false, upgrade: undefined, expectContinue: false }),
    fc.tuple(fc.integer({ min: 1, max: 1e12 }), fc.boolean()).map(([contentLength, expectContinue]) => {
      return { contentLength, hasBody: true, upgrade: undefined, expectContinue };
    }),
    fc.boolean().map((expectContinue) => {
      return { contentLength: UNKNOWN_LENGTH, hasBody: true, upgrade: undefined, expectContinue };
    }),
    fc.constant({ contentLength: UNKNOWN_LENGTH, hasBody: true, upgrade: 'websocket', expectContinue: false }),
  );

const anyRequest: fc.Arbitrary<RequestHead> = fc
  .tuple(
    token.filter((method) => method !== 'CONNECT'),
    anyTarget,
    fc.constantFrom('1.0', '1.1'),
    anyFields,
    anyFraming,
  )
  .map(([method, target, version, fields, framing]) =>
    requestHead([['Host', 'h:80'], ...fields], { method, target, version, ...framing }),
  )
  // HTTP/1.0 has neither chunks nor upgrades nor 100.
  .filter(
    ({ version, contentLength, hasBody, expectContinue }) =>
      version === '1.1' || ((contentLength !== UNKNOWN_LENGTH || !hasBody) && !expectContinue),
  );

describe('any head that is printed', () => {
  it('is read back as it was, when it is of a request', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const { messages, error } = readRequests([writeRequestHead(request, '', undefined)], ROOMY);
        assert.equal(error, undefined);
        assert.deepEqual(plain(messages[0]?.head), plain(request));
      }),
      { seed: SEED },
    );
  });

  it('is read back as it was, when it is of a response', () => {
    const anyResponse = fc
      .tuple(fc.integer({ min: 200, max: 599 }), anyValue, anyFields, fc.integer({ min: UNKNOWN_LENGTH, max: 1e12 }))
      .filter(([status, , , length]) => status !== 204 || length === UNKNOWN_LENGTH)
      .map(([status, reason, fields, contentLength]) => {
        const hasBody = contentLength !== 0 && status !== 204 && status !== 304;
        return responseHead(status, { reason, headers: Headers.from(fields), contentLength, hasBody });
      });
    fc.assert(
      fc.property(anyResponse, (response) => {
        const framing = !response.hasBody ? 'none' : response.contentLength === UNKNOWN_LENGTH ? 'chunked' : 'length';
        const { messages, error } = readResponses([writeResponseHead(response, framing, '')], 'GET', ROOMY);
        assert.equal(error, undefined);
        assert.deepEqual(plain(messages[0]?.head), plain(response));
      }),
      { seed: SEED },
    );
  });
});

const ROOMY = { maxInitialLineBytes: 100_000, maxHeaderBytes: 100_000 };

/** Without where the headers came from. */
function plain(head: RequestHead | ResponseHead | undefined): unknown {
  return head && { ...head, headers: [...head.headers] };
}

// ---- what was read is written so that others read the same ----

/** What the router does to headers on their way. */
type Change = (headers: Headers) => void;
const anyChanges: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.constantFrom<Change>(
    (headers) => headers.add('Via', '1.1 linkerd'),
    (headers) => headers.addKnown('l5d-reqid', 'l5d-reqid', '0123'),
    (headers) => headers.set('X-A', 'set'),
    (headers) => headers.set('l5d-ctx-dtab', '/a=>/b'),
    (headers) => headers.remove('x-a'),
    (headers) => headers.remove('x-b'),
    (headers) => headers.removeIf((name) => name.startsWith('l5d-')),
    (headers) => headers.removeIf(() => false),
  ),
  { maxLength: 3 },
);

const ROUTE = 'l5d-dst-service: /svc/h\r\n';

describe('a message that was read and is written again', () => {
  it('is read by Node as it was understood, when it is a request', async () => {
    let written = 0;
    await fc.assert(
      fc.asyncProperty(
        hostileRequests,
        anyChanges,
        fc.constantFrom(undefined, 'other:80'),
        async (bytes, changes, host) => {
          for (const { head, body, complete } of readRequests([bytes]).messages) {
            // Node knows no other methods, and reads no body of an upgrade.
            if (!complete || !METHODS.includes(head.method) || head.upgrade !== undefined) continue;
            for (const change of changes) change(head.headers);
            const text =
              writeRequestHead(head, ROUTE, host) + framed(body, head.contentLength === UNKNOWN_LENGTH && head.hasBody);
            const { requests, error } = await readWithNode(text);
            assert.equal(error, undefined, JSON.stringify(text));
            assert.equal(requests.length, 1, JSON.stringify(text));
            const [seen] = requests;
            assert.deepEqual(
              [seen?.method, seen?.target, seen?.version, seen?.body],
              [head.method, head.target, head.version, body],
            );
            const fields = seen?.fields.filter(
              ([name]) => !/^(?:content-length|transfer-encoding|expect|connection)$/i.test(name),
            );
            assert.deepEqual(fields, [...withHost(head.headers, host), ['l5d-dst-service', '/svc/h']]);
            written += 1;
          }
        },
      ),
      { seed: SEED, numRuns: RUNS },
    );
    assert.ok(written > RUNS / 4, `only ${written} requests were read completely`);
  });

  it('is read by Node as it was understood, when it is a response', async () => {
    let written = 0;
    await fc.assert(
      fc.asyncProperty(hostileResponses, anyChanges, async (bytes, changes) => {
        for (const { head, body, complete } of readResponses([bytes]).messages) {
          if (!complete || head.status < 200) continue;
          for (const change of changes) change(head.headers);
          const chunked = head.hasBody && head.contentLength === UNKNOWN_LENGTH;
          const framing = head.hasBody ? (chunked ? 'chunked' : 'length') : 'none';
          const text = writeResponseHead(head, framing, '') + (head.hasBody ? framed(body, chunked) : '');
          const { response } = await readAnswerWithNode(text);
          assert.ok(response?.complete, JSON.stringify(text));
          assert.deepEqual([response.status, response.reason, response.body], [head.status, head.reason, body]);
          const fields = response.fields.filter(([name]) => !/^(?:content-length|transfer-encoding)$/i.test(name));
          assert.deepEqual(fields, [...head.headers]);
          written += 1;
        }
      }),
      { seed: SEED, numRuns: RUNS },
    );
    assert.ok(written > RUNS / 8, `only ${written} responses were read completely`);
  });

  it('has the same lines whether they were cut out or not', () => {
    let seen = 0;
    fc.assert(
      fc.property(hostileRequests, anyChanges, (bytes, changes) => {
        const cutOut = readRequests([bytes]).messages.map(({ head }) => head.headers);
        for (const [i, { head }] of readRequests([bytes]).messages.entries()) {
          const headers = cutOut[i] as Headers;
          for (const change of changes) {
            change(head.headers);
            // What was cut out is put together again.
            headers.set('cut', 'out');
            headers.remove('cut');
            change(headers);
          }
          assert.equal(head.headers.lines, headers.lines);
          assert.equal(head.headers.get('host'), Headers.from(head.headers).get('host'));
          assert.equal(head.headers.lines, Headers.from(head.headers).lines);
          seen += 1;
        }
      }),
      { seed: SEED, numRuns: RUNS },
    );
    assert.ok(seen > RUNS / 4, `only ${seen} heads were read`);
  });
});

function framed(body: string, chunked: boolean): string {
  if (!chunked) return body;
  return body === '' ? '0\r\n\r\n' : `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
}

function withHost(headers: Headers, host: string | undefined): (readonly [string, string])[] {
  if (host === undefined) return [...headers];
  return [['Host', host], ...[...headers].filter(([name]) => name.toLowerCase() !== 'host')];
}
