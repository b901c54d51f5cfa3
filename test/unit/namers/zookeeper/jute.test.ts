import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GarbageError } from '../../../../namers/shared/registry-watch.js';
import { JuteReader, JuteWriter } from '../../../../namers/zookeeper/jute.js';

test('what is written is read back, behind its length', () => {
  const more = new JuteWriter().bool(true);
  const frame = new JuteWriter()
    .int(-7)
    .long(2n ** 40n)
    .text('größe')
    .buffer(Buffer.from([1, 2]))
    .append(more)
    .frame();
  assert.equal(frame.readInt32BE(0), frame.length - 4);
  const reader = new JuteReader(frame.subarray(4));
  assert.equal(reader.int(), -7);
  assert.equal(reader.long(), 2n ** 40n);
  assert.equal(reader.text(), 'größe');
  assert.deepEqual([...reader.buffer()], [1, 2]);
});

test('a list is read, and none reads as an empty one', () => {
  const frame = new JuteWriter().int(2).text('a').text('b').int(-1).int(-1).frame();
  const reader = new JuteReader(frame.subarray(4));
  assert.deepEqual(reader.texts(), ['a', 'b']);
  assert.deepEqual(reader.texts(), []);
  assert.equal(reader.buffer().length, 0);
});

for (const [what, bytes, read] of [
  ['a number', [0, 0, 0], (reader: JuteReader) => reader.int()],
  ['a long', [0, 0, 0, 0, 0], (reader: JuteReader) => reader.long()],
  ['a text', [0, 0, 0, 9, 65], (reader: JuteReader) => reader.text()],
  ['a text that says it has 2 GB', [0x7f, 0xff, 0xff, 0xff, 65], (reader: JuteReader) => reader.text()],
  ['a list that says it has 2 billion texts', [0x7f, 0xff, 0xff, 0xff], (reader: JuteReader) => reader.texts()],
] as const) {
  test(`${what} that ends too early is garbage`, () => {
    assert.throws(() => read(new JuteReader(Buffer.from(bytes))), GarbageError);
  });
}
