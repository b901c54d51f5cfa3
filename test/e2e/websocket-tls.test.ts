import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { get, request, Scene } from '../support/scene.js';
import { TestCertificates } from '../support/test-certificates.js';
import { startTlsGateway } from '../support/tls-gateway.js';
import type { UpstreamConnection } from '../support/upstream.js';

expectNoOpenHandles();
const certificates = new TestCertificates();

const HANDSHAKE = get('/', 'Connection: Upgrade', 'Upgrade: websocket');
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n';

test('tunnel of a caller that speaks TLS carries bytes both ways, counts them and closes when idle', async (t) => {
  const { client, clock, upstream, server } = await startTlsGateway(t, certificates, {
    certificate: await certificates.issue('web'),
    server: 'proxy: true, tunnelIdleMs: 10000',
    handler: () => new Promise(() => {}),
    manual: true,
  });
  for (const [i, text] of [HANDSHAKE, request('CONNECT db:1', ['Host: db:1'])].entries()) {
    const caller = await client();
    await caller.send(text);
    await upstream.until('the connection', () => upstream.connections.length === i + 1);
    const connection = upstream.connections[i] as UpstreamConnection;
    if (i === 0) {
      await upstream.until('the request', () => upstream.requests.length === 1);
      connection.write(SWITCH);
    }
    await caller.reader.takeThrough('\r\n\r\n');
    await caller.send('there');
    await eventually(() => connection.received.endsWith('there'));
    connection.write('and back');
    assert.equal((await caller.reader.take(8)).toString(), 'and back');
    for (let ms = 0; ms < 13_000; ms += 500) clock.advance(500);
    assert.notEqual(await caller.closedByServer(), undefined);
    await eventually(() => server('tunnels') === 0);
    assert.equal(server('expired', 'tunnel'), i + 1);
  }
  assert.ok(server('tunnels', 'received_bytes') >= 10);
  assert.ok(server('tunnels', 'sent_bytes') >= 16);
});

/** Speaks HTTP/2 and HTTP/1.1, as ALPN has it; answers which, and echoes what comes through a tunnel. */
async function startBoth(t: TestContext): Promise<number> {
  const { certPath, keyPath } = await certificates.issue('both');
  const server = createSecureServer({ allowHTTP1: true, cert: readFileSync(certPath), key: readFileSync(keyPath) });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.on('request', (asked, answer) => void answer.end(asked.httpVersion));
  server.on('upgrade', (_request: unknown, socket: Socket) => {
    socket.on('error', () => {});
    socket.write(SWITCH);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('WebSocket to an upstream that agrees to HTTP/2 for requests goes by HTTP/1.1', async (t) => {
  const port = await startBoth(t);
  const scene = new Scene(t);
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${port}
  servers: [{port: 0}]
  client: {tls: {disableValidation: true}}`);
  assert.equal((await scene.ask(gateway, get())).text, '2.0');
  const client = await scene.client(gateway);
  await client.send(HANDSHAKE);
  assert.equal((await client.readResponse()).status, 101);
  await client.send('through');
  assert.equal((await client.reader.take(7)).toString(), 'through');
  assert.equal((await scene.ask(gateway, get())).text, '2.0', 'and requests still go by HTTP/2');
});
