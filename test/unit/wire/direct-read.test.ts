import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { readDirectly } from '../../../src/wire/direct-read.js';
import { FakeSocket } from '../../support/fake-socket.js';

const BUFFER_BYTES = 8;

interface Reader {
  readonly socket: Socket;
  /** What came past Node's callbacks, a text for each read. */
  readonly direct: string[];
  /** What came through them. */
  readonly ordinary: string[];
}

/** A connection whose near end reads directly, into buffers of eight bytes; with every read into another one. */
async function withReader(use: (reader: Reader, far: Socket) => Promise<void>): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  let buffer = Buffer.alloc(BUFFER_BYTES);
  const direct: string[] = [];
  const ordinary: string[] = [];
  const socket = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    onread: {
      buffer,
      callback: (read, into) => {
        ordinary.push(Buffer.from(into).toString('latin1', 0, read));
        return true;
      },
    },
  });
  await once(socket, 'connect');
  const [far] = await accepted;
  for (const one of [socket, far]) one.on('error', () => {});
  readDirectly(socket, (read) => {
    direct.push(buffer.toString('latin1', 0, read));
    buffer = Buffer.alloc(BUFFER_BYTES, 'z');
    return buffer;
  });
  try {
    await use({ socket, direct, ordinary }, far);
  } finally {
    socket.destroy();
    far.destroy();
    server.close();
    await once(server, 'close');
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 1));
}

test('direct reads bring all bytes, each read where the one before said, and none by the callbacks of Node', () =>
  withReader(async ({ direct, ordinary }, far) => {
    const sent = Array.from({ length: 50 }, (_, i) => `message ${i},`).join('');
    far.write(sent);
    await until(() => direct.join('').length === sent.length);
    assert.equal(direct.join(''), sent);
    assert.ok(direct.every((text) => text.length <= BUFFER_BYTES));
    assert.deepEqual(ordinary, []);
  }));

test('direct reads stop with pause, and go on with resume', () =>
  withReader(async ({ socket, direct }, far) => {
    far.write('first');
    await until(() => direct.length === 1);
    socket.pause();
    far.write('second');
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(direct, ['first']);
    socket.resume();
    await until(() => direct.length === 2);
    assert.deepEqual(direct, ['first', 'second']);
  }));

test('direct reads leave the end of the stream to Node', () =>
  withReader(async ({ socket, direct }, far) => {
    const ended = once(socket, 'end');
    far.end('last');
    socket.resume();
    await ended;
    assert.deepEqual(direct, ['last']);
  }));

test('direct reads leave errors to Node', () =>
  withReader(async ({ socket }, far) => {
    const failed = once(socket, 'error') as Promise<[Error]>;
    far.resetAndDestroy();
    assert.match((await failed)[0].message, /read ECONNRESET/);
  }));

test('a socket without a handle is left as it is', () => {
  readDirectly(new FakeSocket().asSocket, () => assert.fail('nothing is read'));
});
