import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { ACK, DATA, END_STREAM, SETTINGS, WINDOW_UPDATE } from '../../src/wire/h2/frames.js';
import { eventually } from '../support/eventually.js';
import { routerTo, type TestGateway } from '../support/gateway.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { RawH2 } from '../support/raw-h2.js';
import { Scene } from '../support/scene.js';
import {
  fixed,
  responseBytes,
  type Upstream,
  type UpstreamConnection,
  type UpstreamHandler,
} from '../support/upstream.js';

expectNoOpenHandles();

const WEBSOCKET: readonly string[] = [
  ...[':method', 'CONNECT', ':protocol', 'websocket', ':scheme', 'https', ':path', '/chat?room=1', ':authority', 'web'],
  ...['sec-websocket-version', '13', 'sec-websocket-protocol', 'chat', 'origin', 'https://web'],
];

interface Ends {
  readonly gateway: TestGateway;
  readonly upstream: Upstream;
  readonly peer: RawH2;
  server(...name: string[]): number;
}

async function start(t: TestContext, handler?: UpstreamHandler): Promise<Ends> {
  const scene = new Scene(t);
  const upstream = await scene.upstream(handler, { raw: handler === undefined });
  const gateway = await scene.gateway(routerTo(upstream.port).replace('{port: 0}]', '{port: 0, h2: true}]'));
  const peer = await RawH2.connect(t, gateway.port);
  peer.begin();
  return {
    gateway,
    upstream,
    peer,
    server: (...name) => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', ...name),
  };
}

interface Asked extends Ends {
  readonly connection: UpstreamConnection;
  /** Of the request, as the upstream got it. */
  readonly head: string;
}

async function ask(t: TestContext, fields: readonly string[] = WEBSOCKET): Promise<Asked> {
  const ends = await start(t);
  ends.peer.headers(1, fields);
  await ends.upstream.until('the connection', () => ends.upstream.connections.length === 1);
  const connection = ends.upstream.connections[0] as UpstreamConnection;
  return { ...ends, connection, head: await connection.reader.takeThrough('\r\n\r\n') };
}

function switchFor(head: string, ...fields: readonly string[]): string {
  const key = /\r\nSec-WebSocket-Key: (\S+)\r\n/.exec(head)?.[1] ?? assert.fail(`no key in ${head}`);
  const proof = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  return [...lines, `Sec-WebSocket-Accept: ${proof}`, ...fields, '', ''].join('\r\n');
}

/** A tunnel that is open. */
async function open(t: TestContext): Promise<Asked> {
  const asked = await ask(t);
  asked.connection.write(switchFor(asked.head));
  assert.equal((await asked.peer.nextHead(1))[':status'], '200');
  return asked;
}

/** Data of the stream until as many bytes have come. */
async function takeData(peer: RawH2, length: number): Promise<string> {
  let data = '';
  while (data.length < length) data += (await peer.next(DATA, 1)).payload.toString('latin1');
  return data;
}

async function everythingClosed({ gateway, server }: Ends): Promise<void> {
  await eventually(() => {
    const [client] = gateway.metrics.scope('rt', 'http', 'client').children.keys();
    return (
      server('tunnels') === 0 &&
      server('streams') === 0 &&
      server('pending') === 0 &&
      gateway.metric('rt', 'http', 'client', client ?? '', 'connections') === 0
    );
  });
}

test('extended CONNECT is offered', async (t) => {
  const { peer } = await start(t);
  const { payload, flags } = await peer.next(SETTINGS);
  assert.equal(flags & ACK, 0);
  const settings = Array.from({ length: payload.length / 6 }, (_, i) => [
    payload.readUInt16BE(6 * i),
    payload.readUInt32BE(6 * i + 2),
  ]);
  assert.deepEqual(
    settings.filter(([setting]) => setting === 8),
    [[8, 1]],
  );
});

