import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setLogLevel } from '../../src/base/log.js';
import { routerTo } from '../support/gateway.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawResponse } from '../support/raw-client.js';
import { chunk, get, post, request, Scene } from '../support/scene.js';
import { reset, type UpstreamHandler } from '../support/upstream.js';

expectNoOpenHandles();
setLogLevel('router', 'OFF');

/** A gateway in front of one upstream, a caller's connection, and the failures counted so far. */
async function start(t: TestContext, handler?: UpstreamHandler, extra = '') {
  const scene = new Scene(t);
  const upstream = await scene.upstream(handler);
  const gateway = await scene.gateway(routerTo(upstream.port, extra));
  const client = await scene.client(gateway);
  const ask = async (text: string): Promise<RawResponse> => {
    await client.send(text);
    return client.readResponse();
  };
  const failures = (scope: string, code: string): number => {
    const path = { server: ['server', '127.0.0.1/0'], service: ['service', 'svc/web'] }[scope];
    const client = ['client', `$/inet/127.0.0.1/${upstream.port}`];
    return gateway.metric('rt', 'http', ...(path ?? client), 'failures', code);
  };
  return { scene, upstream, gateway, client, ask, failures };
}

/** `l5d-err` is the message, form-encoded; the body is the message. */
function assertGatewayError(response: RawResponse, status: number, message: string | RegExp): void {
  assert.equal(response.status, status, response.text);
  if (typeof message === 'string') assert.equal(response.text, message);
  else assert.match(response.text, message);
  assert.equal(decodeURIComponent((response.header('l5d-err') ?? '').replaceAll('+', ' ')), response.text);
  assert.equal(response.header('content-type'), 'text/plain');
}

// ---- before a name ----

test('unidentified request is refused with 400 and the connection kept', async (t) => {
  const { ask, gateway, upstream } = await start(t, undefined, '  identifier: {kind: io.l5d.header, header: x-name}');
  assertGatewayError(
    await ask(get('/path?q')),
    400,
    /^Unknown destination: Request\("GET \/path\?q", from \/127\.0\.0\.1:\d+\) \/ x-name header is absent$/,
  );
  assert.equal((await ask(get('/', 'x-name: /web'))).status, 200);
  assert.equal(upstream.requests.length, 1);
  // A bad request is the caller's failure, not the server's.
  assert.equal(gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'failures'), 0);
  assert.equal(gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'status', '400'), 1);
});

test('bad l5d-dtab is refused with 400 and the parse message', async (t) => {
  const { ask } = await start(t);
  for (const name of ['l5d-dtab', 'l5d-ctx-dtab']) {
    const response = await ask(get('/', `${name}: /svc => nonsense`));
    assertGatewayError(response, 400, /'\/svc => \[n\]onsense'$/);
  }
  assert.equal((await ask(get())).status, 200);
});

