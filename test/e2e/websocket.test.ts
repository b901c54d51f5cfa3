import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { ClientHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { bytesTaken, pump, stoppedGrowing } from '../support/byte-flow.js';
import { eventually } from '../support/eventually.js';
import { routerTo, type TestGateway } from '../support/gateway.js';
import { H2Caller } from '../support/h2-caller.js';
import { ByteReader } from '../support/http-reader.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { get, Scene } from '../support/scene.js';
import type { UpstreamConnection } from '../support/upstream.js';
import { everyFrame } from '../support/websocket-frames.js';

expectNoOpenHandles();

const MIB = 1024 * 1024;
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** An open WebSocket through a gateway: what its caller writes to and reads from, and its upstream. */
interface Open {
  readonly gateway: TestGateway;
  readonly caller: Duplex;
  readonly upstream: UpstreamConnection;
}

type OpenWebSocket = (t: TestContext) => Promise<Open>;

const CALLERS: Readonly<Record<string, OpenWebSocket>> = {
  'HTTP/1.1': async (t) => {
    const scene = new Scene(t);
    const { gateway, connection } = await start(scene);
    const client = await scene.client(gateway);
    await client.send(
      get(
        '/chat',
        'Connection: Upgrade',
        'Upgrade: websocket',
        `Sec-WebSocket-Key: ${KEY}`,
        'Sec-WebSocket-Version: 13',
      ),
    );
    const upstream = await connection();
    await acceptWebSocket(upstream);
    assert.equal((await client.readResponse()).status, 101);
    return { gateway, caller: client.socket, upstream };
  },
  'HTTP/2': async (t) => {
    const scene = new Scene(t);
    const { gateway, connection } = await start(scene);
    const caller = await H2Caller.connect(t, gateway.port);
    const stream = openStream(caller);
    const upstream = await connection();
    await acceptWebSocket(upstream);
    assert.equal(await statusOf(stream), 200);
    return { gateway, caller: stream, upstream };
  },
};

async function start(scene: Scene): Promise<{ gateway: TestGateway; connection: () => Promise<UpstreamConnection> }> {
  const upstream = await scene.upstream(undefined, { raw: true });
  const gateway = await scene.gateway(routerTo(upstream.port).replace('{port: 0}]', '{port: 0, h2: true}]'));
  return {
    gateway,
    connection: async () => {
      await upstream.until('the connection', () => upstream.connections.length === 1);
      return upstream.connections[0] as UpstreamConnection;
    },
  };
}

function openStream(caller: H2Caller): ClientHttp2Stream {
  return caller.open(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', 'sec-websocket-version': '13' },
    false,
  );
}

function statusOf(stream: ClientHttp2Stream): Promise<number> {
  return new Promise((resolve) => stream.once('response', (head) => resolve(Number(head[':status']))));
}

/** Reads the handshake as a server of RFC 6455 does, and takes it. */
async function acceptWebSocket(upstream: UpstreamConnection): Promise<void> {
  const head = await upstream.reader.takeThrough('\r\n\r\n');
  const key = /\r\nsec-websocket-key: (\S+)\r\n/i.exec(head)?.[1] ?? assert.fail(`no key in ${head}`);
  const proof = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const fields = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${proof}`];
  upstream.write(['HTTP/1.1 101 Switching Protocols', ...fields, '', ''].join('\r\n'));
}

/** Pieces of odd lengths, so that frames begin and end anywhere. */
async function writeInPieces(to: Duplex, bytes: Buffer): Promise<void> {
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 3) % 50_021) {
    if (!to.write(bytes.subarray(at, at + size))) await new Promise((resolve) => to.once('drain', resolve));
  }
}

for (const [version, open] of Object.entries(CALLERS)) {
  test(`WebSocket of a caller of ${version}: frames of every size, fragments, ping and close pass unchanged both ways`, async (t) => {
    const { caller, upstream, gateway } = await open(t);
    // Its interface is that of a socket, as far as it is read.
    const received = new ByteReader(caller as Socket);
    const [there, back] = [everyFrame(true), everyFrame(false)];
    await Promise.all([writeInPieces(caller, there), writeInPieces(upstream.socket, back)]);
    assert.ok((await upstream.reader.take(there.length)).equals(there));
    assert.ok((await received.take(back.length)).equals(back));
    const server = (...name: string[]): number => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', ...name);
    assert.equal(server('tunnels'), 1);
    assert.equal(server('status', '101'), 1);
    caller.end();
    await upstream.reader.ended();
    upstream.end();
    await received.ended();
    await eventually(() => server('tunnels') === 0);
    assert.deepEqual(
      [server('tunnels', 'received_bytes'), server('tunnels', 'sent_bytes')],
      [there.length, back.length],
    );
  });

  test(`WebSocket of a caller of ${version}: an upstream that reads nothing stops its caller`, async (t) => {
    const { caller, upstream, gateway } = await open(t);
    upstream.pause();
    const total = 100 * MIB;
    pump(caller as Socket, total);
    const received = (): number => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'received_bytes');
    await stoppedGrowing(received);
    assert.ok(received() < 40 * MIB, `${received()} bytes came in while nobody read`);
    let read = 0;
    upstream.socket.on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
    upstream.resume();
    await eventually(() => read === total, { timeoutMs: 20_000 });
  });

  test(`WebSocket of a caller of ${version} that reads nothing stops its upstream`, async (t) => {
    const { caller, upstream } = await open(t);
    caller.pause();
    const total = 100 * MIB;
    pump(upstream.socket, total);
    await stoppedGrowing(() => bytesTaken(upstream.socket));
    const taken = bytesTaken(upstream.socket);
    assert.ok(taken < 40 * MIB, `${taken} bytes went in while nobody read`);
    let read = 0;
    caller.on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
    caller.resume();
    await eventually(() => read === total, { timeoutMs: 20_000 });
  });
}
