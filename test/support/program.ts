// Program: the gateway as an operator starts it, in a process of its own; what it writes, its ports and its exit code.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

/** Starting Node on a busy machine takes its time. */
export const START_LIMIT_MS = 15_000;

export interface RunOptions {
  readonly stdin?: string;
  /** Flags of Node itself. */
  readonly node?: readonly string[];
}

/** A process of the program, with what it wrote so far. */
export class Program {
  static readonly #all = new Set<Program>();
  readonly child: ChildProcess;
  readonly written = { out: '', err: '' };
  readonly #ended: Promise<number | null>;

  constructor(args: readonly string[], { stdin = '', node = [] }: RunOptions = {}, script = MAIN) {
    this.child = spawn(process.execPath, [...node, script, ...args], { stdio: 'pipe' });
    Program.#all.add(this);
    this.#ended = once(this.child, 'close').then(([code]) => code as number | null);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.written.out += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.written.err += text;
    });
    // A program that does not read it may be gone already.
    this.child.stdin?.on('error', () => {}).end(stdin);
  }

  /** For the end of a test file: those of tests that failed halfway. */
  static killAll(): void {
    for (const program of Program.#all) program.kill('SIGKILL');
  }

  /** The exit code; null when a signal ended it. */
  ended(): Promise<number | null> {
    return this.#ended;
  }

  /** The log lines so far. */
  get log(): readonly Readonly<Record<string, unknown>>[] {
    const lines = this.written.err.split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  }

  /** Waits for the log line that begins with `message`, the `nth` such line (default: the first). */
  async logged(message: string, nth = 1): Promise<Readonly<Record<string, unknown>>> {
    const find = () => this.log.filter(({ msg }) => String(msg).startsWith(message))[nth - 1];
    await eventually(() => find() !== undefined || this.#die(message), { timeoutMs: START_LIMIT_MS });
    return find() ?? assert.fail(message);
  }

  /** Resolves once the gateway serves. */
  async serving(): Promise<{ readonly port: number; readonly adminPort: number }> {
    const admin = await this.logged('admin on http://');
    const server = await this.logged('serving http on 127.0.0.1:');
    return { port: Number(server.port), adminPort: Number(admin.port) };
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  #die(waitedFor: string): never {
    throw new Error(`no log line "${waitedFor}" in: ${this.written.err}`);
  }
}
