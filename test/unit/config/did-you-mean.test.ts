import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestWord } from '../../../config/schema/did-you-mean.js';

const WORDS = ['port', 'ip', 'label', 'maxConcurrentRequests', 'bindingTimeoutMs'];

test('nearestWord finds what was meant through a slip, a swap and another case', () => {
  assert.equal(nearestWord('prot', WORDS), 'port');
  assert.equal(nearestWord('lable', WORDS), 'label');
  assert.equal(nearestWord('maxconcurrentrequest', WORDS), 'maxConcurrentRequests');
  assert.equal(nearestWord('bindingTimeout', WORDS), 'bindingTimeoutMs');
  assert.equal(nearestWord('IP', WORDS), 'ip');
});

test('nearestWord prefers the nearer', () => {
  assert.equal(nearestWord('pathx', ['paths', 'path']), 'paths');
  assert.equal(nearestWord('path', ['paths', 'path']), 'path');
});

test('nearestWord is silent when nothing is near', () => {
  assert.equal(nearestWord('zz', WORDS), undefined);
  assert.equal(nearestWord('engine', WORDS), undefined);
  assert.equal(nearestWord('', []), undefined);
});
