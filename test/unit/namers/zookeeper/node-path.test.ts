import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNodePath, nodePath } from '../../../../namers/zookeeper/node-path.js';
import { parsePath } from '../../../../src/base/name-grammar.js';
import { pathFromText } from '../../../../src/base/path.js';

test('a node path is its elements below the chroot', () => {
  assert.equal(nodePath('', ['discovery', 'prod', 'web']), '/discovery/prod/web');
  assert.equal(nodePath('/apps', ['web']), '/apps/web');
  assert.equal(nodePath('', []), '/');
  assert.equal(nodePath('/apps', []), '/apps');
});

test('a node path is text, whatever the bytes that were escaped in the dtab', () => {
  assert.equal(nodePath('', parsePath('/gr\\xc3\\xb6\\xc3\\x9fe/\\x20#:%').elements), '/größe/ #:%');
});

const impossible: readonly (readonly [what: string, elements: readonly string[]])[] = [
  ['a slash', ['a/b']],
  ['a parent', ['..']],
  ['itself', ['a', '.']],
  ['a zero byte', ['a\0b']],
  ['a control character', ['a\x1f']],
  ['a C1 control character', pathFromText('a\u0085').elements],
  ['a surrogate, as in an emoji', pathFromText('a😀').elements],
  ['a private use character', pathFromText('a\ue000').elements],
  ['a special', pathFromText('a\ufffd').elements],
  ['bytes that are no UTF-8', ['\xff\xfe']],
];
for (const [what, elements] of impossible) {
  test(`a node path with ${what} does not exist`, () => assert.equal(nodePath('', elements), undefined));
}

for (const path of ['/', '/a', '/a/b.c/..d']) test(`${path} is a path`, () => assert.ok(isNodePath(path)));
for (const path of ['', 'a', '/a/', '//a', '/a/../b', '/a\u0001']) {
  test(`${JSON.stringify(path)} is no path`, () => assert.ok(!isNodePath(path)));
}
