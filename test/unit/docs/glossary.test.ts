import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMarkdown } from './markdown.js';

const ENTRY = /^- \*\*(.+?)\*\*: (.+(?:\n {2}.+)*)$/gm;
const entries = [...readMarkdown('docs/glossary.md').matchAll(ENTRY)].map(([, term, meaning]) => ({
  term: term as string,
  meaning: meaning as string,
}));

test('docs/glossary.md is all entries below its introduction', () => {
  const lines = readMarkdown('docs/glossary.md').match(/^- /gm) ?? [];
  assert.equal(entries.length, lines.length);
  assert.ok(entries.length > 50, `only ${entries.length} entries`);
});

test('docs/glossary.md has its terms sorted, each once', () => {
  const terms = entries.map(({ term }) => term.toLowerCase());
  assert.deepEqual(terms, [...new Set(terms)].sort());
});

test('docs/glossary.md explains every term in one or two sentences', () => {
  const long = entries.filter(({ meaning }) => (meaning.match(/[.](?=\s|$)/g) ?? []).length > 2);
  assert.deepEqual(long, []);
});

test('docs/glossary.md has the words of the contracts', () => {
  const terms = new Set(entries.map(({ term }) => term));
  const words = [
    'Path',
    'Dentry',
    'Dtab',
    'NameTree',
    'Neg',
    'Fail',
    'Empty',
    'Namer',
    'Interpreter',
    'Identifier',
    'Addr',
  ];
  const more = ['Activity', 'Bound', 'Residual', 'Balancer', 'FailureAccrual', 'ResponseClassifier', 'RetryBudget'];
  assert.deepEqual(
    [...words, ...more, 'Telemeter', 'Transformer', 'Exchange', 'Trip', 'Stack', 'Endpoint'].filter(
      (word) => !terms.has(word),
    ),
    [],
  );
});
