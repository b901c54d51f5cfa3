import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect as connectH2 } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { DATA, END_STREAM } from '../../src/wire/h2/frames.js';
import { bytesTaken, pump, stoppedGrowing } from '../support/byte-flow.js';
import { eventually } from '../support/eventually.js';
import type { TestGateway } from '../support/gateway.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawClient } from '../support/raw-client.js';
import { RawH2 } from '../support/raw-h2.js';
import { get, request, Scene } from '../support/scene.js';
import { fixed, type Upstream, type UpstreamConnection } from '../support/upstream.js';

expectNoOpenHandles();

const MIB = 1024 * 1024;

interface Proxy {
  readonly scene: Scene;
  readonly gateway: TestGateway;
  readonly upstream: Upstream;
  server(...name: string[]): number;
}

interface ProxyKeys {
  /** Of the router's name `db:5432`; default: the upstream. */
  readonly dtab?: string;
  readonly server?: string;
  /** Lines of the router. */
  readonly router?: string;
}

/** A forward proxy whose dtab knows `db:5432` alone. */
async function start(t: TestContext, { dtab, server = 'proxy: true', router = '' }: ProxyKeys = {}): Promise<Proxy> {
  const scene = new Scene(t);
  const upstream = await scene.upstream(undefined, { raw: true });
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/db:5432 => ${dtab ?? `/$/inet/127.0.0.1/${upstream.port}`}
  servers: [{port: 0, h2: true, ${server}}]
${router}`);
  return {
    scene,
    gateway,
    upstream,
    server: (...name) => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', ...name),
  };
}

interface Tunnel extends Proxy {
  readonly client: RawClient;
  readonly connection: UpstreamConnection;
}

async function open(t: TestContext): Promise<Tunnel> {
  const proxy = await start(t);
  const client = await proxy.scene.client(proxy.gateway);
  await client.send(request('CONNECT db:5432', ['Host: db:5432']));
  // To its own upstream it is a connection like any other: nothing need be sent for the 200.
  assert.equal((await readConnected(client)).startsWith('HTTP/1.1 200 '), true);
  return { ...proxy, client, connection: await firstConnection(proxy.upstream) };
}

async function firstConnection(upstream: Upstream): Promise<UpstreamConnection> {
  await upstream.until('the connection', () => upstream.connections.length === 1);
  return upstream.connections[0] as UpstreamConnection;
}

/** The head of the answer; what follows is the tunnel's. */
function readConnected(client: RawClient): Promise<string> {
  return client.reader.takeThrough('\r\n\r\n');
}

async function everythingClosed({ gateway, server }: Proxy): Promise<void> {
  await eventually(() => {
    const [client] = gateway.metrics.scope('rt', 'http', 'client').children.keys();
    return (
      server('connections') === 0 &&
      server('tunnels') === 0 &&
      server('pending') === 0 &&
      gateway.metric('rt', 'http', 'client', client ?? '', 'connections') === 0
    );
  });
}

test('CONNECT opens a tunnel to what its target is routed to, and sends nothing of its own', async (t) => {
  const { client, connection, server, gateway } = await open(t);
  for (let i = 0; i < 3; i += 1) {
    await client.send(`\x16\x03\x01 GET / HTTP/1.1\r\n\r\n${i}`);
    assert.equal((await connection.reader.take(23)).toString('latin1'), `\x16\x03\x01 GET / HTTP/1.1\r\n\r\n${i}`);
    connection.write(`\0\xff${i}`);
    assert.equal((await client.reader.take(3)).toString('latin1'), `\0\xff${i}`);
  }
  assert.deepEqual([server('pending'), server('tunnels'), server('status', '200')], [1, 1, 1]);
  assert.equal(gateway.metric('rt', 'http', 'service', 'svc/db:5432', 'requests'), 0, 'it has not ended');
  client.end();
  connection.end();
  await eventually(() => server('tunnels') === 0);
  assert.equal(server('success'), 1);
  assert.equal(gateway.metric('rt', 'http', 'service', 'svc/db:5432', 'requests'), 1);
  assert.deepEqual([server('tunnels', 'received_bytes'), server('tunnels', 'sent_bytes')], [69, 9]);
});

test('CONNECT is answered without a length, a coding or a connection option', async (t) => {
  const { scene, gateway } = await start(t);
  const client = await scene.client(gateway);
  await client.send(request('CONNECT db:5432', ['Host: db:5432']));
  const head = await readConnected(client);
  assert.match(head, /^HTTP\/1\.1 200 Connection established\r\n/);
  assert.doesNotMatch(head, /content-length|transfer-encoding|connection:|upgrade/i);
});

test('CONNECT of HTTP/1.0, without Host, and with the host alone as Host, is served', async (t) => {
  const { scene, gateway } = await start(t);
  for (const text of [
    request('CONNECT db:5432 HTTP/1.0', []),
    request('CONNECT db:5432', ['Host: DB', 'Proxy-Connection: keep-alive', 'Content-Length: 0']),
    request('CONNECT db:5432', ['Host: db:5432', 'Connection: close']),
  ]) {
    const client = await scene.client(gateway);
    await client.send(text);
    assert.match(await readConnected(client), /^HTTP\/1\.1 200 /);
  }
});

test('CONNECT is named by methodAndHost after its target', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(undefined, { raw: true });
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  identifier: {kind: io.l5d.methodAndHost}
  dtab: /svc/1.1/CONNECT/shop:443 => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0, proxy: true}]`);
  const client = await scene.client(gateway);
  await client.send(request('CONNECT Shop:443 HTTP/1.0', []));
  assert.match(await readConnected(client), /^HTTP\/1\.1 200 /);
});

