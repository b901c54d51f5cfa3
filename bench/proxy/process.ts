// Processes: a command line in, a program that is ready to serve out, with the memory and CPU time of its whole tree.

import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ROOT, TICK_MS } from './machine.js';

const READY_LIMIT_MS = 15_000;
const STOP_LIMIT_MS = 5_000;

export interface Launch {
  /** Prefix that pins it, then the program and its arguments. */
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Working folder; its output goes to `<name>.log` there. */
  readonly folder: string;
  readonly name: string;
  /** Asked until it answers true; the program must still be running then. */
  readonly isReady: () => Promise<boolean>;
}

/** What still runs is killed when this process exits, however that comes about. */
const running = new Set<Program>();
process.on('exit', () => {
  for (const program of running) program.kill();
});

export class Program {
  /** Resolves when it has ended, with its exit code; with null when a signal ended it. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #log: string;

  private constructor(child: ChildProcess, log: string) {
    this.#child = child;
    this.#log = log;
    this.ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  /** Rejects with the end of its output when it exits or is not ready in time. */
  static async start(launch: Launch): Promise<Program> {
    const log = join(launch.folder, `${launch.name}.log`);
    const output = openSync(log, 'w');
    const [command = '', ...args] = launch.command;
    const child = spawn(command, args, {
      cwd: launch.folder,
      env: { ...process.env, ...launch.env },
      stdio: ['ignore', output, output],
    });
    const program = new Program(child, log);
    running.add(program);
    let problem: string | undefined;
    child.on('error', (error) => {
      problem = error.message;
    });
    const giveUpAt = Date.now() + READY_LIMIT_MS;
    while (!(await launch.isReady())) {
      if (child.exitCode !== null) problem ??= `exited with ${child.exitCode}`;
      if (Date.now() > giveUpAt) problem ??= `not ready within ${READY_LIMIT_MS / 1000} s`;
      if (problem !== undefined) {
        await program.stop();
        throw new Error(`${problem}; its last output: ${program.lastOutput() || '(none)'}`);
      }
      await wait(50);
    }
    return program;
  }

  get running(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The end of what it printed, for messages; without this machine's folders, since results are kept. */
  lastOutput(): string {
    return readFileSync(this.#log, 'utf8').replaceAll(ROOT, '').trim().slice(-500);
  }

  /** Resident memory now, of the process and its descendants, in MB. */
  residentMB(): number {
    return sumStatus(this.#tree(), 'VmRSS');
  }

  /** Sum of each process's own peak, in MB. */
  peakResidentMB(): number {
    return sumStatus(this.#tree(), 'VmHWM');
  }

  /** CPU time used so far by the process and its descendants, in ms. */
  cpuMs(): number {
    return this.#tree().reduce((sum, { userTicks, systemTicks }) => sum + (userTicks + systemTicks) * TICK_MS, 0);
  }

  /** How long it was ready to run and got no core so far, in ms: its first thread only. 0 once it has ended. */
  waitedForCoreMs(): number {
    // Nanoseconds on a core, nanoseconds waiting for one, turns.
    const waitedNs = readProc(String(this.#child.pid), 'schedstat')?.split(' ')[1];
    return Number(waitedNs ?? 0) / 1e6;
  }

  /** Of the program itself, not of what it started. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async stop(): Promise<void> {
    if (this.running) {
      this.signal('SIGTERM');
      await Promise.race([this.ended, wait(STOP_LIMIT_MS, undefined, { ref: false })]);
    }
    this.kill();
  }

  kill(): void {
    // Descendants first: they would be adopted by init and lost to us.
    for (const { pid } of this.#tree().reverse()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended between the look and the kill.
      }
    }
    running.delete(this);
  }

  #tree(): ProcessStat[] {
    if (!this.running) return [];
    const all = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap(readStat);
    const tree = all.filter(({ pid }) => pid === this.#child.pid);
    for (const parent of tree) tree.push(...all.filter(({ parentPid }) => parentPid === parent.pid));
    return tree;
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

interface ProcessStat {
  readonly pid: number;
  readonly parentPid: number;
  readonly userTicks: number;
  readonly systemTicks: number;
}

function readStat(pid: string): ProcessStat[] {
  const text = readProc(pid, 'stat');
  if (text === undefined) return [];
  // The second field is the program's name in parentheses and may hold anything: count from its end (proc(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [parentPid, userTicks, systemTicks] = [Number(fields[1]), Number(fields[11]), Number(fields[12])];
  return [{ pid: Number(pid), parentPid, userTicks, systemTicks }];
}

function sumStatus(tree: readonly ProcessStat[], field: 'VmRSS' | 'VmHWM'): number {
  const pattern = new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm');
  const kB = tree.map(({ pid }) => Number(pattern.exec(readProc(String(pid), 'status') ?? '')?.[1] ?? 0));
  return kB.reduce((sum, value) => sum + value, 0) / 1024;
}

/** Undefined for a process that is gone. */
function readProc(pid: string, file: string): string | undefined {
  try {
    return readFileSync(join('/proc', pid, file), 'utf8');
  } catch {
    return undefined;
  }
}
