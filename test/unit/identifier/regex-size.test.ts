import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RE2JS } from 're2js';
import { regexSize } from '../../../src/identifier/regex-size.js';

describe('regex size', () => {
  for (const text of [
    '/',
    '/api/v[0-9]+/(.*)',
    '/[^]/]+/x',
    '/[]a]/[\\]a]{3}/[[:alpha:]]{2}',
    '/a{2}b{3,}c{1,4}d{0,7}e{0}',
    '/([0-9a-f]{2}:){5}[0-9a-f]{2}',
    '/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}',
    '/((a?){10}){10}',
    '/(?:(?:ab|cd)*x){20}',
    '/\\(\\[\\{3}a{,5}',
    '/(a|b|c)*(d|e)?',
  ]) {
    it(`of ${text} is near the real one`, () => {
      const real = RE2JS.compile(text).programSize();
      const size = regexSize(text);
      assert.ok(size >= 0.5 * real - 5 && size <= 2 * real + 5, `${size} for ${real}`);
    });
  }

  it('does not take long for any text', () => {
    for (const text of ['[', '[[:a', '{', '(', ')', '\\', '[]', '{1', '(a{9'].map((part) => part.repeat(200))) {
      assert.ok(Number.isFinite(regexSize(text)));
    }
  });
});
