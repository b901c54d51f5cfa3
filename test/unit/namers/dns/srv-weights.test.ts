import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SrvRecord } from '../../../../namers/dns/message.js';
import { srvWeights } from '../../../../namers/dns/srv-lookup.js';

function weightsOf(...weights: readonly number[]): number[] {
  const records = weights.map((weight): SrvRecord => {
    return { type: 'srv', name: 'web', ttl: 1, priority: 0, weight, port: 80, target: 'a' };
  });
  return [...srvWeights(records).values()];
}

test('srvWeights gives records their weights', () => {
  assert.deepEqual(weightsOf(10, 60, 65535), [10, 60, 65535]);
});

test('srvWeights gives records of weight 0 one part together where others have weights (RFC 2782)', () => {
  assert.deepEqual(weightsOf(0, 9), [1, 9]);
  assert.deepEqual(weightsOf(0, 9, 0), [0.5, 9, 0.5]);
});

test('srvWeights gives records alike shares where all weights are 0', () => {
  assert.deepEqual(new Set(weightsOf(0, 0, 0)).size, 1);
  assert.ok(weightsOf(0, 0, 0).every((weight) => weight > 0));
});
