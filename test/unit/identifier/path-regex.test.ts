import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parsePathRegex } from '../../../src/identifier/path-regex.js';

describe('path regex', () => {
  for (const [text, matching, others] of [
    ['/foo', ['/foo'], ['/foo/', '/fo', '/xfoo', '/foo/bar', '']],
    ['/foo.*', ['/foo', '/foobar', '/foo/bar'], ['/fo', '/bar/foo']],
    ['/foo/.*', ['/foo/', '/foo/bar/baz'], ['/foo', '/foobar']],
    ['/(a|b)/[0-9]+', ['/a/1', '/b/22'], ['/c/1', '/a/', '/a/1/']],
    ['/a|/b', ['/a', '/b'], ['/a|/b', '/ab', '/c']],
    ['^/a$', ['/a'], ['/ab', '/']],
    ['(?i)/Shop', ['/shop', '/SHOP'], ['/shops']],
    ['/a\\.b', ['/a.b'], ['/axb']],
    ['/ab?', ['/a', '/ab'], ['/abb']],
    ['/ab*', ['/a', '/abbb'], ['/b']],
    ['/ab+', ['/ab', '/abb'], ['/a']],
    ['/ab{2}', ['/abb'], ['/ab', '/abab']],
    ['/ab{0,1}c', ['/ac', '/abc'], ['/abbc']],
    ['', [''], ['/']],
  ] as const) {
    it(`${text} matches the whole path`, () => {
      const regex = parsePathRegex(text);
      for (const path of matching) assert.ok(regex.test(path), path);
      for (const path of others) assert.ok(!regex.test(path), path);
      for (const path of [...matching, ...others])
        assert.equal(regex.match(path) !== undefined, regex.test(path), path);
    });
  }

  it('gives the text of its groups, undefined for those that took no part', () => {
    const regex = parsePathRegex('/api(/v([0-9]+))?/(.*)');
    assert.deepEqual(regex.match('/api/v2/x/y'), ['/api/v2/x/y', '/v2', '2', 'x/y']);
    assert.deepEqual(regex.match('/api/x'), ['/api/x', undefined, undefined, 'x']);
    assert.equal(regex.match('/ap/x'), undefined);
  });

  for (const [what, text, message] of [
    ['back-references', '/(a)\\1', /RE2 syntax: invalid escape sequence: `\\1`/],
    ['look-ahead', '/(?=a)', /RE2 syntax: .*`\(\?=`/],
    ['negative look-ahead', '/(?!a)', /RE2 syntax: .*`\(\?!`/],
    ['look-behind', '/(?<=a)b', /RE2 syntax: /],
    ['atomic groups', '/(?>a)', /RE2 syntax: .*`\(\?>`/],
    ['possessive repetition', '/a++', /RE2 syntax: .*`\+\+`/],
    ['a group without an end', '/(a', /RE2 syntax: missing closing \)/],
    ['a class without an end', '/[a', /RE2 syntax: missing closing \]/],
    ['a star of nothing', '*', /RE2 syntax: missing argument to repetition operator: `\*`/],
    [
      'more than 1,000 characters',
      `/${'a'.repeat(1000)}`,
      /^a regular expression of 1001 characters, want at most 1000$/,
    ],
    ['a repetition of more than 1,000', '/a{1001}', /^a regular expression of 1002 instructions/],
    [
      'repetitions of repetitions',
      '/((a{100}){100}){100}',
      /^a regular expression of \d{7} instructions, .*at most 500$/,
    ],
    ['long repetitions', '/[0-9a-f]{600}', /^a regular expression of 603 instructions, .*want at most 500$/],
    ['what is longer than it seems', '/[^k]{499}', /^a regular expression of 502 instructions/],
    ['classes of Unicode', '/[\\pL]', /^a regular expression with \\p, and paths of requests are ASCII$/],
    ['characters by a long number', '/[\\x{100}-\\x{10ffff}]', /^a regular expression with \\x\{, and paths/],
    ['characters beyond ASCII', '/caf\u00e9', /^a regular expression with \u00e9, and paths/],
    ['deep nesting', `/${'('.repeat(300)}${')'.repeat(300)}`, /instructions/],
  ] as const) {
    it(`refuses ${what}`, () => assert.throws(() => parsePathRegex(text), { name: 'RangeError', message }));
  }

  for (const [text, path] of [
    ['(a+)+$', `${'a'.repeat(50_000)}b`],
    ['([a-z]+)*!', 'a'.repeat(50_000)],
    ['(.*)*x(.*)*y(.*)*', 'x'.repeat(50_000)],
    ['(a|a)*', `${'a'.repeat(50_000)}b`],
    ['(?:a?){60}a{60}', 'a'.repeat(50_000)],
  ] as const) {
    it(`${text} ends on a path of 50,000 characters that it does not match`, () => {
      const regex = parsePathRegex(text);
      assert.equal(regex.test(path), false);
      assert.equal(regex.match(path), undefined);
    });
  }

  for (const [text, start] of [
    ['/api/v[0-9]/.*', '/api/v'],
    ['^/shop/.+', '/shop/'],
    ['/a\\.b\\/c', '/a.b/c'],
    ['/ab?', '/a'],
    ['/ab*', '/a'],
    ['/ab{2}', '/a'],
    ['/ab+c', '/ab'],
    ['/a\\.?', '/a'],
    ['/a\\d', '/a'],
    ['/a|/b', ''],
    ['(?i)/a', ''],
    ['.*', ''],
    ['', ''],
  ] as const) {
    it(`${text} matches only what begins with ${JSON.stringify(start)}`, () =>
      assert.equal(parsePathRegex(text).start, start));
  }

  it('matches what JavaScript matches, for expressions that both have', () => {
    const piece = fc.constantFrom(
      '/',
      'a',
      'b',
      '.',
      '\\.',
      '[ab]',
      '(a)',
      '(?:a|b)',
      '|',
      'a*',
      'b?',
      'a+',
      'a{2}',
      '.*',
    );
    const path = fc.array(fc.constantFrom('/', 'a', 'b', '.'), { maxLength: 6 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), path, (pieces, path) => {
        const text = pieces.join('');
        const regex = parsePathRegex(text);
        const expected = new RegExp(`^(?:${text})$`).test(path);
        assert.equal(regex.test(path), expected);
        if (expected) assert.ok(path.startsWith(regex.start));
      }),
      { numRuns: 1000 },
    );
  });
});
