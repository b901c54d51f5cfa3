// Balancer simulation: how each balancer bears slow, cold, failing and unlike backends. Prints a table and draws one SVG for
// each scenario into docs/images; the same figures for the same seed.
//
// Usage: node dist/bench/balancersim.js [--seed=N] [--images=DIR]    (1, docs/images; run from the root of the repository)

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { kinds } from '../src/kinds.js';
import { drawPlot, type Row, showMs, showShare } from './balancersim/plot.js';
import { SCENARIOS, type Scenario } from './balancersim/scenario.js';
import { simulate } from './balancersim/simulate.js';

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, images: { type: 'string', default: 'docs/images' } },
});
const seed = Number(values.seed);
if (!Number.isSafeInteger(seed)) {
  console.error(`--seed is "${values.seed}", want a whole number`);
  process.exit(2);
}

mkdirSync(values.images, { recursive: true });
for (const scenario of SCENARIOS) {
  const rows = simulateAll(scenario);
  printTable(scenario, rows);
  writeFileSync(join(values.images, `balancer-${scenario.name}.svg`), drawPlot(scenario.title, rows));
}

/** Every balancer with the configuration that it has by default. */
function simulateAll(scenario: Scenario): readonly Row[] {
  return kinds.balancer.map((kind) => ({
    balancer: kind.kind,
    outcome: simulate(scenario, (context) => kind.make(kind.config.parse({}), context), seed),
  }));
}

function printTable(scenario: Scenario, rows: readonly Row[]): void {
  console.log(`${scenario.title}: ${rows[0]?.outcome.requests} requests`);
  console.log(line('balancer', 'p50', 'p99', 'odd ones get', 'errors'));
  for (const { balancer, outcome } of rows) {
    const { p50, p99, toOdd, failed } = outcome;
    console.log(line(balancer, showMs(p50), showMs(p99), showShare(toOdd), showShare(failed)));
  }
  console.log();
}

function line(name: string, ...cells: readonly string[]): string {
  return `  ${name.padEnd(12)}${cells.map((cell) => cell.padStart(14)).join('')}`;
}
