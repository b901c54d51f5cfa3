import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricsScope } from '../../../src/base/metrics.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import { LruCache } from '../../../src/router/lru-cache.js';
import { ManualClock } from '../../support/manual-clock.js';
import { metricValue } from '../../support/metric-value.js';

class Entry {
  closed = 0;

  close(): void {
    this.closed += 1;
  }
}

function setUp(maxEntries = 2, idleTtlMs = 1000) {
  const clock = new ManualClock();
  const metrics = new MetricsScope();
  const cache = new LruCache<Entry>({ maxEntries, idleTtlMs, clock, metrics });
  const add = (key: string): Entry => {
    const entry = new Entry();
    cache.add(key, entry, clock.now());
    return entry;
  };
  const get = (key: string): Entry | undefined => cache.get(key, clock.now());
  const counts = (): number[] => ['misses', 'evicts', 'expires'].map((name) => metricValue(metrics, name));
  return { clock, cache, add, get, counts };
}

describe('LRU cache', () => {
  it('answers what was added, and undefined for what was not', () => {
    const { cache, add, get, counts } = setUp();
    const a = add('a');
    assert.equal(get('a'), a);
    assert.equal(get('b'), undefined);
    assert.equal(cache.size, 1);
    assert.deepEqual(counts(), [1, 0, 0]);
  });

  it('closes the least recently used entry to make room, whatever the order of adding', () => {
    const { cache, add, get, counts } = setUp(3);
    const [a, b, c] = [add('a'), add('b'), add('c')];
    get('a');
    get('b');
    get('b');
    const d = add('d');
    assert.deepEqual(
      [a, b, c, d].map(({ closed }) => closed),
      [0, 0, 1, 0],
    );
    get('a');
    add('e');
    assert.deepEqual(
      [a, b, c, d].map(({ closed }) => closed),
      [0, 1, 1, 0],
    );
    assert.equal(cache.size, 3);
    assert.deepEqual(counts(), [5, 2, 0]);
    assert.equal(get('b'), undefined);
  });

  it('keeps what is in use, however many others come by in the same second', () => {
    const { cache, add, get } = setUp(10, 10_000);
    const inUse = [add('a'), add('b')];
    for (let i = 0; i < 1000; i += 1) {
      add(`once ${i}`);
      get('a');
      if (i % 5 === 0) get('b');
    }
    assert.deepEqual(
      inUse.map(({ closed }) => closed),
      [0, 0],
    );
    assert.equal(cache.size, 10);
  });

  it('closes an entry within a second of its time, where another was in front that has been used since', () => {
    const { clock, add, get } = setUp(10, 5000);
    const a = add('a');
    clock.advance(100);
    const b = add('b');
    clock.advance(800);
    get('a');
    clock.advance(4200);
    assert.deepEqual([a.closed, b.closed], [0, 0]);
    clock.advance(800);
    assert.deepEqual([a.closed, b.closed], [1, 1]);
  });

  it('finds what is kept under a path, and never what another cache keeps under it or what it has dropped', () => {
    const one = setUp(2);
    const other = setUp(2);
    const path = parsePath('/a');
    const find = ({ cache, clock }: typeof one): Entry | undefined => cache.find(path, clock.now());
    assert.equal(find(one), undefined);
    const [a, b] = [one.add('/a'), other.add('/a')];
    for (let i = 0; i < 3; i += 1)
      assert.deepEqual([find(one) === a, find(other) === b, find(other) === b], [true, true, true]);
    // It counts as a use.
    other.add('/b');
    find(other);
    other.add('/c');
    assert.equal(find(other), b);
    find(one);
    one.clock.advance(2000);
    assert.equal(a.closed, 1);
    assert.equal(find(one), undefined);
    const again = one.add('/a');
    assert.equal(find(one), again);
    assert.equal(one.get('/a'), again);
  });

  it('holds one entry when it is told to hold none', () => {
    const { cache, add } = setUp(0);
    const a = add('a');
    add('b');
    assert.equal(a.closed, 1);
    assert.equal(cache.size, 1);
  });

  it('closes an entry once nobody has asked for it for the idle time, not before', () => {
    const { clock, add, get, counts } = setUp();
    const a = add('a');
    clock.advance(999);
    get('a');
    clock.advance(999);
    assert.equal(a.closed, 0);
    clock.advance(1);
    assert.equal(a.closed, 1);
    assert.equal(get('a'), undefined);
    assert.deepEqual(counts(), [1, 0, 1]);
  });

  it('expires each entry at its own time, with one timer for all', () => {
    const { clock, add } = setUp(10);
    const a = add('a');
    clock.advance(400);
    const b = add('b');
    const c = add('c');
    assert.equal(clock.pendingTimers, 1);
    clock.advance(600);
    assert.deepEqual(
      [a, b, c].map(({ closed }) => closed),
      [1, 0, 0],
    );
    assert.equal(clock.pendingTimers, 1);
    clock.advance(400);
    assert.deepEqual(
      [a, b, c].map(({ closed }) => closed),
      [1, 1, 1],
    );
    assert.equal(clock.pendingTimers, 0);
  });

  it('takes an entry again under a key that expired', () => {
    const { clock, add, get } = setUp();
    add('a');
    clock.advance(1000);
    const again = add('a');
    assert.equal(get('a'), again);
    clock.advance(1000);
    assert.equal(again.closed, 1);
  });

  it('closes every entry once and lets go of its timer', () => {
    const { clock, cache, add } = setUp();
    const entries = [add('a'), add('b')];
    assert.deepEqual(cache.values(), entries);
    cache.close();
    cache.close();
    assert.deepEqual(
      entries.map(({ closed }) => closed),
      [1, 1],
    );
    assert.equal(cache.size, 0);
    assert.equal(clock.pendingTimers, 0);
  });

  it('takes new limits at once: the least recently used leave until it has room for no more than those', () => {
    const { cache, add, get, counts } = setUp(4);
    const entries = [add('a'), add('b'), add('c'), add('d')];
    get('a');
    cache.limit({ maxEntries: 2, idleTtlMs: 1000 });
    assert.deepEqual(
      entries.map(({ closed }) => closed),
      [0, 1, 1, 0],
    );
    assert.deepEqual(counts(), [4, 2, 0]);
    cache.limit({ maxEntries: 3, idleTtlMs: 1000 });
    add('e');
    assert.deepEqual([cache.size, counts()], [3, [5, 2, 0]]);
    add('f');
    assert.deepEqual([cache.size, counts()], [3, [6, 3, 0]]);
  });

  it('expires what it holds by its new idle time, counted from the last use', () => {
    const { clock, cache, add, counts } = setUp();
    const a = add('a');
    clock.advance(300);
    cache.limit({ maxEntries: 2, idleTtlMs: 400 });
    assert.equal(clock.pendingTimers, 1);
    clock.advance(99);
    assert.equal(a.closed, 0);
    clock.advance(1);
    assert.equal(a.closed, 1);

    const b = add('b');
    clock.advance(300);
    cache.limit({ maxEntries: 2, idleTtlMs: 2000 });
    clock.advance(1699);
    assert.equal(b.closed, 0);
    clock.advance(1);
    assert.deepEqual([b.closed, counts(), clock.pendingTimers], [1, [2, 0, 2], 0]);
  });

  it('expires at once what has been idle for longer than its new idle time', () => {
    const { clock, cache, add } = setUp();
    const a = add('a');
    clock.advance(500);
    const b = add('b');
    cache.limit({ maxEntries: 2, idleTtlMs: 100 });
    clock.advance(1);
    assert.deepEqual([a.closed, b.closed], [1, 0]);
    clock.advance(99);
    assert.equal(b.closed, 1);
  });

  it('has no timer while it is empty, whatever its limits', () => {
    const { clock, cache } = setUp();
    cache.limit({ maxEntries: 1, idleTtlMs: 10 });
    assert.equal(clock.pendingTimers, 0);
  });
});
