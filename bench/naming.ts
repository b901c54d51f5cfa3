// Naming bench: how long it takes to bind a name, to bind again what depends on a change, and to find the route of a request.
// Prints a table, or JSON with --json; exits with 1 when a figure misses its limit.
//
// To add a figure, add an entry to MEASUREMENTS. Each is the best of several rounds, which is what the code can do
// rather than what else the machine was doing.

import { effect, type Signal, signal } from '@preact/signals-core';
import { type Activity, constant, ok, type State } from '../src/base/activity.js';
import { type Addr, addrBound, type Bound } from '../src/base/addr.js';
import { type Dtab, EMPTY_DTAB } from '../src/base/dtab.js';
import { parseDtab, parsePath } from '../src/base/name-grammar.js';
import { leaf, type NameTree, NEG } from '../src/base/name-tree.js';
import { EMPTY_PATH, type Path } from '../src/base/path.js';
import { makeDtabInterpreter } from '../src/naming/dtab-interpreter.js';
import type { Interpreter } from '../src/naming/interpreter.js';
import type { Name, Namer, SystemNamer } from '../src/naming/namer.js';
import { cachedBindBytes } from './cached-bind.js';
import { changedTableMillis, decisionMicros, manyHosts, oneHost, tableMillis } from './route-decision.js';

interface Measurement {
  readonly name: string;
  readonly unit: string;
  /** The figure must be below `max`, or above `min`. */
  readonly limit: { readonly max: number } | { readonly min: number } | undefined;
  measure(): number;
}

const MEASUREMENTS: readonly Measurement[] = [
  {
    name: 'cold bind through ten rewrites',
    unit: 'µs',
    limit: { max: 100 },
    measure: () => bindMicros([{ dtab: tenRewrites(), path: '/s0/web' }])[0] ?? Number.NaN,
  },
  {
    name: 'cold bind among 10,000 dentries, as a multiple of among 10',
    unit: 'x',
    limit: { max: 2 },
    measure: () =>
      ratio(
        bindMicros([
          { dtab: ingressDtab(10_000), path: '/svc/host7' },
          { dtab: ingressDtab(10), path: '/svc/host7' },
        ]),
      ),
  },
  {
    name: 'cold bind with a local dtab appended to 10,000 dentries, as a multiple of without',
    unit: 'x',
    limit: { max: 2 },
    measure: () => {
      const dtab = ingressDtab(10_000);
      const localDtab = parseDtab('/svc/mine => /#/bench/mine');
      return ratio(
        bindMicros([
          { dtab, path: '/svc/host7', localDtab },
          { dtab, path: '/svc/host7' },
        ]),
      );
    },
  },
  {
    name: 'changes of one namer entry bound again, among 10,000 live names',
    unit: '/s',
    limit: { min: 10_000 },
    measure: () => updatesPerSecond(10_000),
  },
  {
    name: 'cached bind, with its identifier: allocated',
    unit: 'bytes',
    limit: { max: 1 },
    measure: cachedBindBytes,
  },
  {
    name: 'routing decision among 1,000 hosts of 5 paths',
    unit: 'µs',
    limit: { max: 5 },
    measure: () => decisionMicros(manyHosts()),
  },
  {
    name: 'routing decision among 5,000 paths of one host',
    unit: 'µs',
    limit: { max: 5 },
    measure: () => decisionMicros(oneHost()),
  },
  {
    name: 'route table of 1,000 hosts of 5 paths made',
    unit: 'ms',
    limit: { max: 50 },
    measure: () => tableMillis(manyHosts()),
  },
  {
    name: 'route table of 1,000 hosts of 5 paths made after one of them changed',
    unit: 'ms',
    limit: { max: 10 },
    measure: () => changedTableMillis(manyHosts()),
  },
  {
    name: 'route table of 5,000 paths of one host made',
    unit: 'ms',
    limit: { max: 50 },
    measure: () => tableMillis(oneHost()),
  },
];

const BIND_ROUNDS = 50;
const BINDS_A_ROUND = 500;
const UPDATE_ROUNDS = 7;
const UPDATES_A_ROUND = 10_000;

function main(): void {
  const results = MEASUREMENTS.map(({ name, unit, limit, measure }) => {
    const value = measure();
    const met = limit === undefined || ('max' in limit ? value < limit.max : value > limit.min);
    return { name, unit, value: Number(value.toPrecision(3)), ...limit, met };
  });
  if (process.argv.includes('--json')) console.log(JSON.stringify(results, null, 2));
  else for (const result of results) console.log(line(result));
  if (results.some((result) => !result.met)) process.exitCode = 1;
}

function line(result: {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly max?: number;
  readonly min?: number;
  readonly met: boolean;
}): string {
  const limit = result.max !== undefined ? `< ${result.max}` : result.min !== undefined ? `> ${result.min}` : '';
  const verdict = result.met ? '' : '  MISSED';
  return `${result.name.padEnd(84)} ${String(result.value).padStart(8)} ${result.unit.padEnd(3)} ${limit}${verdict}`;
}

