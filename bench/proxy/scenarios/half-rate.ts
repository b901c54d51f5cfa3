// `halfrate`: the latency of a proxy that is not overloaded: at half of what it can carry, beside nginx at that same rate.

import { keepRate, type Load } from '../load.js';
import type { OpenLoopResult } from '../open-loop.js';
import type { RunningPeer } from '../peers.js';
import { idlePriority } from '../priority.js';
import { interleave, typical } from '../rounds.js';
import type { Bench, Scenario } from '../scenario.js';
import { median, show } from '../table.js';
import { SMALL_PATH } from '../upstream.js';

interface Measured {
  readonly peer: string;
  readonly peak: number;
  readonly rate: number;
  readonly own: OpenLoopResult[];
  /** nginx at the same rate, in the same rounds. */
  readonly nginx: OpenLoopResult[];
}

export const halfrate: Scenario = {
  name: 'halfrate',
  title: 'latency at half of each peak rate, 64-byte bodies, open loop, beside nginx at the same rate',
  peers: undefined,
  run: async (bench) => {
    const { seconds, connections } = bench.options;
    const load: Load = { path: SMALL_PATH, seconds, connections, rotatingHosts: 0 };
    const peaks = await interleave(
      { ...bench, options: { ...bench.options, rounds: Math.min(2, bench.options.rounds) } },
      bench.peers.map((peer) => ({ key: peer.name, peer, load })),
    );
    const priority = idlePriority();
    const pin = [...bench.pinning.load, ...priority.prefix];
    const nginx = bench.peers.find(({ name }) => name === 'nginx');
    const measured: Measured[] = bench.peers.map(({ name }) => {
      const peak = typical(peaks, name, 'requestsPerSecond');
      return { peer: name, peak, rate: Math.round(peak / 2), own: [], nginx: [] };
    });
    for (let round = 0; round < bench.options.rounds; round++) {
      for (const [i, one] of measured.entries())
        await measureRound(bench, one, bench.peers[i] as RunningPeer, nginx, load, pin);
    }
    return {
      header: [
        'proxy',
        'peak/s',
        'rate/s',
        'p50 ms',
        'p99 ms',
        'nginx p99 ms',
        'p99 of nginx',
        'load late p99 ms',
        'errors',
      ],
      rows: measured.map(showRow),
      notes: [priority.note, nginx ? undefined : 'nginx is not among the peers: nothing to compare with'].filter(
        (note) => note !== undefined,
      ),
      data: { measured },
    };
  },
};

async function measureRound(
  bench: Bench,
  one: Measured,
  peer: RunningPeer,
  nginx: RunningPeer | undefined,
  load: Load,
  pin: readonly string[],
): Promise<void> {
  bench.say(`${one.peer} at ${one.rate}/s, round ${one.own.length + 1}/${bench.options.rounds}`);
  one.own.push(await keepRate(peer, load, one.rate, pin));
  if (nginx && nginx !== peer) one.nginx.push(await keepRate(nginx, load, one.rate, pin));
}

function showRow({ peer, peak, rate, own, nginx }: Measured): string[] {
  const p99 = median(own.map(({ p99Ms }) => p99Ms));
  const nginxP99 = median(nginx.map(({ p99Ms }) => p99Ms));
  return [
    peer,
    show(peak, 0),
    String(rate),
    show(median(own.map(({ p50Ms }) => p50Ms)), 2),
    show(p99, 2),
    show(nginxP99, 2),
    show(median(own.map(({ p99Ms }, i) => p99Ms / (nginx[i]?.p99Ms ?? Number.NaN))), 2),
    show(median(own.map(({ ownDelayP99Ms }) => ownDelayP99Ms)), 2),
    String(own.reduce((sum, { errors }) => sum + errors, 0)),
  ];
}
