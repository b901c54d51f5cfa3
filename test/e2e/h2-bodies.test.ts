import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { seededRandom } from '../../src/base/random.js';
import { DATA, END_STREAM, WINDOW_UPDATE } from '../../src/wire/h2/frames.js';
import { stoppedGrowing } from '../support/byte-flow.js';
import { eventually } from '../support/eventually.js';
import { answerOf } from '../support/h2-caller.js';
import { startH2Gateway } from '../support/h2-gateway.js';
import { POST } from '../support/h2-peer.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { fixed, hang } from '../support/upstream.js';

expectNoOpenHandles();

const MIB = 1024 * 1024;

/** Bytes that repeat nowhere, so that one that is out of place is seen. */
function noise(length: number, seed: number): Buffer {
  const random = seededRandom(seed);
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i += 4) bytes.writeUInt32LE(Math.floor(random() * 2 ** 32), Math.min(i, length - 4));
  return bytes;
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

test('h2 bodies of many lengths pass both ways, byte by byte', async (t) => {
  const { call } = await startH2Gateway(t, async (request) => {
    const { bytes } = await request.body();
    request.connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`);
    request.connection.write(bytes);
  });
  const caller = await call();
  for (const length of [1, 100, 8191, 16_383, 16_384, 16_385, 65_535, 65_536, 200_001, 3 * MIB]) {
    const body = noise(Math.max(4, length), length).subarray(0, length);
    const answer = await caller.ask({ ':method': 'POST', 'content-length': length }, body);
    assert.equal(answer.status, 200);
    assert.equal(digest(answer.body), digest(body), `${length} bytes with their length`);
    const chunked = await caller.ask({ ':method': 'POST' }, body);
    assert.equal(digest(chunked.body), digest(body), `${length} bytes without`);
  }
});

test('h2 bodies on many streams at once do not mix, while other callers send too', async (t) => {
  const { call } = await startH2Gateway(t, async (request) => {
    const { bytes } = await request.body();
    request.connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`);
    request.connection.write(bytes);
  });
  const callers = await Promise.all([call(), call(), call()]);
  const bodies = Array.from({ length: 24 }, (_, i) => noise(150_000 + 1000 * i, i));
  const answers = await Promise.all(
    bodies.map((body, i) => callers[i % 3]?.ask({ ':method': 'POST' }, body) ?? assert.fail()),
  );
  for (const [i, { body }] of answers.entries()) assert.equal(digest(body), digest(bodies[i] as Buffer), `body ${i}`);
});

test('h2 upload waits for an upstream that does not read, loses nothing, and holds up no other stream', async (t) => {
  const body = noise(24 * MIB, 7);
  const { call, upstream, server } = await startH2Gateway(t, async (request) => {
    if (request.target === '/fast') {
      request.respond(200, 'fast');
      return;
    }
    request.connection.pause();
    const { bytes } = await request.body();
    request.respond(200, digest(bytes));
  });
  const caller = await call();
  const slow = caller.ask({ ':method': 'POST', ':path': '/slow' }, body);
  await upstream.until('the upload', () => upstream.requests.length === 1);
  await stoppedGrowing(() => server('received_bytes'));
  const taken = server('received_bytes');
  assert.ok(taken < body.length, `${taken} bytes were taken`);
  assert.equal((await caller.ask({ ':path': '/fast' })).text, 'fast');
  upstream.requests[0]?.connection.resume();
  assert.equal((await slow).text, digest(body));
});

