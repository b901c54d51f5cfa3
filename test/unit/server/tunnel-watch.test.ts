import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetricsScope } from '../../../src/base/metrics.js';
import type { ConnectionLimits, SweepTime } from '../../../src/server/connection-limits.js';
import { connectionMetrics } from '../../../src/server/connection-metrics.js';
import { TunnelWatch } from '../../../src/server/tunnel-watch.js';

/** Times of no limit but `tunnelIdleMs`, by sweeps of a second. */
function timeAt(now: number, tunnelIdleMs = 5000): SweepTime {
  return { now, limits: { tunnelIdleMs, sweepMs: 1000 } as ConnectionLimits };
}

test('tunnel watch counts what goes through from its beginning on', () => {
  const metrics = connectionMetrics(new MetricsScope());
  const watch = new TunnelWatch({ bytesRead: 100, bytesWritten: 200 }, timeAt(0));
  watch.count({ bytesRead: 103, bytesWritten: 200 }, metrics, timeAt(1000));
  watch.count({ bytesRead: 103, bytesWritten: 207 }, metrics, timeAt(2000));
  watch.count({ bytesRead: 103, bytesWritten: 207 }, metrics, timeAt(3000));
  assert.deepEqual([metrics.tunnelReceived.value, metrics.tunnelSent.value], [3, 7]);
});

test('tunnel watch: idle since the last byte of either direction, and not a sweep early', () => {
  const metrics = connectionMetrics(new MetricsScope());
  const watch = new TunnelWatch({ bytesRead: 0, bytesWritten: 0 }, timeAt(0));
  assert.equal(watch.isIdle(timeAt(5000)), false);
  assert.equal(watch.isIdle(timeAt(6000)), true);
  watch.count({ bytesRead: 1, bytesWritten: 0 }, metrics, timeAt(4000));
  assert.equal(watch.isIdle(timeAt(9000)), false);
  watch.count({ bytesRead: 1, bytesWritten: 1 }, metrics, timeAt(9000));
  assert.equal(watch.isIdle(timeAt(14_000)), false);
  assert.equal(watch.isIdle(timeAt(15_000)), true);
});

test('tunnel watch without a limit is never idle', () => {
  const watch = new TunnelWatch({ bytesRead: 0, bytesWritten: 0 }, timeAt(0));
  assert.equal(watch.isIdle(timeAt(1e12, Number.POSITIVE_INFINITY)), false);
});
