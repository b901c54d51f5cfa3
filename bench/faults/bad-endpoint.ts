// `bad-endpoint`: one of five backends goes bad in four ways, one after the other, and becomes well again in between.

import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { show } from '../proxy/table.js';
import type { Attempts } from './backend.js';
import { Backends } from './backends.js';
import { Gateway } from './gateway.js';
import { Load } from './load.js';
import { dueBetween, type Outcomes, share, showStatuses } from './outcomes.js';
import { type FaultBench, type FaultReport, type FaultScenario, missesAmong, showLimit } from './scenario.js';
import { BAD_ENDPOINT, recoveryLimitMs } from './settings.js';

const FAULTS = ['fails', 'hangs', 'resets', 'accepts'] as const;
type Fault = (typeof FAULTS)[number];

const BACKENDS = 5;
const BAD = 0;
/** Before each fault and after the last: longer than a recovery and a good look at what follows. */
const WELL_MS = 4000;
/** What a fault may cost is counted from then on. */
const FIRST_MS = 1000;
/** Between its health and the first answer: the next request, the answer, and a busy machine. */
const SLACK_MS = 100;
const LIMITS = {
  success: { atLeast: BAD_ENDPOINT.limits.success },
  badShare: { below: BAD_ENDPOINT.limits.badShare },
  /** Of a fair share: an endpoint that is back is one of five. */
  shareAfter: { atLeast: 0.5 / BACKENDS },
};

interface Phase {
  readonly fault: Fault;
  readonly badAtMs: number;
  readonly wellAtMs: number;
}

interface Measured {
  readonly fault: Fault;
  readonly requests: number;
  readonly failedFirstSecond: number;
  readonly success: number;
  readonly badShare: number;
  readonly recoveryMs: number;
  readonly shareAfter: number;
  readonly statuses: string;
}

export const badEndpoint: FaultScenario = {
  name: 'bad-endpoint',
  title: 'one of five backends is bad: requests that failed, what the bad one was sent, how soon it is back',
  seconds: 10,
  run: async (bench) => {
    const backends = await Backends.start({ count: BACKENDS, pin: bench.roles.load });
    try {
      const { service, client } = BAD_ENDPOINT;
      const folder = join(bench.folder, 'gateway');
      const pin = bench.roles.proxy;
      const gateway = await Gateway.before({ folder, upstreamPorts: backends.ports, service, client, pin });
      try {
        return await measure(bench, backends, gateway);
      } finally {
        await gateway.program.stop();
      }
    } finally {
      await backends.close();
    }
  },
};

async function measure(bench: FaultBench, backends: Backends, { port }: Gateway): Promise<FaultReport> {
  const { seconds, requestsPerSecond } = bench;
  const maxSeconds = FAULTS.length * (seconds + WELL_MS / 1000) + 60;
  const load = await Load.start({ port, host: 'web', requestsPerSecond, maxSeconds, pin: bench.roles.load });
  try {
    const phases: Phase[] = [];
    for (const fault of FAULTS) {
      bench.say(`bad-endpoint: one of ${BACKENDS} ${fault}`);
      await pause(WELL_MS);
      const badAtMs = await backends.behave(fault);
      await pause(seconds * 1000);
      phases.push({ fault, badAtMs, wellAtMs: await backends.behave() });
    }
    await pause(WELL_MS);
    const outcomes = await load.stop();
    const [toBad] = await backends.report();
    return reportOf(
      phases.map((phase) => measurePhase(phase, outcomes, toBad as Attempts)),
      outcomes,
    );
  } finally {
    await load.close();
  }
}

function measurePhase({ fault, badAtMs, wellAtMs }: Phase, outcomes: Outcomes, toBad: Attempts): Measured {
  const { status, backend, endedMs } = outcomes;
  const isGood = (number: number): boolean => status[number] === 200;
  const first = dueBetween(outcomes, badAtMs, badAtMs + FIRST_MS);
  const later = dueBetween(outcomes, badAtMs + FIRST_MS, wellAtMs);
  const attempts = toBad.atMs.filter((atMs) => atMs >= badAtMs + FIRST_MS && atMs < wellAtMs).length;
  const back = endedMs.filter((atMs, number) => backend[number] === BAD && atMs >= wellAtMs);
  const after = dueBetween(outcomes, wellAtMs + recoveryLimitMs(fault) + SLACK_MS, wellAtMs + WELL_MS);
  return {
    fault,
    requests: first.length + later.length,
    failedFirstSecond: first.filter((number) => !isGood(number)).length,
    success: share(later, isGood),
    badShare: attempts / later.length,
    recoveryMs: back.reduce((earliest, atMs) => Math.min(earliest, atMs), Number.POSITIVE_INFINITY) - wellAtMs,
    shareAfter: share(after, (number) => backend[number] === BAD),
    statuses: showStatuses(outcomes, [...first, ...later]),
  };
}

function reportOf(measured: readonly Measured[], { lateMs, examples }: Outcomes): FaultReport {
  const misses = measured.flatMap(({ fault, success, badShare, recoveryMs, shareAfter }) =>
    missesAmong([
      {
        what: `${fault}: success after the first second`,
        value: success,
        shown: show(success, 5),
        limit: LIMITS.success,
      },
      { what: `${fault}: share of the bad one`, value: badShare, shown: show(badShare, 5), limit: LIMITS.badShare },
      {
        what: `${fault}: ms until it is back`,
        value: recoveryMs,
        shown: show(recoveryMs, 0),
        limit: { atMost: recoveryLimitMs(fault) + SLACK_MS },
      },
      {
        what: `${fault}: its share when it is back`,
        value: shareAfter,
        shown: show(shareAfter, 3),
        limit: LIMITS.shareAfter,
      },
    ]),
  );
  return {
    header: [
      'one of five',
      'requests',
      'failed in the first second',
      `success after it (${showLimit(LIMITS.success)})`,
      `sent to it (${showLimit(LIMITS.badShare)})`,
      'back after ms',
      '(<= one backoff)',
      `its share then (${showLimit(LIMITS.shareAfter)})`,
    ],
    rows: measured.map((one) => [
      one.fault,
      String(one.requests),
      String(one.failedFirstSecond),
      show(one.success, 5),
      show(one.badShare, 5),
      show(one.recoveryMs, 0),
      String(recoveryLimitMs(one.fault)),
      show(one.shareAfter, 3),
    ]),
    misses,
    notes: [
      `a backoff, and for what hangs the ${BAD_ENDPOINT.attemptTimeoutMs} ms of a probe that was out when it became well`,
      `the load was late by ${show(lateMs, 1)} ms at most`,
    ],
    data: { measured, lateMs, examples },
  };
}
