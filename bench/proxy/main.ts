// The proxy benchmark: runs linkgate and its peers side by side on this machine and prints one table a scenario.
// See bench/README.md; `npm run bench -- --help` lists the options.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Front } from './front.js';
import { DEBIAN_PACKAGES, type LoadProgram } from './load-program.js';
import { addServerFoldersToPath, choosePinning, describeMachine, hasProgram, type Pinning, ROOT } from './machine.js';
import { type Options, parseOptions, UsageError } from './options.js';
import { PEERS, type Peer, type RunningPeer, startPeer, whyNot } from './peers.js';
import type { Program } from './process.js';
import type { Report, Scenario } from './scenario.js';
import { grpc } from './scenarios/grpc.js';
import { halfrate } from './scenarios/half-rate.js';
import { hosts1000 } from './scenarios/hosts.js';
import { idle10k } from './scenarios/idle.js';
import { body1m, h2, h2Tls, small, tlsHandshakes, tlsKeepalive } from './scenarios/throughput.js';
import { showTable } from './table.js';
import { startUpstream } from './upstream.js';

const SCENARIOS: readonly Scenario[] = [
  small,
  body1m,
  hosts1000,
  halfrate,
  idle10k,
  h2,
  h2Tls,
  tlsKeepalive,
  tlsHandshakes,
  grpc,
];
const KNOWN = { peers: PEERS.map(({ name }) => name), scenarios: SCENARIOS.map(({ name }) => name) };

const USAGE = `npm run bench -- [options]
  --scenario a,b   of ${KNOWN.scenarios.join(', ')}, or all (default small)
  --peers a,b      of ${KNOWN.peers.join(', ')} (default: the scenario's choice)
  --rounds N       interleaved rounds for each proxy (default 5)
  --seconds N      length of a round (default 4)
  --connections N  keep-alive connections of the load (default 32)
`;

process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(USAGE);
    return 0;
  }
  let options: Options;
  try {
    options = parseOptions(args, KNOWN);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    return 2;
  }
  addServerFoldersToPath();
  const folder = mkdtempSync(join(tmpdir(), 'linkgate-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const pinning = choosePinning();
  let exitCode = 0;
  for (const scenario of SCENARIOS.filter(({ name }) => options.scenarios.includes(name))) {
    const missing = (scenario.needs ?? ['wrk']).filter((program) => !hasProgram(program));
    if (missing.length === 0) await runScenario(scenario, options, join(folder, scenario.name), pinning);
    else {
      exitCode = 1;
      for (const program of missing) process.stderr.write(showMissing(scenario, program));
    }
  }
  return exitCode;
}

function showMissing({ name }: Scenario, program: LoadProgram): string {
  return `${name} is left out: ${program} is missing, which it needs (Debian package ${DEBIAN_PACKAGES[program]})\n`;
}

async function runScenario(scenario: Scenario, options: Options, folder: string, pinning: Pinning): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const wanted = options.peers ?? scenario.peers ?? KNOWN.peers;
  const upstream = await startUpstream(folder, pinning.load);
  const started = await startPeers(
    PEERS.filter(({ name }) => wanted.includes(name)),
    folder,
    upstream.port,
    pinning.proxy,
    scenario.front ?? 'http1',
  );
  try {
    const report = await scenario.run({ options, pinning, folder, peers: started.peers, say });
    const died = [upstream, ...started.peers].filter(({ program }) => !program.running).map(showDeath);
    const notes = [upstream.note, pinning.note, ...started.missing, ...died, ...report.notes].filter(isNote);
    say('');
    process.stdout.write(`\n${scenario.name}: ${scenario.title}\n${showTable(report.header, report.rows)}\n`);
    for (const note of notes) process.stdout.write(`* ${note}\n`);
    writeResult(scenario, options, started.peers, report, notes);
  } finally {
    await Promise.all(
      [upstream.program, ...started.peers.map(({ program }) => program)].map((program) => program.stop()),
    );
  }
}

/** Those that cannot run are named and left out. */
async function startPeers(
  wanted: readonly Peer[],
  folder: string,
  upstreamPort: number,
  pin: readonly string[],
  front: Front,
): Promise<{ readonly peers: RunningPeer[]; readonly missing: string[] }> {
  const peers: RunningPeer[] = [];
  const missing: string[] = [];
  for (const peer of wanted) {
    say(`starting ${peer.name}`);
    const why = whyNot(peer, front);
    if (why !== undefined) missing.push(`${peer.name} is missing: ${why}`);
    else {
      try {
        peers.push(await startPeer(peer, folder, upstreamPort, pin, front));
      } catch (error) {
        missing.push(`${peer.name} did not start: ${(error as Error).message}`);
      }
    }
  }
  return { peers, missing };
}

function showDeath({ name, program }: { readonly name: string; readonly program: Program }): string {
  return `${name} died during the run; its last output: ${program.lastOutput()}`;
}

function isNote(note: string | undefined): note is string {
  return note !== undefined;
}

function writeResult(
  scenario: Scenario,
  options: Options,
  peers: readonly RunningPeer[],
  report: Report,
  notes: readonly string[],
): void {
  const date = new Date().toISOString();
  const file = join('bench/results', `${date.slice(0, 19).replaceAll(':', '')}Z-${scenario.name}.json`);
  const versions = Object.fromEntries(peers.map(({ name, version }) => [name, version]));
  const { rounds, seconds, connections } = options;
  const machine = describeMachine();
  const result = { scenario: scenario.name, title: scenario.title, date, machine, rounds, seconds, connections };
  writeFileSync(
    join(ROOT, file),
    `${JSON.stringify({ ...result, versions, notes, header: report.header, rows: report.rows, data: report.data }, null, 1)}\n`,
  );
  process.stdout.write(`  every number: ${file}\n`);
}

/** Progress, on one line that is written over; nothing where nobody watches. */
function say(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
