import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counter } from '../../../src/base/metrics.js';
import { HOLD_BYTES, PushReads, PushWrites } from '../../../src/wire/push-socket.js';
import { FakeSocket } from '../../support/fake-socket.js';

/** What Node does with the `onread` option: it asks where to read to at first, and after each read. */
function start() {
  const seen: Buffer[] = [];
  let during = (_bytes: Buffer): void => {};
  const reads = new PushReads((bytes) => {
    seen.push(bytes);
    during(bytes);
  });
  const { buffer, callback } = reads.onread();
  let into = buffer() as Buffer;
  const read = (text: string, then: (bytes: Buffer) => void = () => {}): void => {
    during = then;
    const length = into.write(text, 'latin1');
    callback(length, into);
    into = (buffer() as Buffer | undefined) ?? into;
  };
  return { reads, seen, read, into: () => into };
}

test('push reads use one buffer for all sockets until a long body begins, and again when it has ended', () => {
  const one = start();
  const other = start();
  assert.equal(one.into(), other.into());
  one.read('a', () => one.reads.startBulk());
  assert.notEqual(one.into(), other.into());
  one.read('b', () => one.reads.endBulk());
  assert.equal(one.into(), other.into());
});

test('push reads say of the bytes at hand where they lie, also after a buffer for the next read was asked for', () => {
  const { reads, read } = start();
  read('several chunks in one read', () => {
    assert.equal(reads.isShared, true);
    reads.startBulk();
    // The second chunk lies where the first did: it may be held no more than that.
    assert.equal(reads.isShared, true);
  });
  read('more', () => {
    assert.equal(reads.isShared, false);
    reads.endBulk();
    assert.equal(reads.isShared, false);
  });
  read('next', () => assert.equal(reads.isShared, true));
});

test('push reads leave a buffer alone that was handed over', () => {
  const { reads, read, seen, into } = start();
  read('begin', () => reads.startBulk());
  const first = into();
  read('held', () => reads.handOver());
  assert.notEqual(into(), first);
  const second = into();
  read('free');
  assert.equal(into(), second);
  assert.equal(seen[1]?.toString(), 'held');
});

test('push reads end a body whose last bytes are held without giving up what is held', () => {
  const { reads, read, seen, into } = start();
  read('begin', () => reads.startBulk());
  const bulk = into();
  read('last', () => {
    reads.handOver();
    reads.endBulk();
  });
  assert.notEqual(into(), bulk);
  assert.equal(seen[1]?.toString(), 'last');
  read('next', () => assert.equal(reads.isShared, true));
});

function startWrites() {
  const socket = new FakeSocket();
  const sent = new Counter();
  return { socket, sent, writes: new PushWrites(socket.asSocket, sent) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('texts of one turn of the event loop leave at its end, as one write', async () => {
  const { socket, sent, writes } = startWrites();
  let count = 0;
  const write = socket._write.bind(socket);
  socket._write = (...args) => {
    count += 1;
    write(...args);
  };
  assert.equal(writes.isHeld, false);
  assert.equal(writes.text('one '), true);
  assert.equal(writes.text('two'), true);
  assert.deepEqual([socket.taken, writes.isHeld, sent.value], ['', true, 7]);
  await turn();
  assert.deepEqual([socket.taken, writes.isHeld, count], ['one two', false, 1]);
  writes.text(' three');
  await turn();
  assert.deepEqual([socket.taken, count], ['one two three', 2]);
});

test('texts that are long together do not wait for the end of the turn', () => {
  const { socket, writes } = startWrites();
  const text = 'x'.repeat(HOLD_BYTES / 4);
  for (let i = 0; i < 4; i += 1) writes.text(text);
  assert.equal(socket.taken, text.repeat(4));
});

test('a peer that takes nothing is felt: after the write that it holds, text counts as the stream counts', async () => {
  const { socket, writes } = startWrites();
  socket.hold();
  writes.text('held');
  await turn();
  assert.equal(writes.text('x'.repeat(HOLD_BYTES)), false);
  assert.equal(socket.writableNeedDrain, true);
  socket.takeOn();
  await turn();
  assert.equal(socket.taken, `held${'x'.repeat(HOLD_BYTES)}`);
});

for (const [what, then, more] of [
  ['bytes', (writes: PushWrites) => writes.bytes(Buffer.from('more')), 'more'],
  ['a long body', (writes: PushWrites) => writes.body('', Buffer.alloc(HOLD_BYTES, 'm'), ''), 'm'.repeat(HOLD_BYTES)],
  ['a short body', (writes: PushWrites) => writes.body('mo', Buffer.from('r'), 'e'), 'more'],
  ['the end', (writes: PushWrites) => writes.end(), ''],
  ['closing', (writes: PushWrites) => writes.destroy(), ''],
  ['a reset', (writes: PushWrites) => writes.reset(), ''],
] as const) {
  test(`text goes out before ${what} that comes in the same turn`, async () => {
    const { socket, writes } = startWrites();
    writes.text('text, ');
    then(writes);
    await turn();
    assert.equal(socket.taken, `text, ${more}`);
    assert.equal(socket.wasEnded, what === 'the end');
    assert.equal(socket.wasReset, what === 'a reset');
  });
}

test('text of a socket that was closed within the turn is dropped', async () => {
  const { socket, writes } = startWrites();
  writes.text('for nobody');
  socket.destroy();
  await turn();
  assert.deepEqual([socket.taken, writes.isHeld], ['', false]);
});
