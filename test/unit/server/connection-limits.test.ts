import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetricsScope } from '../../../src/base/metrics.js';
import { connectionLimits } from '../../../src/server/connection-limits.js';
import type { Http1ServerOptions } from '../../../src/server/http1-options.js';
import { ManualClock } from '../../support/manual-clock.js';

const NEVER = Number.POSITIVE_INFINITY;

function limitsOf(options: Partial<Http1ServerOptions> = {}) {
  return connectionLimits({
    ip: '127.0.0.1',
    port: 0,
    maxConnections: 5,
    maxInitialLineBytes: 4096,
    maxHeaderBytes: 8192,
    serve: () => assert.fail('nothing is served'),
    refuse: () => assert.fail('nothing is refused'),
    clock: new ManualClock(),
    metrics: new MetricsScope(),
    ...options,
  });
}

test('connection limits protect by default, and tunnels are limited by idleness alone', () => {
  assert.deepEqual(limitsOf(), {
    headMs: 30_000,
    headReadMs: NEVER,
    bodyReadMs: 60_000,
    tunnelReadMs: NEVER,
    tunnelIdleMs: 3_600_000,
    writeMs: 60_000,
    idleMs: 600_000,
    lingerMs: 1000,
    lifeMs: NEVER,
    handshakeMs: NEVER,
    sweepMs: 1000,
    maxConnections: 5,
  });
});

test('connection limits: readTimeoutMs counts wherever bytes are owed, Infinity turns it off', () => {
  const { headMs, headReadMs, bodyReadMs, tunnelReadMs } = limitsOf({ readTimeoutMs: 7000 });
  assert.deepEqual([headMs, headReadMs, bodyReadMs, tunnelReadMs], [30_000, 7000, 7000, 7000]);
  assert.equal(limitsOf({ readTimeoutMs: NEVER }).bodyReadMs, NEVER);
});

for (const key of [
  'headTimeoutMs',
  'readTimeoutMs',
  'writeTimeoutMs',
  'idleTimeoutMs',
  'tunnelIdleMs',
  'lifeTimeMs',
] as const) {
  test(`connection limits: sweeps are a quarter of ${key} where it is the shortest time, 10 ms at the least`, () => {
    assert.equal(limitsOf({ [key]: 3000 }).sweepMs, 750);
    assert.equal(limitsOf({ [key]: 4001 }).sweepMs, 1000);
    assert.equal(limitsOf({ [key]: 1 }).sweepMs, 10);
  });
}
