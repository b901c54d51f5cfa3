// A watched directory: a path in, the names in it and the content of its files out as signals, kept up to date while
// someone observes them.
//
// inotify events are a hint and no more: watching a file goes deaf at the first rename over it, and watching a directory
// when the directory itself is replaced. So only directories are watched, any event means "list and read again", the
// identity of the directory is compared each time, and without an event all this happens every `rescanMs`.

import { type PathLike, watch } from 'node:fs';
import { basename } from 'node:path';
import { type ReadonlySignal, type Signal, signal } from '@preact/signals-core';
import { failed, ok, PENDING, type State } from '../../src/base/activity.js';
import type { TimerHandle } from '../../src/base/clock.js';
import type { Closable } from '../../src/base/closable.js';
import { textFromBytes } from '../../src/base/path.js';
import { childPath, identify, type Listing, list, listSync, sameListing } from './directory-listing.js';
import { codeOf, type FileReading, WatchedFile } from './watched-file.js';

export interface DirectoryWatching<T> extends FileReading<T> {
  /** Between two readings without an event: network and overlay file systems send none. */
  readonly rescanMs: number;
  /** The same where there is nothing to watch: the directory is missing, or the system has no watches left. */
  readonly pollMs: number;
  /** From the last observer's leaving to the end of the watch. */
  readonly lingerMs: number;
  /** `fs.watch`, or what a test puts in its place. */
  readonly watch?: WatchFunction;
}

export type WatchFunction = (
  path: PathLike,
  listener: (event: string, name: string | null) => void,
) => { on(event: 'error', listener: (error: Error) => void): unknown; close(): void };

/** What of a directory `/namer_state` shows. */
export interface DirectoryState {
  readonly watch: 'off' | 'events' | 'polling';
  readonly problem?: string;
  readonly files: Readonly<Record<string, { readonly state: string; readonly problem?: string }>>;
  readonly directories: Readonly<Record<string, DirectoryState>>;
}

/** A burst of events that does not end is read after this many settle times all the same. */
const MAX_BURST = 2.5;

export class WatchedDirectory<T> implements Closable {
  /** A directory that does not exist has no names; failed only when it could not be read and never was. */
  readonly listing: ReadonlySignal<State<Listing>>;
  readonly #path: Buffer;
  readonly #watching: DirectoryWatching<T>;
  readonly #notices: { polling: boolean };
  readonly #listing: Signal<State<Listing>>;
  /** Every file asked for, so that all who ask for one share it. */
  readonly #files = new Map<string, WatchedFile<T>>();
  /** Files that have been observed since the watch began: these are read. */
  readonly #live = new Set<WatchedFile<T>>();
  readonly #directories = new Map<string, WatchedDirectory<T>>();
  #observers = 0;
  #running = false;
  #closed = false;
  #watcher: ReturnType<WatchFunction> | undefined;
  /** Device and inode of the directory that `#watcher` watches. */
  #identity: string | undefined;
  #problem: string | undefined;
  #scanning: Promise<void> | undefined;
  #scanAgain = false;
  #burstStart: number | undefined;
  #settleTimer: TimerHandle | undefined;
  #rescanTimer: TimerHandle | undefined;
  #lingerTimer: TimerHandle | undefined;