test('h2 caller that gives a stream no window gets no more than that, and the other streams go on', async (t) => {
  const { call, upstream } = await startH2Gateway(t, async (request) => {
    await request.body();
    if (request.target === '/fast') request.respond(200, 'fast');
    else {
      request.connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${40 * MIB}\r\n\r\n`);
      request.connection.write(Buffer.alloc(40 * MIB, 'x'));
    }
  });
  const caller = await call();
  const stream = caller.open({ ':path': '/slow' });
  let received = 0;
  await new Promise((resolve) => stream.once('response', resolve));
  // Node reads on behind its back only as far as its windows.
  const connection = upstream.connections[0] ?? assert.fail();
  await stoppedGrowing(() => connection.socket.bytesWritten - connection.socket.writableLength);
  assert.ok(connection.socket.writableLength > 0, 'the upstream has to wait');
  assert.equal((await caller.ask({ ':path': '/fast' })).text, 'fast');
  stream.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await new Promise((resolve) => stream.once('end', resolve));
  assert.equal(received, 40 * MIB);
});

test('h2 windows: no byte of a response more than the caller allows', async (t) => {
  const { raw } = await startH2Gateway(t, fixed(200, 'x'.repeat(1000)));
  const caller = await raw();
  caller.begin([[4, 10]]);
  caller.headers(1, POST, { endStream: true });
  assert.equal((await caller.nextHead(1))['content-length'], '1000');
  assert.equal((await caller.next(DATA, 1)).payload.length, 10);
  caller.windowUpdate(1, 5);
  assert.equal((await caller.next(DATA, 1)).payload.length, 5);
  caller.windowUpdate(1, 985);
  const last = await caller.next(DATA, 1);
  assert.equal(last.payload.length, 985);
  assert.equal(last.flags & END_STREAM, END_STREAM);
});

test('h2 windows of an upload are given back as the upstream takes it', async (t) => {
  const { peer } = await startH2Gateway(t, async (request) => {
    const { bytes } = await request.body();
    request.respond(200, String(bytes.length));
  });
  const caller = await peer();
  await caller.next(WINDOW_UPDATE, 0);
  caller.headers(1, POST);
  for (let i = 0; i < 4; i++) caller.data(1, Buffer.alloc(16_000));
  await caller.next(WINDOW_UPDATE, 1);
  for (let i = 0; i < 2; i++) caller.data(1, Buffer.alloc(16_000));
  caller.data(1, 'end', { endStream: true });
  assert.equal((await caller.nextHead(1))[':status'], '200');
  assert.equal((await caller.next(DATA, 1)).payload.toString(), '96003');
});

test('h2 answer before the end of the request is complete, and the caller is told to stop', async (t) => {
  const { call, peer, upstream, server } = await startH2Gateway(t, (request) => request.respond(413, 'too large'));
  const caller = await call();
  const stream = caller.open({ ':method': 'POST' }, false);
  stream.write(Buffer.alloc(1000));
  const answer = await answerOf(stream);
  assert.deepEqual([answer.status, answer.text, answer.code], [413, 'too large', 'NO_ERROR']);

  const raw = await peer();
  raw.headers(1, POST);
  raw.data(1, 'some');
  assert.equal((await raw.nextHead(1))[':status'], '413');
  assert.equal((await raw.next(DATA, 1)).flags & END_STREAM, END_STREAM);
  assert.equal(await raw.nextReset(1), 'NO_ERROR');
  // What was on its way is dropped, and the connection serves on.
  raw.data(1, 'more', { endStream: true });
  raw.headers(3, POST, { endStream: true });
  assert.equal((await raw.nextHead(3))[':status'], '413');
  assert.equal(upstream.requests.length, 3);
  await eventually(() => server('streams') === 0);
});

test('h2 caller that resets its stream ends the request upstream, and nothing else', async (t) => {
  const { peer, upstream, server } = await startH2Gateway(t, hang);
  const caller = await peer();
  caller.headers(1, POST, { endStream: true });
  caller.headers(3, POST);
  caller.data(3, 'half');
  await upstream.until('both requests', () => upstream.requests.length === 2);
  caller.reset(1, 'CANCEL');
  caller.reset(3, 'CANCEL');
  await upstream.until('both connections closed', () => upstream.openConnections === 0);
  await eventually(() => server('streams') === 0);
  caller.headers(5, POST, { endStream: true });
  await upstream.until('the next', () => upstream.requests.length === 3);
});

test('h2 caller that closes its connection ends all of its requests', async (t) => {
  const { peer, upstream, server } = await startH2Gateway(t, hang);
  const caller = await peer();
  for (const id of [1, 3, 5]) caller.headers(id, POST, { endStream: true });
  await upstream.until('3 requests', () => upstream.requests.length === 3);
  caller.client.reset();
  await upstream.until('all closed', () => upstream.openConnections === 0);
  await eventually(() => server('connections') === 0);
  assert.equal(server('streams'), 0);
  assert.equal(server('closes'), 1);
});

test('h2 caller that half-closes still gets the answers to what it had asked in full', async (t) => {
  const { peer, upstream, server } = await startH2Gateway(t, hang);
  const caller = await peer();
  caller.headers(1, POST, { endStream: true });
  caller.headers(3, POST);
  await upstream.until('both', () => upstream.requests.length === 2);
  caller.client.end();
  await upstream.until('the half request ended', () => upstream.openConnections === 1);
  upstream.requests.find(({ connection }) => connection.open)?.respond(200, 'late');
  assert.equal((await caller.nextHead(1))[':status'], '200');
  assert.equal((await caller.next(DATA, 1)).payload.toString(), 'late');
  await eventually(() => server('connections') === 0);
});

test('h2 stream is reset when its upstream breaks off within the body, and only that', async (t) => {
  const { call } = await startH2Gateway(t, (request) => {
    if (request.target === '/whole') {
      request.respond(200, 'whole');
      return;
    }
    request.connection.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
    request.connection.end();
  });
  const caller = await call();
  const broken = await caller.ask({ ':path': '/broken' });
  assert.deepEqual([broken.status, broken.text, broken.code], [200, 'half', 'INTERNAL_ERROR']);
  assert.equal((await caller.ask({ ':path': '/whole' })).text, 'whole');
});

test('h2 caller gets 502 when its upstream resets before the head', async (t) => {
  const { call } = await startH2Gateway(t, (request) => request.connection.reset());
  const answer = await (await call()).ask({ ':method': 'POST' }, 'x');
  assert.equal(answer.status, 502);
  assert.equal(answer.code, 'NO_ERROR');
});
