import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameSplitter, MAX_FRAME_BYTES } from '../../../../namers/zookeeper/frames.js';

function split(...chunks: readonly Buffer[]): string[] {
  const frames: string[] = [];
  const splitter = new FrameSplitter((frame) => frames.push(frame.toString('latin1')));
  for (const chunk of chunks) splitter.push(chunk);
  return frames;
}

function frame(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(text.length);
  return Buffer.concat([length, Buffer.from(text, 'latin1')]);
}

const STREAM = Buffer.concat([frame('one'), frame(''), frame('three'), frame('x'.repeat(100))]);
const FRAMES = ['one', '', 'three', 'x'.repeat(100)];

test('frames come out of one piece', () => assert.deepEqual(split(STREAM), FRAMES));

for (const size of [1, 2, 3, 5, 7, 64]) {
  test(`frames come out of pieces of ${size} bytes`, () => {
    const pieces = Array.from({ length: Math.ceil(STREAM.length / size) }, (_, i) =>
      STREAM.subarray(i * size, (i + 1) * size),
    );
    assert.deepEqual(split(...pieces), FRAMES);
  });
}

test('a frame that is not complete is kept back', () => {
  assert.deepEqual(split(frame('one'), STREAM.subarray(0, 6)), ['one']);
});

test('the largest frame passes', () => {
  const [largest = ''] = split(frame('x'.repeat(MAX_FRAME_BYTES)));
  assert.equal(largest.length, MAX_FRAME_BYTES);
});

for (const [what, bytes] of [
  ['one byte too large', [0, 0x40, 0, 1]],
  ['500 MB large', [0x1f, 0x40, 0, 0]],
  ['negative', [0xff, 0xff, 0xff, 0xfc]],
] as const) {
  test(`a frame that says it is ${what} is refused at its length`, () => {
    assert.throws(() => split(Buffer.from(bytes)), /bytes, not 0-4194304; is it a ZooKeeper server\?/);
  });
}

test('the answer of another kind of server is shown in the refusal', () => {
  assert.throws(() => split(Buffer.from('HTTP/1.1 400 Bad Request\r\n')), /begins with "HTTP"/);
});
