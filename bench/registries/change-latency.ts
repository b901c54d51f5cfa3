// Change latency: one service that moves from one address to another and back; from the beginning of each write to the first
// request that the new address answers.

import { setTimeout as pause } from 'node:timers/promises';
import type { BenchGateway } from './bench-gateway.js';
import type { BenchUpstreams } from './bench-upstreams.js';
import { Caller } from './caller.js';
import { quantile } from './quantile.js';
import type { RegistryDriver } from './subjects.js';

export interface ChangeLatency {
  readonly changes: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Between two changes, at random: a rhythm might always meet the same moment of some other rhythm. */
const PAUSE_MS = { least: 20, most: 80 };
const GIVE_UP_MS = 10_000;

/** `service` has to be at the first upstream, as `moveMany` writes it. */
export async function changeLatency(
  driver: RegistryDriver,
  gateway: BenchGateway,
  upstreams: BenchUpstreams,
  service: string,
  changes: number,
): Promise<ChangeLatency> {
  const caller = await Caller.connect(gateway.port, service);
  const latencies: number[] = [];
  try {
    for (let i = 0; i < changes; i++) {
      const { name, endpoint } = i % 2 === 0 ? upstreams.b : upstreams.a;
      await pause(PAUSE_MS.least + Math.random() * (PAUSE_MS.most - PAUSE_MS.least));
      const startedAt = performance.now();
      const written = driver.moveMany([service], endpoint);
      latencies.push(await firstAnswer(caller, name, startedAt));
      await written;
    }
  } finally {
    caller.close();
  }
  latencies.sort((a, b) => a - b);
  return {
    changes,
    medianMs: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    maxMs: quantile(latencies, 1),
  };
}

/** Asks on and on; milliseconds from `startedAt` until `name` answers. */
async function firstAnswer(caller: Caller, name: string, startedAt: number): Promise<number> {
  for (;;) {
    const { status, body } = await caller.ask();
    const tookMs = performance.now() - startedAt;
    if (status !== 200) throw new Error(`a request failed during a change: ${status} ${body}`);
    if (body === name) return tookMs;
    if (tookMs > GIVE_UP_MS) throw new Error(`a change was not seen within ${GIVE_UP_MS} ms`);
  }
}
