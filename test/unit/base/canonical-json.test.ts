import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from '../../../src/base/canonical-json.js';

describe('canonical JSON', () => {
  for (const [what, value, json] of [
    [
      'maps by their keys, at every depth',
      { b: 1, a: { d: [{ y: 1, x: 2 }], c: 3 } },
      '{"a":{"c":3,"d":[{"x":2,"y":1}]},"b":1}',
    ],
    ['lists in their order', [2, 1, [4, 3]], '[2,1,[4,3]]'],
    ['keys that read as numbers like all others', { b: 0, 10: 0, 9: 0 }, canonicalJson({ 9: 0, b: 0, 10: 0 })],
    ['text with what JSON escapes', 'a "b"\n', '"a \\"b\\"\\n"'],
    ['null apart from nothing', [null, { a: null }], '[null,{"a":null}]'],
    ['nothing at all', undefined, 'undefined'],
    ['keys without a value as if they were not there', { a: undefined, b: 1 }, '{"b":1}'],
    ['a number apart from the text of it', [1, '1', true, 'true'], '[1,"1",true,"true"]'],
    ['a key called like a method of objects', { toString: 1, constructor: 2 }, '{"constructor":2,"toString":1}'],
  ] as const) {
    test(`shows ${what}`, () => assert.equal(canonicalJson(value), json));
  }

  test('is JSON of the same value, and the same whatever the order of keys', () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, inner]) => [key, reversed(inner)]),
      );
    };
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = canonicalJson(value);
        assert.equal(json, canonicalJson(reversed(value)));
        assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
