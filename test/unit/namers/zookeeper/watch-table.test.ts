import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WatchTable } from '../../../../namers/zookeeper/watch-table.js';

test('a watcher is called once, at the first event of its kind and path', async () => {
  const table = new WatchTable();
  const called: string[] = [];
  await table.during(
    'children',
    '/a',
    () => called.push('children /a'),
    async () => {},
  );
  await table.during(
    'data',
    '/a',
    () => called.push('data /a'),
    async () => {},
  );
  table.fire('children', '/b');
  table.fire('children', '/a');
  table.fire('children', '/a');
  assert.deepEqual(called, ['children /a']);
  assert.equal(table.size, 1);
});

test('a watcher is there while the request for it is under way, so that the end of another one does not end its watch', async () => {
  const table = new WatchTable();
  const [first, second] = [() => {}, () => {}];
  await table.during('data', '/a', first, async () => {});
  let answer = (): void => {};
  const asking = table.during('data', '/a', second, () => new Promise<void>((resolve) => (answer = resolve)));
  assert.equal(table.remove('data', '/a', first), false);
  answer();
  await asking;
  assert.equal(table.remove('data', '/a', second), true);
  assert.equal(table.size, 0);
});

test('a watcher is out again when the request for it failed', async () => {
  const table = new WatchTable();
  await assert.rejects(
    table.during(
      'data',
      '/a',
      () => {},
      () => Promise.reject(new Error('no')),
    ),
    /no/,
  );
  assert.equal(table.size, 0);
});

test('a watcher that has fired is not the last one to be taken back', async () => {
  const table = new WatchTable();
  const watcher = (): void => {};
  await table.during('data', '/a', watcher, async () => {});
  table.fire('data', '/a');
  assert.equal(table.remove('data', '/a', watcher), false);
});
