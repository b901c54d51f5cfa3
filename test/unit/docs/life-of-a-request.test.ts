import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { codeSpans, readMarkdown } from './markdown.js';

test('docs/life-of-a-request.md names only files that exist, each by its whole path', () => {
  const named = codeSpans(readMarkdown('docs/life-of-a-request.md')).filter((code) =>
    /^[\w./-]+\.(ts|mjs|md|yaml|json)$/.test(code),
  );
  assert.ok(named.length > 50, `only ${named.length} files are named`);
  assert.deepEqual(
    named.filter((path) => !existsSync(path)),
    [],
  );
});

test('docs/life-of-a-request.md follows the folders that a request passes, in their order', () => {
  const folders = ['src/server/', 'src/router/', 'src/identifier/', 'src/naming/', 'src/balancer/', 'src/client/'];
  const named = codeSpans(readMarkdown('docs/life-of-a-request.md'));
  const firsts = folders.map((folder) => named.findIndex((code) => code.startsWith(folder)));
  assert.ok(
    firsts.every((at) => at >= 0),
    `first mentions: ${firsts}`,
  );
  assert.deepEqual(
    firsts,
    firsts.toSorted((a, b) => a - b),
  );
});
