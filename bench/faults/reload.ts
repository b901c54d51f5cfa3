// `reload`: the file changes and SIGHUP follows, twice a second under load: no request may fail, and memory stays flat.

import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../proxy/process.js';
import { median, show } from '../proxy/table.js';
import { Caller } from '../registries/caller.js';
import { ANSWERING, liveMemory } from '../registries/live-memory.js';
import { backendOf } from './backend.js';
import { Backends } from './backends.js';
import { Gateway, writeCluster } from './gateway.js';
import { Load } from './load.js';
import { type Outcomes, showStatuses } from './outcomes.js';
import {
  CLUSTER_FOLDERS,
  clusterFiles,
  hasExtraListener,
  probedBackend,
  type ReloadPlan,
  reloadConfig,
} from './reload-configs.js';
import { type FaultBench, type FaultReport, type FaultScenario, missesAmong } from './scenario.js';

const BACKENDS = 5;
const EVERY_MS = 500;
/** Before the first reload: code is compiled, and the heap has the size of the load. */
const WARM_UP_MS = 5000;
/** A reload that no probe sees by then has not happened. */
const EFFECT_LIMIT_MS = 5000;
/** Memory is compared from then on. */
const FIRST_RELOADS = 10;
const SAMPLE_MS = 250;
/** Each end of the comparison: a collection may be under way at any moment. */
const COMPARED_RELOADS = 10;
/** Of resident memory: what a heap that is as large as its load moves by itself. */
const MAX_GROWTH_MB = 16;
/**
 * Of what the gateway still holds after a full collection. Clients that a reload has replaced are kept for ten seconds, and after
 * ten reloads there are only half as many of them as later.
 */
const MAX_LIVE_GROWTH_MB = 8;

interface Sample {
  readonly reload: number;
  readonly residentMB: number;
}

interface Measured {
  readonly reloads: number;
  /** From SIGHUP to the first probe that another backend answered. */
  readonly effectMs: readonly number[];
  readonly samples: readonly Sample[];
  /** After the first reloads, and after the last. */
  readonly liveMB: readonly [number, number];
  /** As the gateway counts them. */
  readonly counted: { readonly reloads: number; readonly refused: number };
  /** Of the listener that comes and goes: what was found against the file. */
  readonly listenerFaults: readonly string[];
  readonly requests: number;
  readonly failed: number;
  readonly failures: string;
  readonly examples: readonly string[];
}

export const reload: FaultScenario = {
  name: 'reload',
  title: `reloads under load, one each ${EVERY_MS} ms: requests that failed, and memory`,
  seconds: 100,
  run: async (bench) => {
    const backends = await Backends.start({ count: BACKENDS, pin: bench.roles.load });
    try {
      const plan: ReloadPlan = {
        port: await freePort(),
        adminPort: await freePort(),
        extraPort: await freePort(),
        backends: BACKENDS,
      };
      for (const folder of CLUSTER_FOLDERS) {
        for (const [name, ports] of clusterFiles(backends.ports)) writeCluster(join(bench.folder, folder), name, ports);
      }
      const config = reloadConfig(0, plan);
      const { folder, roles } = bench;
      const gateway = await Gateway.start({ ...plan, folder, config, nodeArguments: ANSWERING, pin: roles.proxy });
      try {
        return reportOf(await measure(bench, plan, gateway));
      } finally {
        await gateway.program.stop();
      }
    } finally {
      await backends.close();
    }
  },
};

async function measure(bench: FaultBench, plan: ReloadPlan, gateway: Gateway): Promise<Measured> {
  const { requestsPerSecond, seconds, roles } = bench;
  const { port } = plan;
  const maxSeconds = seconds + WARM_UP_MS / 1000 + 120;
  const load = await Load.start({ port, host: 'web', requestsPerSecond, maxSeconds, pin: roles.load });
  const over = new AbortController();
  const now = { reload: 0 };
  const sampling = sampleMemory(gateway, now, over.signal);
  const probe = await Caller.connect(port, 'probe');
  const effectMs: number[] = [];
  const listenerFaults: string[] = [];
  const liveMB = async (): Promise<number> => (await liveMemory(gateway.program, gateway.folder)).liveMB;
  let liveBeforeMB = Number.NaN;
  const reloads = Math.round((seconds * 1000) / EVERY_MS);
  try {
    await pause(WARM_UP_MS);
    for (now.reload = 1; now.reload <= reloads; now.reload++) {
      bench.say(`reload: ${now.reload}/${reloads}`);
      const atMs = performance.now();
      gateway.rewrite(reloadConfig(now.reload, plan));
      gateway.program.signal('SIGHUP');
      effectMs.push(await effect(probe, probedBackend(now.reload, plan), atMs));
      listenerFaults.push(...(await lookAtListener(now.reload, plan)));
      if (now.reload === FIRST_RELOADS) liveBeforeMB = await liveMB();
      await pause(Math.max(0, atMs + EVERY_MS - performance.now()));
    }
    const liveAfterMB = await liveMB();
    const counted = await gateway.reloads();
    over.abort();
    const outcomes = await load.stop();
    return {
      liveMB: [liveBeforeMB, liveAfterMB],
      counted,
      reloads,
      effectMs,
      samples: await sampling,
      listenerFaults,
      ...failuresOf(outcomes),
    };
  } finally {
    over.abort();
    probe.close();
    await Promise.all([load.close(), sampling]);
  }
}

