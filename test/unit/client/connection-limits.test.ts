import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeConnectionLimits } from '../../../src/client/connection-limits.js';

const NEVER = Number.POSITIVE_INFINITY;
const DEFAULTS = {
  responseStartMs: NEVER,
  responseHeadMs: 30_000,
  responsePauseMs: 600_000,
  requestPauseMs: 60_000,
  poolIdleMs: NEVER,
  sessionIdleMs: NEVER,
  sessionLifeMs: NEVER,
};

describe('connection limits', () => {
  it('bound slow upstreams by default, and nothing else', () => {
    assert.deepEqual(makeConnectionLimits({}), DEFAULTS);
  });

  it('take timeouts of 0 for none at all, but for the head of a response', () => {
    assert.deepEqual(makeConnectionLimits({ readTimeoutMs: 0, writeTimeoutMs: 0 }), {
      ...DEFAULTS,
      responsePauseMs: NEVER,
      requestPauseMs: NEVER,
    });
  });

  it('take an idle time of 0 at its word', () => {
    assert.deepEqual(makeConnectionLimits({ poolIdleMs: 0 }), { ...DEFAULTS, poolIdleMs: 0 });
  });

  for (const readTimeoutMs of [1, 3_600_000]) {
    it(`have a readTimeoutMs of ${readTimeoutMs} in place of what is silent before and within a response`, () => {
      assert.deepEqual(makeConnectionLimits({ readTimeoutMs }), {
        ...DEFAULTS,
        responseStartMs: readTimeoutMs,
        responsePauseMs: readTimeoutMs,
      });
    });
  }

  it('have writeTimeoutMs in place of the default for requests', () => {
    assert.deepEqual(makeConnectionLimits({ writeTimeoutMs: 5 }), { ...DEFAULTS, requestPauseMs: 5 });
  });
});
