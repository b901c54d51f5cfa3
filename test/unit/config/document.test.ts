import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDocument } from '../../../config/schema/document.js';

function readValue(text: string): unknown {
  const read = readDocument(text);
  if (!read.ok)
    assert.fail(read.problems.map(({ line, column, message }) => `${line}:${column}: ${message}`).join('\n'));
  return read.document.value;
}

function problemsOf(text: string): string[] {
  const read = readDocument(text);
  return read.ok ? [] : read.problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

test('document reads YAML and the same as JSON', () => {
  const expected = { a: [1, 'x', true, 1.5], b: { c: 'd' } };
  assert.deepEqual(readValue('a: [1, x, true, 1.5]\nb:\n  c: d\n'), expected);
  assert.deepEqual(readValue('  \n{\n\t"a": [1, "x", true, 1.5],\n\t"b": {"c": "d"}\n}\n'), expected);
});

test('document keeps escapes of JSON strings', () => {
  assert.deepEqual(readValue('{"a": "\\ud83d\\ude00 \\/ \\u0041\\n"}'), { a: '😀 / A\n' });
});

test('document ignores a byte order mark, also for columns', () => {
  assert.deepEqual(readValue('\ufeffa: 1\n'), { a: 1 });
  assert.deepEqual(problemsOf('\ufeffa: !x 1\n'), ['1:4: Unresolved tag: !x']);
});

test('document reads CRLF as line ends', () => {
  assert.deepEqual(readValue('a: x\r\nb: |\r\n  one\r\n  two\r\n'), { a: 'x', b: 'one\ntwo\n' });
});

test('document leaves out keys whose value is null, however it is written', () => {
  assert.deepEqual(readValue('a:\nb: null\nc: ~\nd: {e: , f: 1}\ng: [null]\n'), { d: { f: 1 }, g: [null] });
});

test('document of an empty or commented-out file is an empty map', () => {
  for (const text of ['', '\n\n', '# nothing\n', '---\n', 'null\n']) assert.deepEqual(readValue(text), {}, text);
});

test('document keeps yes, no, on and off as texts, also when the file asks for YAML 1.1', () => {
  const texts = { a: 'yes', b: 'no', c: 'on', d: 'off' };
  assert.deepEqual(readValue('a: yes\nb: no\nc: on\nd: off\n'), texts);
  assert.deepEqual(readValue('%YAML 1.1\n---\na: yes\nb: no\nc: on\nd: off\n'), texts);
});

test('document follows aliases and does not merge <<', () => {
  assert.deepEqual(readValue('a: &x {k: 1}\nb: *x\nc: {<<: *x}\n'), {
    a: { k: 1 },
    b: { k: 1 },
    c: { '<<': { k: 1 } },
  });
});

test('document gives an alias the anchor that was set last before it', () => {
  assert.deepEqual(readValue('a: &x 1\nb: *x\nc: &x 2\nd: *x\n'), { a: 1, b: 1, c: 2, d: 2 });
});

test('document reads thousands of aliases in one walk', () => {
  const text = `a: &x [1]\nb:\n${'- *x\n'.repeat(20_000)}`;
  assert.equal((readValue(text) as { b: unknown[] }).b.length, 20_000);
});

test('document refuses a duplicate key', () => {
  assert.deepEqual(problemsOf('a: 1\nb:\n  c: 1\n  c: 2\n'), ['4:3: Map keys must be unique']);
  assert.deepEqual(problemsOf('{"a": 1,\n "a": 2}'), ['2:2: Map keys must be unique']);
});

test('document refuses tags that it does not know, among them those that make other types', () => {
  assert.deepEqual(problemsOf('a: !foo 1\n'), ['1:4: Unresolved tag: !foo']);
  assert.equal(problemsOf('a: !!binary aGk=\n').length, 1);
  assert.equal(problemsOf('a: !!set {b}\n').length, 1);
});

test('document refuses a second document', () => {
  assert.deepEqual(problemsOf('a: 1\n---\nb: 2\n'), ['2:1: a second document begins here, want one']);
});

test('document refuses what follows the end of a JSON map', () => {
  assert.equal(problemsOf('{"a": 1} b').length, 1);
});

test('document refuses an alias without an anchor, and one that contains itself', () => {
  assert.deepEqual(problemsOf('a: 1\nb: *no\n'), ['2:4: no anchor "&no" before this alias']);
  assert.deepEqual(problemsOf('a: &x [*x]\n'), ['1:8: alias "*x" contains itself']);
});

test('document refuses keys that are not texts, and __proto__', () => {
  assert.equal(problemsOf('? [a]\n: 1\n').length, 1);
  assert.deepEqual(problemsOf('a: 1\n__proto__: {b: 1}\n'), ['2:1: unknown key "__proto__"']);
});

test('document tells where a bracket is missing, once', () => {
  assert.equal(
    problemsOf(`a: ${'['.repeat(20)}`).filter((line) => /must be sufficiently indented/.test(line)).length,
    1,
  );
});

test('document stops an alias bomb before it unfolds', () => {
  const bomb = Array.from({ length: 12 }, (_, i) =>
    i === 0
      ? 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]'
      : `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
  ).join('\n');
  const problems = problemsOf(bomb);
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? '', /more than 100000 values after following aliases$/);
});

test('document refuses nesting that would overflow a stack, in every notation', () => {
  for (const text of ['['.repeat(20_000), '{"a":'.repeat(20_000), '- '.repeat(20_000), '? '.repeat(20_000)]) {
    const problems = problemsOf(text);
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? '', /^1:\d+: nested deeper than 64 levels$/);
  }
  assert.deepEqual(problemsOf(`a: ${'['.repeat(60)}${']'.repeat(60)}`), []);
});

test('document locates values, keys and what is not there', () => {
  const read = readDocument('a:\n- b: 1\n  c: {d: x}\n');
  assert.ok(read.ok);
  const { locate } = read.document;
  assert.deepEqual(locate([]), { line: 1, column: 1 });
  assert.deepEqual(locate(['a', 0, 'b']), { line: 2, column: 6 });
  assert.deepEqual(locate(['a', 0, 'c'], 'key'), { line: 3, column: 3 });
  assert.deepEqual(locate(['a', 0, 'c', 'd']), { line: 3, column: 10 });
  // Missing: where the map that should hold it begins.
  assert.deepEqual(locate(['a', 0, 'c', 'e']), { line: 3, column: 6 });
  assert.deepEqual(locate(['a', 1]), { line: 2, column: 1 });
  assert.deepEqual(locate(['z', 'y']), { line: 1, column: 1 });
});

test('document locates what came through an alias at its anchor', () => {
  const read = readDocument('a: &x\n  k: 1\nb: *x\n');
  assert.ok(read.ok);
  assert.deepEqual(read.document.locate(['b', 'k']), { line: 2, column: 6 });
});

test('document locates characters within texts of each notation', () => {
  const read = readDocument(
    'plain: abcdef\nquoted: "abcdef"\nblock: |\n    one\n    two\r\n    three\nfolded: >\n  a\n  b\n',
  );
  assert.ok(read.ok);
  const { locate } = read.document;
  assert.deepEqual(locate(['plain'], 'value', 2), { line: 1, column: 10 });
  assert.deepEqual(locate(['quoted'], 'value', 2), { line: 2, column: 12 });
  assert.deepEqual(locate(['block'], 'value', 5), { line: 5, column: 6 });
  assert.deepEqual(locate(['block'], 'value', 8), { line: 6, column: 5 });
  // A folded text has lost its lines: where it begins.
  assert.deepEqual(locate(['folded'], 'value', 2), { line: 7, column: 9 });
});
