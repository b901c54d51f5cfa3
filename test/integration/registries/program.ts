// Program: a server of somebody else's as a child process with a data folder: started until it serves, crashed, frozen, started
// again where it was, and gone without a trace at the end.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProgramSpec {
  /** What messages call it, with its address. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Data and log of the program; `stop()` removes it. Made by `makeDataFolder`. */
  readonly folder: string;
  /** Asked every 20 ms after the start; false and a rejection both say "not yet". Has a time limit of its own. */
  readonly ready: () => Promise<boolean>;
  /** Default 60 s. */
  readonly readyLimitMs?: number;
}

/** The program ended before it served: its port may have been taken by somebody else. */
export class EarlyExit extends Error {}

/** Many times what any needs on an idle machine: test files that run at the same time share its cores. */
const DEFAULT_READY_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 5_000;
const POLL_MS = 20;

const running = new Set<Program>();
const folders = new Set<string>();
process.on('exit', () => {
  for (const program of running) program.killNow();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Ends the programs that run, since a test that leaves one has forgotten a `stop()`. Resolves with their names. */
export async function stopLeftovers(): Promise<readonly string[]> {
  const left = [...running];
  await Promise.all(left.map((program) => program.stop()));
  return left.map((program) => program.name);
}

/** An empty folder for one program, removed at the latest when this process exits. */
export function makeDataFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `linkgate-${name}-`));
  folders.add(folder);
  return folder;
}

export class Program {
  readonly #spec: ProgramSpec;
  #child: ChildProcess | undefined;
  #exit: Promise<unknown> = Promise.resolve();

  constructor(spec: ProgramSpec) {
    this.#spec = spec;
  }

  get name(): string {
    return this.#spec.name;
  }

  get folder(): string {
    return this.#spec.folder;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Everything it has printed, over all its starts. Empty after `stop()`. */
  log(): string {
    try {
      return readFileSync(this.#logFile, 'utf8');
    } catch {
      return '';
    }
  }

  /**
   * Starts it, on the ports and the data it had before if it ran before. Resolves once it serves. Rejects, with the program
   * ended and the end of its log in the message, after the limit, or at once with EarlyExit when it exits.
   */
  async start(): Promise<void> {
    if (this.#child) throw new Error(`${this.name} runs already`);
    this.#spawn();
    const { readyLimitMs = DEFAULT_READY_LIMIT_MS } = this.#spec;
    const deadline = performance.now() + readyLimitMs;
    while (!(await this.#isReady())) {
      if (!this.#child) throw new EarlyExit(`${this.name} ended before it served; its log ends:\n${this.#logEnd()}`);
      if (performance.now() > deadline) {
        const logEnd = this.#logEnd();
        await this.kill();
        throw new Error(`${this.name} did not serve within ${readyLimitMs} ms; its log ends:\n${logEnd}`);
      }
      await sleep(POLL_MS);
    }
  }

  /** SIGKILL, as a crash. Resolves when it is gone; its data stays. */
  async kill(): Promise<void> {
    this.killNow();
    await this.#exit;
  }

  /** SIGKILL without waiting, for the end of the process. */
  killNow(): void {
    this.#child?.kill('SIGKILL');
  }

  /** SIGTERM, as an orderly restart; SIGKILL when it is not gone in 5 s. Resolves when it is gone; its data stays. */
  async terminate(): Promise<void> {
    // A frozen program would see the SIGTERM only when it is thawed.
    this.thaw();
    this.#child?.kill('SIGTERM');
    const late = setTimeout(() => this.killNow(), STOP_LIMIT_MS);
    await this.#exit;
    clearTimeout(late);
  }

  /** SIGSTOP: its sockets stay open and nothing answers, as a hung machine. */
  freeze(): void {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    this.#child?.kill('SIGSTOP');
    // The signal is on its way when `kill` returns, and until it is there a thread may still answer.
    const deadline = performance.now() + FREEZE_LIMIT_MS;
    while (!isStopped(pid) && performance.now() < deadline);
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Ends it from whatever state and removes its data. Any number of times. */
  async stop(): Promise<void> {
    await this.terminate();
    rmSync(this.folder, { recursive: true, force: true });
    folders.delete(this.folder);
  }

  get #logFile(): string {
    return join(this.folder, 'program.log');
  }

  #spawn(): void {
    const log = openSync(this.#logFile, 'a');
    const { command, args } = this.#spec;
    // The kernel kills it when this process dies of a signal, which no handler here would see: node --test ends a file that
    // takes too long that way.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    running.add(this);
    this.#exit = Promise.race([once(child, 'exit'), once(child, 'error')]).catch(() => {});
    const gone = (): void => {
      this.#child = undefined;
      running.delete(this);
    };
    child.once('exit', gone);
    child.once('error', gone);
  }

  async #isReady(): Promise<boolean> {
    // Before the exit is known, somebody else's program may answer on the port that this one did not get.
    const answers = await this.#spec.ready().catch(() => false);
    return answers && this.#child !== undefined;
  }

  #logEnd(): string {
    return this.log().slice(-1024);
  }
}

/** Starts all at the same time. When one fails, none is left. */
export async function startAll(programs: readonly Program[]): Promise<void> {
  const outcomes = await Promise.allSettled(programs.map((program) => program.start()));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (!failed) return;
  await Promise.all(programs.map((program) => program.stop()));
  throw failed.reason;
}

const FREEZE_LIMIT_MS = 1000;

/** Every thread of the process, by its state in proc(5). */
function isStopped(pid: number): boolean {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.every((thread) => /\) [tT] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1')));
  } catch {
    // It has just died, or one of its threads has.
    return false;
  }
}