test('extended CONNECT is a GET with Upgrade and a key of our own to an upstream of HTTP/1.1', async (t) => {
  const { head, connection, peer, server } = await ask(t, [...WEBSOCKET, 'sec-websocket-key', 'of the caller']);
  const lines = head.split('\r\n');
  assert.equal(lines[0], 'GET /chat?room=1 HTTP/1.1');
  for (const line of ['host: web', 'Connection: Upgrade', 'Upgrade: websocket', 'sec-websocket-version: 13']) {
    assert.ok(lines.includes(line), `${line} in ${head}`);
  }
  const keys = lines.filter((line) => /^sec-websocket-key:/i.test(line));
  assert.equal(keys.length, 1);
  assert.match(keys[0] as string, /^Sec-WebSocket-Key: [A-Za-z0-9+/]{22}==$/);
  assert.doesNotMatch(head, /content-length|transfer-encoding|:protocol|^CONNECT/i);
  connection.write(switchFor(head, 'Sec-WebSocket-Protocol: chat'));
  const answer = await peer.nextHead(1);
  assert.equal(answer[':status'], '200');
  assert.equal(answer['sec-websocket-protocol'], 'chat');
  for (const name of ['sec-websocket-accept', 'upgrade', 'connection', 'content-length']) {
    assert.equal(answer[name], undefined, name);
  }
  assert.equal(server('status', '101'), 1);
});

test('each extended CONNECT has a key of its own', async (t) => {
  const [first, second] = [await ask(t), await ask(t)];
  const keyOf = (head: string): string | undefined => /Sec-WebSocket-Key: (\S+)/.exec(head)?.[1];
  assert.notEqual(keyOf(first.head), keyOf(second.head));
});

for (const [what, change] of [
  ['another key', (text: string) => text.replace(/(Accept: )./, '$1*')],
  ['no key', (text: string) => text.replace(/Sec-WebSocket-Accept.*\r\n/, '')],
  ['one key twice', (text: string) => text.replace(/(Sec-WebSocket-Accept.*\r\n)/, '$1$1')],
  ['another protocol', (text: string) => text.replace('Upgrade: websocket', 'Upgrade: h2c')],
] as const) {
  test(`extended CONNECT whose upstream switches for ${what} is 502`, async (t) => {
    const { connection, head, peer, server, upstream } = await ask(t);
    connection.write(change(switchFor(head)));
    const answer = await peer.nextHead(1);
    assert.equal(answer[':status'], '502');
    assert.match(answer['l5d-err'] ?? '', /^101\+/);
    assert.equal(await peer.nextReset(1), 'NO_ERROR');
    assert.equal(server('tunnels'), 0);
    await upstream.until('the connection to be closed', () => upstream.openConnections === 0);
  });
}

test('extended CONNECT that the upstream refuses has its answer as it is, and the stream ends', async (t) => {
  const { peer, server } = await start(t, (request) => {
    request.connection.write(responseBytes(403, 'not you', [['x-why', 'because']]));
  });
  peer.headers(1, WEBSOCKET);
  const answer = await peer.nextHead(1);
  assert.deepEqual([answer[':status'], answer['x-why'], answer['content-length']], ['403', 'because', '7']);
  assert.equal(await takeData(peer, 7), 'not you');
  assert.equal(await peer.nextReset(1), 'NO_ERROR');
  assert.deepEqual([server('tunnels'), server('streams')], [0, 0]);
});

test('extended CONNECT that the upstream answers with 200 is 502: its caller would take that for a tunnel', async (t) => {
  const { peer, server } = await start(t, fixed(200, 'a page'));
  peer.headers(1, WEBSOCKET);
  const answer = await peer.nextHead(1);
  assert.deepEqual([answer[':status'], answer['l5d-err']], ['502', '200+to+a+WebSocket+handshake%2C+want+101']);
  assert.equal(await peer.nextReset(1), 'NO_ERROR');
  assert.equal(server('tunnels'), 0);
});

test('extended CONNECT: what the caller sends before the 200 waits for it', async (t) => {
  const { peer, connection, head } = await ask(t);
  peer.data(1, 'early');
  connection.write(`${switchFor(head)}first`);
  assert.equal((await peer.nextHead(1))[':status'], '200');
  assert.equal(await takeData(peer, 5), 'first');
  assert.equal((await connection.reader.take(5)).toString(), 'early');
});