  /** `notices` is of the tree that this directory lies in: what is said once is said once for all of it. */
  constructor(path: Buffer, watching: DirectoryWatching<T>, notices = { polling: false }) {
    this.#path = path;
    this.#watching = watching;
    this.#notices = notices;
    this.#listing = signal<State<Listing>>(PENDING, {
      watched: () => this.#acquire(),
      unwatched: () => this.#release(),
    });
    this.listing = this.#listing;
  }

  /** The file `name`, to be asked for only when `listing` has it; all who ask share it. */
  file(name: string): WatchedFile<T> {
    let file = this.#files.get(name);
    if (!file) {
      file = new WatchedFile<T>(name, this.#pathOf(name), this.#watching, {
        watched: (watched) => {
          this.#acquire();
          if (this.#closed) return;
          this.#live.add(watched);
          void watched.refresh();
        },
        unwatched: () => this.#release(),
      });
      this.#files.set(name, file);
    }
    return file;
  }

  /** The directory `name` in this one, to be asked for only when `listing` has it; closed with this one. */
  directory(name: string): WatchedDirectory<T> {
    let directory = this.#directories.get(name);
    if (!directory) {
      directory = new WatchedDirectory(this.#pathOf(name), this.#watching, this.#notices);
      if (this.#closed) void directory.close();
      this.#directories.set(name, directory);
    }
    return directory;
  }

  /** The names now: from memory while the directory is watched, else read at once, which blocks for a moment. */
  names(): Listing {
    const known = this.#listing.peek();
    return this.#running && known.state === 'ok' ? known.value : listSync(this.#path);
  }

  state(): DirectoryState {
    const files = [...this.#live].map((file) => {
      const { state } = file.value.peek();
      const shown = file.problem === undefined ? { state } : { state, problem: file.problem };
      return [textFromBytes(file.name), shown] as const;
    });
    const running = [...this.#directories].filter(([, directory]) => directory.#running);
    const directories = running.map(([name, directory]) => [textFromBytes(name), directory.state()] as const);
    return {
      watch: !this.#running ? 'off' : this.#watcher ? 'events' : 'polling',
      ...(this.#problem !== undefined && { problem: this.#problem }),
      files: Object.fromEntries(files),
      directories: Object.fromEntries(directories),
    };
  }

  /** Ends every watch below; signals keep their last value. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#endWatch();
    await Promise.all([
      this.#scanning,
      ...[...this.#files.values(), ...this.#live].map((file) => file.settle()),
      ...[...this.#directories.values()].map((directory) => directory.close()),
    ]);
  }

  #pathOf(name: string): Buffer {
    return childPath(this.#path, Buffer.from(name, 'latin1'));
  }

  #acquire(): void {
    this.#observers += 1;
    this.#lingerTimer?.cancel();
    if (this.#running || this.#closed) return;
    this.#running = true;
    this.#scan();
  }

  #release(): void {
    this.#observers -= 1;
    if (this.#observers > 0 || !this.#running) return;
    this.#lingerTimer = this.#watching.clock.after(this.#watching.lingerMs, () => {
      this.#endWatch();
      this.#listing.value = PENDING;
      for (const file of this.#live) file.reset();
      this.#live.clear();
    });
  }

  #endWatch(): void {
    this.#running = false;
    this.#lingerTimer?.cancel();
    this.#settleTimer?.cancel();
    this.#rescanTimer?.cancel();
    this.#burstStart = undefined;
    this.#unwatch();
  }

  /** Something happened: reads again as soon as it is quiet, because editors and copies write in several steps. */
  #hint(): void {
    if (!this.#running) return;
    const { clock, settleMs } = this.#watching;
    this.#burstStart ??= clock.now();
    const left = this.#burstStart + MAX_BURST * settleMs - clock.now();
    this.#settleTimer?.cancel();
    this.#settleTimer = clock.after(Math.max(0, Math.min(settleMs, left)), () => this.#scan());
  }

  #scan(): void {
    this.#settleTimer?.cancel();
    this.#burstStart = undefined;
    this.#scanAgain = true;
    this.#scanning ??= this.#scanUntilQuiet();
  }

  async #scanUntilQuiet(): Promise<void> {
    const { clock, rescanMs, pollMs } = this.#watching;
    try {
      while (this.#scanAgain && this.#running) {
        this.#scanAgain = false;
        await this.#scanOnce();
      }
    } finally {
      this.#scanning = undefined;
    }
    this.#rescanTimer?.cancel();
    if (!this.#running) return;
    const waitMs = this.#watcher && this.#problem === undefined ? rescanMs : pollMs;
    this.#rescanTimer = clock.after(waitMs, () => this.#scan());
  }

  async #scanOnce(): Promise<void> {
    try {
      const identity = await identify(this.#path);
      if (!this.#running) return;
      // The watch is opened before the listing is read: what changes in between sends an event.
      if (identity === undefined) this.#unwatch();
      else if (identity !== this.#identity || !this.#watcher) this.#openWatch(identity);
      const listing = await list(this.#path);
      if (!this.#running) return;
      // Before anyone hears that it is back: who looks at it now has to wait for what is in it.
      for (const file of new Set([...this.#files.values(), ...this.#live])) {
        if (file.isGone && listing.get(file.name) === 'file') file.reset();
      }
      this.#publish(listing);
      await this.#refreshBelow(listing);
    } catch (error) {
      if (this.#running) this.#refuse(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #publish(listing: Listing): void {
    if (this.#problem !== undefined) this.#watching.log.info(`${this.#path} can be read again`);
    this.#problem = undefined;
    const before = this.#listing.peek();
    if (before.state !== 'ok' || !sameListing(before.value, listing)) this.#listing.value = ok(listing);
  }

  #refuse(error: Error): void {
    if (error.message === this.#problem) return;
    this.#problem = error.message;
    const keeps = this.#listing.peek().state === 'ok';
    const consequence = keeps
      ? 'the files found before stay in use'
      : 'nothing in it is in use until that is corrected';
    this.#watching.log.warn(`cannot read directory ${this.#path}: ${error.message}; ${consequence}`);
    if (!keeps) this.#listing.value = failed(error);
  }

  async #refreshBelow(listing: Listing): Promise<void> {
    for (const [name, directory] of this.#directories) {
      // One that was replaced, or is reached by a link that now leads elsewhere, gets no event of its own.
      if (directory.#running) directory.#scan();
      else if (!listing.has(name)) this.#directories.delete(name);
    }
    const isFile = (name: string): boolean => listing.get(name) === 'file';
    for (const [name, file] of this.#files) if (!isFile(name) && !file.isObserved) this.#files.delete(name);
    const reads: Promise<void>[] = [];
    for (const file of this.#live) {
      if (isFile(file.name)) reads.push(file.refresh());
      else file.markGone();
      if (!isFile(file.name) && !file.isObserved) this.#live.delete(file);
    }
    await Promise.all(reads);
  }

  #openWatch(identity: string): void {
    this.#unwatch();
    const self = basename(this.#path.toString());
    try {
      const watcher = (this.#watching.watch ?? watch)(this.#path, (event, name) => {
        // The directory itself was moved or deleted: its watch is dead, even if a new one gets the same inode.
        if (event === 'rename' && name === self) this.#identity = undefined;
        this.#hint();
      });
      watcher.on('error', (error) => {
        if (watcher !== this.#watcher) return;
        this.#unwatch();
        this.#sayPolling(error);
        this.#hint();
      });
      this.#watcher = watcher;
      this.#identity = identity;
    } catch (error) {
      // It may have gone between `identify` and here; then listing it says so.
      if (codeOf(error) !== 'ENOENT') this.#sayPolling(error);
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#identity = undefined;
  }

  #sayPolling(error: unknown): void {
    if (this.#notices.polling) return;
    this.#notices.polling = true;
    const { log, pollMs } = this.#watching;
    const reason = error instanceof Error ? error.message : String(error);
    log.warn(`cannot watch directory ${this.#path}: ${reason}; reading it every ${pollMs} ms instead`);
  }
}
