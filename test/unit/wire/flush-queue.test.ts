import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlushQueue } from '../../../src/wire/flush-queue.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('flush queue flushes each once, after all that is ready has been read, in order', async () => {
  const queue = new FlushQueue();
  const flushed: string[] = [];
  queue.add({ flush: () => flushed.push('a') });
  queue.add({ flush: () => flushed.push('b') });
  assert.deepEqual(flushed, []);
  await turn();
  assert.deepEqual(flushed, ['a', 'b']);
  await turn();
  assert.deepEqual(flushed, ['a', 'b']);
});

test('flush queue takes again what is added while it flushes', async () => {
  const queue = new FlushQueue();
  let flushes = 0;
  const again = {
    flush: () => {
      flushes += 1;
      if (flushes < 3) queue.add(again);
    },
  };
  queue.add(again);
  for (let i = 0; i < 3; i += 1) await turn();
  assert.equal(flushes, 3);
});

test('flush queue does not wait for the end of the turn with more than 16 to flush', async () => {
  const queue = new FlushQueue();
  const flushed: number[] = [];
  const numbers = Array.from({ length: 20 }, (_, i) => i);
  for (const i of numbers) queue.add({ flush: () => flushed.push(i) });
  assert.deepEqual(flushed, numbers.slice(0, 16));
  await turn();
  assert.deepEqual(flushed, numbers);
});
