// Crossings: callers of HTTP/1.1 and HTTP/2 to upstreams of both, which are servers of Node's own, with messages of every kind.

import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import type { TestGateway } from '../support/gateway.js';
import { H2Caller } from '../support/h2-caller.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawClient } from '../support/raw-client.js';
import { get, post, Scene } from '../support/scene.js';
import { startUpstream } from '../support/upstream.js';

expectNoOpenHandles();

type StreamHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

interface Crossing {
  readonly scene: Scene;
  readonly gateway: TestGateway;
  readonly port: number;
  h1(): Promise<RawClient>;
  h2(): Promise<H2Caller>;
  client(...name: string[]): number;
}

async function crossing(t: TestContext, port: number, protocol: string): Promise<Crossing> {
  const scene = new Scene(t);
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${port}
  servers: [{port: 0, h2: true}]
  client: {protocol: ${protocol}}`);
  return {
    scene,
    gateway,
    port,
    h1: () => scene.client(gateway),
    h2: () => H2Caller.connect(t, gateway.port),
    client: (...name) => gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${port}`, ...name),
  };
}

/** In front of a server of HTTP/2. */
async function toH2(t: TestContext, handler: StreamHandler, protocol = 'h2c'): Promise<Crossing> {
  const server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    handler(stream, headers);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const made = await crossing(t, (server.address() as AddressInfo).port, protocol);
  t.after(async () => {
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return made;
}

/** The whole body of a request. */
async function bodyOf(stream: ServerHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Answers with the body of the request. */
const echo: StreamHandler = async (stream, headers) => {
  const body = await bodyOf(stream);
  stream.respond({ ':status': 200, 'x-length': headers['content-length'] ?? 'none' });
  stream.end(body);
};

/** Answers with a body and trailers. */
const withTrailers: StreamHandler = (stream) => {
  stream.resume();
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'fine' }));
  stream.end('message');
};

const SIZES = [1, 1000, 16_384, 70_000, 1_000_000];