test('CONNECT is never opened to what the dtab does not know', async (t) => {
  const { scene, gateway, upstream } = await start(t);
  for (const target of [`127.0.0.1:${upstream.port}`, 'db:5433', 'other:5432', '169.254.169.254:80', '[::1]:5432']) {
    const client = await scene.client(gateway);
    await client.send(request(`CONNECT ${target}`, [`Host: ${target}`]));
    const response = await client.readResponse();
    assert.equal(response.status, 502, target);
    assert.match(response.header('l5d-err') ?? '', /^Unable\+to\+route\+request/);
    assert.equal(await client.closedByServer(), 'end');
  }
  assert.equal(upstream.connections.length, 0);
});

test('CONNECT to an endpoint that refuses is 502 with l5d-err', async (t) => {
  const { scene, gateway, upstream, server } = await start(t);
  await upstream.close();
  const client = await scene.client(gateway);
  await client.send(request('CONNECT db:5432', ['Host: db:5432']));
  const response = await client.readResponse();
  assert.equal(response.status, 502);
  assert.match(response.header('l5d-err') ?? '', /^Unable\+to\+establish\+connection/);
  assert.match(response.text, /service name: \/svc\/db:5432\n/);
  assert.equal(await client.closedByServer(), 'end');
  assert.deepEqual([server('tunnels'), server('failures')], [0, 1]);
});

test('CONNECT that is routed to a status has no tunnel: 503 passes, 200 does not', async (t) => {
  for (const [status, ending] of [
    [503, 'end'],
    [200, 'reset'],
  ] as const) {
    const { scene, gateway, server } = await start(t, { dtab: `/$/io.buoyant.http.status/${status}` });
    const client = await scene.client(gateway);
    await client.send(request('CONNECT db:5432', ['Host: db:5432']));
    assert.equal(await client.closedByServer(), ending);
    assert.match(client.reader.unread.toString(), status === 200 ? /^$/ : /^HTTP\/1\.1 503 /);
    assert.equal(server('tunnels'), 0);
  }
});

for (const [what, text, message] of [
  ['without a port', request('CONNECT db', ['Host: db']), /want host:port/],
  ['with an empty port', request('CONNECT db:', ['Host: db:']), /want host:port/],
  ['to port 0', request('CONNECT db:0', ['Host: db:0']), /want host:port/],
  ['to port 70000', request('CONNECT db:70000', ['Host: db:70000']), /want host:port with a port of 1 to 65535/],
  ['to a port with zeros in front', request('CONNECT db:05432', ['Host: db:05432']), /want host:port/],
  ['with user information', request('CONNECT me:secret@db:5432', ['Host: db:5432']), /want host:port/],
  ['to a path', request('CONNECT /', ['Host: db:5432']), /want host:port/],
  ['to a URI', request('CONNECT http://db:5432/', ['Host: db:5432']), /want host:port/],
  ['to a path behind the port', request('CONNECT db:5432/x', ['Host: db:5432']), /want host:port/],
  ['to two targets', request('CONNECT a:1,db:5432', ['Host: db:5432']), /want host:port/],
  ['with another Host', request('CONNECT db:5432', ['Host: web:5432']), /differs from the target/],
  ['with another port in Host', request('CONNECT db:5432', ['Host: db:80']), /differs from the target/],
  ['of HTTP/1.1 without Host', request('CONNECT db:5432', []), /Host header is missing/],
  ['with a Content-Length', request('CONNECT db:5432', ['Host: db:5432', 'Content-Length: 4']), /with a body/],
  ['with chunks', request('CONNECT db:5432', ['Host: db:5432', 'Transfer-Encoding: chunked']), /with a body/],
] as const) {
  test(`CONNECT ${what} is refused with 400`, async (t) => {
    const { scene, gateway, upstream, server } = await start(t);
    const client = await scene.client(gateway);
    await client.send(text);
    const response = await client.readResponse();
    assert.equal(response.status, 400);
    assert.match(response.text, message);
    assert.equal(await client.closedByServer(), 'end');
    assert.equal(upstream.connections.length, 0);
    assert.equal(server('refused', 'bad-request'), 1);
  });
}

