// Command: the contract of one command of the program, from which its help is written and its arguments are read.

import type { Terminal } from './terminal.js';

export interface Command {
  /** The words that choose it: `check`, `dtab fmt`. */
  readonly name: string;
  /** One line, for the list of commands: what it does. */
  readonly summary: string;
  /** The one thing it works on, as help shows it: `<config>`. */
  readonly operand: string;
  /** What the operand may be, in a line or two. */
  readonly operandHelp: string;
  /** By name, without the dashes. */
  readonly options: Readonly<Record<string, Option>>;
  /** Paragraphs of help, of lines of at most 80 characters. */
  readonly details: string;
  /** What follows the program's name; each works as typed from the root of the repository. */
  readonly examples: readonly string[];
  /** Answers the exit code: 0, or 1 when what it was given is wrong. Throws `InputError` for the same. */
  run(args: Arguments, terminal: Terminal): Promise<number>;
}

/** What stood behind the command's name. */
export interface Arguments {
  readonly operand: string;
  has(option: string): boolean;
  /** Of an option that takes one; undefined when it is not given. */
  value(option: string): string | undefined;
}

export interface Option {
  /** What stands for its value in help, e.g. `<file>`; absent for an option that takes none. */
  readonly value?: string;
  /** One line. */
  readonly help: string;
}

/** The program was called wrongly: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What the program was given to read is wrong: exit code 1. */
export class InputError extends Error {
  override readonly name = 'InputError';
}
