// Routers of protocol h2: their listeners, the outcomes that Linkerd has there, and what goes to an upstream of HTTP/2.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { HEADERS, SETTINGS } from '../../src/wire/h2/frames.js';
import { eventually } from '../support/eventually.js';
import type { TestGateway } from '../support/gateway.js';
import { H2Caller } from '../support/h2-caller.js';
import { H2Upstream } from '../support/h2-upstream.js';
import type { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { RawH2 } from '../support/raw-h2.js';
import { get, Scene } from '../support/scene.js';

expectNoOpenHandles();

type Handler = (stream: ServerHttp2Stream, headers: Readonly<Record<string, unknown>>) => void;

const ok: Handler = (stream) => {
  stream.respond({ ':status': 200 });
  stream.end('hello');
};

/** A server of HTTP/2 in plain text; answers its port. Closed when the test ends. */
async function startH2Upstream(t: TestContext, handler: Handler): Promise<number> {
  const server: Http2Server = createServer();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    handler(stream, headers);
  });
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

interface RouterKeys {
  readonly server?: string;
  readonly router?: string;
  readonly dtab?: string;
  readonly clock?: ManualClock;
}

async function start(t: TestContext, handler: Handler = ok, keys: RouterKeys = {}) {
  const port = await startH2Upstream(t, handler);
  const scene = new Scene(t);
  const gateway: TestGateway = await scene.gateway(
    `
admin: {port: 0}
routers:
- protocol: h2
  dtab: ${keys.dtab ?? `/svc/* => /$/inet/127.0.0.1/${port}`}
  servers: [{port: 0, ${keys.server ?? ''}}]
${keys.router ?? ''}`,
    keys.clock ? { clock: keys.clock } : {},
  );
  return { scene, gateway, call: () => H2Caller.connect(t, gateway.port) };
}

describe('an h2 router', () => {
  test('takes HTTP/2 and speaks it to upstreams, names requests by :authority and counts under its own label', async (t) => {
    let seen: Readonly<Record<string, unknown>> = {};
    const { gateway, call } = await start(t, (stream, headers) => {
      seen = headers;
      ok(stream, headers);
    });
    const caller = await call();
    const answer = await caller.ask({ ':path': '/a?b', te: 'trailers' });
    assert.deepEqual([answer.status, answer.text], [200, 'hello']);
    assert.deepEqual([seen[':authority'], seen[':path'], seen.te], ['web', '/a?b', 'trailers']);
    assert.deepEqual([seen.via, seen['l5d-dst-service']], ['h2 linkerd', '/svc/web']);
    assert.deepEqual([answer.headers.via, answer.headers['l5d-success-class']], ['h2 linkerd', '1.0']);
    assert.equal(gateway.metric('rt', 'h2', 'server', '127.0.0.1/0', 'requests'), 1);
    assert.equal(gateway.metric('rt', 'h2', 'service', 'svc/web', 'success'), 1);
  });

  test('joins the lines of Via, and adds a Forwarded line with authority', async (t) => {
    let seen: Readonly<Record<string, unknown>> = {};
    const { call } = await start(
      t,
      (stream, headers) => {
        seen = headers;
        ok(stream, headers);
      },
      { server: 'addForwardedHeader: {by: {kind: router}, for: {kind: ip}}' },
    );
    const caller = await call();
    await caller.ask({ via: ['1.1 a', '1.0 b'] });
    assert.equal(seen.via, '1.1 a, 1.0 b, h2 linkerd');
    assert.equal(seen.forwarded, 'by=_h2;for=127.0.0.1;authority=web;proto=http');
  });

  test('refuses HTTP/1.1 and closes', async (t) => {
    const { scene, gateway } = await start(t);
    const client = await scene.client(gateway);
    await client.send(get());
    const { status } = await client.readResponse();
    assert.equal(status, 505);
    await client.closedByServer();
    assert.equal(gateway.metric('rt', 'h2', 'server', '127.0.0.1/0', 'refused', 'unsupported-version'), 1);
  });

  test('resets with REFUSED_STREAM what no identifier names', async (t) => {
    const { gateway, call } = await start(t, ok, {
      router: '  identifier: {kind: io.l5d.header.token, header: x-name}',
    });
    const caller = await call();
    const answer = await caller.ask();
    assert.deepEqual([answer.status, answer.code], [0, 'REFUSED_STREAM']);
    assert.equal((await caller.ask({ 'x-name': 'web' })).status, 200);
    assert.equal(gateway.metric('rt', 'h2', 'server', '127.0.0.1/0', 'failures', 'unidentified'), 1);
  });

  test('resets with REFUSED_STREAM what goes beyond maxConcurrentRequests', async (t) => {
    const held: ServerHttp2Stream[] = [];
    const { call } = await start(t, (stream) => held.push(stream), { server: 'maxConcurrentRequests: 1' });
    const caller = await call();
    const first = caller.ask();
    await eventually(() => held.length === 1);
    assert.equal((await caller.ask()).code, 'REFUSED_STREAM');
    ok(held[0] as ServerHttp2Stream, {});
    assert.equal((await first).status, 200);
  });

  test('answers 502 where the name leads nowhere, 400 to what the caller did wrong', async (t) => {
    const { call } = await start(t, ok, { dtab: '/svc/web => !', server: 'maxCallDepth: 2' });
    const caller = await call();
    const nowhere = await caller.ask();
    assert.equal(nowhere.status, 502);
    assert.match(nowhere.text, /^Unable to route request!\n\nservice name: \/svc\/web\n/);
    assert.match(String(nowhere.headers['l5d-err']), /^Unable\+to\+route/);
    assert.equal((await caller.ask({ 'l5d-dtab': 'no dtab' })).status, 400);
    assert.equal((await caller.ask({ via: 'a, b, c' })).status, 400);
  });

  test('answers 502 where no connection can be made', async (t) => {
    const { call } = await start(t, ok, { dtab: '/svc/* => /$/inet/127.0.0.1/1' });
    const caller = await call();
    assert.equal((await caller.ask()).status, 502);
  });

  test('resets with INTERNAL_ERROR what takes longer than a timeout allows', async (t) => {
    const { gateway, call } = await start(t, () => {}, { router: '  service: {totalTimeoutMs: 30}' });
    const caller = await call();
    assert.equal((await caller.ask()).code, 'INTERNAL_ERROR');
    assert.equal(gateway.metric('rt', 'h2', 'service', 'svc/web', 'failures', 'request-timed-out'), 1);
  });

  for (const [number, name] of [
    [8, 'CANCEL'],
    [11, 'ENHANCE_YOUR_CALM'],
    [7, 'REFUSED_STREAM'],
    [1, 'INTERNAL_ERROR'],
  ] as const) {
    test(`resets with ${name} what the upstream reset with code ${number}`, async (t) => {
      const { call } = await start(t, (stream) => stream.close(number));
      const caller = await call();
      assert.equal((await caller.ask()).code, name);
    });
  }

  test('resets the upstream with CANCEL when the caller resets', async (t) => {
    const codes: number[] = [];
    let came = 0;
    const { call } = await start(t, (stream) => {
      came += 1;
      stream.on('close', () => codes.push(stream.rstCode ?? -1));
    });
    const caller = await call();
    const stream = caller.open();
    await eventually(() => came === 1);
    stream.close(8);
    await eventually(() => codes.length === 1);
    assert.deepEqual(codes, [8]);
  });

  test('announces the settings of its server, and holds to them', async (t) => {
    const { gateway } = await start(t, () => {}, {
      server:
        'maxConcurrentStreamsPerConnection: 2, initialStreamWindowBytes: 70000, maxFrameBytes: 20000, maxHeaderListBytes: 5000, headerTableBytes: 5000, windowUpdateRatio: 0.9',
    });
    const peer = await RawH2.connect(t, gateway.port);
    peer.begin();
    const { payload } = await peer.next(SETTINGS);
    const settings: Record<number, number> = {};
    for (let i = 0; i < payload.length; i += 6) settings[payload.readUInt16BE(i)] = payload.readUInt32BE(i + 2);
    assert.deepEqual(
      [1, 3, 4, 5, 6].map((id) => settings[id]),
      [5000, 2, 70_000, 20_000, 5000],
    );
    const fields = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'web'];
    for (const id of [1, 3, 5]) peer.headers(id, fields, { endStream: true });
    assert.equal(await peer.nextReset(5), 'REFUSED_STREAM');
  });

  test('writes its access log', async (t) => {
    const directory = new Scene(t).directory();
    const file = join(directory, 'access.log');
    const { call } = await start(t, ok, { router: `  h2AccessLog: ${file}` });
    const caller = await call();
    await caller.ask({ ':path': '/logged' });
    await eventually(() => readFileSync(file, 'utf8').includes('"GET /logged HTTP/2.0"'));
  });

  test('speaks HTTP/1.1 to upstreams where the client says so', async (t) => {
    const scene = new Scene(t);
    const upstream = await scene.upstream((request) => request.respond(200, 'old'));
    const { call } = await start(t, ok, {
      dtab: `/svc/* => /$/inet/127.0.0.1/${upstream.port}`,
      router: '  client: {protocol: http1}',
    });
    const caller = await call();
    assert.equal((await caller.ask()).text, 'old');
  });

  test('sends fields never indexed that came so, either way', async (t) => {
    const upstream = await H2Upstream.start(t);
    const { gateway } = await start(t, ok, { dtab: `/svc/* => /$/inet/127.0.0.1/${upstream.port}` });
    const peer = await RawH2.connect(t, gateway.port);
    peer.begin();
    const fields = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'web'];
    peer.headers(1, Buffer.concat([peer.encode(fields), NEVER_INDEXED]), { endStream: true });
    const connection = await upstream.connection(0);
    const request = await connection.next(HEADERS);
    assert.ok(hasNeverIndexed(request.payload), 'the request');
    const head = Buffer.concat([connection.encode([':status', '200']), NEVER_INDEXED]);
    connection.headers(request.id, head, { endStream: true });
    const response = await peer.next(HEADERS, 1);
    assert.ok(hasNeverIndexed(response.payload), 'the response');
  });
});

/** `x-pin: 4711` as RFC 7541 §6.2.3 writes it: a new name, no Huffman code. */
const NEVER_INDEXED = Buffer.concat([
  Buffer.from([0x10, 5]),
  Buffer.from('x-pin'),
  Buffer.from([4]),
  Buffer.from('4711'),
]);

/** Whether a block has a literal of a new name that is never indexed, of five octets or their Huffman code. */
function hasNeverIndexed(block: Buffer): boolean {
  return block.some((byte, i) => byte === 0x10 && [0x05, 0x84, 0x85].includes(block[i + 1] as number));
}
