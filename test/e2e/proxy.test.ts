import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { routerTo } from '../support/gateway.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { get, post, request, Scene } from '../support/scene.js';
import { echo, fixed } from '../support/upstream.js';

expectNoOpenHandles();

/** A gateway whose router sends `/svc/<name…>` to one upstream, the name as residual. */
async function startIdentifying(t: TestContext, identifier: string) {
  const scene = new Scene(t);
  const upstream = await scene.upstream(echo);
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc => /$/inet/127.0.0.1/${upstream.port}
  identifier: ${identifier}
  servers: [{port: 0}]`);
  /** The service name that the upstream was told, or the status and text that came instead. */
  const nameOf = async (text: string): Promise<string> => {
    const before = upstream.requests.length;
    const response = await scene.ask(gateway, text);
    const arrived = upstream.requests[before];
    return arrived ? (arrived.header('l5d-dst-service') ?? 'none') : `${response.status} ${response.text}`;
  };
  return { upstream, nameOf };
}

const FROM = String.raw`from /127\.0\.0\.1:\d+`;

test('default identifier names a request after its Host, case and port kept', async (t) => {
  const { nameOf, upstream } = await startIdentifying(t, '{kind: io.l5d.header.token}');
  assert.equal(await nameOf(request('GET /', ['Host: Shop.Example.com:8080'])), '/svc/Shop.Example.com:8080');
  assert.equal(upstream.requests[0]?.header('l5d-dst-residual'), '/Shop.Example.com:8080');
  assert.equal(upstream.requests[0]?.header('l5d-dst-client'), `/$/inet/127.0.0.1/${upstream.port}`);
  assert.match(
    await nameOf(request('GET / HTTP/1.0', [])),
    new RegExp(String.raw`^400 Unknown destination: Request\("GET /", ${FROM}\) / Host header is absent$`),
  );
});

test('header identifier reads a path and refuses what is none', async (t) => {
  const { nameOf } = await startIdentifying(t, '{kind: io.l5d.header, header: l5d-name}');
  assert.equal(await nameOf(get('/', 'L5d-Name: /a/b')), '/svc/a/b');
  assert.match(await nameOf(get('/', 'l5d-name: no path')), /^400 Unknown destination: Request\("GET \/".* \/ /);
});

test('methodAndHost identifier names version, method and lower-cased host', async (t) => {
  const { nameOf } = await startIdentifying(t, '{kind: io.l5d.methodAndHost, httpUriInDst: true}');
  assert.equal(await nameOf(request('PUT /x/y?z', ['Host: Web', 'Content-Length: 0'])), '/svc/1.1/PUT/web/x/y');
  assert.equal(await nameOf(request('GET /x HTTP/1.0', [])), '/svc/1.0/GET/x');
});

test('path identifier consumes segments and keeps the query', async (t) => {
  const { nameOf, upstream } = await startIdentifying(t, '{kind: io.l5d.path, segments: 2, consume: true}');
  assert.equal(await nameOf(get('/a/b/c/?q=1')), '/svc/a/b');
  assert.equal(upstream.requests[0]?.target, '/c/?q=1');
  assert.equal(await nameOf(get('/a/b')), '/svc/a/b');
  assert.equal(upstream.requests[1]?.target, '/');
  assert.match(await nameOf(get('/a')), /^400 .* \/ not enough segments in path$/);
});

test('static identifier names every request alike', async (t) => {
  const { nameOf } = await startIdentifying(t, '{kind: io.l5d.static, path: /all/of/it}');
  assert.equal(await nameOf(get('/any')), '/svc/all/of/it');
});

test('list of identifiers takes the first that identifies and stops at one that fails', async (t) => {
  const { nameOf } = await startIdentifying(
    t,
    '[{kind: io.l5d.header, header: x-name}, {kind: io.l5d.header.token, header: x-token}, {kind: io.l5d.path}]',
  );
  assert.equal(await nameOf(get('/p', 'x-name: /n', 'x-token: t')), '/svc/n');
  assert.equal(await nameOf(get('/p', 'x-token: t')), '/svc/t');
  assert.equal(await nameOf(get('/p')), '/svc/p');
  assert.match(await nameOf(get('/')), /^400 .* \/ not enough segments in path$/);
  assert.match(await nameOf(get('/p', 'x-name: bad path', 'x-token: t')), /^400 /);
});

test('per-request dtab overrides the router, the user header last, and travels on as l5d-ctx-dtab', async (t) => {
  const scene = new Scene(t);
  const [base, canary, other] = await Promise.all([scene.upstream(), scene.upstream(), scene.upstream()]);
  const gateway = await scene.gateway(routerTo(base.port));
  const to = (port: number): string => `/svc/web => /$/inet/127.0.0.1/${port}`;
  const counts = (): number[] => [base, canary, other].map(({ requests }) => requests.length);

  await scene.ask(gateway, get('/'));
  assert.deepEqual(counts(), [1, 0, 0]);
  await scene.ask(gateway, get('/', `l5d-dtab: ${to(canary.port)}`));
  assert.deepEqual(counts(), [1, 1, 0]);
  await scene.ask(gateway, get('/', `l5d-dtab: ${to(other.port)}`, `l5d-ctx-dtab: ${to(canary.port)}`));
  assert.deepEqual(counts(), [1, 1, 1]);

  const [arrived] = other.requests;
  assert.equal(
    arrived?.header('l5d-ctx-dtab'),
    `/svc/web=>/$/inet/127.0.0.1/${canary.port};/svc/web=>/$/inet/127.0.0.1/${other.port}`,
  );
  assert.equal(arrived?.header('l5d-dtab'), undefined);
  // Another name is not touched by the override.
  await scene.ask(gateway, request('GET /', ['Host: else', `l5d-dtab: ${to(canary.port)}`]));
  assert.deepEqual(counts(), [2, 1, 1]);
});

test('absolute-form target is sent on as a path, with its authority as Host', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream();
  const gateway = await scene.gateway(routerTo(upstream.port));
  await scene.ask(gateway, request('GET http://shop.example.com:81/a%2Fb?c', ['Host: shop.example.com:81']));
  const [arrived] = upstream.requests;
  assert.equal(arrived?.target, '/a%2Fb?c');
  assert.equal(arrived?.header('host'), 'shop.example.com:81');
  assert.equal(arrived?.header('l5d-dst-service'), '/svc/shop.example.com:81');
});

test('request and response bodies pass unchanged, lengths kept', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(async (arrived) => {
    const { bytes } = await arrived.body();
    arrived.respond(201, `got ${bytes.toString('latin1')}`, [['x-answer', 'yes']]);
  });
  const gateway = await scene.gateway(routerTo(upstream.port));
  const response = await scene.ask(gateway, post('h\xe9llo\0'));
  assert.deepEqual([response.status, response.reason, response.text], [201, 'Status 201', 'got h\xe9llo\0']);
  assert.equal(response.header('x-answer'), 'yes');
  assert.equal(response.header('content-length'), '10');
  assert.equal(upstream.requests[0]?.header('content-length'), '6');
});

test('connections are reused on both sides', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream();
  const gateway = await scene.gateway(routerTo(upstream.port));
  const client = await scene.client(gateway);
  for (let i = 0; i < 10; i++) {
    await client.send(i % 2 === 0 ? get(`/${i}`) : post(`${i}`));
    assert.equal((await client.readResponse()).status, 200);
  }
  assert.equal(upstream.connections.length, 1);
  assert.deepEqual(
    upstream.requests.map(({ target }) => target),
    ['/0', '/', '/2', '/', '/4', '/', '/6', '/', '/8', '/'],
  );
  const id = `$/inet/127.0.0.1/${upstream.port}`;
  assert.equal(gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'connects'), 1);
  assert.equal(gateway.metric('rt', 'http', 'client', id, 'connects'), 1);
  assert.equal(gateway.metric('rt', 'http', 'client', id, 'connections'), 1);
  assert.equal(gateway.metric('rt', 'http', 'client', id, 'pool_cached'), 1);

  const server = gateway.metrics.scope('rt', 'http', 'server', '127.0.0.1/0');
  assert.equal(server.counter('closes').value, 0);
  client.close();
  await eventually(() => server.counter('closes').value === 1);
  server.roll();
  assert.equal(server.stat('connection_duration').snapshot?.count, 1);
});

test('connection is not reused after Connection: close of either side', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(fixed(200, 'bye', [['Connection', 'close']]));
  const gateway = await scene.gateway(routerTo(upstream.port));
  const client = await scene.client(gateway);
  await client.send(get());
  assert.equal((await client.readResponse()).header('connection'), undefined);
  await client.send(get('/', 'Connection: close'));
  assert.equal((await client.readResponse()).header('connection'), 'close');
  assert.equal(await client.closedByServer(), 'end');
  assert.equal(upstream.connections.length, 2);
  assert.equal(gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${upstream.port}`, 'connections'), 0);
});

