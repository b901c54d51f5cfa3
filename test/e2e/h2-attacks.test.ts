import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  HEADERS,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from '../../src/wire/h2/frames.js';
import type { H2ErrorCode } from '../../src/wire/h2/h2-error.js';
import { INITIAL_WINDOW_SIZE } from '../../src/wire/h2/settings.js';
import { bytesTaken, pump, stoppedGrowing } from '../support/byte-flow.js';
import { MALFORMED } from '../support/conformance/h2-message-cases.js';
import { eventually } from '../support/eventually.js';
import { startH2Gateway } from '../support/h2-gateway.js';
import { frameBytes, GET, POST, uint32Bytes } from '../support/h2-peer.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { Scene } from '../support/scene.js';
import { fixed, hang } from '../support/upstream.js';

expectNoOpenHandles();

const MIB = 1024 * 1024;

// ---- smuggling from HTTP/2 to HTTP/1.1 ----

test('h2 malformed heads are refused by stream errors, none reaches an upstream, and the connection serves on', async (t) => {
  const { peer, upstream, server } = await startH2Gateway(t, fixed(200, 'ok'));
  const caller = await peer();
  let id = 1;
  for (const [section, what, fields] of MALFORMED) {
    caller.headers(id, fields, { endStream: true });
    assert.equal(await caller.nextReset(id), 'PROTOCOL_ERROR', `${what} (§${section})`);
    id += 2;
  }
  assert.equal(upstream.requests.length, 0);
  assert.equal(server('h2', 'stream_errors', 'PROTOCOL_ERROR'), MALFORMED.length);
  caller.headers(id, GET, { endStream: true });
  assert.equal((await caller.nextHead(id))[':status'], '200');
  assert.equal(upstream.requests.length, 1);
});

test('h2 body that is not as long as its content-length says never looks complete to the upstream', async (t) => {
  const { peer, upstream } = await startH2Gateway(t, async (request) => {
    await request.body();
    request.respond(200, 'complete');
  });
  const caller = await peer();
  const stated = [...POST, 'content-length', '10'];
  // Too short, ended by DATA, by nothing, and by trailers.
  caller.headers(1, stated);
  caller.data(1, '12345', { endStream: true });
  assert.equal(await caller.nextReset(1), 'PROTOCOL_ERROR');
  caller.headers(3, stated, { endStream: true });
  assert.equal(await caller.nextReset(3), 'PROTOCOL_ERROR');
  caller.headers(5, stated);
  caller.data(5, '12345');
  caller.headers(5, ['x-sum', '1'], { endStream: true });
  assert.equal(await caller.nextReset(5), 'PROTOCOL_ERROR');
  // Too long: a second request behind the first one's body.
  const evil = 'GET /evil HTTP/1.1\r\nHost: web\r\n\r\n';
  caller.headers(7, stated);
  caller.data(7, `1234567890${evil}`, { endStream: true });
  assert.equal(await caller.nextReset(7), 'PROTOCOL_ERROR');
  caller.headers(9, [...POST, 'content-length', '0']);
  caller.data(9, evil, { endStream: true });
  assert.equal(await caller.nextReset(9), 'PROTOCOL_ERROR');
  caller.headers(11, stated);
  caller.data(11, '1234567890');
  caller.data(11, evil, { endStream: true });
  assert.match(await caller.nextReset(11), /PROTOCOL_ERROR|NO_ERROR/);
  caller.headers(13, stated);
  caller.data(13, '1234567890', { endStream: true });
  assert.equal((await caller.nextHead(13))[':status'], '200');
  await eventually(() => upstream.openConnections <= 2);
  assert.ok(upstream.requests.every(({ target }) => target === '/'));
  for (const { received } of upstream.connections) assert.ok(!received.includes('/evil'), received);
});

