// A watched file: a path in, its decoded content as a signal out; what cannot be decoded never replaces what could.
//
// It watches nothing itself: the directory that it lies in calls `refresh` whenever something may have happened.

import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { type ReadonlySignal, type Signal, signal } from '@preact/signals-core';
import { failed, ok, PENDING, type State } from '../../src/base/activity.js';
import type { Clock, TimerHandle } from '../../src/base/clock.js';
import type { Logger } from '../../src/base/log.js';

/** How the files of one tree of directories are read. */
export interface FileReading<T> {
  readonly clock: Clock;
  readonly log: Logger;
  /** Turns text into a value, or throws what is wrong with it. */
  decode(text: string): T;
  /** Quiet time that ends a burst of writes, in milliseconds. */
  readonly settleMs: number;
  /** Larger files are refused. */
  readonly maxBytes: number;
  /** A file that had content must be empty for this long until that is believed: `command > file` empties it first. */
  readonly emptyGraceMs: number;
}

/** A file that is written all the time is read after this many settle times all the same. */
const MAX_SETTLING = 3;

/** File timestamps move in steps of some milliseconds, so an equal timestamp proves nothing about a recent write. */
const RACY_MS = 2000;

export class WatchedFile<T> {
  /** Binary string, as a path element. */
  readonly name: string;
  /** Undefined while there is no such file; failed only before the first good content. */
  readonly value: ReadonlySignal<State<T | undefined>>;
  readonly #path: Buffer;
  readonly #reading: FileReading<T>;
  readonly #value: Signal<State<T | undefined>>;
  #text: string | undefined;
  #problem: string | undefined;
  #fingerprint: string | undefined;
  #emptySince: number | undefined;
  /** The next look at a file that was being written, or is freshly empty. */
  #timer: TimerHandle | undefined;
  #freshSince: number | undefined;
  #inFlight: Promise<void> | undefined;
  #again = false;
  #paused = false;
  #isObserved = false;

