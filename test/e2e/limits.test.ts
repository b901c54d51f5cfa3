import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { routerTo, startGateway } from '../support/gateway.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { closePair, type Pair, startPair, withPair } from '../support/pair.js';
import { exchange, pieces, RawClient, type RawResponse } from '../support/raw-client.js';
import type { UpstreamHandler } from '../support/upstream.js';

expectNoOpenHandles();

const KB = 1024;

/** `size` bytes before the CRLF. */
function requestLine(size: number): string {
  const [before, behind] = ['GET /', ' HTTP/1.1'];
  return before + 'a'.repeat(size - before.length - behind.length) + behind;
}

/** `size` bytes with every CRLF, and without the empty line at their end. */
function headerLines(size: number, first = 'Host: h\r\n'): string {
  const [before, behind] = [`${first}X: `, '\r\n'];
  return before + 'a'.repeat(size - before.length - behind.length) + behind;
}

/** Sends the bytes in these pieces and reads one answer. */
async function ask({ gateway }: Pair, bytesInOrder: readonly string[]): Promise<RawResponse> {
  const client = await RawClient.connect({ port: gateway.port });
  try {
    await client.send(...bytesInOrder);
    return await client.readResponse();
  } finally {
    client.close();
  }
}

const SPLITS: readonly (readonly [how: string, split: (bytes: string) => readonly string[]])[] = [
  ['in one packet', (bytes) => [bytes]],
  ['in packets of 7 bytes', (bytes) => pieces(bytes, 7)],
  ['byte by byte', (bytes) => [...bytes]],
];

for (const [how, split] of SPLITS) {
  describe(`a request that comes ${how}`, () => {
    let pair: Pair;
    before(async () => {
      pair = await startPair();
    });
    after(() => closePair(pair));

    it('may have a first line of maxInitialLineKB', async () => {
      const { status } = await ask(pair, split(`${requestLine(4 * KB)}\r\nHost: h\r\n\r\n`));
      assert.equal(status, 200);
      assert.equal(pair.upstream.requests.at(-1)?.target.length, 4 * KB - 'GET  HTTP/1.1'.length);
    });

    it('gets 414 for one byte more', async () => {
      const before = pair.upstream.requests.length;
      const { status, text } = await ask(pair, split(`${requestLine(4 * KB + 1)}\r\nHost: h\r\n\r\n`));
      assert.equal(status, 414);
      assert.equal(text, 'first line of the request is longer than 4096 bytes');
      assert.equal(pair.upstream.requests.length, before);
    });

    it('may have headers of maxHeadersKB', async () => {
      const { status } = await ask(pair, split(`GET / HTTP/1.1\r\n${headerLines(8 * KB)}\r\n`));
      assert.equal(status, 200);
      assert.equal(pair.upstream.requests.at(-1)?.header('x')?.length, 8 * KB - 'Host: h\r\nX: \r\n'.length);
    });

    it('gets 431 for one byte more', async () => {
      const before = pair.upstream.requests.length;
      const { status, text } = await ask(pair, split(`GET / HTTP/1.1\r\n${headerLines(8 * KB + 1)}\r\n`));
      assert.equal(status, 431);
      assert.equal(text, 'headers of the request are larger than 8192 bytes');
      assert.equal(pair.upstream.requests.length, before);
    });

    it('may have both at their limits', async () => {
      const { status } = await ask(pair, split(`${requestLine(4 * KB)}\r\n${headerLines(8 * KB)}\r\n`));
      assert.equal(status, 200);
    });

    it('may have trailers of maxHeadersKB', async () => {
      const head = 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n';
      const { status } = await ask(pair, split(`${head}0\r\n${headerLines(8 * KB, '')}\r\n`));
      assert.equal(status, 200);
      assert.equal((await pair.upstream.requests.at(-1)?.body())?.trailers.length, 1);
    });

    it('gets 400 for one byte more of trailers, and the upstream sees no end of it', async () => {
      const { upstream } = pair;
      const before = upstream.requests.length;
      const head = 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n';
      const { status, text } = await ask(pair, split(`${head}0\r\n${headerLines(8 * KB + 1, '')}\r\n`));
      assert.equal(status, 400);
      assert.equal(text, 'trailers larger than 8192 bytes');
      for (const request of upstream.requests.slice(before)) await assert.rejects(request.body());
    });

    it('may have a chunk extension of 256 bytes, and gets 400 for one more', async () => {
      const chunk = (size: number): string =>
        `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;${'a'.repeat(size)}\r\nhello\r\n0\r\n\r\n`;
      assert.equal((await ask(pair, split(chunk(256)))).text, 'POST / hello');
      const { status, text } = await ask(pair, split(chunk(257)));
      assert.equal(status, 400);
      assert.equal(text, 'chunk extension longer than 256 bytes');
    });

    it('may have a chunk size of 12 digits, and gets 400 for one more', async () => {
      const chunk = (size: string): string =>
        `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${size}\r\nhello\r\n0\r\n\r\n`;
      assert.equal((await ask(pair, split(chunk('000000000005')))).text, 'POST / hello');
      const { status, text } = await ask(pair, split(chunk('0000000000005')));
      assert.equal(status, 400);
      assert.equal(text, 'chunk size has too many digits');
    });
  });
}

