import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backoffConfig, makeBackoff } from '../../../src/base/backoff-config.js';

describe('backoff configuration', () => {
  it('constant is 0 ms unless told otherwise', () => {
    const none = makeBackoff(backoffConfig.parse({ kind: 'constant' }), Math.random)();
    assert.deepEqual([none.next(), none.next()], [0, 0]);
    const some = makeBackoff(backoffConfig.parse({ kind: 'constant', ms: 250 }), Math.random)();
    assert.deepEqual([some.next(), some.next()], [250, 250]);
  });

  it('jittered is decorrelated: between minMs and three times the last wait, never above maxMs', () => {
    const config = backoffConfig.parse({ kind: 'jittered', minMs: 100, maxMs: 1000 });
    const highest = makeBackoff(config, () => 1)();
    assert.deepEqual([highest.next(), highest.next(), highest.next()], [300, 900, 1000]);
    const lowest = makeBackoff(config, () => 0)();
    assert.deepEqual([lowest.next(), lowest.next()], [100, 100]);
  });

  for (const [config, message] of [
    [{ kind: 'jittered', maxMs: 10 }, "'minMs' must be specified"],
    [{ kind: 'jittered', minMs: 10 }, "'maxMs' must be specified"],
    [{ kind: 'jittered', minMs: 11, maxMs: 10 }, '`minMs` must not be above `maxMs`'],
  ] as const) {
    it(`refuses ${JSON.stringify(config)}: ${message}`, () => {
      assert.deepEqual(
        backoffConfig.safeParse(config).error?.issues.map((issue) => issue.message),
        [message],
      );
    });
  }

  for (const config of [
    {},
    { kind: 'exponential' },
    { kind: 'constant', ms: -1 },
    { kind: 'constant', minMs: 1 },
    { kind: 'jittered', minMs: 0, maxMs: 10 },
    { kind: 'jittered', minMs: 1, maxMs: 10, ms: 1 },
  ]) {
    it(`refuses ${JSON.stringify(config)}`, () => assert.equal(backoffConfig.safeParse(config).success, false));
  }
});
