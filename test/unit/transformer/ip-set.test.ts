import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeIpSet } from '../../../src/transformer/ip-set.js';

const SAME: readonly (readonly [string, string])[] = [
  ['10.0.0.1', '10.0.0.1'],
  ['10.0.0.1', '::ffff:10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['::1', '0:0:0:0:0:0:0:1'],
  ['2001:DB8::A', '2001:db8:0::a'],
  ['fe80::1%eth0', 'fe80::1'],
  ['fe80::1', 'fe80::1%eth0'],
];
for (const [a, b] of SAME) {
  test(`set of ${a} has ${b}`, () => assert.equal(makeIpSet([a])(b), true));
}

const DIFFERENT: readonly (readonly [string, string])[] = [
  ['10.0.0.1', '10.0.0.2'],
  ['10.0.0.1', '::1'],
  ['127.0.0.1', '127.0.0.2'],
  ['::1', '127.0.0.1'],
  ['10.0.0.1', 'web'],
  ['web', 'web'],
];
for (const [a, b] of DIFFERENT) {
  test(`set of ${a} does not have ${b}`, () => assert.equal(makeIpSet([a])(b), false));
}

test('empty set has nothing', () => assert.equal(makeIpSet([])('10.0.0.1'), false));
