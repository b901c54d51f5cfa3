// `breaker-cost`: the small-body benchmark with a circuit breaker in the way and without; twice without, to see what the machine
// does to two equal programs.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addServerFoldersToPath, GATEWAY, hasProgram } from '../proxy/machine.js';
import { type Peer, type RunningPeer, startPeer } from '../proxy/peers.js';
import { errorsOf, interleave, ratio, roundsAsData, typical } from '../proxy/rounds.js';
import { show } from '../proxy/table.js';
import { SMALL_PATH, startUpstream } from '../proxy/upstream.js';
import { writeCluster } from './gateway.js';
import { type FaultBench, type FaultReport, type FaultScenario, missesAmong, showLimit } from './scenario.js';

const CONNECTIONS = 32;
const LIMIT = { atLeast: 0.9 };
/** Two equal programs further apart than this: the machine says nothing about a tenth. */
const NOISE = 0.05;

const PLAIN = 'none';
const CONTROL = 'none again';
const BREAKER = 'breaker';

export const breakerCost: FaultScenario = {
  name: 'breaker-cost',
  title: '64-byte bodies at saturation, with a circuit breaker of the service and without',
  seconds: 4,
  run: async (bench) => {
    addServerFoldersToPath();
    if (!hasProgram('wrk')) throw new Error('wrk is missing: it makes the load (Debian package wrk)');
    const upstream = await startUpstream(bench.folder, bench.pinning.load);
    const peers: RunningPeer[] = [];
    try {
      for (const peer of [gateway(PLAIN, {}), gateway(CONTROL, {}), gateway(BREAKER, { circuitBreaker: {} })]) {
        bench.say(`breaker-cost: starting ${peer.name}`);
        peers.push(await startPeer(peer, bench.folder, upstream.port, bench.pinning.proxy));
      }
      return await measure(bench, peers, upstream.note);
    } finally {
      for (const { program } of [...peers, upstream]) await program.stop();
    }
  },
};

function gateway(name: string, service: object): Peer {
  return {
    name,
    missing: () => undefined,
    version: () => '',
    setUp: ({ folder, port, adminPort, upstreamPort }) => {
      mkdirSync(folder, { recursive: true });
      writeCluster(join(folder, 'disco'), 'upstream', [upstreamPort]);
      const config = {
        admin: { port: adminPort },
        namers: [{ kind: 'io.l5d.fs', rootDir: 'disco' }],
        routers: [{ protocol: 'http', dtab: '/svc => /#/io.l5d.fs/upstream', servers: [{ port }], service }],
      };
      writeFileSync(join(folder, 'linkerd.yaml'), JSON.stringify(config));
      return { command: [process.execPath, GATEWAY, join(folder, 'linkerd.yaml')] };
    },
  };
}

async function measure(
  bench: FaultBench,
  peers: readonly RunningPeer[],
  note: string | undefined,
): Promise<FaultReport> {
  const { seconds, rounds, folder, pinning, say } = bench;
  const load = { path: SMALL_PATH, seconds, connections: CONNECTIONS, rotatingHosts: 0 };
  const options = { rounds, seconds, connections: CONNECTIONS, peers: undefined, scenarios: [] };
  const measured = await interleave(
    { options, pinning, folder, peers, say: (text) => say(`breaker-cost: ${text}`) },
    peers.map((peer) => ({ key: peer.name, peer, load })),
  );
  const share = (name: string): number => ratio(measured, name, PLAIN, 'requestsPerSecond');
  const control = share(CONTROL);
  const notes = [
    note,
    Math.abs(control - 1) > NOISE ? 'the two without a breaker differ by more than a twentieth' : undefined,
  ];
  return {
    header: [
      'circuit breaker',
      'requests/s',
      `of none (${BREAKER} ${showLimit(LIMIT)})`,
      'CPU us/req',
      'busy',
      'errors',
    ],
    rows: peers.map(({ name }) => [
      name,
      show(typical(measured, name, 'requestsPerSecond'), 0),
      show(share(name), 3),
      show(typical(measured, name, 'cpuUsPerRequest'), 1),
      show(typical(measured, name, 'busy'), 2),
      String(errorsOf(measured, name)),
    ]),
    misses: missesAmong([
      {
        what: 'requests/s with a breaker, of none',
        value: share(BREAKER),
        shown: show(share(BREAKER), 3),
        limit: LIMIT,
      },
      ...peers.map(({ name }) => ({
        what: `${name}: errors`,
        value: errorsOf(measured, name),
        shown: String(errorsOf(measured, name)),
        limit: { atMost: 0 },
      })),
    ]),
    notes: notes.filter((one) => one !== undefined),
    data: { rounds: roundsAsData(measured) },
  };
}