test('extended CONNECT: END_STREAM is a half-close, and the other way goes on', async (t) => {
  const ends = await open(t);
  const { peer, connection } = ends;
  peer.data(1, 'last words', { endStream: true });
  assert.equal((await connection.reader.takeToEnd()).toString(), 'last words');
  connection.write('answer');
  assert.equal(await takeData(peer, 6), 'answer');
  connection.end();
  assert.equal((await peer.next(DATA, 1)).flags & END_STREAM, END_STREAM);
  await everythingClosed(ends);
});

test('extended CONNECT: a half-close of the upstream is END_STREAM, and the other way goes on', async (t) => {
  const ends = await open(t);
  const { peer, connection } = ends;
  connection.write('last words');
  connection.end();
  let frame = await peer.next(DATA, 1);
  assert.equal(frame.payload.toString(), 'last words');
  if ((frame.flags & END_STREAM) === 0) frame = await peer.next(DATA, 1);
  assert.equal(frame.flags & END_STREAM, END_STREAM);
  peer.data(1, 'answer');
  assert.equal((await connection.reader.take(6)).toString(), 'answer');
  peer.data(1, ' and goodbye', { endStream: true });
  await eventually(() => connection.received.endsWith('answer and goodbye'));
  await everythingClosed(ends);
});

for (const halfClosed of [undefined, 'caller', 'upstream'] as const) {
  const what = halfClosed ? `half-closed by the ${halfClosed}` : 'open';
  const halfClose = async ({ peer, connection }: Asked): Promise<void> => {
    if (halfClosed === 'caller') {
      peer.data(1, '', { endStream: true });
      await connection.reader.ended();
    } else if (halfClosed === 'upstream') {
      connection.end();
      assert.equal((await peer.next(DATA, 1)).flags & END_STREAM, END_STREAM);
    }
  };

  test(`extended CONNECT that is ${what}: RST_STREAM reaches the upstream as a reset`, async (t) => {
    const ends = await open(t);
    const { peer, connection } = ends;
    await halfClose(ends);
    peer.reset(1, 'CANCEL');
    await eventually(() => {
      // A peer that has half-closed is read no more: only who writes to it learns of its reset.
      if (connection.reader.ending === 'end') connection.write('more');
      return connection.reader.ending === 'reset';
    });
    await everythingClosed(ends);
  });

  test(`extended CONNECT that is ${what}: a reset of the upstream is RST_STREAM with CONNECT_ERROR`, async (t) => {
    const ends = await open(t);
    const { peer, connection } = ends;
    await halfClose(ends);
    connection.reset();
    await eventually(() => {
      if (halfClosed === 'upstream' && ends.server('tunnels') === 1) peer.data(1, 'more');
      return ends.server('tunnels') === 0;
    });
    assert.equal(await peer.nextReset(1), 'CONNECT_ERROR');
    await everythingClosed(ends);
  });
}

test('extended CONNECT: a caller that goes away resets the upstream', async (t) => {
  const ends = await open(t);
  ends.peer.client.reset();
  assert.equal(await ends.connection.reader.ended(), 'reset');
  await everythingClosed(ends);
});

test('extended CONNECT: trailers in the tunnel are a stream error', async (t) => {
  const ends = await open(t);
  ends.peer.headers(1, ['x-trailer', '1'], { endStream: true });
  assert.equal(await ends.peer.nextReset(1), 'PROTOCOL_ERROR');
  assert.equal(await ends.connection.reader.ended(), 'reset');
  await everythingClosed(ends);
});

test('extended CONNECT: one tunnel that stands still does not hold up another stream', async (t) => {
  const { peer, connection, upstream } = await open(t);
  connection.pause();
  // More than the upstream's socket takes is not asked for: a stream has 64 KiB of window.
  for (let i = 0; i < 4; i += 1) peer.data(1, Buffer.alloc(16_000));
  peer.headers(3, WEBSOCKET);
  await upstream.until('the other connection', () => upstream.connections.length === 2);
  const other = upstream.connections[1] as UpstreamConnection;
  other.write(switchFor(await other.reader.takeThrough('\r\n\r\n')));
  assert.equal((await peer.nextHead(3))[':status'], '200');
  connection.resume();
  await connection.reader.take(64_000);
  await peer.next(WINDOW_UPDATE, 1);
});

const [METHOD, PROTOCOL, SCHEME, PATH, AUTHORITY] = [
  [':method', 'CONNECT'],
  [':protocol', 'websocket'],
  [':scheme', 'https'],
  [':path', '/'],
  [':authority', 'web'],
] as const;