test('CONNECT: bytes before the 200 are the tunnel’s', async (t) => {
  const { scene, gateway, upstream } = await start(t);
  const client = await scene.client(gateway);
  await client.send(`${request('CONNECT db:5432', ['Host: db:5432'])}GET /early HTTP/1.1\r\n\r\n`);
  await readConnected(client);
  const connection = await firstConnection(upstream);
  assert.equal((await connection.reader.take(23)).toString(), 'GET /early HTTP/1.1\r\n\r\n');
});

test('CONNECT that is refused: bytes behind it are nobody’s request', async (t) => {
  for (const keys of [{ server: 'proxy: false' }, { dtab: '/$/fail' }, {}]) {
    const { scene, gateway, server, upstream } = await start(t, keys);
    const target = keys.dtab === undefined && keys.server === undefined ? 'db' : 'db:5432';
    const client = await scene.client(gateway);
    await client.send(request(`CONNECT ${target}`, [`Host: ${target}`]) + request('GET /smuggled', ['Host: db:5432']));
    const first = await client.readResponse();
    assert.ok([400, 405, 502].includes(first.status), `${first.status}`);
    assert.equal(await client.closedByServer(), 'end');
    assert.equal(client.reader.unread.length, 0);
    assert.equal(server('requests'), keys.dtab === undefined ? 0 : 1);
    assert.equal(upstream.connections.length, 0);
  }
});

test('CONNECT is served by the listener that says so alone, and a reload turns it off', async (t) => {
  const { scene, upstream } = await start(t);
  const config = (proxy: boolean): string => `
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/db:5432 => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0, proxy: ${proxy}}, {port: 0}]`;
  const gateway = await scene.gateway(config(true));
  const statusAt = async (port: number | undefined): Promise<string> => {
    const client = await scene.client({ port: port as number });
    await client.send(request('CONNECT db:5432', ['Host: db:5432']));
    const head = await readConnected(client);
    return head.slice(9, 12);
  };
  assert.deepEqual([await statusAt(gateway.ports[0]), await statusAt(gateway.ports[1])], ['200', '405']);
  await gateway.reload(config(false));
  assert.deepEqual([await statusAt(gateway.ports[0]), await statusAt(gateway.ports[1])], ['405', '405']);
});

test('CONNECT: each half closes by itself, and the other goes on', async (t) => {
  const first = await open(t);
  await first.client.send('last words');
  first.client.end();
  assert.equal((await first.connection.reader.takeToEnd()).toString(), 'last words');
  first.connection.write('answer');
  first.connection.end();
  assert.equal((await first.client.reader.takeToEnd()).toString(), 'answer');
  await everythingClosed(first);
  const second = await open(t);
  second.connection.write('last words');
  second.connection.end();
  assert.equal((await second.client.reader.takeToEnd()).toString(), 'last words');
  await second.client.send('answer');
  second.client.end();
  assert.equal((await second.connection.reader.takeToEnd()).toString(), 'answer');
  await everythingClosed(second);
});

test('CONNECT: a reset of either side reaches the other', async (t) => {
  const first = await open(t);
  first.client.reset();
  assert.equal(await first.connection.reader.ended(), 'reset');
  await everythingClosed(first);
  const second = await open(t);
  second.connection.reset();
  assert.equal(await second.client.closedByServer(), 'reset');
  await everythingClosed(second);
});

