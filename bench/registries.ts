// Registries bench: how soon a change in a registry reaches the first request, and what a storm of changes costs the requests.
// Real servers; prints two tables, keeps every number, exits with 1 when a figure misses its limit. See bench/README.md.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { choosePinning, describeMachine, ROOT } from './proxy/machine.js';
import { realTimePriority } from './proxy/priority.js';
import { median, show, showTable } from './proxy/table.js';
import { type BenchGateway, startBenchGateway } from './registries/bench-gateway.js';
import { startBenchUpstreams } from './registries/bench-upstreams.js';
import { Caller } from './registries/caller.js';
import { type ChangeLatency, changeLatency } from './registries/change-latency.js';
import { pinSelf } from './registries/pin-self.js';
import { SUBJECTS, type Subject } from './registries/subjects.js';
import { type Phase, type StormRound, stormRound } from './registries/update-storm.js';

const USAGE = `npm run bench:registries -- [options]
  --registries a,b  of ${SUBJECTS.map(({ name }) => name).join(',')} (default: all)
  --changes N       changes measured for each registry (default 250)
  --rounds N        rounds of the update storm (default 3)
  --seconds N       length of each phase of a round (default 10)
  --rate N          requests a second of the steady load (default 1000)
`;

const LIMITS = { medianMs: 50, p99Ms: 250, p99Ratio: 2, liveGrowthMB: 2, rssGrowthMB: 16 };
const WATCHED = 100;
const OTHERS = 1000;
/** The service that moves alone, and the one under load. */
const MOVING = 'moving';
const STEADY = 'steady';

/** Prefixes of the command lines of what is measured: the cores, and the priority over all that is not measured. */
interface Roles {
  readonly proxy: readonly string[];
  readonly load: readonly string[];
}

interface Result {
  readonly registry: string;
  readonly change: ChangeLatency;
  readonly rounds: readonly StormRound[];
}

process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = optionsFrom(args);
  if (!options) {
    process.stderr.write(USAGE);
    return 2;
  }
  const machine = describeMachine();
  const pinning = choosePinning();
  const priority = realTimePriority();
  const measured: Roles = {
    proxy: [...pinning.proxy, ...priority.prefix],
    load: [...pinning.load, ...priority.prefix],
  };
  // What is started from here on, the registries among it, leaves the gateway's core alone.
  pinSelf(pinning.load);
  const results: Result[] = [];
  const notes = [pinning.note, priority.note].filter((note) => note !== undefined);
  for (const subject of SUBJECTS.filter(({ name }) => options.registries.includes(name))) {
    const why = subject.missing();
    if (why === undefined) results.push(await measure(subject, options, measured));
    else notes.push(`left out: ${why}`);
  }
  print(results, notes);
  write(results, notes, options, machine);
  return results.length > 0 && results.every((result) => misses(result).length === 0) ? 0 : 1;
}

interface Options {
  readonly registries: readonly string[];
  readonly changes: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly rate: number;
}

/** Undefined when they are not what `USAGE` says. */
function optionsFrom(args: readonly string[]): Options | undefined {
  const names = SUBJECTS.map(({ name }) => name).join(',');
  const text = (byDefault: string) => ({ type: 'string', default: byDefault }) as const;
  const options = {
    registries: text(names),
    changes: text('250'),
    rounds: text('3'),
    seconds: text('10'),
    rate: text('1000'),
  };
  try {
    const { registries, ...numbers } = parseArgs({ args: [...args], options }).values;
    const wanted = registries.split(',');
    if (wanted.some((name) => !names.split(',').includes(name))) return undefined;
    if (Object.values(numbers).some((number) => !/^[1-9]\d{0,4}$/.test(number))) return undefined;
    const [changes, rounds, seconds, rate] = [numbers.changes, numbers.rounds, numbers.seconds, numbers.rate].map(
      Number,
    ) as [number, number, number, number];
    return { registries: wanted, changes, rounds, seconds, rate };
  } catch {
    return undefined;
  }
}

