import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Category } from '../../../config/schema/categories.js';
import { parseConfig, showConfigError } from '../../../config/schema/parse.js';
import { LINKERD_KINDS, UNSUPPORTED_KEYS } from '../../../config/schema/unsupported.js';
import { checkCommand } from '../../../src/cli/check.js';
import { delegateCommand } from '../../../src/cli/delegate.js';
import { dtabFmtCommand } from '../../../src/cli/dtab-fmt.js';
import { runCommand } from '../../../src/cli/run.js';
import { kinds } from '../../../src/kinds.js';
import { codeSpans, fences, readMarkdown, tableRows } from './markdown.js';

const README = readMarkdown('README.md');
const SHELL = fences(README, 'sh');
const QUICKSTART = readFileSync('scripts/quickstart.mjs', 'utf8');

describe('README.md', () => {
  it('begins with the two commands', () => {
    assert.deepEqual(SHELL.slice(0, 2), ['npm install && npm start\n', 'npm install && npm test\n']);
  });

  it('is short enough to be read', () => {
    assert.ok(README.split('\n').length <= 150);
  });

  it('takes its tour from what npm start prints', () => {
    const printed = QUICKSTART.replace(/\$\{PROXY\}/g, 'http://127.0.0.1:4140');
    assert.match(QUICKSTART, /PROXY_PORT = 4140;/);
    const lines = SHELL.slice(2)
      .join('')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    assert.ok(lines.length > 5);
    assert.deepEqual(
      lines.filter((line) => !printed.includes(`   ${line}\n`)),
      [],
    );
  });

  it('shows a configuration that loads', () => {
    const [yaml = ''] = fences(README, 'yaml');
    const parsed = parseConfig(yaml, 'README.md', kinds);
    assert.ok(parsed.ok, parsed.ok ? '' : parsed.errors.map(showConfigError).join('\n'));
  });

  it('names every kind that runs and every kind that is refused', () => {
    const rows = new Map(
      tableRows(README, 'part').map(([part = '', runs = '', refused = '']) => [part, { runs, refused }]),
    );
    for (const [part, category] of CATEGORY_OF_ROW) {
      const row = rows.get(part);
      assert.ok(row, `no row "${part}"`);
      const running = kinds[category].map(({ kind }) => kind);
      assert.deepEqual(codeSpans(row.runs).toSorted(), running.toSorted(), `${part} that run`);
      const missing = LINKERD_KINDS[category].filter((kind) => !running.includes(kind));
      assert.deepEqual(expand(codeSpans(row.refused), category).toSorted(), missing.toSorted(), `${part} refused`);
    }
  });

  it('names every key that is refused', () => {
    const keys = tableRows(README, 'part')
      .filter(([part]) => part === 'keys' || part === 'protocols')
      .flatMap(([, , refused = '']) => codeSpans(refused))
      .map((code) => code.split(':')[0]);
    const unsupported = UNSUPPORTED_KEYS.map(({ place, key }) => (place === 'tracePropagator' ? place : key));
    assert.deepEqual(
      unsupported.filter((key) => key !== 'protocol' && !keys.includes(key)),
      [],
    );
  });

  it('lists the commands as the program does', () => {
    const listed = fences(README, '').join('').split('\n');
    for (const { name, operand, summary } of [runCommand, checkCommand, dtabFmtCommand, delegateCommand]) {
      const usage = `linkgate ${name === 'run' ? '[run]' : name} ${operand} `;
      const line = listed.find((one) => one.startsWith(usage)) ?? '';
      assert.ok(line.slice(usage.length).trimStart().startsWith(summary), `"${usage}${summary}" is not in the list`);
    }
  });
});

const CATEGORY_OF_ROW: ReadonlyMap<string, Category> = new Map([
  ['namers', 'namer'],
  ['interpreters', 'interpreter'],
  ['transformers', 'transformer'],
  ['identifiers', 'identifier'],
  ['balancers', 'balancer'],
  ['failure accrual', 'accrual'],
  ['classifiers', 'classifier'],
  ['telemeters', 'telemeter'],
  ['announcers', 'announcer'],
]);

/** `io.l5d.h2.*` stands for all that begin so. */
function expand(codes: readonly string[], category: Category): string[] {
  return codes.flatMap((code) =>
    code.endsWith('*') ? LINKERD_KINDS[category].filter((kind) => kind.startsWith(code.slice(0, -1))) : [code],
  );
}
