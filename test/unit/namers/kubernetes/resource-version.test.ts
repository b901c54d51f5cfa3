import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLater } from '../../../../namers/kubernetes/resource-version.js';

for (const [version, known, later] of [
  ['2', '1', true],
  ['1', '2', false],
  ['1', '1', false],
  ['10', '9', true],
  ['9', '10', false],
  ['9007199254740993', '9007199254740992', true],
  ['9007199254740992', '9007199254740993', false],
  ['0', '1', false],
  ['abc', '1', true],
  ['abc', 'abc', false],
  ['01', '2', true],
] as const) {
  test(`isLater: ${version} ${later ? 'is' : 'is not'} later than ${known} (1.x bug 3)`, () => {
    assert.equal(isLater(version, known), later);
  });
}
