import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { routerTo } from '../support/gateway.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { chunk, get, post, request, Scene } from '../support/scene.js';
import { fixed, type UpstreamHandler } from '../support/upstream.js';

expectNoOpenHandles();

async function start(t: TestContext, handler?: UpstreamHandler, extra?: string) {
  const scene = new Scene(t);
  const upstream = await scene.upstream(handler);
  const gateway = await scene.gateway(routerTo(upstream.port, extra));
  return { scene, upstream, gateway, client: await scene.client(gateway) };
}

const CHUNKED = ['Host: web', 'Transfer-Encoding: chunked'];

// ---- bodies ----

test('chunked request arrives chunk by chunk, before it is complete, with its trailers', async (t) => {
  const { upstream, client } = await start(t);
  await client.send(request('POST /', CHUNKED), chunk('one'));
  await upstream.until('the first chunk', () => upstream.connections[0]?.received.endsWith('3\r\none\r\n') === true);
  await client.send(chunk('two!'));
  await upstream.until('the second chunk', () => upstream.connections[0]?.received.endsWith('4\r\ntwo!\r\n') === true);
  await client.send('0\r\nX-Sum: 7\r\nX-Sum: 8\r\n\r\n');
  assert.equal((await client.readResponse()).status, 200);
  const [arrived] = upstream.requests;
  assert.equal(arrived?.header('transfer-encoding'), 'chunked');
  assert.deepEqual((await arrived?.body())?.trailers, [
    ['X-Sum', '7'],
    ['X-Sum', '8'],
  ]);
});

test('chunked response arrives chunk by chunk, before it is complete, with its trailers', async (t) => {
  const { upstream, client } = await start(t, () => {});
  await client.send(get());
  await upstream.until('the request', () => upstream.requests.length === 1);
  const [connection] = upstream.connections;
  connection?.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n');
  const head = await client.reader.takeThrough('\r\n\r\n');
  assert.match(head, /\r\nTransfer-Encoding: chunked\r\n/);
  connection?.write(chunk('one'));
  assert.equal(await client.reader.takeThrough('one\r\n'), '3\r\none\r\n');
  connection?.write(chunk('two!'));
  assert.equal(await client.reader.takeThrough('two!\r\n'), '4\r\ntwo!\r\n');
  connection?.write('0\r\nX-Sum: 7\r\n\r\n');
  assert.equal(await client.reader.takeThrough('\r\n\r\n'), '0\r\nX-Sum: 7\r\n\r\n');
  await client.send(get());
  await upstream.until('the next request', () => upstream.requests.length === 2);
  assert.equal(upstream.connections.length, 1);
});

