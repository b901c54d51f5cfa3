import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { bytesTaken, pump, stoppedGrowing } from '../support/byte-flow.js';
import { routerTo } from '../support/gateway.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { get, request, Scene } from '../support/scene.js';

expectNoOpenHandles();

const MIB = 1024 * 1024;
const BODY = 300 * MIB;
/** What may lie between two ends that are not read: four socket buffers of the kernel, and what the gateway holds. */
const MOST_BETWEEN = 40 * MIB;
const MOST_GROWTH = 60 * MIB;

/** Both ends of one exchange through a gateway in a process of its own. */
async function startEnds(t: TestContext): Promise<{ gateway: GatewayProcess; caller: Socket; upstream: Socket }> {
  const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const gateway = await GatewayProcess.start(routerTo((server.address() as AddressInfo).port));
  const caller = connect({ port: gateway.port, host: '127.0.0.1', noDelay: true });
  let upstream: Socket | undefined;
  t.after(async () => {
    caller.destroy();
    upstream?.destroy();
    server.close();
    await gateway.close();
  });
  // One whole exchange before anything is measured, so that code and buffers of the gateway are there.
  caller.write(get());
  [upstream] = (await once(server, 'connection')) as [Socket];
  await once(upstream, 'data');
  upstream.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  await once(caller, 'data');
  return { gateway, caller, upstream };
}

/** Reads nothing, then everything: the sender must have stopped long before its end. */
async function passSlowly(sender: Socket, receiver: Socket): Promise<void> {
  receiver.pause();
  await stoppedGrowing(() => bytesTaken(sender));
  const between = bytesTaken(sender);
  assert.ok(between < MOST_BETWEEN, `${between} bytes went in while nobody read`);
  let received = 0;
  const done = new Promise<void>((resolve) => {
    receiver.on('data', (chunk) => {
      received += chunk.length;
      // Stops once more on the way, for a moment.
      if (received - chunk.length < BODY / 2 && received >= BODY / 2) {
        receiver.pause();
        setImmediate(() => receiver.resume());
      }
      if (received >= BODY) resolve();
    });
  });
  receiver.resume();
  await done;
}

test('response of 300 MiB to a slow caller stops the upstream and stays out of memory', async (t) => {
  const { gateway, caller, upstream } = await startEnds(t);
  const before = await gateway.peakResidentBytes();
  caller.pause();
  caller.write(get());
  await once(upstream, 'data');
  upstream.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY}\r\n\r\n`);
  pump(upstream, BODY);
  await passSlowly(upstream, caller);
  const growth = (await gateway.peakResidentBytes()) - before;
  t.diagnostic(`peak resident memory grew by ${(growth / MIB).toFixed(1)} MiB`);
  assert.ok(growth < MOST_GROWTH, `${growth}`);
});

test('request body of 300 MiB to a slow upstream stops the caller and stays out of memory', async (t) => {
  const { gateway, caller, upstream } = await startEnds(t);
  const before = await gateway.peakResidentBytes();
  upstream.pause();
  caller.write(request('PUT /', ['Host: web', `Content-Length: ${BODY}`]));
  pump(caller, BODY);
  await passSlowly(caller, upstream);
  const growth = (await gateway.peakResidentBytes()) - before;
  t.diagnostic(`peak resident memory grew by ${(growth / MIB).toFixed(1)} MiB`);
  assert.ok(growth < MOST_GROWTH, `${growth}`);
});

test('chunked response of many small chunks to a slow caller stops the upstream too', async (t) => {
  const { gateway, caller, upstream } = await startEnds(t);
  const before = await gateway.peakResidentBytes();
  caller.pause();
  caller.write(get());
  await once(upstream, 'data');
  upstream.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
  const chunks = Buffer.from(`400\r\n${'x'.repeat(1024)}\r\n`.repeat(256));
  const write = (): void => {
    while (upstream.write(chunks)) {}
  };
  upstream.on('drain', write);
  write();
  await stoppedGrowing(() => bytesTaken(upstream));
  assert.ok(bytesTaken(upstream) < MOST_BETWEEN, `${bytesTaken(upstream)}`);
  assert.ok((await gateway.peakResidentBytes()) - before < MOST_GROWTH);
});

test('tunnel that is not read stops its writer, both ways', async (t) => {
  const { gateway, caller, upstream } = await startEnds(t);
  const before = await gateway.peakResidentBytes();
  caller.write(get('/', 'Connection: Upgrade', 'Upgrade: raw'));
  await once(upstream, 'data');
  upstream.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n');
  await once(caller, 'data');
  upstream.pause();
  caller.pause();
  for (const socket of [caller, upstream]) pump(socket, BODY);
  for (const socket of [caller, upstream]) {
    await stoppedGrowing(() => bytesTaken(socket));
    assert.ok(bytesTaken(socket) < MOST_BETWEEN, `${bytesTaken(socket)}`);
  }
  assert.ok((await gateway.peakResidentBytes()) - before < MOST_GROWTH);
});

test('body that waits for a connection is held back at 64 KiB and the rest of one read', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(() => {});
  const gateway = await scene.gateway(routerTo(upstream.port, '  client: {hostConnectionPool: {maxSize: 1}}'));
  const [first, second] = [await scene.client(gateway), await scene.client(gateway)];
  await first.send(get('/first'));
  await upstream.until('the first request', () => upstream.requests.length === 1);
  const received = (): number => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'received_bytes');
  const before = received();
  second.socket.write(request('PUT /', ['Host: web', `Content-Length: ${MIB}`]));
  pump(second.socket, MIB);
  await stoppedGrowing(() => received() - before);
  const held = received() - before;
  assert.ok(held >= 64 * 1024 && held < 4 * 64 * 1024, `${held}`);
  upstream.requests[0]?.respond(200);
  await first.readResponse();
  await upstream.until('the second request', () => upstream.requests.length === 2);
  assert.equal((await upstream.requests[1]?.body())?.bytes.length, MIB);
});
