// Paced writes: what is to be written, by key, in; requests one after the other out, no faster than an API server likes.

import { type BackoffSequence, equalJitteredBackoff } from '../../../src/base/backoff.js';
import type { Clock, TimerHandle } from '../../../src/base/clock.js';
import type { Logger } from '../../../src/base/log.js';
import type { Counter } from '../../../src/base/metrics.js';
import type { Random } from '../../../src/base/random.js';
import { sleep } from '../../shared/registry-watch.js';

/** Brings one thing up to date, as things are when it is called. */
export type Write = (signal: AbortSignal) => Promise<void>;

export interface PacedWritesOptions {
  /** As messages call them: `status`. */
  readonly what: string;
  /** So many at once, after a pause. */
  readonly burst: number;
  /** Then so many in a second. */
  readonly perSecond: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly errors: Counter;
}

interface Failed {
  readonly waits: BackoffSequence;
  retry: TimerHandle | undefined;
}

/** More keys than any cluster has Ingresses; what comes on top is left out, and comes again when it is next looked at. */
const MAX_WAITING = 20_000;

/** Nothing is written before `resume`. A key that is asked for again before it was written is written once. */
export class PacedWrites {
  readonly #options: PacedWritesOptions;
  readonly #waiting = new Map<string, Write>();
  readonly #failed = new Map<string, Failed>();
  /** Complaints by message: a right that is missing is said once, not once for each Ingress. */
  readonly #told = new Set<string>();
  #abort: AbortController | undefined;
  #running: Promise<void> | undefined;
  #tokens: number;
  #filledAt: number;

  constructor(options: PacedWritesOptions) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#filledAt = options.clock.now();
  }

  /** What has failed is tried again in its own time, however often it is asked for. */
  put(key: string, write: Write): void {
    if (this.#waiting.size >= MAX_WAITING || this.#failed.get(key)?.retry) return;
    this.#waiting.set(key, write);
    this.#run();
  }

  resume(): void {
    this.#abort ??= new AbortController();
    this.#run();
  }

  /** Forgets what is waiting, and resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#abort?.abort();
    this.#abort = undefined;
    this.#waiting.clear();
    for (const { retry } of this.#failed.values()) retry?.cancel();
    this.#failed.clear();
    this.#told.clear();
    await this.#running;
  }

  #run(): void {
    if (!this.#abort || this.#running) return;
    this.#running = this.#writeAll(this.#abort.signal).finally(() => {
      this.#running = undefined;
      // What was put after a stop and a resume found the old run still ending.
      if (this.#waiting.size > 0) this.#run();
    });
  }

  async #writeAll(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    // In a later turn: `put` is called for many in a row.
    await Promise.resolve();
    while (!signal.aborted) {
      const [next] = this.#waiting;
      if (!next) return;
      const waitMs = this.#takeToken();
      if (waitMs > 0) {
        await sleep(waitMs, clock, signal);
        continue;
      }
      this.#waiting.delete(next[0]);
      await this.#write(next[0], next[1], signal);
    }
  }

  /** 0: taken. Else how long to wait for one. */
  #takeToken(): number {
    const { clock, burst, perSecond } = this.#options;
    const now = clock.now();
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) / 1000) * perSecond);
    this.#filledAt = now;
    if (this.#tokens < 1) return Math.ceil(((1 - this.#tokens) / perSecond) * 1000);
    this.#tokens -= 1;
    return 0;
  }

  async #write(key: string, write: Write, signal: AbortSignal): Promise<void> {
    const { clock, errors, random, log, what } = this.#options;
    try {
      await write(signal);
      this.#failed.delete(key);
    } catch (error) {
      if (signal.aborted) return;
      errors.inc();
      const failed: Failed = this.#failed.get(key) ?? {
        waits: equalJitteredBackoff(1000, 60_000, random)(),
        retry: undefined,
      };
      this.#failed.set(key, failed);
      failed.retry = clock.after(failed.waits.next(), () => {
        failed.retry = undefined;
        this.put(key, write);
      });
      this.#complain(`${what} of ${key}`, (error as Error).message, log);
    }
  }

  #complain(of: string, message: string, log: Logger): void {
    // The name of the object is in the message, and says nothing of the reason.
    const reason = message.replace(/^\S+ \S+: /, '').replace(/"[^"]*"/g, '');
    const line = `${of} is not written: ${message}; tried again`;
    if (this.#told.has(reason) || this.#told.size >= 100) log.debug(line);
    else log.warn(line);
    this.#told.add(reason);
  }
}