describe('limits of the configuration', () => {
  it('move with maxInitialLineKB and maxHeadersKB', () =>
    withPair({ router: '  maxInitialLineKB: 1\n  maxHeadersKB: 2\n' }, async (pair) => {
      const statuses: number[] = [];
      for (const head of [
        `${requestLine(KB)}\r\n${headerLines(2 * KB)}\r\n`,
        `${requestLine(KB + 1)}\r\nHost: h\r\n\r\n`,
        `GET / HTTP/1.1\r\n${headerLines(2 * KB + 1)}\r\n`,
      ]) {
        statuses.push((await ask(pair, [head])).status);
      }
      assert.deepEqual(statuses, [200, 414, 431]);
    }));
});

describe('an upstream', () => {
  /** Answers with this head, byte for byte. */
  async function statusOf(head: string, router = ''): Promise<{ status: number; text: string }> {
    const handler: UpstreamHandler = (request) => request.connection.write(head);
    let answer = { status: 0, text: '' };
    await withPair({ handler, router }, async ({ gateway }) => {
      const { status, text } = await exchange({ port: gateway.port }, 'GET / HTTP/1.1\r\nHost: h\r\n\r\n');
      answer = { status, text };
    });
    return answer;
  }

  const NO_BODY = 'Content-Length: 0\r\n';

  it('may send a status line of maxInitialLineKB; one byte more makes a 502', async () => {
    const line = (size: number): string =>
      `HTTP/1.1 200 ${'a'.repeat(size - 'HTTP/1.1 200 '.length)}\r\n${NO_BODY}\r\n`;
    assert.equal((await statusOf(line(4 * KB))).status, 200);
    const { status, text } = await statusOf(line(4 * KB + 1));
    assert.equal(status, 502);
    assert.match(text, /first line of the response is longer than 4096 bytes/);
  });

  it('may send headers of maxHeadersKB; one byte more makes a 502', async () => {
    const head = (size: number): string => `HTTP/1.1 200 OK\r\n${headerLines(size, NO_BODY)}\r\n`;
    assert.equal((await statusOf(head(8 * KB))).status, 200);
    const { status, text } = await statusOf(head(8 * KB + 1));
    assert.equal(status, 502);
    assert.match(text, /headers of the response are larger than 8192 bytes/);
    assert.equal((await statusOf(head(KB + 1), '  maxHeadersKB: 1\n')).status, 502);
  });
});

describe('an answer made by the gateway', () => {
  /** To a request that is bound to nothing: its message has all of a long dtab. */
  async function unbound(router: string): Promise<{ response: RawResponse; whole: string }> {
    const dtab = Array.from({ length: 60 }, (_, i) => `/svc/h=>/#/not.there/number-${i}`).join(';');
    const responses: RawResponse[] = [];
    for (const extra of ['', router]) {
      const gateway = await startGateway(routerTo(1, extra));
      responses.push(
        await exchange({ port: gateway.port }, `GET / HTTP/1.1\r\nHost: h\r\nl5d-dtab: ${dtab};/svc/h=>!\r\n\r\n`),
      );
      await gateway.close();
    }
    const [full, cut] = responses as [RawResponse, RawResponse];
    assert.equal(full.status, 502);
    assert.ok(full.text.length > 2 * KB && full.text.length < 4 * KB);
    return { response: cut, whole: full.text };
  }

  it('has a body of at most maxErrResponseKB', async () => {
    const { response, whole } = await unbound('  maxErrResponseKB: 1\n');
    assert.equal(response.status, 502);
    assert.equal(response.header('content-length'), String(KB));
    assert.equal(response.text, whole.slice(0, KB));
  });

  it('has an l5d-err of at most maxHeadersKB', async () => {
    const { response, whole } = await unbound('  maxHeadersKB: 3\n');
    const shown = response.header('l5d-err') ?? '';
    assert.equal(shown.length, 3 * KB);
    const decoded = decodeURIComponent(shown.replace(/%.?$/, '').replaceAll('+', ' '));
    assert.ok(decoded.length > KB && whole.startsWith(decoded));
    assert.equal(response.text, whole);
  });
});
