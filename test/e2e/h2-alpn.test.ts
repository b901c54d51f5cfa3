// Upstreams over TLS: what ALPN agrees on decides whether they are spoken to in HTTP/2 or HTTP/1.1.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { createServer as createHttpsServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawResponse } from '../support/raw-client.js';
import { get, post, Scene } from '../support/scene.js';
import { TestCertificates } from '../support/test-certificates.js';

expectNoOpenHandles();
const certificates = new TestCertificates();

/** A server of Node's own over TLS, that answers with the version of HTTP it was asked in, and the body of the request. */
class TlsUpstream {
  connections = 0;
  readonly #server: Http2SecureServer | Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Http2SecureServer | Server) {
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
    });
    server.on('sessionError', () => {});
  }

  static async start(t: TestContext, speaks: 'h2' | 'http1', port = 0): Promise<TlsUpstream> {
    const { certPath, keyPath } = await certificates.issue('web');
    const shown = { cert: readFileSync(certPath), key: readFileSync(keyPath) };
    const server = speaks === 'h2' ? createSecureServer(shown) : createHttpsServer(shown);
    // Both kinds of server have the same shape here, in types that do not.
    (server as Server).on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => response.end(`${request.httpVersion} ${Buffer.concat(chunks).toString('latin1')}`));
    });
    const upstream = new TlsUpstream(server);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()));
    t.after(() => upstream.stop());
    return upstream;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Cuts off whoever is connected. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function start(t: TestContext, upstream: TlsUpstream, protocol: string) {
  const scene = new Scene(t);
  const { certPath } = await certificates.ca;
  const { port } = upstream;
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${port}
  servers: [{port: 0}]
  client: {protocol: ${protocol}, tls: {commonName: web, trustCertsBundle: ${certPath}}}`);
  return {
    ask: (request = get()): Promise<RawResponse> => scene.ask(gateway, request),
    client: (...name: string[]): number => gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${port}`, ...name),
  };
}

for (const protocol of ['auto', 'h2']) {
  test(`${protocol} speaks HTTP/2 to an upstream that agrees to it, over one connection`, async (t) => {
    const upstream = await TlsUpstream.start(t, 'h2');
    const { ask, client } = await start(t, upstream, protocol);
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(post('body'))));
    assert.deepEqual(
      answers.map(({ text }) => text),
      Array(10).fill('2.0 body'),
    );
    assert.equal(upstream.connections, 1);
    assert.equal(client('connects'), 1);
  });
}

test('auto speaks HTTP/1.1 to an upstream that does not agree to HTTP/2, over the connection that was made to ask', async (t) => {
  const upstream = await TlsUpstream.start(t, 'http1');
  const { ask, client } = await start(t, upstream, 'auto');
  assert.equal((await ask(post('one'))).text, '1.1 one');
  assert.equal((await ask(post('two'))).text, '1.1 two');
  assert.equal(upstream.connections, 1);
  assert.equal(client('connections'), 1);
  assert.equal(client('connects'), 1);
});

test('auto gives requests that waited for the handshake connections of their own, in HTTP/1.1', async (t) => {
  const upstream = await TlsUpstream.start(t, 'http1');
  const { ask } = await start(t, upstream, 'auto');
  const answers = await Promise.all(Array.from({ length: 5 }, (_, i) => ask(post(`${i}`))));
  assert.deepEqual(
    answers.map(({ text }) => text),
    Array.from({ length: 5 }, (_, i) => `1.1 ${i}`),
  );
});

test('auto asks again when the connections are gone: an endpoint may come back with another protocol', async (t) => {
  let upstream = await TlsUpstream.start(t, 'http1');
  const { ask, client } = await start(t, upstream, 'auto');
  assert.equal((await ask()).text, '1.1 ');
  for (const [speaks, version] of [
    ['h2', '2.0 '],
    ['http1', '1.1 '],
  ] as const) {
    const { port } = upstream;
    await upstream.stop();
    await eventually(() => client('connections') === 0);
    upstream = await TlsUpstream.start(t, speaks, port);
    assert.equal((await ask()).text, version);
  }
});

test('h2 is a 502 where TLS does not agree to it', async (t) => {
  const upstream = await TlsUpstream.start(t, 'http1');
  const { ask, client } = await start(t, upstream, 'h2');
  assert.equal((await ask()).status, 502);
  assert.equal(client('connects'), 0);
  await eventually(() => client('connections') === 0);
});