/** `/s0 => /s1 ; … ; /s9 => /#/bench`: ten rewrites, then the namer. */
function tenRewrites(): Dtab {
  return parseDtab(Array.from({ length: 10 }, (_, i) => `/s${i} => ${i < 9 ? `/s${i + 1}` : '/#/bench'}`).join(';'));
}

/** One dentry a host, as an ingress has them: all begin with the same element. */
function ingressDtab(hosts: number): Dtab {
  return parseDtab(Array.from({ length: hosts }, (_, i) => `/svc/host${i} => /#/bench/web${i}`).join(';'));
}

interface ColdBind {
  readonly dtab: Dtab;
  readonly path: string;
  readonly localDtab?: Dtab;
}

/** Microseconds that each name takes from nothing to a bound, observed tree. Taken in turns, so that they can be compared. */
function bindMicros(binds: readonly ColdBind[]): readonly number[] {
  const rounds = binds.map(({ dtab, path, localDtab = EMPTY_DTAB }) => {
    const interpreter = interpreterOf(dtab, new BenchNamer());
    const parsed = parsePath(path);
    return () => microsOf(() => interpreter.bind(localDtab, parsed));
  });
  const best = rounds.map((round) => round());
  for (let i = 0; i < BIND_ROUNDS; i++) {
    for (const [k, round] of rounds.entries()) best[k] = Math.min(best[k] ?? Number.POSITIVE_INFINITY, round());
  }
  return best;
}

function microsOf(bind: () => Activity<NameTree<Bound>>): number {
  const start = performance.now();
  for (let i = 0; i < BINDS_A_ROUND; i++) {
    const bound = bind();
    const stop = effect(() => assertLeaf(bound.value));
    stop();
  }
  return ((performance.now() - start) * 1000) / BINDS_A_ROUND;
}

function ratio([a = Number.NaN, b = Number.NaN]: readonly number[]): number {
  return a / b;
}

/** How often in a second one of `live` bound, observed names can move to its fallback and back. */
function updatesPerSecond(live: number): number {
  const namer = new BenchNamer();
  const interpreter = interpreterOf(parseDtab('/svc => /#/bench/fallback ; /svc => /#/bench'), namer);
  let told = 0;
  const stops = Array.from({ length: live }, (_, i) => {
    const bound = interpreter.bind(EMPTY_DTAB, parsePath(`/svc/web${i}`));
    return effect(() => {
      assertLeaf(bound.value);
      told += 1;
    });
  });
  let best = 0;
  for (let round = 0; round < UPDATE_ROUNDS; round++) {
    told = 0;
    const start = performance.now();
    for (let i = 0; i < UPDATES_A_ROUND; i++) namer.toggle(`/web${i % live}`);
    best = Math.max(best, (UPDATES_A_ROUND * 1000) / (performance.now() - start));
    if (told !== UPDATES_A_ROUND) throw new Error(`${UPDATES_A_ROUND} changes told ${told} names, want one each`);
  }
  for (const stop of stops) stop();
  return best;
}

function assertLeaf(state: State<NameTree<Bound>>): void {
  if (state.state !== 'ok' || state.value.type !== 'leaf')
    throw new Error('the bench binds to a leaf or measures nothing');
}

function interpreterOf(dtab: Dtab, namer: Namer): Interpreter {
  const system: SystemNamer = { lookup: () => constant<NameTree<Name>>(NEG) };
  return makeDtabInterpreter({ dtab: constant(dtab), namers: [namer], system });
}

/** Knows every name of one element, until it is toggled. */
class BenchNamer implements Namer {
  readonly prefix = parsePath('/#/bench');
  readonly #entries = new Map<
    string,
    { readonly tree: Signal<State<NameTree<Name>>>; readonly exists: State<NameTree<Name>> }
  >();

  lookup(path: Path): Activity<NameTree<Name>> {
    return this.#entry(path.take(1).show()).tree;
  }

  toggle(name: string): void {
    const { tree, exists } = this.#entry(name);
    tree.value = tree.peek() === exists ? ok(NEG) : exists;
  }

  close(): void {
    this.#entries.clear();
  }

  #entry(name: string): { readonly tree: Signal<State<NameTree<Name>>>; readonly exists: State<NameTree<Name>> } {
    let entry = this.#entries.get(name);
    if (!entry) {
      const addr = signal<Addr>(addrBound([]));
      const bound: Bound = { id: this.prefix.concat(parsePath(name)), residual: EMPTY_PATH, addr };
      const exists: State<NameTree<Name>> = ok(leaf({ type: 'bound', bound }));
      entry = { tree: signal(exists), exists };
      this.#entries.set(name, entry);
    }
    return entry;
  }
}

main();