  /** `watched` and `unwatched` are called when `value` gets its first observer and loses its last one. */
  constructor(
    name: string,
    path: Buffer,
    reading: FileReading<T>,
    hooks: { watched(file: WatchedFile<T>): void; unwatched(file: WatchedFile<T>): void },
  ) {
    this.name = name;
    this.#path = path;
    this.#reading = reading;
    this.#value = signal<State<T | undefined>>(PENDING, {
      watched: () => {
        this.#isObserved = true;
        hooks.watched(this);
      },
      unwatched: () => {
        this.#isObserved = false;
        hooks.unwatched(this);
      },
    });
    this.value = this.#value;
  }

  get isObserved(): boolean {
    return this.#isObserved;
  }

  /** Why the file as it is now is not in use; undefined when it is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Reads the file if it may have changed. Called during a read, it reads once more after it. Never rejects. */
  refresh(): Promise<void> {
    this.#paused = false;
    this.#again = true;
    this.#inFlight ??= this.#readUntilQuiet();
    return this.#inFlight;
  }

  /** The file does not exist: nothing of it is remembered, so that one made anew does not live on old addresses. */
  markGone(): void {
    this.#forget();
    this.#value.value = ok(undefined);
  }

  /** The file was found not to exist, and has not been read since. */
  get isGone(): boolean {
    const now = this.#value.peek();
    return now.state === 'ok' && now.value === undefined;
  }

  /** Nobody keeps the file fresh from now on: what is known of it counts no more. */
  reset(): void {
    this.#forget();
    this.#value.value = PENDING;
  }

  /** Starts nothing more until the next `refresh`; resolves when no handle is open. */
  async settle(): Promise<void> {
    this.#paused = true;
    this.#timer?.cancel();
    await this.#inFlight;
  }

  #forget(): void {
    this.#paused = true;
    this.#text = undefined;
    this.#problem = undefined;
    this.#fingerprint = undefined;
    this.#emptySince = undefined;
    this.#freshSince = undefined;
    this.#timer?.cancel();
  }

  async #readUntilQuiet(): Promise<void> {
    try {
      while (this.#again && !this.#paused) {
        this.#again = false;
        await this.#readOnce();
      }
    } finally {
      this.#inFlight = undefined;
    }
  }

  async #readOnce(): Promise<void> {
    this.#timer?.cancel();
    try {
      if (this.#fingerprint !== undefined && (await this.#isUnchanged(this.#fingerprint))) return;
      const read = await this.#readText();
      if (this.#paused) return;
      if (read.isTorn || (read.isFresh && !this.#hasSettledLongEnough())) {
        this.#lookAgainIn(this.#reading.settleMs);
        return;
      }
      this.#freshSince = undefined;
      this.#accept(read.text);
    } catch (error) {
      // Deleted since the directory was listed; the next listing tells.
      if (codeOf(error) === 'ENOENT') return;
      if (!this.#paused) this.#refuse(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #hasSettledLongEnough(): boolean {
    const { clock, settleMs } = this.#reading;
    this.#freshSince ??= clock.now();
    return clock.now() - this.#freshSince >= MAX_SETTLING * settleMs;
  }

  #lookAgainIn(delayMs: number): void {
    this.#fingerprint = undefined;
    this.#timer?.cancel();
    this.#timer = this.#reading.clock.after(delayMs, () => void this.refresh());
  }

  async #isUnchanged(fingerprint: string): Promise<boolean> {
    return fingerprintOf(await stat(this.#path, { bigint: true })) === fingerprint;
  }

  async #readText(): Promise<ReadText> {
    // O_NONBLOCK: a pipe put in the file's place must not hold a thread of Node's pool until someone writes to it.
    const handle = await open(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await handle.stat({ bigint: true });
      if (!stats.isFile()) throw new Error('not a regular file');
      const { maxBytes, clock, settleMs } = this.#reading;
      const ageMs = clock.epochMs() - Number(stats.ctimeMs);
      this.#fingerprint = ageMs > RACY_MS ? fingerprintOf(stats) : undefined;
      if (stats.size > maxBytes) throw new Error(`file is larger than ${maxBytes} bytes`);
      const bytes = await handle.readFile();
      if (bytes.length > maxBytes) throw new Error(`file is larger than ${maxBytes} bytes`);
      // `readFile` stops at the size of the beginning: of a file that grew meanwhile it gives well-formed halves.
      const isTorn = fingerprintOf(await handle.stat({ bigint: true })) !== fingerprintOf(stats);
      return { text: bytes.toString('utf8'), isTorn, isFresh: ageMs >= 0 && ageMs < settleMs };
    } finally {
      await handle.close();
    }
  }

  #accept(text: string): void {
    if (text === '' && this.#text && this.#isFreshlyEmpty()) return;
    this.#emptySince = undefined;
    if (text === this.#text && this.#problem === undefined) return;
    let value: T;
    try {
      value = this.#reading.decode(text);
    } catch (error) {
      this.#refuse(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (this.#problem !== undefined) this.#reading.log.info(`${this.#path} is in use again`);
    this.#problem = undefined;
    if (text === this.#text) return;
    this.#text = text;
    this.#value.value = ok(value);
  }

  #isFreshlyEmpty(): boolean {
    const { clock, emptyGraceMs } = this.#reading;
    this.#emptySince ??= clock.now();
    const left = emptyGraceMs - (clock.now() - this.#emptySince);
    if (left > 0) this.#lookAgainIn(left);
    return left > 0;
  }

  #refuse(error: Error): void {
    if (error.message === this.#problem) return;
    this.#problem = error.message;
    const keeps = this.#text !== undefined;
    const consequence = keeps ? 'what it said before stays in use' : 'it is not in use until that is corrected';
    this.#reading.log.warn(`cannot use ${this.#path}: ${error.message}; ${consequence}`);
    if (!keeps) this.#value.value = failed(error);
  }
}

interface ReadText {
  readonly text: string;
  /** The file changed while it was read. */
  readonly isTorn: boolean;
  /** The file changed so short a time ago that more may be to come; never so when its clock is ahead of ours. */
  readonly isFresh: boolean;
}

/** The `code` of a system error, or the empty string. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function fingerprintOf(stats: {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
}
