import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parsePath } from '../../../src/base/name-grammar.js';
import { Path } from '../../../src/base/path.js';
import { parsePathMatcher, substitute } from '../../../src/naming/path-matcher.js';

const match = (pattern: string, path: string) => {
  const found = parsePathMatcher(pattern).match(parsePath(path));
  return found && { captures: Object.fromEntries(found.captures), residual: found.residual.show() };
};

describe('path matcher', () => {
  const rows: [pattern: string, path: string, expected: ReturnType<typeof match>][] = [
    // A prefix of the path; the rest is the residual.
    ['/', '/', { captures: {}, residual: '/' }],
    ['/', '/a/b', { captures: {}, residual: '/a/b' }],
    ['', '/a', { captures: {}, residual: '/a' }],
    ['/foo', '/foo', { captures: {}, residual: '/' }],
    ['/foo', '/foo/bar', { captures: {}, residual: '/bar' }],
    ['/foo/bar', '/foo', undefined],
    ['/foo', '/', undefined],
    // Empty parts at both ends are dropped, one in the middle matches nothing.
    ['//foo//', '/foo/x', { captures: {}, residual: '/x' }],
    ['foo/', '/foo/x', { captures: {}, residual: '/x' }],
    ['/foo//bar', '/foo/bar', undefined],
    ['/foo//bar', '/foo/x/bar', undefined],
    // Literals and wildcards are whole elements.
    ['/foo', '/foobar', undefined],
    ['/foo', '/Foo', undefined],
    ['/*', '/any', { captures: {}, residual: '/' }],
    ['/*/b', '/a/b/c', { captures: {}, residual: '/c' }],
    ['/a*', '/ab', undefined],
    // 1.x throws on this one; here it is a miss.
    ['/foo/*', '/foo', undefined],
    // Captures.
    ['/{service}/api', '/foo/api/x', { captures: { service: 'foo' }, residual: '/x' }],
    ['/foo/{x}', '/foo', undefined],
    ['/{a}-{b}', '/a-b-c', { captures: { a: 'a-b', b: 'c' }, residual: '/' }],
    ['/{a}-{b}', '/-', { captures: { a: '', b: '' }, residual: '/' }],
    ['/{a}-{b}', '/ab', undefined],
    ['/foo-{a}', '/foo-bar', { captures: { a: 'bar' }, residual: '/' }],
    ['/foo-{a}', '/foo-', { captures: { a: '' }, residual: '/' }],
    ['/{a_1}', '/x', { captures: { a_1: 'x' }, residual: '/' }],
    ['/{my_service}/{v_2}', '/x/y', { captures: { my_service: 'x', v_2: 'y' }, residual: '/' }],
    ['/{svc.name}', '/x', { captures: { 'svc.name': 'x' }, residual: '/' }],
    ['/{svc:name}', '/x', { captures: { 'svc:name': 'x' }, residual: '/' }],
    ['/{a}{b}', '/xyz', { captures: { a: 'xyz', b: '' }, residual: '/' }],
    ['/{a}/{a}', '/x/y', { captures: { a: 'y' }, residual: '/' }],
    // Searched, not anchored: text before the first literal and after the last one is skipped.
    ['/foo-{a}-bar', '/my-foo-x-bar-y', { captures: { a: 'x' }, residual: '/' }],
    ['/o{a}o', '/foo-boo-o-', { captures: { a: 'o-boo-' }, residual: '/' }],
    ['/aa{x}aa', '/aaa', undefined],
    // Dots are dots.
    ['/{a}.com', '/x.com', { captures: { a: 'x' }, residual: '/' }],
    ['/{a}.com', '/xXcom', undefined],
    // A name may not have a dash: no capture then, and no path element has braces.
    ['/{a-b}', '/x', undefined],
  ];
  for (const [pattern, path, expected] of rows) {
    it(`${pattern} on ${path} is ${expected ? JSON.stringify(expected) : 'a miss'}`, () => {
      assert.deepEqual(match(pattern, path), expected);
    });
  }

  it('compares and captures the shown form of an element', () => {
    const path = new Path(['a/b', 'x']);
    const found = parsePathMatcher('/{a}').match(path);
    assert.equal(found?.captures.get('a'), '\\x61\\x2f\\x62');
    assert.ok(parsePathMatcher('/\\x61\\x2f\\x62').match(path));
    assert.equal(parsePathMatcher('/a').match(path), undefined);
  });

  it('captures what the searched greedy regular expression would', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 6 });
    fc.assert(
      fc.property(fc.array(text, { minLength: 2, maxLength: 4 }), text, (literals, element) => {
        fc.pre(element !== '');
        const pattern = literals.map((literal, i) => (i === 0 ? literal : `{v${i}}${literal}`)).join('');
        const expected = new RegExp(literals.join('(.*)')).exec(element)?.slice(1);
        const found = parsePathMatcher(`/${pattern}`).match(new Path([element]));
        assert.deepEqual(found && [...found.captures.values()], expected);
      }),
    );
  });

  it('takes linear time on input that would make a regular expression backtrack', () => {
    const pattern = `/${Array.from({ length: 12 }, (_, i) => `{v${i}}a`).join('')}b`;
    const started = performance.now();
    assert.equal(parsePathMatcher(pattern).match(new Path(['a'.repeat(50_000)])), undefined);
    assert.ok(performance.now() - started < 1000);
  });
});

describe('substitute', () => {
  const rows: [template: string, captures: Record<string, string>, expected: string][] = [
    ['/srv/{service}', { service: 'foo' }, '/srv/foo'],
    ['/x/{a}/{b}', { a: 'a-b', b: 'c' }, '/x/a-b/c'],
    ['/{a}/{a}', { a: 'x' }, '/x/x'],
    ['/{a}-{b}', { a: '', b: '' }, '/-'],
    ['/{unknown}', { a: 'x' }, '/{unknown}'],
    ['/{a}', { a: '$&{b}', b: 'no' }, '/$&{b}'],
    ['/plain', { a: 'x' }, '/plain'],
  ];
  for (const [template, captures, expected] of rows) {
    it(`${template} with ${JSON.stringify(captures)} is ${expected}`, () => {
      assert.equal(substitute(template, new Map(Object.entries(captures))), expected);
    });
  }
});
