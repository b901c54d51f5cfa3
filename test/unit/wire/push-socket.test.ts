import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PushReads } from '../../../src/wire/push-socket.js';

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
