import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { type Pair, withPair } from '../support/pair.js';
import { RawClient } from '../support/raw-client.js';
import { responseBytes, type UpstreamHandler } from '../support/upstream.js';

expectNoOpenHandles();

const EVIL = 'GET /evil HTTP/1.1\r\nHost: h\r\n\r\n';
const GOOD = 'GET /good HTTP/1.1\r\nHost: h\r\n\r\n';
const SPLIT = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsplit';

/** To `/evil` these bytes, then what `then` does; to anything else an honest answer. */
function answersEvil(bytes: string, then: 'end' | 'nothing' = 'nothing'): UpstreamHandler {
  return (request) => {
    if (request.target !== '/evil') {
      request.respond(200, request.target);
      return;
    }
    request.connection.write(bytes);
    if (then === 'end') request.connection.end();
  };
}

function withEvil(
  bytes: string,
  then: 'end' | 'nothing',
  test: (pair: Pair, client: RawClient) => Promise<void>,
): Promise<void> {
  return withPair({ handler: answersEvil(bytes, then) }, async (pair) => {
    const client = await RawClient.connect({ port: pair.gateway.port });
    await test(pair, client);
    client.close();
  });
}

function clientMetric({ gateway, upstream }: Pair, ...components: readonly string[]): number {
  return gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${upstream.port}`, ...components);
}

/** The head of a response with these lines, and a body of five bytes. */
function ok(...lines: readonly string[]): string {
  return `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\nhello`;
}

const MALFORMED: readonly (readonly [attack: string, bytes: string, message: RegExp])[] = [
  [
    'two lengths that differ',
    ok('Content-Length: 5', 'Content-Length: 3'),
    /conflicting `Content-Length` headers in the response/,
  ],
  ['a list of lengths', ok('Content-Length: 5, 5'), /Content-Length "5, 5" is not a number of bytes/],
  ['a length with a plus sign', ok('Content-Length: +5'), /Content-Length "\+5"/],
  ['a negative length', ok('Content-Length: -5'), /Content-Length "-5"/],
  [
    'a length and chunks',
    ok('Content-Length: 5', 'Transfer-Encoding: chunked'),
    /Transfer-Encoding beside Content-Length/,
  ],
  [
    'chunks and a length',
    ok('Transfer-Encoding: chunked', 'Content-Length: 5'),
    /Transfer-Encoding beside Content-Length/,
  ],
  ['chunked twice', ok('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), /only a single "chunked"/],
  ['a coding that the gateway does not know', ok('Transfer-Encoding: gzip, chunked'), /only a single "chunked"/],
  ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', /or in HTTP\/1\.0/],
  ['a bare CR in a value', ok('X: a\rSet-Cookie: evil=1', 'Content-Length: 5'), /control byte in its value/],
  ['a bare LF in a value', ok('X: a\nSet-Cookie: evil=1', 'Content-Length: 5'), /control byte in its value/],
  ['a NUL in a value', ok('X: a\0b', 'Content-Length: 5'), /control byte in its value/],
  ['a folded header', ok('X: a', ' b', 'Content-Length: 5'), /folded header line/],
  ['a space before a colon', ok('Content-Length : 5'), /white space before the colon/],
  ['a name that is no token', ok('X(: y', 'Content-Length: 5'), /malformed header line/],
  ['lines that end in a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello', /bare line feed in the response head/],
  [
    'a bare CR in the reason phrase',
    'HTTP/1.1 200 OK\rX: y\r\nContent-Length: 5\r\n\r\nhello',
    /control byte in the reason/,
  ],
  [
    'a status of two digits',
    'HTTP/1.1 99 Low\r\nContent-Length: 5\r\n\r\nhello',
    /malformed status line "HTTP\/1\.1 99 Low"/,
  ],
  ['a status of four digits', 'HTTP/1.1 1000 High\r\nContent-Length: 5\r\n\r\nhello', /malformed status line/],
  ['a status below 100', 'HTTP/1.1 099 Low\r\nContent-Length: 5\r\n\r\nhello', /malformed status line/],
  ['a status above 599', 'HTTP/1.1 600 High\r\nContent-Length: 5\r\n\r\nhello', /malformed status line/],
  ['a status of letters', 'HTTP/1.1 abc\r\nContent-Length: 5\r\n\r\nhello', /malformed status line/],
  ['HTTP/2 by name', 'HTTP/2 200 OK\r\nContent-Length: 5\r\n\r\nhello', /malformed status line/],
  ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n\r\n', /malformed status line "SSH-2\.0-OpenSSH_9\.6"/],
  [
    'an oversized status line',
    `HTTP/1.1 200 ${'a'.repeat(5000)}\r\n\r\n`,
    /first line of the response is longer than 4096 bytes/,
  ],
  [
    'an oversized header',
    ok(`X: ${'a'.repeat(9000)}`, 'Content-Length: 5'),
    /headers of the response are larger than 8192 bytes/,
  ],
  ['a head that never ends', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(2000)}`, /larger than 8192 bytes/],
  [
    'a tunnel that nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n',
    /101 to h2c where none was asked for/,
  ],
  [
    'an informational answer, then nonsense',
    'HTTP/1.1 103 Early Hints\r\n\r\nNONSENSE\r\n\r\n',
    /malformed status line "NONSENSE"/,
  ],
  [
    'informational answers and nothing else',
    'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(101),
    /more than 100 responses of 1xx came, and none that is final/,
  ],
];

