// Runs the compiled tests with node:test: `npm test` all of them, `npm test -- unit e2e/drain` those whose path holds one of
// the fragments. Closes with why tests were skipped, each reason once, and `N passed, N failed`. Fails when there was nothing to
// run, and with LINKGATE_REQUIRE_REGISTRIES=1 when anything was skipped.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const SUITES = ['unit', 'e2e', 'integration'];
/**
 * Unit and e2e tests share processes, as nothing outlives them: Node gives each file one of its own, and most of such a process is
 * starting and loading the same modules again. So this many share one.
 */
const FILES_OF_A_PROCESS = { unit: 20, e2e: 6 };
/** What these measure is of a whole process: its memory, or its children. */
const ALONE = /^dist\/test\/e2e\/(h2-attacks|h2-limits|cli|reload-process)[.]test[.]js$/;
const GROUPS = 'dist/test/groups';
/** One test (and one file) may take this long: far more than any needs, so that a hang ends the run with a name. */
const TEST_LIMIT_MS = 120_000;

process.exitCode = await main(process.argv.slice(2));

/**
 * @param {string[]} fragments
 * @returns {Promise<number>} the exit code
 */
async function main(fragments) {
  const sources = SUITES.flatMap(listSources).filter(
    (file) => fragments.length === 0 || fragments.some((fragment) => file.includes(fragment)),
  );
  if (sources.length === 0) {
    const wanted = fragments.length === 0 ? `test/{${SUITES}}/**/*.test.ts` : fragments.join(', ');
    console.error(`no test file matches ${wanted}`);
    return 1;
  }
  // From the sources, not from dist: there the tests of deleted sources live on.
  const compiled = sources.map((file) => join('dist', file.replace(/\.ts$/, '.js')));
  const missing = compiled.filter((file) => !existsSync(join(ROOT, file)));
  if (missing.length > 0) {
    console.error(`not compiled (npm run build): ${missing.join(', ')}`);
    return 1;
  }
  return runTests(grouped(compiled));
}

/**
 * @param {string} suite a folder of test/
 * @returns {string[]} its test sources, relative to the root, sorted
 */
function listSources(suite) {
  const folder = join(ROOT, 'test', suite);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

/**
 * Writes modules that import the tests that share a process.
 * @param {string[]} files compiled tests
 * @returns {string[]} what to run: those modules, and the other tests themselves
 */
function grouped(files) {
  rmSync(join(ROOT, GROUPS), { recursive: true, force: true });
  mkdirSync(join(ROOT, GROUPS), { recursive: true });
  const shared = new Set();
  const groups = Object.entries(FILES_OF_A_PROCESS).flatMap(([suite, size]) => {
    const sharing = files.filter((file) => file.startsWith(`dist/test/${suite}/`) && !ALONE.test(file));
    for (const file of sharing) shared.add(file);
    return Array.from({ length: Math.ceil(sharing.length / size) }, (_, i) => {
      const imports = sharing.slice(i * size, (i + 1) * size).map((file) => `import '${relative(GROUPS, file)}';\n`);
      const group = join(GROUPS, `${suite}-${i + 1}.test.js`);
      writeFileSync(join(ROOT, group), imports.join(''));
      return group;
    });
  });
  return [...groups, ...files.filter((file) => !shared.has(file))];
}

/**
 * @param {string[]} files
 * @returns {Promise<number>}
 */
function runTests(files) {
  const runner = spawn(
    process.execPath,
    [
      '--enable-source-maps',
      '--test',
      '--test-reporter=spec',
      `--test-timeout=${TEST_LIMIT_MS}`,
      `--test-concurrency=${concurrencyFor(files)}`,
      ...files,
    ],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...colour() } },
  );
  process.on('SIGTERM', () => runner.kill('SIGTERM'));
  let tail = '';
  runner.stdout.setEncoding('utf8').on('data', (text) => {
    process.stdout.write(text);
    tail += text;
  });
  return new Promise((resolve) => {
    runner.on('close', (code) => resolve(report(stripVTControlCharacters(tail)) ? (code ?? 1) : 1));
  });
}

/**
 * One process more than cores, as these tests wait now and then; not beside integration tests, which measure
 * how long things take.
 * @param {string[]} files
 */
function concurrencyFor(files) {
  const cores = Math.max(2, availableParallelism());
  return files.some((file) => file.startsWith('dist/test/integration/')) ? cores : cores + 1;
}

/** A pipe would turn colours off. */
function colour() {
  return process.stdout.isTTY && !process.env.NO_COLOR ? { FORCE_COLOR: '1' } : {};
}

/**
 * Prints what was skipped and the counts line, from what the runner printed.
 * @param {string} output
 * @returns {boolean} whether at least one test ran, and none was skipped that must not be
 */
function report(output) {
  /** @param {string} name */
  const count = (name) => Number(new RegExp(`^(?:ℹ|#) ${name} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  const passed = count('pass');
  const failed = count('fail') + count('cancelled');
  const skipped = count('skipped') + count('todo');
  const mayNotSkip = process.env.LINKGATE_REQUIRE_REGISTRIES === '1' && skipped > 0;
  console.log();
  for (const reason of skipReasons(output)) console.log(`skipped: ${reason}`);
  if (passed + failed === 0) console.error('no test was run');
  if (mayNotSkip) console.error('LINKGATE_REQUIRE_REGISTRIES=1 forbids to skip');
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return passed + failed > 0 && !mayNotSkip;
}

/**
 * @param {string} output
 * @returns {Set<string>} what a skipped test says of itself: for the tests of a registry, that it is not installed and how it is
 */
function skipReasons(output) {
  return new Set(Array.from(output.matchAll(/^ *﹣ .* # (.+)$/gm), ([, reason = '']) => reason));
}
