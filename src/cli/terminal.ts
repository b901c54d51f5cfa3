// Terminal: what a command reads and writes. The process's own here; a test gives a command another one.

import { basename, relative } from 'node:path';
import { text } from 'node:stream/consumers';

export interface Terminal {
  /** Writes to stdout: what was asked for. */
  out(text: string): void;
  /** Writes to stderr: what went wrong. */
  err(text: string): void;
  /** All of stdin, read as UTF-8. */
  readStdin(): Promise<string>;
  /** Whether stdout shows colours. */
  readonly colours: boolean;
  /** How the program was called, so that examples work as typed: `linkgate`, or `node dist/src/main.js`. */
  readonly program: string;
}

export function makeProcessTerminal(): Terminal {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `| head` has seen enough. That is no failure of ours, and the exit code still tells what was found.
    if (error.code === 'EPIPE') return;
    process.stderr.write(`linkgate: cannot write to stdout: ${error.message}\n`);
    process.exit(1);
  });
  // Nobody is left to be told.
  process.stderr.on('error', () => {});
  return {
    out: (chunk) => void process.stdout.write(chunk),
    err: (chunk) => void process.stderr.write(chunk),
    readStdin: () => text(process.stdin),
    // no-color.org: any value but the empty one.
    colours: process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb',
    program: programName(process.argv[1] ?? 'linkgate'),
  };
}

function programName(script: string): string {
  return basename(script) === 'linkgate' ? 'linkgate' : `node ${relative(process.cwd(), script)}`;
}