async function measure(subject: Subject, options: Options, measured: Roles): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'linkgate-bench-'));
  const closers: (() => void | Promise<void>)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    say(`starting ${subject.name}`);
    const driver = await subject.start();
    closers.push(() => driver.stop());
    const upstreams = await startBenchUpstreams(driver, measured.load);
    closers.push(() => upstreams.close());
    const named = (name: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${name}-${i}`);
    const [watched, others] = [named('watched', WATCHED), named('other', OTHERS)];
    await driver.moveMany([MOVING, STEADY, ...watched, ...others], upstreams.a.endpoint);
    const services = [MOVING, ...watched];
    const gateway = await startBenchGateway({ driver, services, loaded: STEADY, folder, pin: measured.proxy });
    closers.push(() => gateway.program.stop());
    await askForAll(gateway, services);

    say(`${subject.name}: ${options.changes} changes`);
    const change = await changeLatency(driver, gateway, upstreams, MOVING, options.changes);
    const pin = measured.load;
    const { seconds, rate: requestsPerSecond } = options;
    const storm = { driver, gateway, upstreams, watched, others, seconds, requestsPerSecond, pin };
    say(`${subject.name}: warm-up`);
    await stormRound(storm, 'watched');
    const rounds: StormRound[] = [];
    for (let round = 0; round < options.rounds; round++) {
      for (const phase of ['quiet', 'others', 'watched'] as const) {
        say(`${subject.name}: round ${round + 1}/${options.rounds} ${phase}`);
        rounds.push(await stormRound(storm, phase));
      }
    }
    return { registry: subject.name, change, rounds };
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** From here on the gateway follows all of them. */
async function askForAll(gateway: BenchGateway, services: readonly string[]): Promise<void> {
  for (const service of services) {
    const caller = await Caller.connect(gateway.port, service);
    const { status, body } = await caller.ask();
    caller.close();
    if (status !== 200) throw new Error(`${service} is answered ${status} ${body}`);
  }
}

function typical({ rounds }: Result, phase: Phase, figure: (round: StormRound) => number): number {
  return median(rounds.filter((round) => round.phase === phase).map(figure));
}

function stormFigures(result: Result) {
  const p99Ms = (phase: Phase): number => typical(result, phase, (round) => round.p99Ms);
  const watched = result.rounds.filter(({ phase }) => phase === 'watched');
  return {
    quietMs: p99Ms('quiet'),
    othersMs: p99Ms('others'),
    watchedMs: p99Ms('watched'),
    ratio: p99Ms('watched') / p99Ms('quiet'),
    updates: typical(result, 'watched', (round) => round.updatesPerSecond),
    lateMs: typical(result, 'watched', (round) => round.loadLateP99Ms),
    residentMB: Math.max(...watched.map((round) => round.residentPeakMB)),
    // Over all updates of the run, and what lies between.
    liveGrowthMB: (watched.at(-1)?.memoryAfter.liveMB ?? Number.NaN) - (watched[0]?.memoryBefore.liveMB ?? Number.NaN),
    // While there were updates: the machine code of V8 grows by 10 MB at once, in a quiet phase as well.
    rssGrowthMB: watched.reduce((sum, round) => sum + round.memoryAfter.residentMB - round.memoryBefore.residentMB, 0),
    errors: result.rounds.reduce((sum, { errors }) => sum + errors, 0),
  };
}

/** What is over its limit. */
function misses(result: Result): string[] {
  const { medianMs, p99Ms } = result.change;
  const { ratio, liveGrowthMB, rssGrowthMB, errors } = stormFigures(result);
  const figures: [string, number, number][] = [
    ['median ms of a change', medianMs, LIMITS.medianMs],
    ['p99 ms of a change', p99Ms, LIMITS.p99Ms],
    ['p99 of the load under updates, as a multiple', ratio, LIMITS.p99Ratio],
    ['growth of live memory, MB', liveGrowthMB, LIMITS.liveGrowthMB],
    ['growth of resident memory, MB', rssGrowthMB, LIMITS.rssGrowthMB],
    ['failed requests', errors, 1],
  ];
  return figures
    .filter(([, value, limit]) => !(value < limit))
    .map(([what, value, limit]) => `${result.registry}: ${what}: ${show(value, 2)}, want < ${limit}`);
}

function print(results: readonly Result[], notes: readonly string[]): void {
  const changes = results.map(({ registry, change }) => [
    registry,
    String(change.changes),
    show(change.medianMs, 1),
    show(change.p99Ms, 1),
    show(change.maxMs, 1),
  ]);
  const storms = results.map((result) => {
    const figures = stormFigures(result);
    const { quietMs, othersMs, watchedMs, ratio, lateMs, updates, residentMB, liveGrowthMB, rssGrowthMB, errors } =
      figures;
    const p99s = [quietMs, othersMs, watchedMs, ratio, lateMs].map((value) => show(value, 2));
    return [
      result.registry,
      show(updates, 0),
      ...p99s,
      show(residentMB, 0),
      show(liveGrowthMB, 2),
      show(rssGrowthMB, 1),
      String(errors),
    ];
  });
  const limit = (text: string, value: number): string => `${text} (< ${value})`;
  process.stdout.write('\nfrom a change in the registry to the first request on the new address\n');
  process.stdout.write(
    `${showTable(['registry', 'changes', limit('median ms', LIMITS.medianMs), limit('p99 ms', LIMITS.p99Ms), 'max ms'], changes)}\n`,
  );
  process.stdout.write('\nrequests while a thousand services a second change\n');
  const p99s = ['p99 ms quiet', 'p99 ms others change', 'p99 ms watched change', limit('of quiet', LIMITS.p99Ratio)];
  const rest = [
    'load late p99 ms',
    'peak MB',
    limit('live MB gained', LIMITS.liveGrowthMB),
    limit('RSS MB gained', LIMITS.rssGrowthMB),
    'errors',
  ];
  process.stdout.write(`${showTable(['registry', 'updates/s', ...p99s, ...rest], storms)}\n`);
  for (const note of [...results.flatMap(misses).map((miss) => `MISSED ${miss}`), ...notes]) {
    process.stdout.write(`* ${note}\n`);
  }
}

function write(
  results: readonly Result[],
  notes: readonly string[],
  options: Options,
  machine: ReturnType<typeof describeMachine>,
): void {
  const date = new Date().toISOString();
  const file = join('bench/results', `${date.slice(0, 19).replaceAll(':', '')}Z-registries.json`);
  mkdirSync(join(ROOT, 'bench/results'), { recursive: true });
  const content = { date, machine, options, limits: LIMITS, notes, results };
  writeFileSync(join(ROOT, file), `${JSON.stringify(content, null, 1)}\n`);
  process.stdout.write(`  every number: ${file}\n`);
}

/** Progress, on one line that is written over; nothing where nobody watches. */
function say(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
