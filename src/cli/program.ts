// The program: its arguments in, one command run, its exit code out.

import { existsSync } from 'node:fs';
import { nearestWord } from '../../config/schema/did-you-mean.js';
import { parseArguments } from './arguments.js';
import { checkCommand } from './check.js';
import { type Command, InputError, UsageError } from './command.js';
import { delegateCommand } from './delegate.js';
import { dtabFmtCommand } from './dtab-fmt.js';
import { exposureCommand } from './exposure.js';
import { commandHelp, programHelp } from './help.js';
import { runCommand } from './run.js';
import type { Terminal } from './terminal.js';
import { VERSION } from './version.js';

const COMMANDS: readonly Command[] = [runCommand, checkCommand, dtabFmtCommand, delegateCommand, exposureCommand];

/** 0: all is well. 1: what the program was given is wrong, or the gateway could not start. 2: it was called wrongly. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await dispatch(args, terminal);
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.err(`linkgate: ${error.message}\nMore: ${terminal.program} --help\n`);
      return 2;
    }
    if (error instanceof InputError) {
      terminal.err(`linkgate: ${error.message}\n`);
      return 1;
    }
    throw error;
  }
}

async function dispatch(args: readonly string[], terminal: Terminal): Promise<number> {
  const [first] = args;
  if (first === undefined) {
    terminal.err(programHelp(COMMANDS, terminal.program));
    return 2;
  }
  if (isHelp(first) || (first === 'help' && args.length === 1)) {
    terminal.out(programHelp(COMMANDS, terminal.program));
    return 0;
  }
  if (first === '--version') {
    terminal.out(`linkgate ${VERSION}\n`);
    return 0;
  }
  if (first === 'help') {
    terminal.out(commandHelp(commandNamed(args.slice(1)), terminal.program));
    return 0;
  }
  const { command, words } = choose(args);
  if (beforeOperands(words).some(isHelp)) {
    terminal.out(commandHelp(command, terminal.program));
    return 0;
  }
  return command.run(parseArguments(words, command), terminal);
}

function commandNamed(words: readonly string[]): Command {
  const name = words.join(' ');
  // `dtab` alone: it has but one verb so far.
  const command = COMMANDS.find((one) => one.name === name || one.name.startsWith(`${name} `));
  if (command) return command;
  throw new UsageError(`there is no command "${name}"; there are ${COMMANDS.map((one) => one.name).join(', ')}`);
}

/** -help is what Linkerd's own flags say. */
function isHelp(word: string): boolean {
  return word === '--help' || word === '-h' || word === '-help';
}

/** Words behind `--` are no options, whatever they look like. */
function beforeOperands(words: readonly string[]): readonly string[] {
  const end = words.indexOf('--');
  return end < 0 ? words : words.slice(0, end);
}

/** The command that the first words name, or `run`, and the words behind its name. */
function choose(args: readonly string[]): { readonly command: Command; readonly words: readonly string[] } {
  const validate = beforeOperands(args).findIndex((word) => VALIDATE.test(word));
  if (validate >= 0) {
    const words = args.toSpliced(validate, 1);
    return { command: args[validate]?.endsWith('=false') ? runCommand : checkCommand, words };
  }
  const [first = '', second = ''] = args;
  for (const command of COMMANDS) {
    const [noun, verb] = command.name.split(' ');
    if (first !== noun) continue;
    if (verb === undefined || second === verb) return { command, words: args.slice(verb === undefined ? 1 : 2) };
    if (isHelp(second)) return { command, words: [second] };
    throw new UsageError(`${noun} needs what to do: ${command.name} ${command.operand}`);
  }
  const nouns = COMMANDS.map(({ name }) => name.split(' ')[0] ?? name);
  const nearest = /^[a-z]+$/.test(first) && !existsSync(first) ? nearestWord(first, nouns) : undefined;
  if (nearest !== undefined) throw new UsageError(`there is no command "${first}"; did you mean ${nearest}?`);
  return { command: runCommand, words: args };
}

/** Linkerd's flag: parse the configuration, tell the outcome and exit. */
const VALIDATE = /^-validate(=true|=false)?$/;
