// `small` and `body1m`: how much each proxy carries when it is asked for all it has.

import type { Load } from '../load.js';
import { errorsOf, interleave, type Rounds, ratio, roundsAsData, typical } from '../rounds.js';
import type { Bench, Report, Scenario } from '../scenario.js';
import { show } from '../table.js';
import { LARGE_PATH, SMALL_PATH } from '../upstream.js';

export const small: Scenario = {
  name: 'small',
  title: '64-byte bodies over keep-alive connections, at saturation',
  peers: undefined,
  run: (bench) => throughput(bench, SMALL_PATH, { title: 'requests/s', field: 'requestsPerSecond', digits: 0 }),
};

export const body1m: Scenario = {
  name: 'body1m',
  title: '1 MiB bodies over keep-alive connections, at saturation',
  peers: undefined,
  run: (bench) => throughput(bench, LARGE_PATH, { title: 'MB/s', field: 'megabytesPerSecond', digits: 0 }),
};

interface Amount {
  readonly title: string;
  readonly field: 'requestsPerSecond' | 'megabytesPerSecond';
  readonly digits: number;
}

/** Below this share of its core the proxy was waiting for something else. */
const BUSY = 0.9;

async function throughput(bench: Bench, path: string, amount: Amount): Promise<Report> {
  const { seconds, connections } = bench.options;
  const load: Load = { path, seconds, connections, rotatingHosts: 0 };
  const rounds = await interleave(
    bench,
    bench.peers.map((peer) => ({ key: peer.name, peer, load })),
  );
  const memory = new Map(bench.peers.map(({ name, program }) => [name, program.peakResidentMB()]));
  return {
    header: [
      'proxy',
      amount.title,
      'of nginx',
      'of http-proxy',
      'p50 ms',
      'p99 ms',
      'CPU us/req',
      'busy',
      'peak MB',
      'errors',
    ],
    rows: bench.peers.map(({ name }) => showRow(rounds, name, amount, memory.get(name))),
    notes: notLimiting(rounds, bench),
    data: { rounds: roundsAsData(rounds), peakResidentMB: Object.fromEntries(memory) },
  };
}

/** A rate is the proxy's own only where the proxy was what limited it. */
function notLimiting(rounds: Rounds, bench: Bench): string[] {
  const idle = bench.peers.map(({ name }) => name).filter((name) => typical(rounds, name, 'busy') < BUSY);
  const why = 'the load, the upstream or other work on the machine was the limit: compare CPU us/req rather than rates';
  return idle.length === 0 ? [] : [`${idle.join(', ')} used less than ${BUSY} of a core: ${why}`];
}

function showRow(rounds: Rounds, name: string, amount: Amount, memoryMB: number | undefined): string[] {
  return [
    name,
    show(typical(rounds, name, amount.field), amount.digits),
    show(ratio(rounds, name, 'nginx', amount.field), 2),
    show(ratio(rounds, name, 'http-proxy', amount.field), 2),
    show(typical(rounds, name, 'p50Ms'), 2),
    show(typical(rounds, name, 'p99Ms'), 2),
    show(typical(rounds, name, 'cpuUsPerRequest'), 1),
    show(typical(rounds, name, 'busy'), 2),
    show(memoryMB, 0),
    String(errorsOf(rounds, name)),
  ];
}
