// Gauges about the process itself, in place of Linkerd's `jvm/…`: registered below the scope that goes in.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock, TimerHandle } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { MetricsScope } from '../base/metrics.js';

/** The delay is sampled this often, and what a sample takes when nothing is late is exactly this. */
const RESOLUTION_MS = 10;
/** As for stats, the delay shown is that of the last completed minute. */
const MINUTE_MS = 60_000;
const NANOS_PER_MS = 1e6;

/**
 * Registers `uptime_ms`, `rss_bytes`, `heap_used_bytes`, `heap_total_bytes`, `external_bytes`, `cpu_ms` (user and system,
 * since the start) and `event_loop_delay_{p99,max}_ms` (0 during the first minute) in `scope`, which is `process` of the
 * root. Memory and CPU are read when somebody asks.
 */
export function registerProcessMetrics(scope: MetricsScope, clock: Clock): Closable {
  scope.gauge(['uptime_ms'], () => Math.round(process.uptime() * 1000));
  scope.gauge(['rss_bytes'], () => process.memoryUsage.rss());
  scope.gauge(['heap_used_bytes'], () => process.memoryUsage().heapUsed);
  scope.gauge(['heap_total_bytes'], () => process.memoryUsage().heapTotal);
  scope.gauge(['external_bytes'], () => process.memoryUsage().external);
  scope.gauge(['cpu_ms'], () => {
    const { user, system } = process.cpuUsage();
    return Math.round((user + system) / 1000);
  });

  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let lastMinute = { p99: 0, max: 0 };
  const rollMinute = (): void => {
    lastMinute =
      delay.count === 0 ? { p99: 0, max: 0 } : { p99: lateness(delay.percentile(99)), max: lateness(delay.max) };
    delay.reset();
    timer = clock.after(MINUTE_MS, rollMinute);
  };
  let timer: TimerHandle = clock.after(MINUTE_MS, rollMinute);
  scope.gauge(['event_loop_delay_p99_ms'], () => lastMinute.p99);
  scope.gauge(['event_loop_delay_max_ms'], () => lastMinute.max);

  return {
    close: () => {
      timer.cancel();
      delay.disable();
    },
  };
}

function lateness(sampleNanos: number): number {
  return Math.max(0, sampleNanos / NANOS_PER_MS - RESOLUTION_MS);
}
