import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Headers, ReadyField } from '../../../src/service/headers.js';
import { usedHeap } from '../../support/used-heap.js';

function make(): Headers {
  return Headers.from([
    ['Host', 'h'],
    ['X-A', '1'],
    ['x-b', '2'],
    ['x-a', '3'],
    ['X-C', ''],
  ]);
}

/** Pairs as `name: value`; that `lower` goes with them is checked on the way. */
function textLines(headers: Headers): string[] {
  assert.deepEqual(
    headers.lower,
    [...headers].map(([name]) => name.toLowerCase()),
  );
  assert.equal(headers.pairs.length, 2 * headers.size);
  return [...headers].map(([name, value]) => `${name}: ${value}`);
}

describe('headers', () => {
  it('keep order, case and repeats', () => {
    assert.deepEqual(textLines(make()), ['Host: h', 'X-A: 1', 'x-b: 2', 'x-a: 3', 'X-C: ']);
    assert.equal(make().size, 5);
    assert.deepEqual(textLines(new Headers()), []);
  });

  it('are looked up without regard to case', () => {
    const headers = make();
    assert.equal(headers.get('x-a'), '1');
    assert.equal(headers.get('x-c'), '');
    assert.equal(headers.get('x-d'), undefined);
    assert.deepEqual(headers.getAll('x-a'), ['1', '3']);
    assert.deepEqual(headers.getAll('x-d'), []);
    assert.ok(headers.has('x-b') && !headers.has('x-d'));
  });

  it('do not take a value for a name', () => {
    const headers = Headers.from([['a', 'b']]);
    assert.equal(headers.get('b'), undefined);
    headers.remove('b');
    assert.deepEqual(textLines(headers), ['a: b']);
  });

  for (const [what, change, expected] of [
    ['add appends', (h) => h.add('X-A', '4'), ['Host: h', 'X-A: 1', 'x-b: 2', 'x-a: 3', 'X-C: ', 'X-A: 4']],
    [
      'addKnown appends',
      (h) => h.addKnown('X-D', 'x-d', '4'),
      ['Host: h', 'X-A: 1', 'x-b: 2', 'x-a: 3', 'X-C: ', 'X-D: 4'],
    ],
    [
      'set replaces the first and removes the others',
      (h) => h.set('X-a', '4'),
      ['Host: h', 'X-A: 4', 'x-b: 2', 'X-C: '],
    ],
    ['set replaces a single one', (h) => h.set('X-B', '4'), ['Host: h', 'X-A: 1', 'x-b: 4', 'x-a: 3', 'X-C: ']],
    [
      'set appends what is not there',
      (h) => h.set('X-D', '4'),
      ['Host: h', 'X-A: 1', 'x-b: 2', 'x-a: 3', 'X-C: ', 'X-D: 4'],
    ],
    ['remove removes every one', (h) => h.remove('x-a'), ['Host: h', 'x-b: 2', 'X-C: ']],
    ['remove removes the last', (h) => h.remove('x-c'), ['Host: h', 'X-A: 1', 'x-b: 2', 'x-a: 3']],
    [
      'remove removes nothing that is not there',
      (h) => h.remove('x-d'),
      ['Host: h', 'X-A: 1', 'x-b: 2', 'x-a: 3', 'X-C: '],
    ],
    ['removeIf removes what the test says', (h) => h.removeIf((name) => name.startsWith('x-')), ['Host: h']],
    ['removeIf removes all', (h) => h.removeIf(() => true), []],
    ['removeIf removes nothing', (h) => h.removeIf(() => false), ['Host: h', 'X-A: 1', 'x-b: 2', 'x-a: 3', 'X-C: ']],
  ] as const satisfies readonly (readonly [string, (headers: Headers) => void, readonly string[]])[]) {
    it(`after ${what}`, () => {
      const headers = make();
      change(headers);
      assert.deepEqual(textLines(headers), expected);
    });
  }

  it('that a codec read are its lines for as long as only their end changes', () => {
    const lines = 'Host: h\r\nX-A: 1\r\n';
    for (const [change, expected] of [
      [() => {}, lines],
      [(h) => h.add('X-D', '4'), `${lines}X-D: 4\r\n`],
      [(h) => h.addKnown('X-D', 'x-d', '4'), `${lines}X-D: 4\r\n`],
      [(h) => h.addReady(new ReadyField('X-D', '4')), `${lines}X-D: 4\r\n`],
      [(h) => h.addLines('X-D: 4\r\nx-e: \r\n'), `${lines}X-D: 4\r\nx-e: \r\n`],
      [(h) => h.set('X-D', '4'), `${lines}X-D: 4\r\n`],
      [(h) => h.set('X-A', '4'), 'Host: h\r\nX-A: 4\r\n'],
      [(h) => h.set('Host', 'i'), 'Host: i\r\nX-A: 1\r\n'],
      [(h) => h.remove('x-d'), lines],
      [(h) => h.remove('x-a'), 'Host: h\r\n'],
      [(h) => h.removeIf(() => false), lines],
      [(h) => h.removeIf((name) => name === 'host'), 'X-A: 1\r\n'],
    ] as const satisfies readonly (readonly [(headers: Headers) => void, string])[]) {
      const unread = Headers.fromLines(lines, 'h');
      const read = Headers.fromLines(lines, 'h');
      assert.equal(read.size, 2);
      const made = Headers.from([
        ['Host', 'h'],
        ['X-A', '1'],
      ]);
      for (const headers of [unread, read, made]) {
        change(headers);
        assert.equal(headers.lines, expected, change.toString());
        assert.deepEqual(textLines(headers), expected.split('\r\n').slice(0, -1), change.toString());
        assert.equal(headers.lines, expected, change.toString());
      }
    }
  });

  it('have a Host that keeps no head in memory, also once they are cut out', () => {
    const before = usedHeap();
    const hosts = Array.from({ length: 500 }, (_, i) => {
      const host = `a-host-of-some-length-${i}.example.com`;
      const headers = Headers.fromLines(`Host: ${host}\r\nX-A: ${'v'.repeat(64_000)}\r\n`, host);
      assert.equal(headers.get('x-a')?.length, 64_000);
      return headers.get('host');
    });
    const grown = usedHeap() - before;
    assert.ok(grown < 10_000_000, `${grown} bytes more, of 32 MB of heads`);
    assert.equal(hosts[7], 'a-host-of-some-length-7.example.com');
  });

  it('know their Host before they are cut out, and after', () => {
    const headers = Headers.fromLines('X-A: 1\r\nHost: h\r\n', 'h');
    assert.equal(headers.get('host'), 'h');
    assert.equal(headers.get('x-a'), '1');
    assert.equal(headers.get('host'), 'h');
    headers.remove('host');
    assert.equal(headers.get('host'), undefined);
    const none = Headers.fromLines('X-A: 1\r\n', undefined);
    assert.equal(none.get('host'), undefined);
    none.add('Host', 'late');
    none.add('Host', 'later');
    assert.equal(none.get('host'), 'late');
    assert.deepEqual(none.getAll('host'), ['late', 'later']);
  });
});
