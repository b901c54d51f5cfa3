// Update storm: a thousand updates a second in the registry while the gateway serves a steady load; what that does to the latency
// of the load and to the gateway's memory.

import { setTimeout as pause } from 'node:timers/promises';
import { keepRate } from '../proxy/load.js';
import { median } from '../proxy/table.js';
import type { BenchGateway } from './bench-gateway.js';
import type { BenchUpstreams } from './bench-upstreams.js';
import type { RegistryDriver } from './subjects.js';

/** `quiet`: nothing is written. `others`: to services that nobody asks for. `watched`: to those that the gateway follows. */
export type Phase = 'quiet' | 'others' | 'watched';

export interface StormRound {
  readonly phase: Phase;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  /** That the registry took. */
  readonly updatesPerSecond: number;
  /** Resident memory of the gateway near the beginning of the round and at its end. */
  readonly rssBeforeMB: number;
  readonly rssAfterMB: number;
  /** 99th percentile of how late the load was in looking at its own schedule. */
  readonly loadLateP99Ms: number;
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
/** Samples that make one figure: the median of them, since a collection may be under way at any moment. */
const SAMPLES = 6;

export async function stormRound(storm: Storm, phase: Phase): Promise<StormRound> {
  const { driver, gateway, upstreams, seconds, requestsPerSecond, pin } = storm;
  const services = phase === 'quiet' ? [] : storm[phase];
  const over = new AbortController();
  const updating = keepUpdating(driver, services, upstreams, over.signal);
  const sampling = sampleMemory(gateway, over.signal);
  const peer = { name: 'linkgate', version: '', ...gateway };
  const load = { path: '/', seconds, connections: CONNECTIONS, rotatingHosts: 0 };
  try {
    const result = await keepRate(peer, load, requestsPerSecond, pin);
    over.abort();
    const samples = await sampling;
    return {
      phase,
      p50Ms: result.p50Ms,
      p99Ms: result.p99Ms,
      errors: result.errors,
      updatesPerSecond: await updating,
      rssBeforeMB: median(samples.slice(0, SAMPLES)),
      rssAfterMB: median(samples.slice(-SAMPLES)),
      loadLateP99Ms: result.ownDelayP99Ms,
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

async function sampleMemory({ program }: BenchGateway, signal: AbortSignal): Promise<number[]> {
  const samples: number[] = [];
  while (!signal.aborted) {
    samples.push(program.residentMB());
    await pause(SAMPLE_MS);
  }
  return samples;
}