test('h2 body that looks like the end of chunked framing is framed anew', async (t) => {
  const { call } = await startH2Gateway(t, async (request) => {
    const { bytes } = await request.body();
    request.respond(200, bytes.toString('latin1'));
  });
  const evil = '0\r\n\r\nGET /evil HTTP/1.1\r\nHost: web\r\n\r\n';
  const { text } = await (await call()).ask({ ':method': 'POST' }, evil);
  assert.equal(text, evil);
});

test('h2 malformed trailers end the request as one that was never complete', async (t) => {
  const { peer, upstream } = await startH2Gateway(t, async (request) => {
    await request.body();
    request.respond(200, 'complete');
  });
  const caller = await peer();
  const trailers: readonly (readonly string[])[] = [
    ['x-a', 'b\r\nx-evil: 1'],
    ['x-a\r\n', 'b'],
    ['X-A', 'b'],
    [':path', '/evil'],
    ['transfer-encoding', 'chunked'],
    ['connection', 'close'],
  ];
  for (const [i, fields] of trailers.entries()) {
    const id = 2 * i + 1;
    caller.headers(id, POST);
    caller.data(id, 'body');
    caller.headers(id, fields, { endStream: true });
    assert.equal(await caller.nextReset(id), 'PROTOCOL_ERROR', JSON.stringify(fields));
  }
  await upstream.until('all given up', () => upstream.openConnections === 0);
  for (const { received } of upstream.connections) assert.ok(!received.endsWith('0\r\n\r\n'), received);
});

test('h2 field section that is too large gets 431 on its stream, is counted, and keeps HPACK in step', async (t) => {
  const { peer, server, upstream } = await startH2Gateway(t, fixed(200, 'ok'));
  const caller = await peer();
  const many = Array.from({ length: 60 }, (_, i) => [`x-${i}`, 'y'.repeat(200)]).flat();
  caller.headers(1, [...GET, ...many], { endStream: true });
  assert.equal((await caller.nextHead(1))[':status'], '431');
  assert.equal(server('refused', 'headers-too-large'), 1);
  // Its fields are in the dynamic table now, and mean the same to both ends.
  caller.headers(3, [...GET, 'x-3', 'y'.repeat(200)], { endStream: true });
  assert.equal((await caller.nextHead(3))[':status'], '200');
  assert.equal(upstream.requests[0]?.header('x-3'), 'y'.repeat(200));
});

test('h2 HPACK bomb costs no memory', async (t) => {
  const { peer, server } = await startH2Gateway(t, fixed(200, 'ok'));
  const caller = await peer();
  // One entry of 4000 bytes, then a reference of one byte to it, as often as a frame holds.
  caller.headers(1, [...GET, 'x-bomb', 'y'.repeat(3900)], { endStream: true });
  await caller.nextHead(1);
  const before = process.memoryUsage().rss;
  const bomb = Buffer.concat([caller.encode(GET), Buffer.alloc(16_000, 0x80 | 62)]);
  for (let id = 3; id < 40; id += 2) {
    caller.headers(id, bomb, { endStream: true });
    assert.equal((await caller.nextHead(id))[':status'], '431');
  }
  const grown = (process.memoryUsage().rss - before) / 1024 / 1024;
  assert.ok(grown < 100, `${grown} MiB; written out these heads have 1.1 GiB`);
  assert.equal(server('refused', 'headers-too-large'), 19);
});

function getting(path: string): string[] {
  return GET.map((text, i) => (GET[i - 1] === ':path' ? path : text));
}

test('h2 request line that is too long gets 414', async (t) => {
  const { peer, server } = await startH2Gateway(t, fixed(200, 'ok'), { router: '  maxInitialLineKB: 1' });
  const caller = await peer();
  const fits = 1024 - 'GET  HTTP/1.1'.length;
  caller.headers(1, getting(`/${'x'.repeat(fits - 1)}`), { endStream: true });
  assert.equal((await caller.nextHead(1))[':status'], '200');
  caller.headers(3, getting(`/${'x'.repeat(fits)}`), { endStream: true });
  assert.equal((await caller.nextHead(3))[':status'], '414');
  assert.equal(server('refused', 'request-line-too-long'), 1);
});

