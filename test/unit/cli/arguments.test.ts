import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseArguments } from '../../../src/cli/arguments.js';

const COMMAND = {
  name: 'show',
  operand: '<path>',
  options: { json: { help: '' }, dtab: { value: '<dtab>', help: '' } },
};

const parse = (...words: readonly string[]) => parseArguments(words, COMMAND);

describe('arguments', () => {
  test('are options before, behind and around the operand', () => {
    for (const words of [
      ['--json', '--dtab', '/a=>/b', '/x'],
      ['/x', '--dtab=/a=>/b', '--json'],
      ['--json', '/x', '--dtab', '/a=>/b'],
    ]) {
      const args = parse(...words);
      assert.deepEqual([args.operand, args.has('json'), args.value('dtab')], ['/x', true, '/a=>/b'], words.join(' '));
    }
  });

  test('leave out what is not given', () => {
    const args = parse('/x');
    assert.deepEqual([args.has('json'), args.has('dtab'), args.value('dtab')], [false, false, undefined]);
  });

  test('take - for an operand and for a value, and an empty value', () => {
    assert.equal(parse('-').operand, '-');
    assert.equal(parse('/x', '--dtab', '-').value('dtab'), '-');
    assert.equal(parse('/x', '--dtab', '').value('dtab'), '');
    assert.equal(parse('/x', '--dtab=').value('dtab'), '');
    assert.equal(parse('/x', '--dtab=-y').value('dtab'), '-y');
  });

  test('take a word behind -- for an operand', () => {
    assert.equal(parse('--', '--json').operand, '--json');
    assert.equal(parse('--', '-json').operand, '-json');
  });

  const wrong: readonly (readonly [words: readonly string[], message: string])[] = [
    [[], 'show needs <path>'],
    [['--json'], 'show needs <path>'],
    [['/a', '/b c'], 'show takes one <path>, got 2: "/a" "/b c"'],
    [['/a', '--jsn'], 'show has no option --jsn; did you mean --json?'],
    [['/a', '--dtabs=/x'], 'show has no option --dtabs; did you mean --dtab?'],
    [['/a', '-json'], 'show has no option -json; did you mean --json?'],
    [['/a', '-dtab=/x'], 'show has no option -dtab; did you mean --dtab?'],
    [['/a', '-j'], 'show has no option -j; its options are --help, --json, --dtab'],
    [['/a', '--verbose'], 'show has no option --verbose; its options are --help, --json, --dtab'],
    [['/a', '--toString'], 'show has no option --toString; its options are --help, --json, --dtab'],
    [['/a', '--json=yes'], '--json takes no value, got "yes"'],
    [['/a', '--dtab'], '--dtab needs a value: --dtab <dtab>'],
    [['/a', '--dtab', '--json'], '--dtab needs a value: --dtab <dtab>'],
    [['/a', '--dtab', '/x', '--dtab', '/y'], '--dtab is given twice'],
    [['/a', '--json', '--json'], '--json is given twice'],
  ];
  for (const [words, message] of wrong) {
    test(`"${words.join(' ')}" are wrong usage`, () => {
      assert.throws(() => parse(...words), { name: 'UsageError', message });
    });
  }
});