test('h1 to h2: bodies of every length come back as they were sent, with a length and without', async (t) => {
  const { h1 } = await toH2(t, echo);
  const caller = await h1();
  for (const size of SIZES) {
    const body = 'x'.repeat(size);
    await caller.send(post(body));
    const measured = await caller.readResponse();
    assert.equal(measured.text.length, size);
    assert.equal(measured.header('x-length'), String(size));
    await caller.send(
      `POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    );
    const chunked = await caller.readResponse();
    assert.equal(chunked.text.length, size);
    assert.equal(chunked.header('x-length'), 'none');
  }
});

test('h2 to h2: bodies of every length come back as they were sent', async (t) => {
  const { h2, client } = await toH2(t, echo);
  const caller = await h2();
  const answers = await Promise.all(SIZES.map((size) => caller.ask({ ':method': 'POST' }, Buffer.alloc(size, 'y'))));
  answers.forEach(({ status, body }, i) => {
    assert.equal(status, 200);
    assert.ok(body.equals(Buffer.alloc(SIZES[i] as number, 'y')));
  });
  assert.equal(client('connections'), 1);
});

test('h1 to h2: a response without body is complete, and the connection goes on', async (t) => {
  const { h1 } = await toH2(t, (stream, headers) => {
    stream.resume();
    stream.respond({ ':status': Number(headers['x-want']) }, { endStream: true });
  });
  const caller = await h1();
  for (const status of [200, 204, 304, 404]) {
    await caller.send(get('/', `X-Want: ${status}`));
    const answer = await caller.readResponse();
    assert.deepEqual([answer.status, answer.text], [status, '']);
  }
  await caller.send(get('/', 'X-Want: 200').replace('GET', 'HEAD'));
  assert.equal((await caller.readResponse({ method: 'HEAD' })).status, 200);
});

test('h1 to h2: trailers pass both ways', async (t) => {
  let got: IncomingHttpHeaders | undefined;
  const { h1 } = await toH2(t, (stream, headers) => {
    stream.on('trailers', (trailers) => {
      got = trailers;
    });
    withTrailers(stream, headers);
  });
  const caller = await h1();
  await caller.send(
    'POST / HTTP/1.1\r\nHost: web\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 42\r\n\r\n',
  );
  const answer = await caller.readResponse();
  assert.equal(answer.text, 'message');
  assert.deepEqual(
    answer.trailers.map(([name, value]) => `${name.toLowerCase()}: ${value}`),
    ['grpc-status: 0', 'grpc-message: fine'],
  );
  await eventually(() => got?.['x-sum'] === '42');
});

test('h2 to h2: trailers pass, also where they are all there is, and te with them', async (t) => {
  let te: string | undefined;
  const { h2 } = await toH2(t, (stream, headers) => {
    te = headers.te as string | undefined;
    if (headers[':path'] === '/only') stream.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true });
    else withTrailers(stream, headers);
  });
  const caller = await h2();
  const answer = await caller.ask({ te: 'trailers' });
  assert.equal(te, 'trailers');
  assert.equal(answer.text, 'message');
  assert.equal(answer.trailers['grpc-status'], '0');
  const only = await caller.ask({ ':path': '/only' });
  assert.equal(te, undefined);
  assert.deepEqual([only.status, only.headers['grpc-status'], only.text], [200, '5', '']);
});

test('h2 to h2: 1xx pass, and 100 calls for the body', async (t) => {
  const { h1, h2 } = await toH2(t, async (stream, headers) => {
    stream.additionalHeaders({ ':status': 103, link: '</a>' });
    if (headers.expect === '100-continue') stream.additionalHeaders({ ':status': 100 });
    const body = await bodyOf(stream);
    stream.respond({ ':status': 200 });
    stream.end(body);
  });
  const caller = await h2();
  const answer = await caller.ask({ ':method': 'POST' }, 'body');
  assert.deepEqual(answer.interim, [103]);
  assert.equal(answer.text, 'body');
  const client = await h1();
  await client.send('POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n');
  assert.equal((await client.readResponse()).status, 103);
  assert.equal((await client.readResponse()).status, 100);
  await client.send('late');
  assert.equal((await client.readResponse()).text, 'late');
});

test('h2 to h2: a reset within the response reaches the caller, and other streams go on', async (t) => {
  const { h2, client } = await toH2(t, (stream, headers) => {
    stream.respond({ ':status': 200 });
    if (headers[':path'] !== '/bad') stream.end('well');
    else {
      stream.write('half');
      setImmediate(() => stream.destroy(new Error('broken')));
    }
  });
  const caller = await h2();
  const [bad, good] = await Promise.all([caller.ask({ ':path': '/bad' }), caller.ask()]);
  assert.notEqual(bad.code, 'NO_ERROR');
  assert.equal(good.text, 'well');
  assert.equal(client('connections'), 1);
});

test('h2 to h2: a caller that resets its stream has the upstream told', async (t) => {
  let closed = 0;
  const { h2, client } = await toH2(t, (stream) => {
    stream.resume();
    stream.on('close', () => {
      closed += stream.rstCode === 8 ? 1 : 0;
    });
    stream.respond({ ':status': 200 });
    stream.write('first');
  });
  const caller = await h2();
  const stream = caller.open({ ':method': 'POST' }, false);
  stream.once('data', () => stream.close(8));
  await eventually(() => closed === 1);
  await eventually(() => client('h2', 'streams') === 0);
});

for (const from of ['h1', 'h2'] as const) {
  test(`${from} to h2: a caller that reads nothing holds the upstream back, and gets everything in the end`, async (t) => {
    const size = 8 * 1024 * 1024;
    let sent: ServerHttp2Stream | undefined;
    const { h1, h2, client } = await toH2(t, (stream) => {
      sent = stream;
      stream.respond({ ':status': 200 });
      stream.end(Buffer.alloc(size, 'z'));
    });
    if (from === 'h1') {
      const caller = await h1();
      caller.socket.pause();
      await caller.send(get());
      await eventually(() => (sent?.state.localWindowSize ?? 1) >= 0 && client('received_bytes') > 0);
      const before = await settled(() => client('received_bytes'));
      assert.ok(before < size, `${before} bytes were taken`);
      caller.socket.resume();
      assert.equal((await caller.readResponse({ limitMs: 10_000 })).text.length, size);
    } else {
      const caller = await h2();
      const stream = caller.open();
      await eventually(() => client('received_bytes') > 0);
      const before = await settled(() => client('received_bytes'));
      assert.ok(before < size / 8, `${before} bytes were taken`);
      let got = 0;
      stream.on('data', (chunk: Buffer) => {
        got += chunk.length;
      });
      await eventually(() => got === size, { timeoutMs: 10_000 });
    }
  });

  test(`${from} to h2: an upstream that reads nothing holds the caller back, and gets everything in the end`, async (t) => {
    const size = 8 * 1024 * 1024;
    let upstream: ServerHttp2Stream | undefined;
    const { h1, h2, client } = await toH2(t, (stream) => {
      stream.pause();
      upstream = stream;
    });
    const answer =
      from === 'h1'
        ? (async () => {
            const caller = await h1();
            void caller.send(post('a'.repeat(size))).catch(() => {});
            return (await caller.readResponse({ limitMs: 15_000 })).text;
          })()
        : (await h2()).ask({ ':method': 'POST' }, Buffer.alloc(size, 'a')).then(({ text }) => text);
    await eventually(() => upstream !== undefined && client('sent_bytes') > 0);
    const before = await settled(() => client('sent_bytes'));
    assert.ok(before < size / 8, `${before} bytes were sent`);
    const stream = upstream as ServerHttp2Stream;
    const body = await bodyOf(stream);
    stream.respond({ ':status': 200 });
    stream.end(String(body.length));
    assert.equal(await answer, String(size));
  });
}

test('h2 to h1: the same gateway reaches an upstream of HTTP/1.1 by its prefix', async (t) => {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const { h2 } = await crossing(t, upstream.port, 'http1');
  assert.equal((await (await h2()).ask()).text, 'ok');
});

test('plain text without a word of it is HTTP/1.1', async (t) => {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const { h1 } = await crossing(t, upstream.port, 'auto');
  const caller = await h1();
  await caller.send(get());
  assert.equal((await caller.readResponse()).text, 'ok');
});

/** The value once it stands still. */
async function settled(read: () => number): Promise<number> {
  let last = -1;
  let since = performance.now();
  await eventually(
    () => {
      const now = read();
      if (now !== last) {
        last = now;
        since = performance.now();
      }
      return performance.now() - since > 150;
    },
    { timeoutMs: 5000 },
  );
  return last;
}
