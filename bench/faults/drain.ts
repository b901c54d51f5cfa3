// `drain`: SIGTERM under load, several times: no request that was accepted may fail, and the process ends in time with code 0.
//
// A request is accepted when the gateway has taken a byte of it. Seen from outside that is so when
// - any byte of an answer to it came, or
// - a backend was sent it, or
// - it had been written for longer than `TAKEN_MS` when its connection was closed: a gateway that reads its connections has taken
//   it by then, unless it was waiting for its core, which is measured and comes on top.
// Not accepted are requests that found no listener any more, and those that crossed the close of an idle connection: the
// connection ended within that time without a byte of an answer, and no backend has seen them. HTTP/1.1 leaves a server no
// other way to end an idle connection, and callers send such a request again (RFC 9112 §9.3.1).

import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { nowMs } from '../proxy/metronome.js';
import type { Program } from '../proxy/process.js';
import { show } from '../proxy/table.js';
import { Backends } from './backends.js';
import { Gateway } from './gateway.js';
import { Load } from './load.js';
import { OUTCOME, type Outcomes, showStatuses } from './outcomes.js';
import { type FaultBench, type FaultReport, type FaultScenario, missesAmong } from './scenario.js';

const BACKENDS = 5;
/** Answers take up to this long, so that hundreds of requests are under way at any time, many of them half answered. */
const SLOW_MS = 400;
const GRACE_MS = 5000;
const TAKEN_MS = 100;
/** The load goes on for so long after the end. */
const AFTER_MS = 300;
const SAMPLE_MS = 50;

interface Measured {
  readonly round: number;
  readonly requests: number;
  /** Written before SIGTERM and not answered then. */
  readonly underWay: number;
  readonly refused: number;
  readonly closedIdle: number;
  readonly failed: number;
  readonly failures: string;
  readonly examples: readonly string[];
  /** Of the gateway, while it was under load. */
  readonly waitedForCoreMs: number;
  readonly exitMs: number;
  readonly exitCode: number | null;
}

export const drain: FaultScenario = {
  name: 'drain',
  title: `SIGTERM under load, answers take up to ${SLOW_MS} ms: accepted requests that failed, and the end of the process`,
  seconds: 3,
  run: async (bench) => {
    const backends = await Backends.start({ count: BACKENDS, slowMs: SLOW_MS, pin: bench.roles.load });
    try {
      const measured: Measured[] = [];
      for (let round = 1; round <= bench.rounds; round++) {
        bench.say(`drain: round ${round}/${bench.rounds}`);
        measured.push(await measure(bench, backends, round));
      }
      return reportOf(measured);
    } finally {
      await backends.close();
    }
  },
};

async function measure(bench: FaultBench, backends: Backends, round: number): Promise<Measured> {
  const { requestsPerSecond, seconds, roles } = bench;
  const { program, port } = await Gateway.before({
    folder: join(bench.folder, `round-${round}`),
    upstreamPorts: backends.ports,
    admin: { shutdownGraceMs: GRACE_MS },
    pin: roles.proxy,
  });
  const before = (await backends.report()).map(({ numbers }) => numbers.length);
  try {
    const maxSeconds = seconds + 60;
    const over = new AbortController();
    const load = await Load.start({ port, host: 'web', requestsPerSecond, maxSeconds, pin: roles.load });
    try {
      const waiting = watchWaiting(program, over.signal);
      await pause(seconds * 1000);
      const termAtMs = nowMs();
      program.signal('SIGTERM');
      const exitCode = await Promise.race([program.ended, pause(2 * GRACE_MS, null, { ref: false })]);
      const exitMs = program.running ? Number.POSITIVE_INFINITY : nowMs() - termAtMs;
      await pause(AFTER_MS);
      over.abort();
      const waitedForCoreMs = await waiting;
      const outcomes = await load.stop();
      const reports = await backends.report();
      const seen = new Set(reports.flatMap(({ numbers }, i) => numbers.slice(before[i])));
      return {
        round,
        ...counts(outcomes, seen, termAtMs, TAKEN_MS + waitedForCoreMs),
        waitedForCoreMs,
        exitMs,
        exitCode,
      };
    } finally {
      over.abort();
      await load.close();
    }
  } finally {
    await program.stop();
  }
}

/** Asked again and again, as there is nothing to ask once it has ended. */
async function watchWaiting(program: Program, signal: AbortSignal): Promise<number> {
  const before = program.waitedForCoreMs();
  let last = before;
  while (program.running && !signal.aborted) {
    last = Math.max(last, program.waitedForCoreMs());
    await pause(SAMPLE_MS, undefined, { ref: false });
  }
  return last - before;
}

/** `takenMs`: what was written for longer has been taken. */
function counts(outcomes: Outcomes, seen: ReadonlySet<number>, termAtMs: number, takenMs: number) {
  const { status, writtenMs, endedMs } = outcomes;
  const failed: number[] = [];
  let underWay = 0;
  let refused = 0;
  let closedIdle = 0;
  for (const [number, outcome] of status.entries()) {
    const written = writtenMs[number] as number;
    const ended = endedMs[number] as number;
    if (written < termAtMs && !(ended < termAtMs)) underWay += 1;
    if (outcome === 200) continue;
    const isNeverWritten = Number.isNaN(written);
    if (outcome === OUTCOME.refused || isNeverWritten) refused += 1;
    else if (outcome === OUTCOME.closed && !seen.has(number) && ended - written <= takenMs) closedIdle += 1;
    else failed.push(number);
  }
  return {
    requests: status.length,
    underWay,
    refused,
    closedIdle,
    failed: failed.length,
    failures: showStatuses(outcomes, failed),
    examples: outcomes.examples,
  };
}

function reportOf(measured: readonly Measured[]): FaultReport {
  const misses = measured.flatMap(({ round, failed, failures, exitMs, exitCode }) =>
    missesAmong([
      {
        what: `round ${round}: accepted requests that failed (${failures})`,
        value: failed,
        shown: String(failed),
        limit: { atMost: 0 },
      },
      { what: `round ${round}: ms until it ended`, value: exitMs, shown: show(exitMs, 0), limit: { atMost: GRACE_MS } },
      {
        what: `round ${round}: exit code`,
        value: exitCode ?? Number.NaN,
        shown: String(exitCode),
        limit: { atMost: 0 },
      },
    ]),
  );
  return {
    header: [
      'round',
      'requests',
      'under way at SIGTERM',
      'failed (0)',
      'refused',
      'crossed an idle close',
      'waited for its core ms',
      `ended after ms (<= ${GRACE_MS})`,
      'exit code (0)',
    ],
    rows: measured.map((one) => [
      String(one.round),
      String(one.requests),
      String(one.underWay),
      String(one.failed),
      String(one.refused),
      String(one.closedIdle),
      show(one.waitedForCoreMs, 0),
      show(one.exitMs, 0),
      String(one.exitCode),
    ]),
    misses,
    notes: [
      'refused requests, and those that crossed the close of an idle connection, were not accepted: no byte was taken',
    ],
    data: { measured },
  };
}
