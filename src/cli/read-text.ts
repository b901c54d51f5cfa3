// Text that a command is given in any of three ways: as itself, as `@file` or as `-`; and what a grammar makes of it.

import { readFile } from 'node:fs/promises';
import { lineAndColumn, ParseError } from '../base/parse-error.js';
import { InputError } from './command.js';
import type { Terminal } from './terminal.js';

export interface GivenText {
  readonly text: string;
  /** Where it came from; undefined when it stood in the command line. */
  readonly file: string | undefined;
}

/** Throws InputError when the file cannot be read. */
export async function readText(argument: string, terminal: Terminal): Promise<GivenText> {
  if (argument === '-') return { text: await terminal.readStdin(), file: '<stdin>' };
  if (!argument.startsWith('@')) return { text: argument, file: undefined };
  const file = argument.slice(1);
  try {
    return { text: await readFile(file, 'utf8'), file };
  } catch (error) {
    throw new InputError(`cannot read "${file}": ${(error as Error).message}`);
  }
}

/** `parse` of the text. Throws InputError for a ParseError: `routes.dtab:3:7: Invalid dtab: '=' expected but …`. */
export function parseGiven<T>(what: string, { text, file }: GivenText, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const { line, column } = lineAndColumn(text, error.offset);
    const place = file === undefined ? '' : `${file}:${line}:${column}: `;
    throw new InputError(`${place}Invalid ${what}: ${error.message}`);
  }
}
