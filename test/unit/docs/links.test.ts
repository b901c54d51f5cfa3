import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { anchorsOf, codeSpans, markdownFiles, readMarkdown, withoutFences } from './markdown.js';

test('documents link only to files and headings that exist', () => {
  let links = 0;
  const broken: string[] = [];
  for (const file of markdownFiles()) {
    // Code between backquotes is no link, though it may look like one.
    const text = withoutFences(readMarkdown(file)).replace(/`[^`\n]*`/g, '``');
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]*)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      links += 1;
      if (!resolves(file, target)) broken.push(`${file}: ${target}`);
    }
  }
  assert.ok(links > 30, `only ${links} links were found`);
  assert.deepEqual(broken, []);
});

function resolves(file: string, target: string): boolean {
  const [path = '', anchor] = target.split('#');
  const to = path === '' ? file : join(dirname(file), path);
  return existsSync(to) && (anchor === undefined || anchorsOf(readMarkdown(to)).has(anchor));
}

test('documents name only files of the program that exist', () => {
  const missing = markdownFiles()
    // What changed may be gone since.
    .filter((file) => file !== 'CHANGELOG.md')
    .flatMap((file) =>
      codeSpans(readMarkdown(file))
        .filter(
          (code) => /^(src|namers|config|test|bench|scripts|docs)\/[\w./-]+\.\w+$/.test(code) && !existsSync(code),
        )
        .map((code) => `${file}: ${code}`),
    );
  assert.deepEqual(missing, []);
});
