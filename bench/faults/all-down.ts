// `all-down`: no backend is well, each outage with a gateway of its own: what retries add to it, and when callers are answered.

import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { show } from '../proxy/table.js';
import type { Behaviour } from './backend.js';
import { Backends } from './backends.js';
import { Gateway } from './gateway.js';
import { Load } from './load.js';
import { dueBetween, type Outcomes, share, showStatuses } from './outcomes.js';
import { type FaultBench, type FaultReport, type FaultScenario, missesAmong, showLimit } from './scenario.js';
import { ALL_DOWN } from './settings.js';

const BACKENDS = 5;
const WELL_MS = 2000;
/**
 * The gateway's timer starts when it has read the request, and the load's watch when it has written it; its answer is then to be
 * written and read. That takes two turns of each event loop. How late the load itself was is measured, and comes on top.
 */
const SLACK_MS = 50;

const OUTAGES: readonly { readonly name: string; readonly behaviours: readonly Behaviour[] }[] = [
  ...(['fails', 'hangs', 'resets', 'accepts', 'refuses'] as const).map((behaviour) => ({
    name: behaviour,
    behaviours: Array<Behaviour>(BACKENDS).fill(behaviour),
  })),
  { name: 'each another', behaviours: ['fails', 'hangs', 'resets', 'accepts', 'refuses'] },
];

interface Measured {
  readonly outage: string;
  /** With the time before the outage: budgets live on what came then, too. */
  readonly requests: number;
  /** That reached a backend, the first of each request included. */
  readonly received: number;
  readonly retries: number;
  readonly requeues: number;
  readonly slowestMs: number;
  readonly loadLateMs: number;
  /** Of the gateway. */
  readonly waitedForCoreMs: number;
  /** Of those due during the outage, before any backend was well. */
  readonly answered: number;
  readonly statuses: string;
}

export const allDown: FaultScenario = {
  name: 'all-down',
  title: 'all five backends are down: attempts beyond the first, and the slowest answer',
  seconds: 5,
  run: async (bench) => {
    const measured: Measured[] = [];
    for (const outage of OUTAGES) {
      bench.say(`all-down: ${outage.name}`);
      measured.push(await measure(bench, outage));
    }
    return reportOf(measured);
  },
};

async function measure(bench: FaultBench, { name, behaviours }: (typeof OUTAGES)[number]): Promise<Measured> {
  const { seconds, roles, requestsPerSecond } = bench;
  const backends = await Backends.start({ count: BACKENDS, pin: roles.load });
  try {
    const { service, client } = ALL_DOWN;
    const folder = join(bench.folder, name.replaceAll(' ', '-'));
    const gateway = await Gateway.before({
      folder,
      upstreamPorts: backends.ports,
      service,
      client,
      pin: roles.proxy,
    });
    try {
      const maxSeconds = seconds + WELL_MS / 1000 + 60;
      const load = await Load.start({
        port: gateway.port,
        host: 'web',
        requestsPerSecond,
        maxSeconds,
        // As many as can be under way: Node accepts one a turn of its event loop, and how long a burst of callers that all
        // connect anew waits for that is another question than how long one waits for its answer.
        connections: Math.ceil(1.5 * requestsPerSecond * (service.totalTimeoutMs / 1000)),
        pin: roles.load,
      });
      try {
        await pause(WELL_MS);
        const downAtMs = await backends.behave(...behaviours);
        await pause(seconds * 1000);
        const outcomes = await load.stop();
        return await measuredOf(name, outcomes, downAtMs, backends, gateway);
      } finally {
        await load.close();
      }
    } finally {
      await gateway.program.stop();
    }
  } finally {
    await backends.close();
  }
}

async function measuredOf(
  outage: string,
  outcomes: Outcomes,
  downAtMs: number,
  backends: Backends,
  gateway: Gateway,
): Promise<Measured> {
  const metrics = await gateway.metrics();
  const reports = await backends.report();
  const { writtenMs, endedMs, status } = outcomes;
  const down = dueBetween(outcomes, downAtMs, Number.POSITIVE_INFINITY);
  return {
    outage,
    requests: outcomes.dueMs.length,
    received: reports.reduce((sum, { atMs }) => sum + atMs.length, 0),
    retries: metrics.get('rt/http/service/svc/web/retries/total') ?? Number.NaN,
    requeues: metrics.get('rt/http/client/#/io.l5d.fs/web/retries/requeues') ?? Number.NaN,
    slowestMs: down.reduce(
      (slowest, number) => Math.max(slowest, (endedMs[number] as number) - (writtenMs[number] as number)),
      0,
    ),
    loadLateMs: outcomes.lateMs,
    waitedForCoreMs: gateway.program.waitedForCoreMs(),
    answered: share(down, (number) => (status[number] as number) >= 100),
    statuses: showStatuses(outcomes, down),
  };
}

function reportOf(measured: readonly Measured[]): FaultReport {
  const extraOf = ({ retries, requeues, requests }: Measured): number => (retries + requeues) / requests;
  const extraLimit = { atMost: ALL_DOWN.limits.extra };
  const slowestLimitMs = ({ loadLateMs }: Measured): number => ALL_DOWN.totalTimeoutMs + SLACK_MS + loadLateMs;
  const misses = measured.flatMap((one) =>
    missesAmong([
      {
        what: `${one.outage}: attempts beyond the first, for each request`,
        value: extraOf(one),
        shown: show(extraOf(one), 3),
        limit: extraLimit,
      },
      {
        what: `${one.outage}: ms of the slowest answer`,
        value: one.slowestMs,
        shown: show(one.slowestMs, 1),
        limit: { atMost: Math.ceil(slowestLimitMs(one)) },
      },
      {
        what: `${one.outage}: requests answered`,
        value: one.answered,
        shown: show(one.answered, 5),
        limit: { atLeast: 1 },
      },
    ]),
  );
  return {
    header: [
      'outage',
      'requests',
      'received',
      'retries',
      'requeues',
      `beyond the first (${showLimit(extraLimit)})`,
      'slowest answer ms',
      '(<= timeout and slack)',
      'waited for its core ms',
      'answers in the outage',
    ],
    rows: measured.map((one) => [
      one.outage,
      String(one.requests),
      String(one.received),
      String(one.retries),
      String(one.requeues),
      show(extraOf(one), 3),
      show(one.slowestMs, 1),
      show(slowestLimitMs(one), 0),
      show(one.waitedForCoreMs, 0),
      one.statuses,
    ]),
    misses,
    notes: [
      'received: attempts that reached a backend; those that were refused did not',
      `the limit of an answer: totalTimeoutMs ${ALL_DOWN.totalTimeoutMs}, ${SLACK_MS} ms, and what the load was late itself`,
    ],
    data: { measured },
  };
}