test('trailers that would change how a message was routed or authorised are dropped, both ways', async (t) => {
  const bad = 'Host: evil\r\nl5d-ctx-dtab: /a=>/b\r\nAuthorization: x\r\nX-Forwarded-For: x\r\nCookie: x\r\n';
  const { upstream, client } = await start(t, async (arrived) => {
    await arrived.body();
    arrived.connection.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${bad}X-Good: 2\r\n\r\n`);
  });
  await client.send(request('POST /', CHUNKED, `0\r\n${bad}X-Good: 1\r\n\r\n`));
  assert.deepEqual((await client.readResponse()).trailers, [['X-Good', '2']]);
  assert.deepEqual((await upstream.requests[0]?.body())?.trailers, [['X-Good', '1']]);
});

test('response head leaves at once, however long its body takes', async (t) => {
  const { client } = await start(t, ({ connection }) =>
    connection.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 99\r\n\r\n'),
  );
  await client.send(get());
  assert.match(await client.reader.takeThrough('\r\n\r\n'), /^HTTP\/1\.1 200 OK\r\n/);
});

test('request head leaves at once, however long its body takes', async (t) => {
  const { upstream, client } = await start(t);
  await client.send(request('POST /', ['Host: web', 'Content-Length: 5']));
  await upstream.until('the head', () => upstream.requests.length === 1);
  await client.send('hello');
  assert.equal((await client.readResponse()).status, 200);
});

test('both directions stream at the same time', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(undefined, { raw: true });
  const client = await scene.client(await scene.gateway(routerTo(upstream.port)));
  await client.send(request('POST /', CHUNKED), chunk('ping 1'));
  await upstream.until('the connection', () => upstream.connections.length === 1);
  const connection = upstream.connections[0] ?? assert.fail();
  await connection.reader.takeThrough('\r\n\r\n');
  connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (let i = 1; i <= 5; i++) {
    await connection.reader.takeThrough(`ping ${i}\r\n`);
    connection.write(chunk(`pong ${i}`));
    await client.reader.takeThrough(`pong ${i}\r\n`);
    await client.send(chunk(i < 5 ? `ping ${i + 1}` : ''));
  }
  await connection.reader.takeThrough('0\r\n\r\n');
  connection.write(chunk(''));
  await client.reader.takeThrough('0\r\n\r\n');
});

for (const [what, framed] of [
  ['a length', (body: string) => request('PUT /', ['Host: web', `Content-Length: ${body.length}`], body)],
  [
    'chunks of all sizes',
    (body: string) => {
      let text = request('PUT /', CHUNKED);
      for (let at = 0, size = 1; at < body.length; at += size, size = (size * 7 + 1) % 200_003) {
        text += chunk(body.slice(at, at + size));
      }
      return text + chunk('');
    },
  ],
] as const) {
  test(`bodies of 3 MiB with ${what} pass unchanged both ways, at any speed`, async (t) => {
    const body = randomBytes(3 * 1024 * 1024).toString('latin1');
    const { upstream, client } = await start(t, async (arrived) => {
      const { bytes } = await arrived.body();
      arrived.connection.write(framed(bytes.toString('latin1')).replace(/^.*\r\nHost: web/, 'HTTP/1.1 200 OK'));
    });
    for (let i = 0; i < 2; i++) {
      const answer = client.readResponse();
      await client.send(framed(body));
      const response = await answer;
      assert.equal(hash(response.bytes), hash(Buffer.from(body, 'latin1')));
      assert.equal(hash((await upstream.requests[i]?.body())?.bytes), hash(Buffer.from(body, 'latin1')));
    }
    assert.equal(upstream.connections.length, 1);
  });
}

function hash(bytes: Buffer | undefined): string {
  return createHash('sha256')
    .update(bytes ?? '')
    .digest('hex');
}

// ---- informational responses and expectations ----

test('informational responses pass as they come, in front of the final one', async (t) => {
  const { upstream, client } = await start(t, () => {});
  await client.send(get());
  await upstream.until('the request', () => upstream.requests.length === 1);
  const [connection] = upstream.connections;
  connection?.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n');
  const hints = await client.readResponse();
  assert.deepEqual([hints.status, hints.header('link')], [103, '</a.css>; rel=preload']);
  connection?.write('HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n');
  assert.equal((await client.readResponse()).status, 102);
  assert.equal((await client.readResponse()).status, 100);
  upstream.requests[0]?.respond(200, 'at last');
  assert.equal((await client.readResponse()).text, 'at last');
});

test('informational responses may be a hundred, for each request of a connection', async (t) => {
  const { client } = await start(t, (arrived) => {
    arrived.connection.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(100));
    arrived.respond(200, 'at last');
  });
  for (let request = 0; request < 2; request++) {
    await client.send(get());
    let response = await client.readResponse();
    let interim = 0;
    for (; response.status === 102; interim++) response = await client.readResponse();
    assert.deepEqual([interim, response.text], [100, 'at last']);
  }
});

test('informational responses are kept from a 1.0 caller', async (t) => {
  const { client } = await start(t, (arrived) => {
    arrived.connection.write('HTTP/1.1 103 Early Hints\r\n\r\n');
    arrived.respond(200, 'at last');
  });
  await client.send(request('GET / HTTP/1.0', ['Host: web']));
  assert.equal((await client.readResponse()).text, 'at last');
});

test('Expect: 100-continue goes to the upstream, and the body waits for its answer', async (t) => {
  const { upstream, client } = await start(t, async (arrived) => {
    arrived.connection.write('HTTP/1.1 100 Continue\r\n\r\n');
    const { bytes } = await arrived.body();
    arrived.respond(200, `took ${bytes.length}`);
  });
  await client.send(request('POST /', ['Host: web', 'Expect: 100-continue', 'Content-Length: 5']));
  assert.equal((await client.readResponse()).status, 100);
  await client.send('hello');
  assert.equal((await client.readResponse()).text, 'took 5');
  assert.equal(upstream.requests[0]?.header('expect'), '100-continue');
  // Both connections are as good as new.
  await client.send(get());
  await upstream.until('the next request', () => upstream.requests.length === 2);
  assert.equal(upstream.connections.length, 1);
});

test('Expect: 100-continue that is not waited for is passed on all the same', async (t) => {
  const { upstream, client } = await start(t);
  await client.send(post('impatient', 'Expect: 100-continue'));
  assert.equal((await client.readResponse()).status, 200);
  assert.equal(upstream.requests[0]?.header('expect'), '100-continue');
  await client.send(get());
  assert.equal((await client.readResponse()).status, 200);
});

test('upstream that answers an expectation with a final status: the caller gets it, and must not go on', async (t) => {
  const { upstream, client } = await start(t, fixedWithoutReading(417, 'no thanks'));
  await client.send(request('POST /', ['Host: web', 'Expect: 100-continue', 'Content-Length: 5']));
  const refusal = await client.readResponse();
  assert.deepEqual([refusal.status, refusal.text], [417, 'no thanks']);
  // Whether the body still comes is the caller's choice (RFC 9110 §10.1.1): what it sends next could be either.
  assert.equal(refusal.header('connection'), 'close');
  assert.equal(await client.closedByServer(), 'end');
  await upstream.until('its connection to be closed', () => upstream.openConnections === 0);
});

test('upstream that answers an expectation after the whole body came all the same: the caller goes on', async (t) => {
  const { client } = await start(t, fixed(200, 'fine'));
  await client.send(post('hello', 'Expect: 100-continue'));
  const response = await client.readResponse();
  assert.deepEqual([response.status, response.header('connection')], [200, undefined]);
  await client.send(get());
  assert.equal((await client.readResponse()).status, 200);
});

function fixedWithoutReading(status: number, text: string): UpstreamHandler {
  return (arrived) => arrived.respond(status, text);
}
