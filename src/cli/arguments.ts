// The words behind a command in, its options and its operand out; a UsageError that says what is meant for anything else.

import { parseArgs } from 'node:util';
import { nearestWord } from '../../config/schema/did-you-mean.js';
import { type Arguments, type Command, UsageError } from './command.js';

/** Throws UsageError. */
export function parseArguments(
  words: readonly string[],
  command: Pick<Command, 'name' | 'operand' | 'options'>,
): Arguments {
  const { name, operand, options } = command;
  refuseLongWithOneDash(words, command);
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(
      Object.entries(options).map(([key, { value }]) => [key, { type: value === undefined ? 'boolean' : 'string' }]),
    ),
    // It would stop at the first mistake with a message that knows nothing of ours.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given = new Map<string, string | undefined>();
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (!option || token.rawName !== `--${token.name}`) throw unknownOption(token.rawName, command);
    if (given.has(token.name)) throw new UsageError(`${token.rawName} is given twice`);
    if (option.value === undefined && token.value !== undefined) {
      throw new UsageError(`${token.rawName} takes no value, got "${token.value}"`);
    }
    // `--dtab --json` is a value forgotten; one that begins with a dash is written `--dtab=-x`.
    if (option.value !== undefined && (token.value === undefined || (!token.inlineValue && /^-./.test(token.value)))) {
      throw new UsageError(`${token.rawName} needs a value: ${token.rawName} ${option.value}`);
    }
    given.set(token.name, token.value);
  }
  const [only, ...more] = operands;
  if (only === undefined) throw new UsageError(`${name} needs ${operand}`);
  if (more.length > 0) {
    const quoted = operands.map((one) => `"${one}"`).join(' ');
    throw new UsageError(`${name} takes one ${operand}, got ${operands.length}: ${quoted}`);
  }
  return { operand: only, has: (option) => given.has(option), value: (option) => given.get(option) };
}

/** `-json` would be read as five options of one letter each. */
function refuseLongWithOneDash(words: readonly string[], command: Pick<Command, 'name' | 'options'>): void {
  for (const word of words) {
    if (word === '--') return;
    if (/^-[^-]./.test(word)) throw unknownOption(word.replace(/=.*/s, ''), command);
  }
}

function unknownOption(raw: string, { name, options }: Pick<Command, 'name' | 'options'>): UsageError {
  const known = ['help', ...Object.keys(options)];
  const nearest = nearestWord(raw.replace(/^-+/, ''), known);
  const advice =
    nearest === undefined
      ? `its options are ${known.map((one) => `--${one}`).join(', ')}`
      : `did you mean --${nearest}?`;
  return new UsageError(`${name} has no option ${raw}; ${advice}`);
}