// ---- floods ----

interface Flood {
  readonly code: H2ErrorCode;
  /** Sent again and again until the connection closes. */
  readonly frames: (i: number) => Buffer;
}

const NOTHING = Buffer.alloc(0);
/** `:method: GET` again and again, as much of it as fits into a frame. */
const CROWD = Buffer.alloc(16_384, 0x82);

const FLOODS: Readonly<Record<string, Flood>> = {
  PING: { code: 'ENHANCE_YOUR_CALM', frames: () => frameBytes(6, 0, 0, Buffer.alloc(8)) },
  SETTINGS: { code: 'ENHANCE_YOUR_CALM', frames: () => frameBytes(SETTINGS, 0, 0, NOTHING) },
  PRIORITY: {
    code: 'ENHANCE_YOUR_CALM',
    frames: (i) => frameBytes(2, 0, 2 * i + 1, Buffer.concat([uint32Bytes(0), Buffer.from([15])])),
  },
  'unknown frames': { code: 'ENHANCE_YOUR_CALM', frames: () => frameBytes(0xbe, 0, 0, NOTHING) },
  WINDOW_UPDATE: { code: 'ENHANCE_YOUR_CALM', frames: () => frameBytes(8, 0, 0, uint32Bytes(1)) },
};

for (const [what, { code, frames }] of Object.entries(FLOODS)) {
  test(`h2 flood of ${what} closes its connection, and no other`, async (t) => {
    const { peer, call, server } = await startH2Gateway(t, fixed(200, 'ok'));
    const bystander = await call();
    const caller = await peer();
    await caller.next(SETTINGS);
    for (let i = 0; i < 400 && !caller.client.socket.destroyed; i++) {
      const many = Array.from({ length: 200 }, (_, k) => frames(200 * i + k));
      caller.client.socket.write(Buffer.concat(many));
      await new Promise((resolve) => setImmediate(resolve));
      if (server('h2', 'connection_errors', code) > 0) break;
    }
    await eventually(() => server('h2', 'connection_errors', code) === 1);
    assert.equal((await bystander.ask()).status, 200);
  });
}

