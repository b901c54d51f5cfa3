// The access log: one line for each response that came from upstream, in the form of NCSA's combined log.
//
// `<Host> <remote ip> - - [31/01/2026:23:59:59 UTC] "GET /a?b HTTP/1.1" 200 1234 "<Referer>" "<User-Agent>"`

import { resolve } from 'node:path';
import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import { type Logger, makeLogger } from '../base/log.js';
import type { RequestHead, ResponseHead } from '../service/message.js';
import { LogFile } from './log-file.js';
import { type RollPolicy, two } from './roll-policy.js';

export interface AccessLogOptions {
  readonly path: string;
  readonly rollPolicy: RollPolicy;
  /** False: what the file held is dropped at start. */
  readonly append: boolean;
  /** How many rolled files are kept, the newest; -1 for all. */
  readonly rotateCount: number;
  readonly clock: Clock;
  /** Hears of trouble with the file; the application log unless a test asks. */
  readonly logger?: Logger;
}

export interface AccessLog extends Closable {
  /** Opens the file. Throws when it cannot be opened. Call it once; lines before it are lost. */
  open(): void;
  /** Once a response head, as it ends. `remoteAddress` is the caller's. Hot path: about a microsecond, never waits. */
  log(request: RequestHead, response: ResponseHead, remoteAddress: string): void;
  /** For SIGHUP: opens the file anew, behind the lines so far. */
  reopen(): void;
  /** Lines lost so far: the disk was full, broken or too slow. Of the file, so the same for all who share it. */
  readonly droppedLines: number;
  /** Resolves when the lines so far are written or given up. */
  close(): Promise<void>;
}

/** Touches no file yet. Routers that name the same file share one writer, which has the settings of the first to open. */
export function makeAccessLog(options: AccessLogOptions): AccessLog {
  return new FileAccessLog(options);
}

interface SharedFile {
  readonly file: LogFile;
  readonly settings: string;
  users: number;
}

/** By absolute path. Two writers of one file would roll it under each other. */
const openFiles = new Map<string, SharedFile>();

class FileAccessLog implements AccessLog {
  readonly #clock: Clock;
  readonly #path: string;
  readonly #options: AccessLogOptions;
  #shared: SharedFile | undefined;
  #file: LogFile | undefined;
  #closed: Promise<void> | undefined;

  /** The time stamp of all lines of one second. */
  #second = Number.NaN;
  #stamp = '';

  constructor(options: AccessLogOptions) {
    this.#clock = options.clock;
    this.#path = resolve(options.path);
    this.#options = options;
  }

  open(): void {
    const { logger = makeLogger('access-log'), ...options } = this.#options;
    const settings = JSON.stringify([options.rollPolicy, options.append, options.rotateCount]);
    let shared = openFiles.get(this.#path);
    if (!shared) {
      shared = { file: new LogFile({ ...options, path: this.#path, logger }), settings, users: 0 };
      openFiles.set(this.#path, shared);
    } else if (shared.settings !== settings) {
      logger.warn(
        `access log "${this.#path}" is open already: its roll policy, append and rotate count stay as they are`,
      );
    }
    shared.users += 1;
    this.#shared = shared;
    this.#file = shared.file;
  }

  get droppedLines(): number {
    return this.#file?.droppedLines ?? 0;
  }

  log(request: RequestHead, response: ResponseHead, remoteAddress: string): void {
    const now = this.#clock.epochMs();
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#stamp = showTime(new Date(now));
    }
    const { headers } = request;
    const length = response.contentLength < 0 ? '-' : response.contentLength;
    this.#file?.write(
      `${word(headers.get('host'))} ${remoteAddress} - - [${this.#stamp}] "${request.method} ${word(request.target)} HTTP/${
        request.version === '2' ? '2.0' : request.version
      }" ${response.status} ${length} "${quoted(headers.get('referer'))}" "${quoted(headers.get('user-agent'))}"\n`,
      now,
    );
  }

  reopen(): void {
    this.#file?.reopen();
  }

  close(): Promise<void> {
    this.#closed ??= this.#release();
    return this.#closed;
  }

  async #release(): Promise<void> {
    if (!this.#shared) return;
    this.#shared.users -= 1;
    if (this.#shared.users > 0) return;
    openFiles.delete(this.#path);
    await this.#shared.file.close();
  }
}

/** `31/01/2026:23:59:59 UTC`, in the local time zone. */
function showTime(at: Date): string {
  const date = `${two(at.getDate())}/${two(at.getMonth() + 1)}/${at.getFullYear()}`;
  return `${date}:${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())} ${zoneName(at)}`;
}

/** English abbreviates a zone only where it is spoken: elsewhere it says `GMT+1`, so several places are asked. */
const ZONE_FORMATS = ['en-US', 'en-GB', 'en-AU', 'en-IN'].map(
  (locale) => new Intl.DateTimeFormat(locale, { timeZoneName: 'short' }),
);

/** The local zone's abbreviation, `UTC` or `CEST`; `GMT+9` where ICU knows none. */
function zoneName(at: Date): string {
  let name = '';
  for (const format of ZONE_FORMATS) {
    name = format.formatToParts(at).find((part) => part.type === 'timeZoneName')?.value ?? '';
    if (!/[+-]/.test(name)) break;
  }
  return name;
}

/** A value outside quotes. */
function word(value: string | undefined): string {
  if (value === undefined || value === '') return '-';
  return NOT_IN_WORD.test(value) ? escaped(value).replaceAll(' ', '\\x20') : value;
}

/** A value inside quotes. */
function quoted(value: string | undefined): string {
  if (value === undefined || value === '') return '-';
  return NOT_IN_QUOTES.test(value) ? escaped(value) : value;
}

/** Printable ASCII without quote and backslash; a word has no space either. */
const NOT_IN_QUOTES = /[^\x20\x21\x23-\x5b\x5d-\x7e]/;
const NOT_IN_WORD = /[^\x21\x23-\x5b\x5d-\x7e]/;

/** As nginx escapes: `\xHH`. A caller must not be able to end a quote or a line, and so write lines of its own. */
function escaped(value: string): string {
  return value.replace(
    /[^\x20\x21\x23-\x5b\x5d-\x7e]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
