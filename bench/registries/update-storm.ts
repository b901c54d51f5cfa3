// Update storm: a thousand updates a second in the registry while the gateway serves a steady load; what that does to the latency
// of the load and to the gateway's memory.

import { setTimeout as pause } from 'node:timers/promises';
import { keepRate } from '../proxy/load.js';
import { stolenMs } from '../proxy/machine.js';
import type { BenchGateway } from './bench-gateway.js';
import type { BenchUpstreams } from './bench-upstreams.js';
import type { LiveMemory } from './live-memory.js';
import type { RegistryDriver } from './subjects.js';

/** `quiet`: nothing is written. `others`: to services that nobody asks for. `watched`: to those that the gateway follows. */
export type Phase = 'quiet' | 'others' | 'watched';

export interface StormRound {
  readonly phase: Phase;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly errors: number;
  /** That the registry took. */
  readonly updatesPerSecond: number;
  /** What the gateway holds before the round and after it. */
  readonly memoryBefore: LiveMemory;
  readonly memoryAfter: LiveMemory;
  /** The most that the gateway had resident during the round. */
  readonly residentPeakMB: number;
  /** 99th percentile of how late the load was in looking at its own schedule. */
  readonly loadLateP99Ms: number;
  /** CPU time that the gateway used. */
  readonly cpuMs: number;
  /** CPU time that the host of this machine gave to something else meanwhile. */
  readonly stolenMs: number;
}

export interface Storm {
  readonly driver: RegistryDriver;
  readonly gateway: BenchGateway;
  readonly upstreams: BenchUpstreams;
  readonly watched: readonly string[];
  readonly others: readonly string[];
  readonly seconds: number;
  /** Requests a second of the steady load. */
  readonly requestsPerSecond: number;
  /** Prefix of the load's command line. */
  readonly pin: readonly string[];
}

const UPDATES_PER_SECOND = 1000;
/** Few, so that they come as evenly as from a thousand separate writers, at a cost that leaves the machine to the gateway. */
const UPDATES_AT_ONCE = 10;
const CONNECTIONS = 32;
const SAMPLE_MS = 250;

export async function stormRound(storm: Storm, phase: Phase): Promise<StormRound> {
  const { driver, gateway, upstreams, seconds, requestsPerSecond, pin } = storm;
  const services = phase === 'quiet' ? [] : storm[phase];
  const memoryBefore = await gateway.memory();
  const [cpuBefore, stolenBefore] = [gateway.program.cpuMs(), stolenMs()];
  const over = new AbortController();
  const updating = keepUpdating(driver, services, upstreams, over.signal);
  const sampling = residentPeak(gateway, over.signal);
  const peer = { name: 'linkgate', version: '', ...gateway };
  const load = { path: '/', seconds, connections: CONNECTIONS, rotatingHosts: 0 };
  try {
    const result = await keepRate(peer, load, requestsPerSecond, pin, 'sleep');
    const [cpuAfter, stolenAfter] = [gateway.program.cpuMs(), stolenMs()];
    over.abort();
    return {
      phase,
      p50Ms: result.p50Ms,
      p99Ms: result.p99Ms,
      maxMs: result.maxMs,
      errors: result.errors,
      updatesPerSecond: await updating,
      memoryBefore,
      memoryAfter: await gateway.memory(),
      residentPeakMB: await sampling,
      loadLateP99Ms: result.ownDelayP99Ms,
      cpuMs: cpuAfter - cpuBefore,
      stolenMs: stolenAfter - stolenBefore,
    };
  } finally {
    over.abort();
    await Promise.all([updating, sampling]);
  }
}

/** Moves each service to the other upstream in turn. Resolves after the abort with how many updates a second were taken. */
async function keepUpdating(
  driver: RegistryDriver,
  services: readonly string[],
  { a, b }: BenchUpstreams,
  signal: AbortSignal,
): Promise<number> {
  if (services.length === 0) return 0;
  const startedAt = performance.now();
  let written = 0;
  while (!signal.aborted) {
    const dueAt = startedAt + (written * 1000) / UPDATES_PER_SECOND;
    const waitMs = dueAt - performance.now();
    if (waitMs > 0) await pause(waitMs);
    const first = written % services.length;
    const turn = Math.floor(written / services.length);
    const some = services.slice(first, first + UPDATES_AT_ONCE);
    await driver.moveMany(some, (turn % 2 === 0 ? b : a).endpoint);
    written += some.length;
  }
  return (written * 1000) / (performance.now() - startedAt);
}

async function residentPeak({ program }: BenchGateway, signal: AbortSignal): Promise<number> {
  let peak = 0;
  while (!signal.aborted) {
    peak = Math.max(peak, program.residentMB());
    await pause(SAMPLE_MS);
  }
  return peak;
}