for (const [what, fields] of [
  ['without :scheme', [METHOD, PROTOCOL, PATH, AUTHORITY]],
  ['without :path', [METHOD, PROTOCOL, SCHEME, AUTHORITY]],
  ['with an empty :path', [METHOD, PROTOCOL, SCHEME, [':path', ''], AUTHORITY]],
  ['with a :path that is none', [METHOD, PROTOCOL, SCHEME, [':path', '*'], AUTHORITY]],
  ['without :authority or host', [METHOD, PROTOCOL, SCHEME, PATH]],
  ['with an empty :protocol', [METHOD, [':protocol', ''], SCHEME, PATH, AUTHORITY]],
  ['with a :protocol that is no token', [METHOD, [':protocol', 'web socket'], SCHEME, PATH, AUTHORITY]],
  ['with :protocol twice', [METHOD, PROTOCOL, PROTOCOL, SCHEME, PATH, AUTHORITY]],
  ['as :protocol of a GET', [[':method', 'GET'], PROTOCOL, SCHEME, PATH, AUTHORITY]],
  ['with :protocol behind a field', [METHOD, SCHEME, PATH, AUTHORITY, ['x', 'y'], PROTOCOL]],
  ['with a host that differs', [METHOD, PROTOCOL, SCHEME, PATH, AUTHORITY, ['host', 'other']]],
  ['with the upgrade of HTTP/1.1', [METHOD, PROTOCOL, SCHEME, PATH, AUTHORITY, ['upgrade', 'websocket']]],
] as const) {
  test(`extended CONNECT ${what} is a stream error`, async (t) => {
    const { peer, upstream, server } = await start(t);
    peer.headers(1, fields.flat());
    assert.equal(await peer.nextReset(1), 'PROTOCOL_ERROR');
    assert.equal(upstream.connections.length, 0);
    assert.equal(server('h2', 'stream_errors', 'PROTOCOL_ERROR'), 1);
  });
}

for (const [what, fields, endStream, status] of [
  ['for another protocol than websocket', [METHOD, [':protocol', 'connect-udp'], SCHEME, PATH, AUTHORITY], false, 405],
  ['that ends its stream', [METHOD, PROTOCOL, SCHEME, PATH, AUTHORITY], true, 400],
  ['with a Content-Length', [METHOD, PROTOCOL, SCHEME, PATH, AUTHORITY, ['content-length', '5']], false, 400],
] as const) {
  test(`extended CONNECT ${what} is ${status}`, async (t) => {
    const { peer, upstream, server } = await start(t);
    peer.headers(1, fields.flat(), { endStream });
    assert.equal((await peer.nextHead(1))[':status'], String(status));
    if (!endStream) assert.equal(await peer.nextReset(1), 'NO_ERROR');
    assert.equal(upstream.connections.length, 0);
    assert.equal(server('refused', status === 405 ? 'method-refused' : 'bad-request'), 1);
    await eventually(() => server('streams') === 0);
  });
}

test('extended CONNECT through a router of protocol h2 is not held back for its classifier', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(undefined, { raw: true });
  const config = `
admin: {port: 0}
routers:
- protocol: h2
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  service: {responseClassifier: {kind: io.l5d.h2.grpc.default}}
  client: {protocol: http1}
  servers: [{port: 0}]`;
  // Time stands still: whatever waits, waits for ever.
  const gateway = await scene.gateway(config, { clock: new ManualClock() });
  const peer = await RawH2.connect(t, gateway.port);
  peer.begin();
  peer.headers(1, WEBSOCKET);
  await upstream.until('the connection', () => upstream.connections.length === 1);
  const connection = upstream.connections[0] as UpstreamConnection;
  connection.write(switchFor(await connection.reader.takeThrough('\r\n\r\n')));
  assert.equal((await peer.nextHead(1))[':status'], '200');
  peer.data(1, 'there');
  assert.equal((await connection.reader.take(5)).toString(), 'there');
  connection.write('back');
  assert.equal(await takeData(peer, 4), 'back');
  assert.equal(gateway.metric('rt', 'h2', 'server', '127.0.0.1/0', 'tunnels'), 1);
});