test('h2 rapid reset closes its connection, ends what it began upstream, and harms no other', async (t) => {
  const { peer, call, server, upstream } = await startH2Gateway(t, (request) => {
    if (request.target === '/bystander') request.respond(200, 'ok');
  });
  const bystander = await call();
  const caller = await peer();
  const block = caller.encode(GET);
  for (let i = 0; i < 2000 && server('h2', 'connection_errors', 'ENHANCE_YOUR_CALM') === 0; i++) {
    const id = 2 * i + 1;
    caller.bytes(
      Buffer.concat([
        frameBytes(HEADERS, END_HEADERS | END_STREAM, id, block),
        frameBytes(RST_STREAM, 0, id, uint32Bytes(8)),
      ]),
    );
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually(() => server('h2', 'connection_errors', 'ENHANCE_YOUR_CALM') === 1);
  assert.equal((await bystander.ask({ ':path': '/bystander' })).status, 200);
  await upstream.until('nothing of it is left', () => upstream.openConnections <= 1);
  await eventually(() => server('streams') === 0);
  assert.equal(server('pending'), 0);
});

test('h2 made you reset: a caller that has its streams reset closes its connection, and ends what it began upstream', async (t) => {
  const { peer, call, server, upstream } = await startH2Gateway(t, (request) => {
    if (request.target === '/bystander') request.respond(200, 'ok');
  });
  const bystander = await call();
  const caller = await peer();
  const block = caller.encode(POST);
  for (let i = 0; i < 2000 && server('h2', 'connection_errors', 'ENHANCE_YOUR_CALM') === 0; i++) {
    const id = 2 * i + 1;
    caller.bytes(
      Buffer.concat([frameBytes(HEADERS, END_HEADERS, id, block), frameBytes(WINDOW_UPDATE, 0, id, uint32Bytes(0))]),
    );
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually(() => server('h2', 'connection_errors', 'ENHANCE_YOUR_CALM') === 1);
  assert.equal((await bystander.ask({ ':path': '/bystander' })).status, 200);
  await upstream.until('nothing of it is left', () => upstream.openConnections <= 1);
  assert.equal(server('streams'), 0);
});

test('h2 flood of streams that are answered with errors of the caller closes its connection', async (t) => {
  const { peer, server, upstream } = await startH2Gateway(t, fixed(200, 'ok'));
  const caller = await peer();
  for (let i = 0; i < 2000 && server('h2', 'connection_errors', 'ENHANCE_YOUR_CALM') === 0; i++) {
    caller.headers(2 * i + 1, [...GET, 'connection', 'close'], { endStream: true });
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually(() => server('h2', 'connection_errors', 'ENHANCE_YOUR_CALM') === 1);
  assert.equal(upstream.requests.length, 0);
});

test('h2 flood of CONTINUATIONs closes its connection after 32, and no other', async (t) => {
  const { peer, call, server, upstream } = await startH2Gateway(t, fixed(200, 'ok'));
  const bystander = await call();
  const caller = await peer();
  caller.headers(1, GET, { endHeaders: false });
  for (let i = 0; i < 40; i++) caller.frame(CONTINUATION, 0, 1, Buffer.from([0x82]));
  assert.equal((await caller.nextGoAway()).code, 'ENHANCE_YOUR_CALM');
  assert.equal(server('h2', 'connection_errors', 'ENHANCE_YOUR_CALM'), 1);
  assert.equal(upstream.requests.length, 0);
  assert.equal((await bystander.ask()).status, 200);
});

test('h2 flood of CONTINUATIONs closes its connection after 128 KiB, and costs no more than that', async (t) => {
  const { peer, call, server } = await startH2Gateway(t, fixed(200, 'ok'));
  const bystander = await call();
  const callers = await Promise.all(Array.from({ length: 20 }, peer));
  // Their acknowledgments would come within the block.
  for (const caller of callers) await caller.next(SETTINGS);
  const before = process.memoryUsage().arrayBuffers;
  for (const caller of callers) {
    caller.headers(1, GET, { endHeaders: false });
    for (let i = 0; i < 7; i++) caller.frame(CONTINUATION, 0, 1, CROWD);
  }
  await eventually(() => server('received_bytes') > 20 * 7 * CROWD.length);
  const grown = (process.memoryUsage().arrayBuffers - before) / 1024 / 1024;
  assert.ok(grown < 20, `${grown} MiB`);
  assert.equal(server('h2', 'connection_errors', 'ENHANCE_YOUR_CALM'), 0);
  for (const caller of callers) {
    caller.frame(CONTINUATION, 0, 1, CROWD);
    assert.equal((await caller.nextGoAway()).code, 'ENHANCE_YOUR_CALM');
  }
  assert.equal((await bystander.ask()).status, 200);
});

test('h2 flood of empty DATA closes its connection, and the request upstream', async (t) => {
  const { peer, upstream } = await startH2Gateway(t, hang);
  const caller = await peer();
  caller.headers(1, POST);
  await upstream.until('the request', () => upstream.requests.length === 1);
  for (let i = 0; i < 1000; i++) caller.frame(DATA, 0, 1, NOTHING);
  assert.equal((await caller.nextGoAway()).code, 'ENHANCE_YOUR_CALM');
  await upstream.until('closed', () => upstream.openConnections === 0);
});

test('h2 windows held at zero on every stream: responses are held within bounds, and no other connection waits', async (t) => {
  const { call, raw, upstream } = await startH2Gateway(t, (request) => {
    if (request.target === '/bystander') {
      request.respond(200, 'ok');
      return;
    }
    request.connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${8 * MIB}\r\n\r\n`);
    pump(request.connection.socket, 8 * MIB);
  });
  const bystander = await call();
  const before = process.memoryUsage().arrayBuffers;
  const caller = await raw();
  caller.begin([[INITIAL_WINDOW_SIZE, 0]]);
  for (let i = 0; i < 128; i++) caller.headers(2 * i + 1, GET, { endStream: true });
  await upstream.until('the requests', () => upstream.requests.length === 128);
  await stoppedGrowing(() => upstream.connections.reduce((sum, { socket }) => sum + bytesTaken(socket), 0));
  const grown = (process.memoryUsage().arrayBuffers - before) / MIB;
  assert.ok(grown < 40, `${grown} MiB of 1024`);
  assert.equal((await bystander.ask({ ':path': '/bystander' })).status, 200);
  assert.equal(caller.take(DATA), undefined);
});

test('h2 caller that never acknowledges SETTINGS is cut off after 30 s', async (t) => {
  const { clock, raw, server } = await startH2Gateway(t, hang, { manual: true });
  const caller = await raw(false);
  caller.begin();
  caller.headers(1, GET, { endStream: true });
  await eventually(() => server('streams') === 1);
  clock.advance(30_000);
  assert.equal(server('read_timeout'), 0);
  clock.advance(1000);
  assert.equal((await caller.nextGoAway()).code, 'SETTINGS_TIMEOUT');
  assert.equal(await caller.closedByServer(), 'end');
  assert.equal(server('read_timeout'), 1);
});

test('h2 caller that asks and asks, and reads nothing, is cut off before its answers fill the memory', async (t) => {
  const handler = fixed(200, 'ok', [['x-long', 'y'.repeat(4000)]]);
  const { clock, raw, server } = await startH2Gateway(t, handler, { manual: true });
  const caller = await raw(false);
  caller.begin();
  await caller.next(SETTINGS);
  caller.client.pause();
  const sizes: number[] = [];
  const block = caller.encode(GET);
  const isCut = (): boolean => server('h2', 'connection_errors', 'ENHANCE_YOUR_CALM') === 1;
  for (let i = 0; i < 200_000 && !isCut(); i++) {
    caller.client.socket.write(frameBytes(HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, block));
    if (i % 50 !== 0) continue;
    await new Promise((resolve) => setImmediate(resolve));
    sizes.push(process.memoryUsage().arrayBuffers);
  }
  await eventually(isCut);
  assert.ok(Math.max(...sizes) - Math.min(...sizes) < 64 * 1024 * 1024);
  // It is told why, and does not listen.
  for (let i = 0; i < 62; i++) clock.advance(1000);
  await eventually(() => server('connections') === 0);
});

test('h2 bodies that wait for a binding are held within bounds, however many streams send them', async (t) => {
  const { call, server } = await startH2Gateway(t, hang, { router: await hangingNamer(t) });
  const caller = await call();
  const before = process.memoryUsage().arrayBuffers;
  const body = Buffer.alloc(1024 * 1024);
  for (let i = 0; i < 128; i++) {
    caller.open({ ':method': 'POST', 'l5d-dtab': '/svc/web => /#/io.l5d.consul/dc/web' }, false).end(body);
  }
  await stoppedGrowing(() => server('received_bytes'));
  const received = server('received_bytes') / 1024 / 1024;
  assert.ok(received > 0.5 && received < 20, `${received} MiB were taken of 128`);
  const grown = (process.memoryUsage().arrayBuffers - before) / 1024 / 1024;
  assert.ok(grown < 40, `${grown} MiB`);
  assert.equal(server('streams'), 128);
});

/** The rest of a file with a registry that never answers. */
async function hangingNamer(t: TestContext): Promise<string> {
  const registry = await new Scene(t).upstream(hang);
  return `namers:\n- {kind: io.l5d.consul, host: 127.0.0.1, port: ${registry.port}}`;
}
