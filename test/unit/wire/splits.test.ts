import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hostileRequests, hostileResponses } from './arbitrary-messages.js';
import { type ReadMessages, readRequests, readResponses } from './read-messages.js';

/** Small, so that a short message can pass them. */
const LIMITS = { maxInitialLineBytes: 40, maxHeaderBytes: 60 };
const SEED = 20_240_607;

const REQUESTS: readonly (readonly [what: string, bytes: string, outcome: string])[] = [
  ['a request', 'GET /a?b HTTP/1.1\r\nHost: h\r\nX:  y \t\r\n\r\n', 'GET /a?b'],
  ['an empty line before a request', '\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n', 'GET /'],
  [
    'an empty line between two requests',
    'GET /1 HTTP/1.1\r\nHost: h\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n',
    'GET /1, GET /2',
  ],
  ['two empty lines before a request', '\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n', 'bad-request'],
  ['nothing but empty lines', '\r\n\r\n\r\n', 'bad-request'],
  ['pipelined requests', 'GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n', 'GET /1, GET /2'],
  [
    'a body',
    'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: h\r\n\r\n',
    'POST /=hello, GET /',
  ],
  [
    'chunks',
    'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a="b\\"c"\r\nhello\r\n0b\r\n world\r\n\r\n\r\r\n0;x\r\nX: y\r\nZ:\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n',
    'POST /=hello world\r\n\r\n\r+X: y+Z: , GET /',
  ],
  ['a head of nothing but a line', 'GET / HTTP/1.0\r\n\r\n', 'GET /'],
  ['a last request', 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGARBAGE', 'GET /'],
  ['a line of CR CR LF', 'GET / HTTP/1.1\r\nHost: h\r\r\n\r\n', 'bad-request'],
  ['an empty line of CR CR LF', 'GET / HTTP/1.1\r\nHost: h\r\n\r\r\n\r\n', 'bad-request'],
  ['a bare CR', 'GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n', 'bad-request'],
  ['a bare LF', 'GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n', 'bad-request'],
  ['bare LF only', 'GET / HTTP/1.1\nHost: h\n\n', 'bad-request'],
  ['garbage after a request', 'GET / HTTP/1.1\r\nHost: h\r\n\r\nGARBAGE\r\n\r\n', 'GET /, bad-request'],
  [
    'a bad chunk after a good one',
    'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0x2\r\n',
    'POST /=hi…, bad-request',
  ],
  [
    'a bad trailer',
    'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX : y\r\n\r\n',
    'POST /…, bad-request',
  ],
  ['a line at the limit', `GET /${'a'.repeat(26)} HTTP/1.1\r\nHost: h\r\n\r\n`, `GET /${'a'.repeat(26)}`],
  ['a line over the limit', `GET /${'a'.repeat(27)} HTTP/1.1\r\nHost: h\r\n\r\n`, 'request-line-too-long'],
  ['headers at the limit', `GET / HTTP/1.1\r\nHost: h\r\nX: ${'a'.repeat(46)}\r\n\r\n`, 'GET /'],
  ['headers over the limit', `GET / HTTP/1.1\r\nHost: h\r\nX: ${'a'.repeat(47)}\r\n\r\n`, 'headers-too-large'],
  [
    'trailers at the limit',
    `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ${'a'.repeat(55)}\r\n\r\n`,
    `POST /+X: ${'a'.repeat(55)}`,
  ],
  [
    'trailers over the limit',
    `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ${'a'.repeat(56)}\r\n\r\n`,
    'POST /…, bad-request',
  ],
  [
    'an extension over the limit',
    `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(257)}\r\nx\r\n0\r\n\r\n`,
    'POST /…, bad-request',
  ],
];

const RESPONSES: readonly (readonly [what: string, bytes: string, outcome: string])[] = [
  ['a response', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', '200=hello'],
  ['a response without a reason', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', '200'],
  [
    'informational responses',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nX: y\r\n\r\nHTTP/1.1 204 \r\n\r\n',
    '100, 103, 204',
  ],
  ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n', '200=hello+X: y'],
  ['a body up to the end', 'HTTP/1.1 200 OK\r\n\r\nhello\r\n\r\nworld', '200=hello\r\n\r\nworld…'],
  ['a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n', 'upstream-malformed'],
  ['a bad length', 'HTTP/1.1 200 OK\r\nContent-Length: 5;\r\n\r\nhello', 'upstream-malformed'],
];

interface Start {
  readonly method?: string;
  readonly target?: string;
  readonly status?: number;
}

/** Everything that was understood, in a line; `…` where a body is not complete. */
function outcome({ messages, error }: ReadMessages<Start>): string {
  const shown = messages.map(({ head, body, trailers, complete }) => {
    const start = head.status ?? `${head.method} ${head.target}`;
    const fields = [...(trailers ?? [])].map(([name, value]) => `+${name}: ${value}`).join('');
    return `${start}${body === '' ? '' : `=${body}`}${fields}${complete ? '' : '…'}`;
  });
  if (error) shown.push(error.code);
  return shown.join(', ');
}

/** The same with all that `outcome` leaves out. */
function everything({ messages, error, rest }: ReadMessages<unknown>): unknown {
  return { messages, code: error?.code, rest };
}

/** Of several faults in one message, that which is seen first depends on the pieces: only that there is one does not. */
function allButTheFault({ messages, error, rest }: ReadMessages<unknown>): unknown {
  return { messages, refused: error !== undefined, rest };
}

function inTwo(bytes: string): string[][] {
  return Array.from(bytes, (_, at) => [bytes.slice(0, at), bytes.slice(at)]);
}

for (const [kind, corpus, read] of [
  ['request', REQUESTS, (pieces: string[]) => readRequests(pieces, LIMITS)],
  ['response', RESPONSES, (pieces: string[]) => readResponses(pieces, 'GET', LIMITS)],
] as const) {
  describe(`http1 ${kind} parser`, () => {
    for (const [what, bytes, expected] of corpus) {
      it(`reads ${what} alike whole, in two at any byte, and byte by byte`, () => {
        const whole: ReadMessages<Start> = read([bytes]);
        assert.equal(outcome(whole), expected);
        for (const pieces of [...inTwo(bytes), [...bytes]]) {
          assert.deepEqual(everything(read(pieces)), everything(whole), JSON.stringify(pieces));
        }
      });
    }
  });
}

/** Cuts at these places, in thousandths of the length. */
function cut(bytes: string, places: readonly number[]): string[] {
  const at = [...places].sort((a, b) => a - b).map((place) => Math.floor((place * bytes.length) / 1000));
  return [0, ...at].map((from, i) => bytes.slice(from, at[i] ?? bytes.length));
}

const anyCuts = fc.array(fc.nat(1000), { minLength: 1, maxLength: 12 });

describe('http1 parsers', () => {
  it('read any requests alike whole and in any pieces', () => {
    fc.assert(
      fc.property(hostileRequests, anyCuts, (bytes, places) => {
        assert.deepEqual(allButTheFault(readRequests(cut(bytes, places))), allButTheFault(readRequests([bytes])));
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });

  it('read any responses alike whole and in any pieces', () => {
    fc.assert(
      fc.property(hostileResponses, anyCuts, (bytes, places) => {
        assert.deepEqual(allButTheFault(readResponses(cut(bytes, places))), allButTheFault(readResponses([bytes])));
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });
});