describe('an upstream that answers with', () => {
  for (const [attack, bytes, message] of MALFORMED) {
    it(`${attack} makes a 502, and the next request on the caller's connection is answered`, () =>
      withEvil(bytes, 'nothing', async (pair, client) => {
        await client.send(EVIL);
        let response = await client.readResponse();
        while (response.status === 103) response = await client.readResponse();
        assert.equal(response.status, 502);
        assert.match(response.text, message);
        assert.ok(response.header('l5d-err'));
        assert.equal(response.header('set-cookie'), undefined);
        await client.send(GOOD);
        assert.equal((await client.readResponse()).text, '/good');
        assert.equal(client.reader.unread.length, 0);
        // What is left of such a connection is not worth having.
        assert.equal(pair.upstream.connections.length, 2);
        assert.equal(clientMetric(pair, 'failures', 'upstream-malformed'), 1);
      }));
  }

  it('HTTP/0.9, which is a body without a head, makes a 502', () =>
    withEvil('<html>hello</html>\n', 'end', async (pair, client) => {
      await client.send(EVIL);
      const response = await client.readResponse();
      assert.equal(response.status, 502);
      await client.send(GOOD);
      assert.equal((await client.readResponse()).text, '/good');
      assert.equal(clientMetric(pair, 'requests'), 2);
    }));

  it('a head that stops halfway makes a 502', () =>
    withEvil('HTTP/1.1 200 OK\r\nContent-Le', 'end', async (pair, client) => {
      await client.send(EVIL);
      const response = await client.readResponse();
      assert.equal(response.status, 502);
      assert.match(response.text, /closed the connection before its response was complete/);
      assert.equal(clientMetric(pair, 'failures', 'upstream-reset'), 1);
      // It may have been acted upon: it is not sent again.
      assert.equal(pair.upstream.requests.length, 1);
    }));
});

const BROKEN_BODIES: readonly (readonly [attack: string, bytes: string, then: 'end' | 'nothing'])[] = [
  ['a body shorter than stated', ok('Content-Length: 50'), 'end'],
  ['chunks without an end', ok('Transfer-Encoding: chunked').replace('hello', '5\r\nhello\r\n'), 'end'],
  ['a chunk size in C notation', ok('Transfer-Encoding: chunked').replace('hello', '5\r\nhello\r\n0x5\r\n'), 'nothing'],
  [
    'a chunk longer than its size',
    ok('Transfer-Encoding: chunked').replace('hello', '4\r\nhello\r\n0\r\n\r\n'),
    'nothing',
  ],
  [
    'a length in the trailers',
    ok('Transfer-Encoding: chunked').replace('hello', '5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n'),
    'nothing',
  ],
];

describe('an upstream whose response goes wrong after its head:', () => {
  for (const [attack, bytes, then] of BROKEN_BODIES) {
    it(`${attack}: the caller is reset, so that it cannot take what it has for the whole`, () =>
      withEvil(bytes, then, async (pair, client) => {
        await client.send(EVIL);
        assert.equal(await client.closedByServer(), 'reset');
        const next = await RawClient.connect({ port: pair.gateway.port });
        await next.send(GOOD);
        assert.equal((await next.readResponse()).text, '/good');
        next.close();
        assert.equal(clientMetric(pair, 'failures'), 1);
      }));
  }
});

