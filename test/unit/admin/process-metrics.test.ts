import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { registerProcessMetrics } from '../../../src/admin/process-metrics.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { ManualClock } from '../../support/manual-clock.js';

/** How long the test blocks the event loop. */
const BLOCKED_MS = 60;

function read(scope: MetricsScope, name: string): number {
  const metric = scope.children.get(name)?.metric;
  assert.equal(metric?.type, 'gauge', name);
  return metric?.type === 'gauge' ? metric.gauge() : Number.NaN;
}

describe('process metrics', () => {
  test('are plausible numbers', () => {
    const scope = new MetricsScope();
    const metrics = registerProcessMetrics(scope, new ManualClock());
    try {
      assert.ok(Math.abs(read(scope, 'uptime_ms') - process.uptime() * 1000) < 1000);
      const rss = read(scope, 'rss_bytes');
      assert.ok(rss > 10e6 && rss < 10e9, String(rss));
      assert.ok(read(scope, 'heap_used_bytes') <= read(scope, 'heap_total_bytes'));
      assert.ok(read(scope, 'external_bytes') > 0);
      assert.ok(read(scope, 'cpu_ms') > 0);
    } finally {
      metrics.close();
    }
  });

  test('show the event loop delay of the last completed minute, a blocked loop as late', async () => {
    const scope = new MetricsScope();
    const clock = new ManualClock();
    const metrics = registerProcessMetrics(scope, clock);
    try {
      assert.equal(read(scope, 'event_loop_delay_max_ms'), 0);
      // The sampler has to be waiting when the loop blocks, which takes it a turn or two.
      for (let attempt = 0; attempt < 20 && read(scope, 'event_loop_delay_max_ms') < BLOCKED_MS / 2; attempt++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        const until = performance.now() + BLOCKED_MS;
        while (performance.now() < until);
        await new Promise((resolve) => setTimeout(resolve, 10));
        clock.advance(60_000);
      }
      const max = read(scope, 'event_loop_delay_max_ms');
      assert.ok(max >= BLOCKED_MS / 2 && max < 5000, String(max));
      assert.ok(read(scope, 'event_loop_delay_p99_ms') <= max);
    } finally {
      metrics.close();
    }
  });

  test('leave no timer when closed', () => {
    const clock = new ManualClock();
    const metrics = registerProcessMetrics(new MetricsScope(), clock);
    clock.advance(120_000);
    assert.equal(clock.pendingTimers, 1);
    metrics.close();
    assert.equal(clock.pendingTimers, 0);
  });
});
