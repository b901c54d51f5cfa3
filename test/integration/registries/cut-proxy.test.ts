import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { startUpstream, type Upstream } from '../../support/upstream.js';
import { type CutProxy, startCutProxy } from './cut-proxy.js';

expectNoOpenHandles();

describe('cut proxy', () => {
  let server: Upstream;
  let proxy: CutProxy;
  /** Everything that a client has received. */
  let received: string;
  const clients: Socket[] = [];

  before(async () => {
    const shout = ({ socket }: { socket: Socket }) => {
      socket.on('data', (bytes: Buffer) => socket.write(bytes.toString().toUpperCase()));
    };
    server = await startUpstream(undefined, { raw: true, onConnection: shout });
  });
  after(() => server.close());
  beforeEach(async () => {
    proxy = await startCutProxy(server);
    received = '';
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await proxy.close();
  });

  async function openClient(): Promise<Socket> {
    const client = connect({ host: proxy.host, port: proxy.port });
    clients.push(client);
    client.on('data', (bytes: Buffer) => {
      received += bytes.toString();
    });
    await once(client, 'connect');
    return client;
  }

  async function expectEcho(client: Socket, text: string): Promise<void> {
    received = '';
    client.write(text);
    await eventually(() => received === text.toUpperCase());
  }

  it('passes bytes both ways, and the end of either side', async () => {
    const client = await openClient();
    await expectEcho(client, 'hello');
    assert.equal(proxy.connections, 1);
    client.end();
    await eventually(() => server.openConnections === 0);
    server.connections.at(-1)?.end();
    await eventually(() => proxy.connections === 0);
  });

  it('passes more than fits into the buffers', async () => {
    const client = await openClient();
    const text = 'a'.repeat(4_000_000);
    client.write(text);
    await eventually(() => received.length === text.length, { timeoutMs: 10_000 });
  });

  it('refuses new connections and leaves the open ones alone, until it passes again', async () => {
    const client = await openClient();
    await proxy.refuse();
    await assert.rejects(openClient(), { code: 'ECONNREFUSED' });
    await expectEcho(client, 'still here');
    await proxy.pass();
    await expectEcho(await openClient(), 'back');
  });

  it('holds every byte in a black hole, of open connections and new ones, and delivers them afterwards', async () => {
    const client = await openClient();
    await expectEcho(client, 'before');
    await proxy.blackHole();
    received = '';
    client.write('lost?');
    const late = await openClient();
    late.write('nobody');
    // The bytes have had their chance once as many went through beside the proxy.
    const direct = connect({ host: '127.0.0.1', port: server.port });
    clients.push(direct);
    for (let i = 0; i < 10; i++) {
      direct.write('tick');
      await once(direct, 'data');
    }
    assert.equal(received, '');
    await proxy.pass();
    await eventually(() => received.includes('LOST?') && received.includes('NOBODY'));
  });

  it('refuses and lets nothing through at the same time', async () => {
    const client = await openClient();
    await expectEcho(client, 'before');
    await proxy.blackHole();
    await proxy.refuse();
    await assert.rejects(openClient(), { code: 'ECONNREFUSED' });
  });

  it('cuts what is open at both ends, also in a black hole, and takes new connections', async () => {
    for (const mode of ['pass', 'blackHole'] as const) {
      const client = await openClient();
      await expectEcho(client, mode);
      await proxy[mode]();
      const broken = once(client, 'error');
      proxy.cut();
      assert.match(String(await broken), /ECONNRESET/);
      await eventually(() => server.openConnections === 0 && proxy.connections === 0);
      await proxy.pass();
      await expectEcho(await openClient(), 'again');
      server.connections.at(-1)?.destroy();
      for (const each of clients.splice(0)) each.destroy();
      await eventually(() => proxy.connections === 0);
    }
  });

  it('resets the client when the server is gone', async () => {
    const nowhere = await startCutProxy({ port: proxy.port + 1 });
    const client = connect({ host: nowhere.host, port: nowhere.port });
    clients.push(client);
    const [error] = await once(client, 'error');
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET');
    await nowhere.close();
  });
});
