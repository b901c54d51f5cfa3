// Faults bench: what callers see while backends fail, while the configuration changes and while the gateway ends. A real gateway
// process before backends of the bench, under an open-loop load; prints a table for each scenario, keeps every number, exits with 1
// when a figure misses its limit. See bench/README.md.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { allDown } from './faults/all-down.js';
import { badEndpoint } from './faults/bad-endpoint.js';
import { breakerCost } from './faults/breaker-cost.js';
import { drain } from './faults/drain.js';
import { reload } from './faults/reload.js';
import type { FaultReport, FaultScenario, Roles } from './faults/scenario.js';
import { choosePinning, describeMachine, ROOT } from './proxy/machine.js';
import { realTimePriority } from './proxy/priority.js';
import { showTable } from './proxy/table.js';
import { pinSelf } from './registries/pin-self.js';

const SCENARIOS: readonly FaultScenario[] = [badEndpoint, allDown, reload, drain, breakerCost];
const NAMES = SCENARIOS.map(({ name }) => name);

const USAGE = `npm run bench:faults -- [options]
  --scenario a,b    of ${NAMES.join(',')} (default: all)
  --seconds N       length of each phase (default: ${SCENARIOS.map(({ name, seconds }) => `${name} ${seconds}`).join(', ')})
  --rate N          requests a second of the steady load (default 2000)
  --rounds N        rounds of drain and of breaker-cost (default 5)
`;

process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = optionsFrom(args);
  if (!options) {
    process.stderr.write(USAGE);
    return 2;
  }
  const pinning = choosePinning();
  const priority = realTimePriority();
  const roles: Roles = {
    proxy: [...pinning.proxy, ...priority.prefix],
    load: [...pinning.load, ...priority.prefix],
  };
  pinSelf(pinning.load);
  const folder = mkdtempSync(join(tmpdir(), 'linkgate-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const results: Result[] = [];
  for (const scenario of SCENARIOS.filter(({ name }) => options.scenarios.includes(name))) {
    const own = join(folder, scenario.name);
    mkdirSync(own);
    const { rate, rounds, seconds = scenario.seconds } = options;
    const bench = { seconds, requestsPerSecond: rate, rounds, pinning, roles, folder: own, say };
    const report = await scenario.run(bench).catch(brokenOff);
    const result = { scenario: scenario.name, seconds, ...report };
    print(scenario, result);
    results.push(result);
  }
  const notes = [pinning.note, priority.note].filter((note) => note !== undefined);
  for (const note of notes) process.stdout.write(`* ${note}\n`);
  write(results, notes, options);
  return results.every(({ misses }) => misses.length === 0) ? 0 : 1;
}

interface Result extends FaultReport {
  readonly scenario: string;
  readonly seconds: number;
}

interface Options {
  readonly scenarios: readonly string[];
  readonly seconds: number | undefined;
  readonly rate: number;
  readonly rounds: number;
}

/** Undefined when they are not what `USAGE` says. */
function optionsFrom(args: readonly string[]): Options | undefined {
  const text = (byDefault: string) => ({ type: 'string', default: byDefault }) as const;
  const options = { scenario: text(NAMES.join(',')), seconds: text(''), rate: text('2000'), rounds: text('5') };
  try {
    const { scenario, ...numbers } = parseArgs({ args: [...args], options }).values;
    const scenarios = scenario.split(',');
    if (scenarios.some((name) => !NAMES.includes(name))) return undefined;
    if (Object.values(numbers).some((number) => !/^([1-9]\d{0,4})?$/.test(number))) return undefined;
    const [seconds, rate, rounds] = [numbers.seconds, numbers.rate, numbers.rounds].map(Number) as [
      number,
      number,
      number,
    ];
    return { scenarios, seconds: seconds || undefined, rate, rounds };
  } catch {
    return undefined;
  }
}

/** A scenario that cannot go on has missed all that it is for; the others are still run. */
function brokenOff(error: Error): FaultReport {
  return { header: [], rows: [], misses: [`broken off: ${error.message}`], notes: [], data: undefined };
}

function print({ name, title }: FaultScenario, { header, rows, misses, notes }: FaultReport): void {
  say('');
  process.stdout.write(`\n${name}: ${title}\n`);
  if (header.length > 0) process.stdout.write(`${showTable(header, rows)}\n`);
  for (const note of [...misses.map((miss) => `MISSED ${miss}`), ...notes]) process.stdout.write(`* ${note}\n`);
}

function write(results: readonly Result[], notes: readonly string[], options: Options): void {
  const date = new Date().toISOString();
  const file = join('bench/results', `${date.slice(0, 19).replaceAll(':', '')}Z-faults.json`);
  mkdirSync(join(ROOT, 'bench/results'), { recursive: true });
  const content = { date, machine: describeMachine(), options, notes, results };
  writeFileSync(join(ROOT, file), `${JSON.stringify(content, null, 1)}\n`);
  process.stdout.write(`  every number: ${file}\n`);
}

/** Progress, on one line that is written over; nothing where nobody watches. */
function say(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