test('CONNECT: a slow reader on either side stops the other', async (t) => {
  for (const [sender, receiver] of [
    ['client', 'connection'],
    ['connection', 'client'],
  ] as const) {
    const tunnel = await open(t);
    const total = 100 * MIB;
    tunnel[receiver].pause();
    pump(tunnel[sender].socket, total);
    await stoppedGrowing(() => bytesTaken(tunnel[sender].socket));
    const between = bytesTaken(tunnel[sender].socket);
    assert.ok(between < 40 * MIB, `${between} bytes went in while nobody read`);
    let read = 0;
    tunnel[receiver].socket.on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
    tunnel[receiver].resume();
    await eventually(() => read === total, { timeoutMs: 20_000 });
  }
});

test('CONNECT takes no connection of the pool, nor gives one back to it', async (t) => {
  const { scene, gateway, upstream } = await start(t, { router: '  client: {hostConnectionPool: {maxSize: 1}}' });
  const first = await scene.client(gateway);
  await first.send(request('GET /', ['Host: db:5432']));
  const connection = await firstConnection(upstream);
  await connection.reader.takeThrough('\r\n\r\n');
  // It waits for the only connection, and when that is free wants a new one in its place.
  const second = await scene.client(gateway);
  await second.send(request('CONNECT db:5432', ['Host: db:5432']));
  const waiting = (): number =>
    gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${upstream.port}`, 'pool_waiters');
  await eventually(() => waiting() === 1 || upstream.connections.length > 1);
  connection.write('HTTP/1.1 204 No Content\r\n\r\n');
  assert.equal((await first.readResponse()).status, 204);
  assert.match(await readConnected(second), /^HTTP\/1\.1 200 /);
  await second.send('through');
  await upstream.until('another connection', () => upstream.connections.length === 2);
  assert.equal((await (upstream.connections[1] as UpstreamConnection).reader.take(7)).toString(), 'through');
});

test('CONNECT is in the access log', async (t) => {
  const scene = new Scene(t);
  const path = `${scene.directory()}/access.log`;
  const { gateway } = await start(t, { router: `  httpAccessLog: ${path}` });
  const client = await scene.client(gateway);
  await client.send(request('CONNECT db:5432', ['Host: db:5432', 'User-Agent: ua']));
  await readConnected(client);
  await gateway.close();
  assert.match(
    readFileSync(path, 'latin1'),
    /^db:5432 127\.0\.0\.1 - - \[.*\] "CONNECT db:5432 HTTP\/1\.1" 200 - "-" "ua"\n$/,
  );
});

test('CONNECT that comes back to its own listener ends with its bytes: each hop is one that the caller asked for', async (t) => {
  const scene = new Scene(t);
  const spare = await scene.upstream();
  const { port } = spare;
  await spare.close();
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${port}
  servers: [{port: ${port}, proxy: true, maxCallDepth: 3}]`);
  const server = (name: string): number => gateway.metric('rt', 'http', 'server', `127.0.0.1/${port}`, name);
  const client = await scene.client(gateway);
  for (let i = 0; i < 3; i += 1) {
    await client.send(request('CONNECT self:1', ['Host: self:1']));
    await readConnected(client);
  }
  assert.equal(server('requests') + server('pending'), 3);
  // A request through it is one of the innermost connection; the loop that it then makes ends at maxCallDepth.
  await client.send(get());
  assert.equal((await client.readResponse()).status, 400);
  client.close();
  await eventually(() => server('pending') === 0 && server('tunnels') === 0);
});

test('CONNECT that has passed too many proxies is refused', async (t) => {
  const { scene, gateway, upstream } = await start(t, { server: 'proxy: true, maxCallDepth: 2' });
  const client = await scene.client(gateway);
  await client.send(request('CONNECT db:5432', ['Host: db:5432', 'Via: 1.1 a, 1.1 b, 1.1 c']));
  const response = await client.readResponse();
  assert.equal(response.status, 400);
  assert.match(response.text, /^Maximum number of calls \(2\) has been exceeded/);
  assert.equal(await client.closedByServer(), 'end');
  assert.equal(upstream.connections.length, 0);
});