test('pipelined requests are answered in order, one at a time', async (t) => {
  const scene = new Scene(t);
  let underWay = 0;
  let most = 0;
  const upstream = await scene.upstream(async (arrived) => {
    underWay += 1;
    most = Math.max(most, underWay);
    await arrived.body();
    // The first takes longest: answers must wait for it all the same.
    if (arrived.target === '/1') await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
    arrived.respond(200, `answer to ${arrived.method} ${arrived.target}`);
  });
  const gateway = await scene.gateway(routerTo(upstream.port));
  const client = await scene.client(gateway);
  const requests = [get('/1'), request('POST /2', ['Host: web', 'Content-Length: 4'], 'body'), get('/3'), get('/4')];
  await client.send(requests.join(''));
  const answers: string[] = [];
  for (const _ of requests) answers.push((await client.readResponse()).text);
  assert.deepEqual(answers, ['answer to GET /1', 'answer to POST /2', 'answer to GET /3', 'answer to GET /4']);
  assert.equal(most, 1);
  assert.equal(client.reader.unread.length, 0);
});

test('HEAD, 204 and 304 have no body, and what follows them is read right', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream((arrived) => {
    const head =
      arrived.target === '/204'
        ? '204 No Content\r\n'
        : arrived.target === '/304'
          ? '304 Not Modified\r\nContent-Length: 77\r\nETag: "x"\r\n'
          : '200 OK\r\nContent-Length: 1234\r\n';
    arrived.connection.write(`HTTP/1.1 ${head}\r\n`);
  });
  const gateway = await scene.gateway(routerTo(upstream.port));
  const client = await scene.client(gateway);
  await client.send(request('HEAD /', ['Host: web']) + get('/204') + get('/304') + request('HEAD /', ['Host: web']));
  const head = await client.readResponse({ method: 'HEAD' });
  assert.deepEqual([head.status, head.header('content-length')], [200, '1234']);
  const noContent = await client.readResponse();
  assert.deepEqual([noContent.status, noContent.header('content-length')], [204, undefined]);
  const notModified = await client.readResponse();
  assert.deepEqual([notModified.status, notModified.header('content-length')], [304, '77']);
  assert.equal((await client.readResponse({ method: 'HEAD' })).status, 200);
  assert.equal(client.reader.unread.length, 0);
  assert.equal(upstream.connections.length, 1);
});

