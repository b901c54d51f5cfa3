import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { DATA, END_STREAM } from '../../src/wire/h2/frames.js';
import { eventually } from '../support/eventually.js';
import type { TestGateway } from '../support/gateway.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawClient } from '../support/raw-client.js';
import { RawH2 } from '../support/raw-h2.js';
import { get, request, Scene } from '../support/scene.js';
import { everyFrame } from '../support/websocket-frames.js';

expectNoOpenHandles();

/** RFC 6455 §1.3. */
const HANDSHAKE = get(
  '/chat',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
);
const PROOF = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

interface Opened {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
}

interface Ends {
  readonly scene: Scene;
  readonly gateway: TestGateway;
  /** Streams that reached the upstream. */
  readonly streams: readonly Opened[];
  server(...name: string[]): number;
}

/** An upstream of HTTP/2 alone that takes extended CONNECT, or as `answer` has it. */
async function start(t: TestContext, answer: (stream: ServerHttp2Stream) => void = takeIt): Promise<Ends> {
  const scene = new Scene(t);
  const streams: Opened[] = [];
  const server = createServer({ settings: { enableConnectProtocol: true } });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    streams.push({ stream, headers });
    answer(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${(server.address() as AddressInfo).port}
  client: {protocol: h2c}
  servers: [{port: 0, h2: true, proxy: true}]`);
  return {
    scene,
    gateway,
    streams,
    server: (...name) => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', ...name),
  };
}

function takeIt(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'sec-websocket-protocol': 'chat' });
}

async function open(t: TestContext): Promise<Ends & Opened & { client: RawClient; received: () => Buffer }> {
  const ends = await start(t);
  const client = await ends.scene.client(ends.gateway);
  await client.send(HANDSHAKE);
  assert.equal((await client.readResponse()).status, 101);
  const opened = ends.streams[0] as Opened;
  const chunks: Buffer[] = [];
  opened.stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { ...ends, ...opened, client, received: () => Buffer.concat(chunks) };
}

async function everythingClosed({ gateway, server }: Ends): Promise<void> {
  await eventually(() => {
    const [client] = gateway.metrics.scope('rt', 'http', 'client').children.keys();
    return (
      server('tunnels') === 0 &&
      server('pending') === 0 &&
      gateway.metric('rt', 'http', 'client', client ?? '', 'h2', 'streams') === 0
    );
  });
}

test('WebSocket from HTTP/1.1 to an upstream of HTTP/2 is extended CONNECT there, and 101 with the proof here', async (t) => {
  const { scene, gateway, streams } = await start(t);
  const client = await scene.client(gateway);
  await client.send(HANDSHAKE);
  const answer = await client.readResponse();
  assert.equal(answer.status, 101);
  assert.equal(answer.header('sec-websocket-accept'), PROOF);
  assert.equal(answer.header('sec-websocket-protocol'), 'chat');
  assert.equal(answer.header('upgrade'), 'websocket');
  const { headers } = streams[0] as Opened;
  assert.deepEqual(
    [headers[':method'], headers[':protocol'], headers[':path'], headers[':scheme'], headers[':authority']],
    ['CONNECT', 'websocket', '/chat', 'http', 'web'],
  );
  assert.equal(headers['sec-websocket-version'], '13');
  assert.equal(headers['sec-websocket-key'], undefined);
});

test('WebSocket to an upstream of HTTP/2 carries frames of every size both ways', async (t) => {
  const { client, stream, received } = await open(t);
  const [there, back] = [everyFrame(true), everyFrame(false)];
  client.socket.write(there);
  stream.write(back);
  assert.ok((await client.reader.take(back.length)).equals(back));
  await eventually(() => received().length === there.length);
  assert.ok(received().equals(there));
});

test('WebSocket to an upstream of HTTP/2: each half ends by itself', async (t) => {
  const first = await open(t);
  await first.client.send('last words');
  first.client.end();
  await eventually(() => first.stream.readableEnded);
  assert.equal(first.received().toString(), 'last words');
  first.stream.end('answer');
  assert.equal((await first.client.reader.takeToEnd()).toString(), 'answer');
  await everythingClosed(first);
  const second = await open(t);
  second.stream.end('last words');
  assert.equal((await second.client.reader.takeToEnd()).toString(), 'last words');
  await second.client.send('answer');
  second.client.end();
  await eventually(() => second.received().toString() === 'answer');
  await everythingClosed(second);
});

test('WebSocket to an upstream of HTTP/2: resets pass either way', async (t) => {
  const first = await open(t);
  first.client.reset();
  await eventually(() => first.stream.rstCode === constants.NGHTTP2_CANCEL);
  await everythingClosed(first);
  const second = await open(t);
  second.stream.destroy(new Error('broken'));
  assert.equal(await second.client.closedByServer(), 'reset');
  await everythingClosed(second);
  // Of the half that is left as well.
  const third = await open(t);
  third.stream.end();
  await third.client.reader.ended();
  third.stream.destroy(new Error('broken'));
  await eventually(() => {
    third.client.socket.write('more');
    return third.client.reader.ending === 'reset';
  });
  await everythingClosed(third);
});

test('WebSocket that an upstream of HTTP/2 refuses has its answer as it is', async (t) => {
  const { scene, gateway, server } = await start(t, (stream) => {
    stream.respond({ ':status': 403, 'x-why': 'because' });
    stream.end('not you');
  });
  const client = await scene.client(gateway);
  await client.send(HANDSHAKE);
  const answer = await client.readResponse();
  assert.deepEqual([answer.status, answer.header('x-why'), answer.text], [403, 'because', 'not you']);
  assert.equal(server('tunnels'), 0);
});

test('WebSocket from HTTP/2 to an upstream of HTTP/2 is extended CONNECT on both sides', async (t) => {
  const ends = await start(t);
  const peer = await RawH2.connect(t, ends.gateway.port);
  peer.begin();
  peer.headers(1, [
    ...[':method', 'CONNECT', ':protocol', 'websocket', ':scheme', 'http', ':path', '/', ':authority', 'web'],
    ...['sec-websocket-version', '13'],
  ]);
  const answer = await peer.nextHead(1);
  assert.deepEqual([answer[':status'], answer['sec-websocket-accept']], ['200', undefined]);
  const { stream } = ends.streams[0] as Opened;
  let got = '';
  stream.on('data', (chunk: Buffer) => {
    got += chunk.toString();
  });
  peer.data(1, 'there', { endStream: true });
  await eventually(() => got === 'there' && stream.readableEnded);
  stream.end('back');
  let frame = await peer.next(DATA, 1);
  assert.equal(frame.payload.toString(), 'back');
  if ((frame.flags & END_STREAM) === 0) frame = await peer.next(DATA, 1);
  assert.equal(frame.flags & END_STREAM, END_STREAM);
  await everythingClosed(ends);
});

test('CONNECT to an endpoint that is spoken to in HTTP/2 is refused with 501', async (t) => {
  const { scene, gateway, streams } = await start(t);
  const answer = await scene.ask(gateway, request('CONNECT db:1', ['Host: db:1']));
  assert.equal(answer.status, 501);
  assert.match(answer.text, /CONNECT is refused: .* want protocol: http1/);
  assert.equal(streams.length, 0);
});
