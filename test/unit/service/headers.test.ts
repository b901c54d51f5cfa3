import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Headers } from '../../../src/service/headers.js';

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
function lines(headers: Headers): string[] {
  assert.deepEqual(
    headers.lower,
    [...headers].map(([name]) => name.toLowerCase()),
  );
  assert.equal(headers.pairs.length, 2 * headers.size);
  return [...headers].map(([name, value]) => `${name}: ${value}`);
}

describe('headers', () => {
  it('keep order, case and repeats', () => {
    assert.deepEqual(lines(make()), ['Host: h', 'X-A: 1', 'x-b: 2', 'x-a: 3', 'X-C: ']);
    assert.equal(make().size, 5);
    assert.deepEqual(lines(new Headers()), []);
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
    assert.deepEqual(lines(headers), ['a: b']);
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
      assert.deepEqual(lines(headers), expected);
    });
  }

  it('forget where they were read from with every change but appending', () => {
    const source = { text: 'Host: h\r\nX-A: 1\r\n', runs: [0, 17], count: 2 };
    for (const [change, keeps] of [
      [(h: Headers) => h.add('X-D', '4'), true],
      [(h: Headers) => h.addKnown('X-D', 'x-d', '4'), true],
      [(h: Headers) => h.set('X-D', '4'), true],
      [(h: Headers) => h.remove('x-d'), true],
      [(h: Headers) => h.removeIf(() => false), true],
      [(h: Headers) => h.set('X-A', '4'), false],
      [(h: Headers) => h.set('Host', 'h'), false],
      [(h: Headers) => h.remove('x-a'), false],
      [(h: Headers) => h.removeIf((name) => name === 'host'), false],
    ] as const) {
      const headers = Headers.from([
        ['Host', 'h'],
        ['X-A', '1'],
      ]);
      headers.source = source;
      change(headers);
      assert.equal(headers.source, keeps ? source : undefined, change.toString());
    }
  });
});