/** Asks on and on; ms until `backend` answers. */
async function effect(probe: Caller, backend: number, sinceMs: number): Promise<number> {
  for (;;) {
    const { status, body } = await probe.ask();
    const tookMs = performance.now() - sinceMs;
    if (status !== 200) throw new Error(`a probe was answered ${status} during a reload: ${body}`);
    if (backendOf(body) === backend) return tookMs;
    if (tookMs > EFFECT_LIMIT_MS) throw new Error(`a reload took no effect within ${EFFECT_LIMIT_MS} ms`);
    await pause(5);
  }
}

/** Listeners are opened and closed around the moment from which requests go the new way. */
async function lookAtListener(reload: number, { extraPort }: ReloadPlan): Promise<string[]> {
  const isWanted = hasExtraListener(reload);
  for (let tries = 0; tries < 40; tries++) {
    if ((await isServed(extraPort)) === isWanted) return [];
    await pause(5);
  }
  return [`reload ${reload}: the listener that should be ${isWanted ? 'there is not' : 'gone is there'}`];
}

async function isServed(port: number): Promise<boolean> {
  try {
    const caller = await Caller.connect(port, 'web');
    const { status } = await caller.ask();
    caller.close();
    return status === 200;
  } catch {
    return false;
  }
}

async function sampleMemory(
  gateway: Gateway,
  now: { readonly reload: number },
  signal: AbortSignal,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  while (!signal.aborted) {
    samples.push({ reload: now.reload, residentMB: gateway.program.residentMB() });
    await pause(SAMPLE_MS);
  }
  return samples;
}

function failuresOf(outcomes: Outcomes) {
  const failed = [...outcomes.status.keys()].filter((number) => outcomes.status[number] !== 200);
  return {
    requests: outcomes.status.length,
    failed: failed.length,
    failures: showStatuses(outcomes, failed),
    examples: outcomes.examples,
  };
}

function reportOf(measured: Measured): FaultReport {
  const { reloads, counted, effectMs, samples, liveMB, listenerFaults, requests, failed, failures } = measured;
  const residentMB = (from: number, to: number): number =>
    median(samples.filter(({ reload }) => reload > from && reload <= to).map((sample) => sample.residentMB));
  const beforeMB = residentMB(FIRST_RELOADS, FIRST_RELOADS + COMPARED_RELOADS);
  const afterMB = residentMB(reloads - COMPARED_RELOADS, reloads);
  const growthMB = afterMB - beforeMB;
  const liveGrowthMB = liveMB[1] - liveMB[0];
  const slowestMs = effectMs.reduce((slowest, ms) => Math.max(slowest, ms), 0);
  const misses = [
    ...missesAmong([
      { what: `failed requests (${failures})`, value: failed, shown: String(failed), limit: { atMost: 0 } },
      {
        what: `growth of memory after the first ${FIRST_RELOADS} reloads, MB`,
        value: growthMB,
        shown: show(growthMB, 1),
        limit: { atMost: MAX_GROWTH_MB },
      },
      {
        what: `growth of live memory after the first ${FIRST_RELOADS} reloads, MB`,
        value: liveGrowthMB,
        shown: show(liveGrowthMB, 2),
        limit: { atMost: MAX_LIVE_GROWTH_MB },
      },
      {
        what: 'reloads that the gateway counts',
        value: counted.reloads,
        shown: `${counted.reloads}, ${counted.refused} refused`,
        limit: { atLeast: reloads },
      },
    ]),
    ...listenerFaults,
  ];
  return {
    header: [
      'reloads',
      'requests',
      'failed (0)',
      'effect ms, median',
      'slowest',
      `MB after ${FIRST_RELOADS}`,
      'MB at the end',
      `growth (<= ${MAX_GROWTH_MB})`,
      `live MB gained (<= ${MAX_LIVE_GROWTH_MB})`,
    ],
    rows: [
      [
        String(reloads),
        String(requests),
        String(failed),
        show(median(effectMs), 0),
        show(slowestMs, 0),
        show(beforeMB, 1),
        show(afterMB, 1),
        show(growthMB, 1),
        show(liveGrowthMB, 2),
      ],
    ],
    misses,
    notes: [
      'effect: from SIGHUP until a probe is answered by the backend that the new file names; every reload was seen to have one',
      'what changes, in turns: weights of the dtab, prefix and rootDir of the namer, client settings, a timeout, a listener',
    ],
    data: { measured },
  };
}
