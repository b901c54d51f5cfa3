import assert from 'node:assert/strict';
import { test } from 'node:test';
import { showConfigError, showKeyPath, valueAt } from '../../../config/schema/config-error.js';

test('showConfigError prints file, line, column, key path and message', () => {
  const error = { file: 'linkerd.yaml', line: 3, column: 5, path: 'routers[0].label', message: 'is 5, want a text' };
  assert.equal(showConfigError(error), 'linkerd.yaml:3:5: routers[0].label: is 5, want a text');
  assert.equal(showConfigError({ ...error, path: '' }), 'linkerd.yaml:3:5: is 5, want a text');
});

test('showKeyPath quotes keys that are not plain words', () => {
  assert.equal(showKeyPath([]), '');
  assert.equal(showKeyPath(['routers', 0, 'servers', 1, 'port']), 'routers[0].servers[1].port');
  assert.equal(showKeyPath(['a', 'io.l5d.fs', 'b-c', '']), 'a["io.l5d.fs"].b-c[""]');
});

test('valueAt follows maps and lists, and nothing that they inherit', () => {
  const file = { a: [{ b: 1 }], c: null };
  assert.equal(valueAt(file, ['a', 0, 'b']), 1);
  assert.equal(valueAt(file, ['a', 1, 'b']), undefined);
  assert.equal(valueAt(file, ['c', 'd']), undefined);
  assert.equal(valueAt(file, ['toString']), undefined);
});