test('plain http requests of an application that has an http_proxy are routed by their host', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(fixed(200, 'ok'));
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/shop => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0, proxy: true}]`);
  const response = await scene.ask(gateway, request('GET http://shop/a?b', ['Host: shop', 'Proxy-Connection: close']));
  assert.equal(response.text, 'ok');
  assert.match(upstream.requests[0]?.rawHead ?? '', /^GET \/a\?b HTTP\/1\.1\r\nHost: shop\r\n/);
});

// ---- over HTTP/2 ----

const CONNECT: readonly string[] = [':method', 'CONNECT', ':authority', 'db:5432'];

async function peerOf(t: TestContext, { gateway }: Proxy): Promise<RawH2> {
  const peer = await RawH2.connect(t, gateway.port);
  peer.begin();
  return peer;
}

test('CONNECT over HTTP/2 opens a tunnel, whose halves end one by one', async (t) => {
  const proxy = await start(t);
  const peer = await peerOf(t, proxy);
  peer.headers(1, CONNECT);
  const head = await peer.nextHead(1);
  assert.deepEqual([head[':status'], head['content-length']], ['200', undefined]);
  const connection = await firstConnection(proxy.upstream);
  peer.data(1, 'hello');
  assert.equal((await connection.reader.take(5)).toString(), 'hello');
  connection.write('welcome');
  assert.equal((await peer.next(DATA, 1)).payload.toString(), 'welcome');
  peer.data(1, 'bye', { endStream: true });
  assert.equal((await connection.reader.takeToEnd()).toString(), 'bye');
  connection.end();
  assert.equal((await peer.next(DATA, 1)).flags & END_STREAM, END_STREAM);
  await eventually(() => proxy.server('tunnels') === 0 && proxy.server('streams') === 0);
  assert.deepEqual([proxy.server('tunnels', 'received_bytes'), proxy.server('tunnels', 'sent_bytes')], [8, 7]);
});

test('CONNECT over HTTP/2: resets pass as RST_STREAM with CONNECT_ERROR, and as RST', async (t) => {
  const proxy = await start(t);
  const peer = await peerOf(t, proxy);
  peer.headers(1, CONNECT);
  peer.headers(3, CONNECT);
  for (const id of [1, 3]) assert.equal((await peer.nextHead(id))[':status'], '200');
  await proxy.upstream.until('two connections', () => proxy.upstream.connections.length === 2);
  const [first, second] = proxy.upstream.connections as [UpstreamConnection, UpstreamConnection];
  first.reset();
  assert.equal(await peer.nextReset(1), 'CONNECT_ERROR');
  peer.reset(3, 'CANCEL');
  assert.equal(await second.reader.ended(), 'reset');
  await eventually(() => proxy.server('tunnels') === 0);
});

test('CONNECT over HTTP/2 to an endpoint that refuses is 502, and the stream ends', async (t) => {
  const proxy = await start(t);
  await proxy.upstream.close();
  const peer = await peerOf(t, proxy);
  peer.headers(1, CONNECT);
  const head = await peer.nextHead(1);
  assert.equal(head[':status'], '502');
  assert.match(head['l5d-err'] ?? '', /^Unable\+to\+establish\+connection/);
  assert.equal(await peer.nextReset(1), 'NO_ERROR');
});

test('CONNECT over HTTP/2 works for Node’s own client', async (t) => {
  const proxy = await start(t);
  const session = connectH2(`http://127.0.0.1:${proxy.gateway.port}`);
  t.after(() => session.destroy());
  const stream = session.request({ ':method': 'CONNECT', ':authority': 'db:5432' });
  stream.setEncoding('latin1');
  stream.write('ping');
  const connection = await firstConnection(proxy.upstream);
  assert.equal((await connection.reader.take(4)).toString(), 'ping');
  connection.write('pong');
  connection.end();
  let got = '';
  for await (const chunk of stream) got += chunk;
  assert.equal(got, 'pong');
});

for (const [what, authority] of [
  ['without a port', 'db'],
  ['to port 70000', 'db:70000'],
  ['to port 0', 'db:0'],
] as const) {
  test(`CONNECT over HTTP/2 ${what} is refused with 400`, async (t) => {
    const proxy = await start(t);
    const peer = await peerOf(t, proxy);
    peer.headers(1, [':method', 'CONNECT', ':authority', authority]);
    assert.equal((await peer.nextHead(1))[':status'], '400');
    assert.equal(await peer.nextReset(1), 'NO_ERROR');
    assert.equal(proxy.upstream.connections.length, 0);
  });
}

for (const [what, fields] of [
  ['with user information', [':method', 'CONNECT', ':authority', 'me@db:5432']],
  ['without :authority', [':method', 'CONNECT', 'host', 'db:5432']],
  ['with :scheme', [...CONNECT, ':scheme', 'http']],
  ['with :path', [...CONNECT, ':path', '/']],
] as const) {
  test(`CONNECT over HTTP/2 ${what} is a stream error`, async (t) => {
    const proxy = await start(t);
    const peer = await peerOf(t, proxy);
    peer.headers(1, fields);
    assert.equal(await peer.nextReset(1), 'PROTOCOL_ERROR');
    assert.equal(proxy.upstream.connections.length, 0);
  });
}
