import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { writeDirectly } from '../../../src/wire/direct-write.js';
import { streamWrap, type WriteRequest } from '../../../src/wire/stream-wrap.js';
import { FakeSocket } from '../../support/fake-socket.js';

/** Two ends of a connection, and what the far one has read so far; it reads from `resume` on. */
async function withConnection(use: (near: Socket, far: Socket, read: () => string) => Promise<void>): Promise<void> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  let text = '';
  far.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
  });
  far.pause();
  for (const socket of [near, far]) socket.on('error', () => {});
  if (near.connecting) await once(near, 'connect');
  try {
    await use(near, far, () => text);
  } finally {
    near.destroy();
    far.destroy();
    server.close();
    await once(server, 'close');
  }
}

async function readUntil(read: () => string, length: number): Promise<string> {
  while (read().length < length) await new Promise((resolve) => setTimeout(resolve, 1));
  return read();
}

/** On the versions of Node that the package takes there has to be one, or writes cost more than they say. */
function makeRequest(): WriteRequest {
  assert.ok(streamWrap);
  return streamWrap.makeWriteRequest();
}

test('direct writes of one request object arrive', () =>
  withConnection(async (near, far, read) => {
    const same = makeRequest();
    for (let i = 0; i < 100; i += 1) {
      assert.equal(
        writeDirectly(near, `${i}\u00e9,`, same, () => assert.fail('nothing is held')),
        'taken',
      );
    }
    far.resume();
    const expected = Array.from({ length: 100 }, (_, i) => `${i}\u00e9,`).join('');
    assert.equal(await readUntil(read, expected.length), expected);
  }));

test('direct write for which the kernel has no room is held, and says when it has gone', () =>
  withConnection(async (near, far, read) => {
    const same = makeRequest();
    const text = 'x'.repeat(1 << 20);
    let length = 0;
    let isDone = false;
    const done = (error?: Error | null): void => {
      assert.equal(error ?? undefined, undefined);
      isDone = true;
    };
    for (;;) {
      const outcome = writeDirectly(near, text, same, done);
      assert.notEqual(outcome, 'refused');
      length += text.length;
      if (outcome === 'held') break;
    }
    assert.equal(isDone, false);
    far.resume();
    assert.equal((await readUntil(read, length)).length, length);
    assert.equal(isDone, true);
  }));

test('direct write that is held when the peer resets ends with an error that has a code', () =>
  withConnection(async (near, far) => {
    const same = makeRequest();
    const text = 'x'.repeat(1 << 20);
    const failed = new Promise<Error>((resolve) => {
      const done = (error?: Error | null): void => resolve(error ?? new Error('none'));
      while (writeDirectly(near, text, same, done) === 'taken');
    });
    far.resetAndDestroy();
    const error = (await failed) as NodeJS.ErrnoException;
    assert.match(error.message, /^write E[A-Z]+$/);
    assert.equal(error.message, `write ${error.code}`);
  }));

test('direct write to a peer that has gone is refused: nothing was written, the ordinary way says why', () =>
  withConnection(async (near, far) => {
    const same = makeRequest();
    far.resetAndDestroy();
    await once(far, 'close');
    // The first may still be taken, before the reset has been seen.
    let outcome = writeDirectly(near, 'a', same, () => {});
    for (let i = 0; i < 100 && outcome === 'taken'; i += 1) outcome = writeDirectly(near, 'a', same, () => {});
    assert.equal(outcome, 'refused');
    const error = await new Promise((resolve) => near._write('a', 'latin1', resolve));
    assert.match(String(error), /write E(PIPE|CONNRESET)/);
  }));

test('direct write to a socket without a handle is refused', () => {
  assert.equal(
    writeDirectly(new FakeSocket().asSocket, 'a', makeRequest(), () => {}),
    'refused',
  );
});
