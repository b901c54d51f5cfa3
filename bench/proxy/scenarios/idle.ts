// `idle10k`: what ten thousand idle keep-alive connections cost in memory.

import { setTimeout as wait } from 'node:timers/promises';
import { IdleConnections } from '../idle.js';
import { saturate } from '../load.js';
import type { RunningPeer } from '../peers.js';
import type { Bench, Scenario } from '../scenario.js';
import { show } from '../table.js';
import { SMALL_PATH } from '../upstream.js';

const CONNECTIONS = 10_000;
/** Buffers and heaps shrink a little once the rush is over. */
const SETTLE_MS = 2_000;

interface Cost {
  readonly peer: string;
  readonly open: number;
  readonly beforeMB: number;
  readonly afterMB: number;
}

export const idle10k: Scenario = {
  name: 'idle10k',
  title: `memory of ${CONNECTIONS} idle keep-alive connections that made one request each`,
  peers: undefined,
  run: async (bench) => {
    const costs: Cost[] = [];
    for (const peer of bench.peers) {
      bench.say(peer.name);
      costs.push(await measure(bench, peer));
    }
    const closed = costs.filter(({ open }) => open < CONNECTIONS);
    return {
      header: ['proxy', 'open', 'MB before', 'MB with', 'kB/connection'],
      rows: costs.map(({ peer, open, beforeMB, afterMB }) => [
        peer,
        String(open),
        show(beforeMB, 1),
        show(afterMB, 1),
        show(((afterMB - beforeMB) * 1024) / open, 1),
      ]),
      notes: closed.map(({ peer, open }) => `${peer} refused or closed ${CONNECTIONS - open} of the connections`),
      data: { connections: CONNECTIONS, costs },
    };
  },
};

async function measure(bench: Bench, peer: RunningPeer): Promise<Cost> {
  // Without a warm-up the first requests' compiled code and heap would be counted as the connections'.
  const load = { path: SMALL_PATH, seconds: 2, connections: bench.options.connections, rotatingHosts: 0 };
  await saturate(peer, load, bench.folder, bench.pinning.load);
  await wait(SETTLE_MS);
  const beforeMB = peer.program.residentMB();
  const connections = await IdleConnections.open(peer.port, CONNECTIONS);
  await wait(SETTLE_MS);
  const cost = { peer: peer.name, open: connections.open, beforeMB, afterMB: peer.program.residentMB() };
  connections.close();
  return cost;
}
