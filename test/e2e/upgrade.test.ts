import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { routerTo, type TestGateway } from '../support/gateway.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawClient } from '../support/raw-client.js';
import { get, request, Scene } from '../support/scene.js';
import { fixed, type Upstream, type UpstreamConnection } from '../support/upstream.js';

expectNoOpenHandles();

const HANDSHAKE = get(
  '/chat',
  'Connection: keep-alive, Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
);
const SWITCH =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

interface Tunnel {
  readonly scene: Scene;
  readonly gateway: TestGateway;
  readonly upstream: Upstream;
  readonly client: RawClient;
  readonly connection: UpstreamConnection;
}

/** A request for an upgrade that has reached an upstream, which has said nothing yet. */
async function startHandshake(t: TestContext, text = HANDSHAKE): Promise<Tunnel> {
  const scene = new Scene(t);
  const upstream = await scene.upstream(undefined, { raw: true });
  const gateway = await scene.gateway(routerTo(upstream.port));
  const client = await scene.client(gateway);
  await client.send(text);
  await upstream.until('the connection', () => upstream.connections.length === 1);
  const connection = upstream.connections[0] as UpstreamConnection;
  return { scene, gateway, upstream, client, connection };
}

async function startTunnel(t: TestContext): Promise<Tunnel> {
  const tunnel = await startHandshake(t);
  await tunnel.connection.reader.takeThrough('\r\n\r\n');
  tunnel.connection.write(SWITCH);
  assert.equal((await tunnel.client.readResponse()).status, 101);
  return tunnel;
}

test('upgrade is asked for and answered end to end', async (t) => {
  const { connection, client, gateway } = await startHandshake(t);
  const head = await connection.reader.takeThrough('\r\n\r\n');
  assert.match(head, /^GET \/chat HTTP\/1\.1\r\n/);
  assert.match(head, /\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n/);
  assert.match(head, /\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n/);
  assert.doesNotMatch(head, /content-length|transfer-encoding/i);
  connection.write(SWITCH);
  const answer = await client.readResponse();
  assert.equal(answer.status, 101);
  assert.equal(answer.header('upgrade'), 'websocket');
  assert.equal(answer.header('connection'), 'Upgrade');
  assert.equal(answer.header('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  assert.equal(answer.header('content-length'), undefined);
  assert.equal(gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'status', '101'), 1);
});

test('tunnel carries bytes both ways, untouched and at once', async (t) => {
  const { client, connection } = await startTunnel(t);
  for (let i = 0; i < 3; i++) {
    const frame = `\x81\0\xff GET / HTTP/1.1\r\n\r\n${i}`;
    await client.send(frame);
    assert.equal((await connection.reader.take(frame.length)).toString('latin1'), frame);
    connection.write(`back ${frame}`);
    assert.equal((await client.reader.take(frame.length + 5)).toString('latin1'), `back ${frame}`);
  }
});

test('bytes sent together with the handshake are not lost on either side', async (t) => {
  const { client, connection } = await startHandshake(t, `${HANDSHAKE}early from caller`);
  await connection.reader.takeThrough('\r\n\r\n');
  assert.equal(connection.reader.unread.length, 0);
  connection.write(`${SWITCH}early from upstream`);
  assert.equal((await client.readResponse()).status, 101);
  assert.equal((await client.reader.take('early from upstream'.length)).toString(), 'early from upstream');
  assert.equal((await connection.reader.take('early from caller'.length)).toString(), 'early from caller');
});

test('tunnel of a caller that has half-closed still brings what the upstream sends', async (t) => {
  const { client, connection, gateway } = await startTunnel(t);
  await client.send('last words');
  client.end();
  assert.equal((await connection.reader.takeToEnd()).toString(), 'last words');
  connection.write('answer');
  assert.equal((await client.reader.take(6)).toString(), 'answer');
  connection.write(' and goodbye');
  connection.end();
  assert.equal((await client.reader.takeToEnd()).toString(), ' and goodbye');
  await everythingClosed(gateway);
});

test('tunnel of an upstream that has half-closed still brings what the caller sends', async (t) => {
  const { client, connection, gateway } = await startTunnel(t);
  connection.write('last words');
  connection.end();
  assert.equal((await client.reader.takeToEnd()).toString(), 'last words');
  await client.send('answer');
  assert.equal((await connection.reader.take(6)).toString(), 'answer');
  await client.send(' and goodbye');
  client.end();
  assert.equal((await connection.reader.takeToEnd()).toString(), ' and goodbye');
  await everythingClosed(gateway);
});

for (const [what, halfClosed] of [
  ['open', undefined],
  ['half-closed by the caller', 'caller'],
  ['half-closed by the upstream', 'upstream'],
] as const) {
  test(`tunnel that is ${what}: a reset of the caller reaches the upstream`, async (t) => {
    const { client, connection, gateway } = await startTunnel(t);
    await halfClose(halfClosed, client, connection);
    client.reset();
    await untilReset(connection);
    await everythingClosed(gateway);
  });

  test(`tunnel that is ${what}: a reset of the upstream reaches the caller`, async (t) => {
    const { client, connection, gateway } = await startTunnel(t);
    await halfClose(halfClosed, client, connection);
    connection.reset();
    await untilReset(client);
    await everythingClosed(gateway);
  });
}

async function halfClose(who: 'caller' | 'upstream' | undefined, client: RawClient, upstream: UpstreamConnection) {
  if (who === 'caller') {
    client.end();
    await upstream.reader.ended();
  } else if (who === 'upstream') {
    upstream.end();
    await client.reader.ended();
  }
}

/** A peer that has half-closed is read no more: only who writes to it learns of its reset. */
async function untilReset({ reader, socket }: RawClient | UpstreamConnection): Promise<void> {
  await eventually(() => {
    if (reader.ending === 'end') socket.write('more');
    return reader.ending === 'reset';
  });
}

async function everythingClosed(gateway: TestGateway): Promise<void> {
  await eventually(() => {
    const [client] = gateway.metrics.scope('rt', 'http', 'client').children.keys();
    return (
      gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'connections') === 0 &&
      gateway.metric('rt', 'http', 'client', client ?? '', 'connections') === 0
    );
  });
}

