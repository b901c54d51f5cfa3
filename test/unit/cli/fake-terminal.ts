// A terminal that keeps what a command writes, and the program run on it.

import { runProgram } from '../../../src/cli/program.js';
import type { Terminal } from '../../../src/cli/terminal.js';

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the program as `linkgate ...args`, with `stdin`. */
export async function linkgate(args: readonly string[], stdin = ''): Promise<Outcome> {
  const terminal = new FakeTerminal(stdin);
  const code = await runProgram(args, terminal);
  return { code, out: terminal.written.out, err: terminal.written.err };
}

export class FakeTerminal implements Terminal {
  readonly colours = false;
  readonly program = 'linkgate';
  readonly written = { out: '', err: '' };
  readonly #stdin: string;

  constructor(stdin = '') {
    this.#stdin = stdin;
  }

  out(text: string): void {
    this.written.out += text;
  }

  err(text: string): void {
    this.written.err += text;
  }

  async readStdin(): Promise<string> {
    return this.#stdin;
  }
}
