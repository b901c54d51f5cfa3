import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EMPTY_PATH, Path, pathFromText, textFromBytes } from '../../../src/base/path.js';
import { anyPath } from '../../support/arbitrary-names.js';

test('path shows the root as a slash', () => {
  assert.equal(EMPTY_PATH.show(), '/');
});

test('path shows label characters as they are', () => {
  assert.equal(new Path(['aZ09_:.#$%-', '$', '#', '%']).show(), '/aZ09_:.#$%-/$/#/%');
});

test('path shows every byte of an element escaped when any byte needs it', () => {
  assert.equal(pathFromText('a/b').show(), '/\\x61\\x2f\\x62');
  assert.equal(pathFromText('ok', 'a*', 'ok').show(), '/ok/\\x61\\x2a/ok');
});

test('path takes text as UTF-8 and gives it back', () => {
  const path = pathFromText('é');
  assert.deepEqual(path.elements, ['\xc3\xa9']);
  assert.equal(path.show(), '/\\xc3\\xa9');
  assert.equal(textFromBytes('\xc3\xa9'), 'é');
});

test('path refuses an element of no bytes', () => {
  assert.throws(() => new Path(['a', '']), RangeError);
  assert.throws(() => pathFromText(''), RangeError);
});

test('path takes, drops, concatenates and compares element by element', () => {
  const path = new Path(['a', 'b', 'c']);
  assert.equal(path.size, 3);
  assert.equal(path.take(2).show(), '/a/b');
  assert.equal(path.take(9), path);
  assert.equal(path.take(0).isEmpty, true);
  assert.equal(path.drop(1).show(), '/b/c');
  assert.equal(path.drop(9), EMPTY_PATH);
  assert.equal(path.drop(0), path);
  assert.equal(path.concat(EMPTY_PATH), path);
  assert.equal(path.take(1).concat(path.drop(1)).equals(path), true);
  assert.equal(path.startsWith(new Path(['a', 'b'])), true);
  assert.equal(path.startsWith(EMPTY_PATH), true);
  assert.equal(path.startsWith(new Path(['a', 'B'])), false, 'case matters');
  assert.equal(new Path(['ab']).startsWith(new Path(['a'])), false, 'elements are whole');
  assert.equal(new Path(['a']).startsWith(path), false);
});

test('path split anywhere and joined again is the same path', () => {
  fc.assert(
    fc.property(anyPath, fc.nat(5), (path, n) => path.take(n).concat(path.drop(n)).equals(path)),
    { numRuns: 100 },
  );
});
