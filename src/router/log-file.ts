// A log file that is written behind the traffic's back: lines come in at any rate, 64 kB writes go out one at a time.
//
// A disk that is full, broken or slow must cost lines and never the gateway: what waits is bounded, what does not fit is
// counted, and the application log hears of it once. Rolling, reopening and closing queue up behind the writes, so no
// line lands in the wrong file.

import { closeSync, constants, fstatSync, mkdirSync, openSync, write } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Clock, TimerHandle } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { Logger } from '../base/log.js';
import { nextRollMs, type RollPolicy, rolledStamp } from './roll-policy.js';
import { moveAway, removeOldest } from './rolled-files.js';

export interface LogFileOptions {
  /** Directories that are missing are made. */
  readonly path: string;
  readonly rollPolicy: RollPolicy;
  /** False: what the file held is dropped when it is opened at start. */
  readonly append: boolean;
  /** How many rolled files are kept, the newest; -1 for all. */
  readonly rotateCount: number;
  readonly clock: Clock;
  /** Hears of trouble with the file. */
  readonly logger: Logger;
}

/** A write this large goes out at once, a smaller one after a second. */
const FLUSH_BYTES = 64 * 1024;
const FLUSH_MS = 1000;
/** Lines that find this much waiting for the disk are dropped. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

const APPENDING = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;
const NEWLINE = 0x0a;

const writeFd = promisify(write);

export class LogFile implements Closable {
  readonly #options: LogFileOptions;
  #fd: number;
  /** When the current file was begun, for the name that it gets when it is rolled. */
  #begunAtMs = 0;
  #rollAtMs = Number.POSITIVE_INFINITY;
  /** Bytes in the current file, or on their way to it. */
  #size = 0;
  readonly #rollAtSize: number;
  readonly #rollPolicy: RollPolicy;

  /** Lines not handed to the disk yet. */
  #text = '';
  /** Bytes of lines that are not on the disk yet. */
  #waitingBytes = 0;
  #timer: TimerHandle | undefined;
  /** Everything done to the file, one after the other. Never rejects. */
  #work: Promise<void> = Promise.resolve();
  #closed = false;

  #droppedLines = 0;
  #inTrouble = false;
  #droppedInTrouble = 0;
  /** A write ended within a line. */
  #torn = false;

  /** Throws when the file cannot be opened: at start that is a mistake to be told, later it only costs lines. */
  constructor(options: LogFileOptions) {
    const { path, rollPolicy, append, clock } = options;
    this.#options = options;
    try {
      mkdirSync(dirname(path), { recursive: true });
      this.#fd = openSync(path, APPENDING | (append ? 0 : constants.O_TRUNC));
    } catch (error) {
      throw new Error(`Cannot open access log "${path}": ${(error as Error).message}`, { cause: error });
    }
    const stats = fstatSync(this.#fd);
    // Neither a terminal nor a pipe (/dev/stdout) is to be renamed.
    this.#rollPolicy = stats.isFile() ? rollPolicy : { type: 'never' };
    this.#rollAtSize = this.#rollPolicy.type === 'size' ? this.#rollPolicy.bytes : Number.POSITIVE_INFINITY;
    // A file that an earlier run left belongs to the day when it was written last.
    this.#begin(stats.size > 0 ? Math.min(clock.epochMs(), stats.mtimeMs) : clock.epochMs(), stats.size);
  }

  /** Lines that did not get into the file so far. */
  get droppedLines(): number {
    return this.#droppedLines;
  }

  /** Adds `line`, of ASCII characters with a line feed at its end. Hot path. */
  write(line: string, epochMs: number): void {
    const full = this.#size > 0 && this.#size + line.length > this.#rollAtSize;
    if (full || epochMs >= this.#rollAtMs) this.#roll(epochMs);
    if (this.#closed || this.#waitingBytes + line.length > MAX_WAITING_BYTES) {
      this.#drop(1);
      if (!this.#closed) this.#reportTrouble('it is written more slowly than requests are served');
      return;
    }
    this.#text += line;
    this.#size += line.length;
    this.#waitingBytes += line.length;
    if (this.#text.length >= FLUSH_BYTES) this.#flush();
    else this.#timer ??= this.#options.clock.after(FLUSH_MS, this.#onTimer);
  }

  /** Opens the path anew, behind the lines so far: something else has moved the file away. */
  reopen(): void {
    if (this.#closed) return;
    this.#flush();
    this.#begin(this.#options.clock.epochMs(), 0);
    this.#enqueue(async () => this.#openAnew());
  }

  /** Resolves when all lines so far are written or given up. */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#timer?.cancel();
      this.#flush();
      this.#enqueue(async () => closeSync(this.#fd));
    }
    return this.#work;
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#flush();
  };

  #flush(): void {
    if (this.#text === '') return;
    const data = Buffer.from(this.#text, 'latin1');
    this.#text = '';
    this.#enqueue(() => this.#writeOut(data));
  }

  #roll(epochMs: number): void {
    this.#flush();
    const { path, rotateCount } = this.#options;
    const stamp = rolledStamp(this.#rollPolicy, this.#begunAtMs);
    // At once, not when the job is done: the next line must not roll again. A failed roll is tried at the next one.
    this.#begin(epochMs, 0);
    this.#enqueue(async () => {
      await moveAway(path, stamp);
      this.#openAnew();
      if (rotateCount >= 0) await removeOldest(path, rotateCount);
    });
  }

  #begin(epochMs: number, bytes: number): void {
    this.#begunAtMs = epochMs;
    this.#rollAtMs = nextRollMs(this.#rollPolicy, epochMs);
    this.#size = bytes;
  }

  #enqueue(job: () => Promise<void>): void {
    this.#work = this.#work.then(job).catch((error: Error) => this.#reportTrouble(error.message));
  }

  async #writeOut(data: Buffer): Promise<void> {
    let written = 0;
    try {
      if (this.#torn) await writeFd(this.#fd, '\n');
      this.#torn = false;
      while (written < data.length) written += (await writeFd(this.#fd, data, written)).bytesWritten;
    } catch (error) {
      this.#torn ||= written > 0 && data[written - 1] !== NEWLINE;
      this.#drop(countLines(data, written));
      throw error;
    } finally {
      this.#waitingBytes -= data.length;
    }
    if (this.#inTrouble && this.#waitingBytes === 0) this.#reportRecovery();
  }

  /** When the path cannot be opened the old file is written on: better there than nowhere. */
  #openAnew(): void {
    const old = this.#fd;
    this.#fd = openSync(this.#options.path, APPENDING);
    this.#torn = false;
    closeSync(old);
  }

  #drop(lines: number): void {
    this.#droppedLines += lines;
    this.#droppedInTrouble += lines;
  }

  /** Once for each stretch of trouble: a full disk must not fill another one with complaints. */
  #reportTrouble(reason: string): void {
    if (this.#inTrouble) return;
    this.#inTrouble = true;
    this.#options.logger.error(`access log "${this.#options.path}" may lose lines until this is over: ${reason}`);
  }

  #reportRecovery(): void {
    this.#options.logger.warn(
      `access log "${this.#options.path}" is written again; lines lost: ${this.#droppedInTrouble}`,
    );
    this.#inTrouble = false;
    this.#droppedInTrouble = 0;
  }
}

function countLines(data: Buffer, from: number): number {
  let lines = 0;
  for (let at = data.indexOf(NEWLINE, from); at >= 0; at = data.indexOf(NEWLINE, at + 1)) lines += 1;
  return lines;
}