test('HTTP/1.0 stays 1.0 upstream and closes unless keep-alive was asked for', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(fixed(200, 'old'));
  const gateway = await scene.gateway(routerTo(upstream.port));

  const closing = await scene.client(gateway);
  await closing.send(request('GET /a HTTP/1.0', ['Host: web']));
  assert.equal((await closing.readResponse()).text, 'old');
  assert.equal(await closing.closedByServer(), 'end');

  const kept = await scene.client(gateway);
  for (let i = 0; i < 2; i++) {
    await kept.send(request('POST /b HTTP/1.0', ['Host: web', 'Connection: keep-alive', 'Content-Length: 2'], 'hi'));
    const response = await kept.readResponse();
    assert.equal(response.text, 'old');
    assert.equal(response.header('connection'), 'keep-alive');
  }
  for (const { rawHead } of upstream.requests) assert.match(rawHead, /^(GET \/a|POST \/b) HTTP\/1\.0\r\n/);
});

test('response of unknown length is chunked for a 1.1 caller and ends with the connection for a 1.0 caller', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream((arrived) => {
    arrived.connection.write('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil ');
    arrived.connection.write('closed');
    arrived.connection.end();
  });
  const gateway = await scene.gateway(routerTo(upstream.port));
  const response = await scene.ask(gateway, get());
  assert.equal(response.header('transfer-encoding'), 'chunked');
  assert.equal(response.text, 'until closed');

  const old = await scene.client(gateway);
  await old.send(request('GET / HTTP/1.0', ['Host: web', 'Connection: keep-alive']));
  const untilClose = await old.readResponse();
  assert.equal(untilClose.header('transfer-encoding'), undefined);
  assert.equal(untilClose.header('connection'), 'close');
  assert.equal(untilClose.text, 'until closed');
});

test('success is counted for server, service, client and the service of the client', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream((arrived) => arrived.respond(arrived.target === '/bad' ? 500 : 404));
  const gateway = await scene.gateway(routerTo(upstream.port));
  for (const target of ['/', '/', '/bad']) await scene.ask(gateway, get(target));
  const client = ['client', `$/inet/127.0.0.1/${upstream.port}`];
  const scopes = [['server', '127.0.0.1/0'], ['service', 'svc/web'], client, [...client, 'service', 'svc/web']];
  for (const scope of scopes) {
    const value = (name: string): number => gateway.metric('rt', 'http', ...scope, name);
    assert.deepEqual(
      [value('requests'), value('success'), value('failures'), value('pending')],
      [3, 2, 1, 0],
      scope.join('/'),
    );
  }
  for (const scope of [['server', '127.0.0.1/0'], client]) {
    const status = (name: string): number => gateway.metric('rt', 'http', ...scope, 'status', name);
    assert.deepEqual([status('404'), status('4XX'), status('500'), status('5XX'), status('200')], [2, 2, 1, 1, 0]);
  }
  const loadBalancer = (name: string): number => gateway.metric('rt', 'http', ...client, 'loadbalancer', name);
  assert.deepEqual([loadBalancer('size'), loadBalancer('adds'), loadBalancer('available')], [1, 1, 1]);
  assert.equal(gateway.metric('rt', 'http', 'bindcache', 'path', 'misses'), 1);
  assert.equal(gateway.metric('rt', 'http', 'bindcache', 'client', 'misses'), 1);
  assert.ok(gateway.metric('rt', 'http', ...client, 'sent_bytes') > 100);
  assert.equal(
    gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'received_bytes'),
    (get('/') + get('/') + get('/bad')).length,
  );
});
