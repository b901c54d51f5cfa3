import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../src/base/random.js';
import { type IdleEntry, IdleOrder } from '../../../src/server/idle-order.js';

class Entry implements IdleEntry<Entry> {
  older: Entry | undefined;
  newer: Entry | undefined;
  isIdle = true;
}

function entries(count: number): Entry[] {
  return Array.from({ length: count }, () => new Entry());
}

test('idle order gives the one that was touched longest ago', () => {
  const order = new IdleOrder<Entry>();
  const [a, b, c] = entries(3) as [Entry, Entry, Entry];
  assert.equal(order.takeOldest(), undefined);
  for (const entry of [a, b, c, a]) order.touch(entry);
  assert.equal(order.takeOldest(), b);
  assert.equal(order.takeOldest(), c);
  order.touch(b);
  assert.equal(order.takeOldest(), a);
  assert.equal(order.takeOldest(), b);
  assert.equal(order.takeOldest(), undefined);
});

test('idle order passes over what is busy, which then has to be touched again', () => {
  const order = new IdleOrder<Entry>();
  const [a, b] = entries(2) as [Entry, Entry];
  order.touch(a);
  order.touch(b);
  a.isIdle = false;
  assert.equal(order.takeOldest(), b);
  a.isIdle = true;
  assert.equal(order.takeOldest(), undefined);
  assert.equal(order.has(a), false);
  order.touch(a);
  assert.equal(order.takeOldest(), a);
});

test('idle order is the order of a list after any touches, removals and takes', () => {
  const random = seededRandom(4);
  const order = new IdleOrder<Entry>();
  const all = entries(8);
  let list: Entry[] = [];
  for (let i = 0; i < 2000; i++) {
    const entry = all[Math.floor(random() * all.length)] as Entry;
    const dice = random();
    if (dice < 0.2) {
      entry.isIdle = !entry.isIdle;
    } else if (dice < 0.6) {
      order.touch(entry);
      list = [...list.filter((one) => one !== entry), entry];
    } else if (dice < 0.8) {
      order.remove(entry);
      list = list.filter((one) => one !== entry);
    } else {
      const at = list.findIndex((one) => one.isIdle);
      assert.equal(order.takeOldest(), list[at]);
      list = at < 0 ? [] : list.slice(at + 1);
    }
    for (const one of all) assert.equal(order.has(one), list.includes(one));
  }
});