describe('response splitting: an upstream that sends', () => {
  for (const [attack, bytes] of [
    ['a second response after the first', responseBytes(200, '/evil') + SPLIT],
    [
      'a second response after a chunked one',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n/evil\r\n0\r\n\r\n${SPLIT}`,
    ],
    ['a second response after one without body', `HTTP/1.1 204 No Content\r\n\r\n${SPLIT}`],
    ['a body with a 304', `HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n${SPLIT}`],
    ['chunks with a 204', `HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsplit\r\n0\r\n\r\n`],
    ['an empty line after a response', `${responseBytes(200, '/evil')}\r\n`],
  ] as const) {
    it(`${attack}: nobody gets it`, () =>
      withEvil(bytes, 'nothing', async ({ upstream }, client) => {
        // Pipelined: the next request is there when the extra bytes are read.
        await client.send(EVIL + GOOD);
        const first = await client.readResponse();
        assert.ok([200, 204, 304].includes(first.status));
        assert.equal((await client.readResponse()).text, '/good');
        assert.equal(client.reader.unread.length, 0);
        assert.equal(upstream.connections.length, 2);
      }));
  }

  it('a second response while another caller waits for that very connection: nobody gets it', () =>
    withPair(
      {
        handler: answersEvil(responseBytes(200, '/evil') + SPLIT),
        router: '  client: {hostConnectionPool: {maxSize: 1}}\n',
      },
      async (pair) => {
        const [evil, good] = [
          await RawClient.connect({ port: pair.gateway.port }),
          await RawClient.connect({ port: pair.gateway.port }),
        ];
        await Promise.all([evil.send(EVIL), good.send(GOOD)]);
        assert.equal((await evil.readResponse()).text, '/evil');
        assert.equal((await good.readResponse()).text, '/good');
        assert.equal(pair.upstream.connections.length, 2);
        evil.close();
        good.close();
      },
    ));

  it('a body with the answer to HEAD: nobody gets it', () =>
    withEvil(responseBytes(200, SPLIT), 'nothing', async ({ upstream }, client) => {
      await client.send(EVIL.replace('GET', 'HEAD') + GOOD);
      assert.equal((await client.readResponse({ method: 'HEAD' })).header('content-length'), String(SPLIT.length));
      assert.equal((await client.readResponse()).text, '/good');
      assert.equal(upstream.connections.length, 2);
    }));

  it('a response on an idle connection: the connection is closed, and the next request has its own', () =>
    withEvil('', 'nothing', async ({ upstream }, client) => {
      await client.send(GOOD);
      assert.equal((await client.readResponse()).text, '/good');
      upstream.connections[0]?.write(SPLIT);
      await upstream.until('the gateway to hang up', () => upstream.openConnections === 0);
      await client.send(GOOD);
      assert.equal((await client.readResponse()).text, '/good');
      assert.equal(upstream.connections.length, 2);
    }));
});

describe('what an upstream may send but not steer the caller with:', () => {
  it('hop-by-hop fields and those that Connection lists stay behind', () => {
    const lines = [
      'Connection: close, X-Private',
      'X-Private: 1',
      'Keep-Alive: timeout=5',
      'Upgrade: h2c',
      'Trailer: X',
    ];
    const more = ['Proxy-Authenticate: Basic', 'Proxy-Connection: close', 'X-Public: 1', 'Content-Length: 5'];
    return withEvil(ok(...lines, ...more), 'end', async (_, client) => {
      await client.send(EVIL + GOOD);
      const response = await client.readResponse();
      const names = response.fields
        .map(([name]) => name.toLowerCase())
        .filter((name) => name !== 'via' && name !== 'l5d-success-class');
      assert.deepEqual(names, ['x-public', 'content-length']);
      assert.equal((await client.readResponse()).text, '/good');
    });
  });

  it('Connection that lists an end-to-end field does not make the gateway drop it', () =>
    withEvil(ok('Connection: Set-Cookie', 'Set-Cookie: a=b', 'Content-Length: 5'), 'nothing', async (_, client) => {
      await client.send(EVIL);
      const response = await client.readResponse();
      assert.equal(response.status, 200);
      assert.equal(response.header('set-cookie'), 'a=b');
      assert.equal(response.header('connection'), undefined);
    }));

  it('trailers that would steer a recipient do not arrive; others do', () => {
    const trailers = 'Set-Cookie: evil=1\r\nLocation: http://evil\r\nl5d-err: x\r\nX-Sum: 42\r\n';
    const bytes = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n/evil\r\n0\r\n${trailers}\r\n`;
    return withEvil(bytes, 'nothing', async (_, client) => {
      await client.send(EVIL);
      assert.deepEqual((await client.readResponse()).trailers, [['X-Sum', '42']]);
    });
  });

  it('the same length twice is one length', () =>
    withEvil(ok('Content-Length: 5', 'Content-Length: 5'), 'nothing', async (_, client) => {
      await client.send(EVIL);
      const response = await client.readResponse();
      assert.equal(response.text, 'hello');
      assert.equal(response.fields.filter(([name]) => /^content-length$/i.test(name)).length, 1);
    }));
});