test('upgrade that the upstream refuses is an ordinary answer, and the caller goes on', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(fixed(426, 'no websockets here'));
  const gateway = await scene.gateway(routerTo(upstream.port));
  const client = await scene.client(gateway);
  for (const text of [HANDSHAKE, get(), HANDSHAKE]) {
    await client.send(text);
    const answer = await client.readResponse();
    assert.deepEqual([answer.status, answer.text, answer.header('upgrade')], [426, 'no websockets here', undefined]);
  }
});

test('101 for another protocol than was asked for is 502', async (t) => {
  const { client, connection } = await startHandshake(t);
  await connection.reader.takeThrough('\r\n\r\n');
  connection.write(SWITCH.replace('websocket', 'h2c'));
  const answer = await client.readResponse();
  assert.equal(answer.status, 502);
  assert.match(answer.text, /101 to h2c where websocket was asked for/);
});

test('upgrade to h2c is not passed on: it would be spoken past the routing', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream();
  const gateway = await scene.gateway(routerTo(upstream.port));
  const response = await scene.ask(
    gateway,
    get('/', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'),
  );
  assert.equal(response.status, 200);
  assert.doesNotMatch(upstream.requests[0]?.rawHead ?? '', /upgrade|http2-settings|h2c/i);
});

test('Upgrade without Connection: upgrade, or in HTTP/1.0, is dropped', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream();
  const gateway = await scene.gateway(routerTo(upstream.port));
  await scene.ask(gateway, get('/', 'Upgrade: websocket'));
  await scene.ask(gateway, request('GET / HTTP/1.0', ['Host: web', 'Connection: Upgrade', 'Upgrade: websocket']));
  for (const { rawHead } of upstream.requests) assert.doesNotMatch(rawHead, /upgrade/i);
});

test('CONNECT is refused with 405, whatever form its target has', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream();
  const gateway = await scene.gateway(routerTo(upstream.port));
  for (const target of ['web:443', '/', 'http://web/']) {
    const client = await scene.client(gateway);
    await client.send(request(`CONNECT ${target}`, ['Host: web']));
    const response = await client.readResponse();
    assert.equal(response.status, 405);
    assert.match(response.header('allow') ?? '', /GET/);
    assert.equal(await client.closedByServer(), 'end');
  }
  assert.equal(upstream.connections.length, 0);
});