test('more Via entries than maxCallDepth are refused with 400', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream();
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0, maxCallDepth: 3}]`);
  assert.equal((await scene.ask(gateway, get('/', 'Via: 1.1 a, 1.1 b', 'Via: 1.1 c'))).status, 200);
  assertGatewayError(
    await scene.ask(gateway, get('/', 'Via: 1.1 a, 1.1 b', 'Via: 1.1 c, 1.0 d')),
    400,
    'Maximum number of calls (3) has been exceeded. Please check for proxy loops.',
  );
});

// ---- no route ----

test('name bound to nothing is 502 with the rules that were tried', async (t) => {
  const { ask, failures } = await start(t, undefined, '  dstPrefix: /other');
  assertGatewayError(
    await ask(get('/', 'l5d-dtab: /x=>/y; /z => /$/nil')),
    502,
    /^Unable to route request!\n\nservice name: \/other\/web\ndtab:\nbase dtab:\n {2}\/svc\/\* => \/\$\/inet\/127\.0\.0\.1\/\d+\noverride dtab:\n {2}\/x => \/y\n {2}\/z => \/\$\/nil$/,
  );
  assert.equal(failures('server', 'no-hosts'), 1);
});

for (const [what, tree] of [
  ['Fail', '/$/fail'],
  ['Empty', '/$/nil'],
  ['Neg', '~'],
] as const) {
  test(`name bound to ${what} is 502, and no alternative is tried where it stops them`, async (t) => {
    const { ask, upstream } = await start(t);
    const other = `/$/inet/127.0.0.1/${upstream.port}`;
    const response = await ask(get('/', `l5d-dtab: /svc/web => ${what === 'Neg' ? tree : `${tree} | ${other}`}`));
    // A bare Neg falls through to the rule before it.
    assert.equal(response.status, what === 'Neg' ? 200 : 502);
  });
}

test('unknown system namer is 502 with its name, whatever stands behind it', async (t) => {
  const { ask, upstream, failures } = await start(t);
  assertGatewayError(
    await ask(get('/', `l5d-dtab: /svc/web => /$/no.such/x | /$/inet/127.0.0.1/${upstream.port}`)),
    502,
    'Unknown namer: no.such for path: /$/no.such/x',
  );
  assert.equal(failures('service', 'binding-failed'), 1);
  assert.equal((await ask(get())).status, 200);
});

test('status namer answers itself, with an empty body', async (t) => {
  const { ask, upstream } = await start(t);
  for (const status of [200, 204, 404, 503]) {
    const response = await ask(get('/', `l5d-dtab: /svc/web => /$/io.buoyant.http.status/${status}`));
    assert.deepEqual([response.status, response.text], [status, '']);
  }
  assert.equal(upstream.requests.length, 0);
});

test('error in answer to HEAD has the length of its body and no body', async (t) => {
  const { ask, client } = await start(t);
  await client.send(request('HEAD /', ['Host: web', 'l5d-dtab: /svc/web => /$/nil']));
  const response = await client.readResponse({ method: 'HEAD' });
  assert.equal(response.status, 502);
  assert.ok(Number(response.header('content-length')) > 50);
  assert.equal((await ask(get())).status, 200);
});

// ---- connections ----

test('endpoint that refuses connections is 502 with every address of the name', async (t) => {
  const scene = new Scene(t);
  const gone = await scene.upstream();
  const { port } = gone;
  await gone.close();
  const gateway = await scene.gateway(routerTo(port));
  const response = await scene.ask(gateway, get());
  const address = `127.0.0.1:${port}`;
  assertGatewayError(
    response,
    502,
    [
      `Unable to establish connection to ${address}.`,
      '',
      'service name: /svc/web',
      `client name: /$/inet/127.0.0.1/${port}`,
      `addresses: [${address}]`,
      `selected address: ${address}`,
    ].join('\n'),
  );
  assert.equal(response.header('l5d-retryable'), 'true');
  assert.equal(gateway.metric('rt', 'http', 'client', `$/inet/127.0.0.1/${port}`, 'failures', 'connect-failed'), 1);
});

test('upstream that resets before it answers is 502, and the next request is served', async (t) => {
  let first = true;
  const { ask, failures } = await start(t, (arrived) => {
    if (first) reset(arrived);
    else arrived.respond(200, 'fine');
    first = false;
  });
  assertGatewayError(
    await ask(get()),
    502,
    /^127\.0\.0\.1:\d+ closed the connection before its response was complete: read ECONNRESET$/,
  );
  for (const scope of ['server', 'service', 'client']) assert.equal(failures(scope, 'upstream-reset'), 1, scope);
  assert.equal((await ask(get())).text, 'fine');
});

test('upstream that resets while a request body is under way is 502, and the next request is served', async (t) => {
  const { ask, client, upstream } = await start(t, async (arrived) => {
    if (upstream.requests.length > 1) {
      arrived.respond(200, 'fine');
      return;
    }
    await arrived.connection.reader.takeThrough('first\r\n');
    arrived.connection.reset();
  });
  await client.send(request('POST /', ['Host: web', 'Transfer-Encoding: chunked'], chunk('first')));
  assert.equal((await client.readResponse()).status, 502);
  // The rest of the refused request is read and dropped.
  await client.send(chunk('second') + chunk(''));
  assert.equal((await ask(get())).text, 'fine');
});

// ---- responses that are none ----

for (const [what, bytes] of [
  ['no HTTP at all', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
  ['HTTP/2.0 as version', 'HTTP/2.0 200 OK\r\n\r\n'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
  ['two different lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
  ['length and chunked', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a coding that is not chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
  ['a bare line feed', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
  ['a header name with a space', 'HTTP/1.1 200 OK\r\nContent Length: 0\r\n\r\n'],
  ['a folded header', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n'],
  ['a control byte in a value', 'HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n'],
  ['101 that nobody asked for', 'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'],
  ['a status line longer than maxInitialLineKB', `HTTP/1.1 200 ${'x'.repeat(5000)}\r\n\r\n`],
  ['headers larger than maxHeadersKB', `HTTP/1.1 200 OK\r\n${`X: ${'x'.repeat(1000)}\r\n`.repeat(9)}\r\n`],
] as const) {
  test(`upstream that answers ${what} is 502, its connection is closed, the caller may go on`, async (t) => {
    const { ask, upstream, failures } = await start(t, (arrived) => {
      if (arrived.target === '/bad') arrived.connection.write(bytes);
      else arrived.respond(200, 'fine');
    });
    const response = await ask(get('/bad'));
    assert.equal(response.status, 502, response.text);
    assert.ok(response.header('l5d-err'));
    assert.equal(failures('client', 'upstream-malformed'), 1);
    assert.equal((await ask(get())).text, 'fine');
    assert.equal(upstream.connections.length, 2);
    await upstream.until('the bad connection to be closed', () => upstream.openConnections === 1);
  });
}

// ---- responses cut short: the caller must not take them for complete ----

for (const [what, bytes] of [
  ['a length that it does not reach', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort'],
  ['chunks without an end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n'],
  ['a chunk size that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nxyz\r\n'],
] as const) {
  for (const version of ['1.1', '1.0']) {
    test(`upstream that answers ${what}: the caller (HTTP/${version}) is reset`, async (t) => {
      const { client, failures, gateway } = await start(t, ({ connection }) => {
        connection.write(bytes);
        if (!bytes.includes('xyz')) connection.end();
      });
      await client.send(request(`GET / HTTP/${version}`, ['Host: web']));
      assert.equal(await client.closedByServer(), 'reset');
      assert.equal(failures('client', bytes.includes('xyz') ? 'upstream-malformed' : 'upstream-reset'), 1);
      assert.equal(gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'success'), 0);
    });
  }
}

test('upstream that resets within its response body: the caller is reset', async (t) => {
  const { client, upstream } = await start(t, ({ connection }) =>
    connection.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort'),
  );
  await client.send(get());
  await client.reader.takeThrough('short');
  upstream.connections[0]?.reset();
  assert.equal(await client.closedByServer(), 'reset');
});

test('upstream that sends more than its length: the caller gets the length, the rest goes nowhere', async (t) => {
  const { ask, upstream } = await start(t, (arrived) =>
    arrived.connection.write(
      `HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n${arrived.target}x${arrived.target === '/bad' ? 'HTTP/1.1 200 POISON\r\n\r\n' : ''}`,
    ),
  );
  assert.equal((await ask(get('/bad'))).text, '/bad');
  assert.equal((await ask(get('/abc'))).text, '/abc');
  assert.equal(upstream.connections.length, 2);
});

// ---- answers before the request ends ----

test('upstream that answers before the request body ends: the answer stands, the next request is served', async (t) => {
  const { ask, client, upstream } = await start(t, (arrived) => arrived.respond(413, 'too much'));
  await client.send(request('POST /', ['Host: web', 'Content-Length: 100000'], 'x'.repeat(1000)));
  const early = await client.readResponse();
  assert.deepEqual([early.status, early.text, early.header('connection')], [413, 'too much', undefined]);
  await client.send('x'.repeat(99_000));
  assert.equal((await ask(get())).status, 413);
  // The half-sent request cannot be finished, so its connection serves nothing else.
  assert.equal(upstream.connections.length, 2);
});

test('upstream that answers before a long request body ends: the caller is told to close', async (t) => {
  const { client } = await start(t, (arrived) => arrived.respond(413, 'too much'));
  await client.send(request('POST /', ['Host: web', 'Content-Length: 10000000'], 'x'.repeat(1000)));
  const early = await client.readResponse();
  assert.deepEqual([early.status, early.text, early.header('connection')], [413, 'too much', 'close']);
  assert.equal(await client.closedByServer(), 'end');
});

// ---- what the caller does wrong ----

test('request body with a broken chunk is 400, and the upstream sees a reset', async (t) => {
  const { client, upstream, gateway } = await start(t, async (arrived) => {
    await arrived.body();
  });
  await client.send(request('POST /', ['Host: web', 'Transfer-Encoding: chunked'], chunk('fine')));
  await upstream.until('the first chunk', () => upstream.connections[0]?.received.includes('fine') === true);
  await client.send('not a size\r\n');
  const response = await client.readResponse();
  assert.equal(response.status, 400);
  assert.equal(response.header('connection'), 'close');
  assert.equal(await client.closedByServer(), 'end');
  await upstream.until('the reset', () => upstream.connections[0]?.reader.ending === 'reset');
  const id = `$/inet/127.0.0.1/${upstream.port}`;
  assert.equal(gateway.metric('rt', 'http', 'client', id, 'failures', 'bad-request'), 1);
});

for (const [what, text, status] of [
  ['a request line over maxInitialLineKB', get(`/${'x'.repeat(1024)}`), 414],
  ['headers over maxHeadersKB', get('/', `X: ${'x'.repeat(2048)}`), 431],
  ['a header name with a space', get('/', 'X Y: 1'), 400],
  ['a space in the target', request('GET /a b', ['Host: web']), 400],
  ['a byte above ASCII in the path', get('/\xe9'), 400],
  ['two different lengths', request('POST /', ['Host: web', 'Content-Length: 1', 'Content-Length: 2'], 'ab'), 400],
  ['an unknown version', 'GET / HTTP/1.7\r\nHost: web\r\n\r\n', 505],
  ['no Host', request('GET /', []), 400],
  ['CONNECT', request('CONNECT web:443', ['Host: web:443']), 405],
  ['an unknown expectation', post('x', 'Expect: the-unexpected'), 417],
] as const) {
  test(`request with ${what} is ${status}, the connection is closed, nothing goes upstream`, async (t) => {
    const { client, upstream } = await start(t, undefined, '  maxInitialLineKB: 1\n  maxHeadersKB: 2');
    await client.send(text);
    const response = await client.readResponse();
    assert.equal(response.status, status, response.text);
    assert.equal(response.header('connection'), 'close');
    assert.ok(response.header('l5d-err'));
    assert.equal(await client.closedByServer(), 'end');
    assert.equal(upstream.requests.length, 0);
  });
}

test('requests at the limits of maxInitialLineKB and maxHeadersKB pass', async (t) => {
  const { ask } = await start(t, undefined, '  maxInitialLineKB: 1\n  maxHeadersKB: 2');
  const target = `/${'x'.repeat(1024 - 'GET / HTTP/1.1'.length)}`;
  assert.equal((await ask(get(target))).status, 200);
  const host = 'Host: web\r\n'.length;
  assert.equal((await ask(get('/', `X: ${'x'.repeat(2048 - host - 'X: \r\n'.length)}`))).status, 200);
});

test('body of an error is cut to maxErrResponseKB and l5d-err to maxHeadersKB', async (t) => {
  const { ask } = await start(
    t,
    undefined,
    '  identifier: {kind: io.l5d.header, header: x}\n  maxErrResponseKB: 1\n  maxHeadersKB: 2\n  maxInitialLineKB: 4',
  );
  const response = await ask(get(`/${'x'.repeat(3000)}`));
  assert.equal(response.status, 400);
  assert.equal(response.text.length, 1024);
  assert.equal(response.header('l5d-err')?.length, 2048);
});
