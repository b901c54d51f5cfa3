// `grpc`: unary calls between @grpc/grpc-js peers through linkgate, beside the same calls without anything between.

import { mkdirSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { type Counted, runCommand } from '../load-program.js';
import { benchPackageVersion, GATEWAY, PEER_SCRIPTS } from '../machine.js';
import { freePort, Program } from '../process.js';
import type { Bench, Report, Scenario } from '../scenario.js';
import { median, show } from '../table.js';

const CHANNELS = 4;
/** Under way at a time on each channel. */
const CALLS = 16;
const PACKAGE = '@grpc/grpc-js';

interface Way {
  readonly name: string;
  readonly port: number;
  /** What it has of its own between the peers. */
  readonly program: Program | undefined;
}

interface Round extends Counted {
  readonly cpuMs: number;
}

const HEADER = ['way', 'calls/s', 'of direct', 'p50 ms', 'p99 ms', 'CPU us/call', 'busy', 'errors'];

export const grpc: Scenario = {
  name: 'grpc',
  title: `unary gRPC calls of 64 bytes between ${PACKAGE} peers, ${CHANNELS} channels with ${CALLS} calls each, at saturation`,
  peers: [],
  needs: [],
  run: async (bench) => {
    if (benchPackageVersion(PACKAGE) === undefined)
      return { header: HEADER, rows: [], notes: [`${PACKAGE} is not in bench/node_modules`], data: {} };
    const programs: Program[] = [];
    try {
      const server = await startServer(bench);
      programs.push(server.program);
      const gateway = await startGateway(bench, server.port);
      programs.push(gateway.program);
      const ways = [
        { name: 'direct', port: server.port, program: undefined },
        { name: 'through linkgate', ...gateway },
      ];
      return await measure(bench, ways);
    } finally {
      await Promise.all(programs.map((program) => program.stop()));
    }
  },
};

async function startServer(bench: Bench): Promise<{ readonly port: number; readonly program: Program }> {
  const port = await freePort();
  const program = await Program.start({
    command: [...bench.pinning.load, process.execPath, join(PEER_SCRIPTS, 'grpc-server.mjs'), `${port}`],
    folder: bench.folder,
    name: 'grpc-server',
    isReady: () => listens(port),
  });
  return { port, program };
}

async function startGateway(
  bench: Bench,
  upstreamPort: number,
): Promise<{ readonly port: number; readonly program: Program }> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const folder = join(bench.folder, 'linkgate');
  mkdirSync(join(folder, 'disco'), { recursive: true });
  writeFileSync(join(folder, 'disco/upstream'), `127.0.0.1 ${upstreamPort}\n`);
  writeFileSync(join(folder, 'linkerd.yaml'), linkerdYaml(port, adminPort));
  const program = await Program.start({
    command: [...bench.pinning.proxy, process.execPath, GATEWAY, 'linkerd.yaml'],
    folder,
    name: 'linkgate',
    isReady: () => listens(port),
  });
  return { port, program };
}

function linkerdYaml(port: number, adminPort: number): string {
  return `admin: {ip: 127.0.0.1, port: ${adminPort}}
namers:
- kind: io.l5d.fs
  rootDir: disco
routers:
- protocol: h2
  experimental: true
  identifier: {kind: io.l5d.header.token, header: ':authority'}
  dtab: /svc => /#/io.l5d.fs/upstream
  servers: [{ip: 127.0.0.1, port: ${port}}]
`;
}

/** One round of each way after a short warm-up; each round begins with the other one. */
async function measure(bench: Bench, ways: readonly Way[]): Promise<Report> {
  const { rounds, seconds } = bench.options;
  const results = new Map<string, Round[]>(ways.map(({ name }) => [name, []]));
  for (const way of ways) await load(bench, way, 1);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < ways.length; i++) {
      const way = ways[(i + round) % ways.length] as Way;
      bench.say(`round ${round + 1}/${rounds} ${way.name}`);
      results.get(way.name)?.push(await load(bench, way, seconds));
    }
  }
  const direct = results.get('direct') ?? [];
  return {
    header: HEADER,
    rows: ways.map(({ name }) => showRow(name, results.get(name) ?? [], direct)),
    notes: [],
    data: { rounds: Object.fromEntries(results) },
  };
}

async function load(bench: Bench, { port, program }: Way, seconds: number): Promise<Round> {
  const numbers = [port, seconds, CHANNELS, CALLS].map(String);
  const cpuBefore = program?.cpuMs() ?? 0;
  const command = [...bench.pinning.load, process.execPath, join(PEER_SCRIPTS, 'grpc-load.mjs'), ...numbers];
  const counted = JSON.parse(await runCommand(command)) as Counted;
  return { ...counted, cpuMs: (program?.cpuMs() ?? 0) - cpuBefore };
}

function showRow(name: string, own: readonly Round[], direct: readonly Round[]): string[] {
  const isDirect = own === direct;
  const rate = ({ requests, us }: Round): number => (requests * 1e6) / us;
  const middle = (value: (round: Round) => number): number => median(own.map(value));
  return [
    name,
    show(middle(rate), 0),
    show(median(own.map((round, i) => rate(round) / rate(direct[i] as Round))), 2),
    show(
      middle(({ p50Us }) => p50Us / 1000),
      2,
    ),
    show(
      middle(({ p99Us }) => p99Us / 1000),
      2,
    ),
    show(isDirect ? undefined : middle(({ cpuMs, requests }) => (cpuMs * 1000) / requests), 1),
    show(isDirect ? undefined : middle(({ cpuMs, us }) => (cpuMs * 1000) / us), 2),
    String(own.reduce((sum, { errors }) => sum + errors, 0)),
  ];
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
