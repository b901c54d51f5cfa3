// Prefix watch: the servers of an etcd cluster in, the services below one prefix out, from whichever of them answers.
//
// Whatever goes wrong with a server ends the run; the next one begins with another server and a list of its own. So a history
// that was compacted, a store that was restored and a leader that was lost need no cases of their own.

import { type BackoffSequence, equalJitteredBackoff } from '../../src/base/backoff.js';
import type { Clock } from '../../src/base/clock.js';
import type { Logger } from '../../src/base/log.js';
import { textFromBytes } from '../../src/base/path.js';
import type { Random } from '../../src/base/random.js';
import type { ApiTls } from '../shared/http-api.js';
import { GarbageError, sleep } from '../shared/registry-watch.js';
import type { ServiceSet } from '../shared/service-trees.js';
import type { TableReport } from '../shared/watched-table.js';
import { EtcdClient, type EtcdUser } from './client.js';
import { ServerWatch } from './server-watch.js';
import { ServiceIndex } from './service-index.js';

export interface PrefixWatchOptions {
  /** `http://10.0.0.1:2379`, at least one. */
  readonly endpoints: readonly string[];
  /** Binary string that all keys begin with, with the slash at its end. */
  readonly prefix: string;
  readonly user?: EtcdUser | undefined;
  /** Read for each connection, so that rotated files are used. Throws what is wrong with them. */
  readonly tls?: (() => ApiTls) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface PrefixWatchState {
  /** The server that is watched; null while there is none. */
  readonly endpoint: string | null;
  /** Of the store, when it was last listed; null before that. */
  readonly revision: number | null;
}

/** A watch that ends sooner than this after its list has not worked, whatever the list said. */
const STEADY_MS = 5000;

export class PrefixWatch {
  readonly #options: PrefixWatchOptions;
  #index: ServiceIndex;
  /** Of the server to begin with: gateways that start together should not all take the first. */
  #next: number;
  #endpoint: string | undefined;
  #revision: number | undefined;
  /** Between lists that no watch follows: one may be of many thousand keys, and to the gateway it is an answer. */
  #waits: BackoffSequence | undefined;
  #pauseMs = 0;

  constructor(options: PrefixWatchOptions) {
    this.#options = options;
    this.#index = new ServiceIndex(options.prefix);
    this.#next = Math.floor(options.random() * options.endpoints.length);
  }

  state(): PrefixWatchState {
    return { endpoint: this.#endpoint ?? null, revision: this.#revision ?? null };
  }

  /** As `TableDefinition.run`. Each server is tried until one has given the list; that one is watched until it fails. */
  async run(report: TableReport<ServiceSet>, signal: AbortSignal): Promise<void> {
    // What it knows is out of date by the time that somebody asks again.
    const forget = (): void => {
      this.#index = new ServiceIndex(this.#options.prefix);
    };
    signal.addEventListener('abort', forget);
    try {
      const pauseMs = this.#pauseMs;
      this.#pauseMs = 0;
      if (pauseMs > 0) await sleep(pauseMs, this.#options.clock, signal);
      await this.#tryServers(report, signal);
    } finally {
      signal.removeEventListener('abort', forget);
    }
  }

  async #tryServers(report: TableReport<ServiceSet>, signal: AbortSignal): Promise<void> {
    const failures: Error[] = [];
    for (let tries = this.#options.endpoints.length; tries > 0 && !signal.aborted; tries -= 1) {
      const url = this.#nextEndpoint();
      try {
        await this.#watchServer(url, report, signal);
      } catch (error) {
        if (signal.aborted) return;
        failures.push(this.#named(url, error as Error));
        // It gave the list and was watched: that it failed now is for everybody to know.
        if (this.#endpoint === url) break;
      } finally {
        this.#endpoint = undefined;
      }
    }
    throw failures.length === 1 ? failures[0] : together(failures);
  }

  #nextEndpoint(): string {
    const { endpoints } = this.#options;
    const url = endpoints[this.#next % endpoints.length] as string;
    this.#next = (this.#next + 1) % endpoints.length;
    return url;
  }

  async #watchServer(url: string, report: TableReport<ServiceSet>, signal: AbortSignal): Promise<void> {
    const { user, clock, tls, prefix } = this.#options;
    const client = new EtcdClient({ url, user, clock, tls: tls?.() });
    const close = (): void => client.close();
    signal.addEventListener('abort', close);
    try {
      const watch = new ServerWatch({ client, index: this.#index, prefix, clock, report, signal });
      const revision = await watch.list();
      this.#noticeRevision(revision);
      this.#endpoint = url;
      const listedAt = clock.now();
      try {
        await watch.follow();
      } finally {
        if (!signal.aborted) this.#notePause(clock.now() - listedAt);
      }
    } finally {
      signal.removeEventListener('abort', close);
      client.close();
    }
  }

  #notePause(watchedMs: number): void {
    if (watchedMs >= STEADY_MS) {
      this.#waits = undefined;
      return;
    }
    this.#waits ??= equalJitteredBackoff(100, 5000, this.#options.random)();
    this.#pauseMs = this.#waits.next();
  }

  #noticeRevision(revision: number): void {
    const { log, prefix } = this.#options;
    if (this.#revision !== undefined && revision < this.#revision) {
      const what = `the revision of etcd went back from ${this.#revision} to ${revision}: its store was wiped or restored`;
      log.warn(`${what}; what it has now below ${textFromBytes(prefix)} counts`);
    }
    this.#revision = revision;
  }

  /** Of several servers a message must say which. */
  #named(url: string, error: Error): Error {
    if (this.#options.endpoints.length === 1) return error;
    const message = `${hostOf(url)}: ${error.message}`;
    return error instanceof GarbageError
      ? new GarbageError(message, { cause: error })
      : new Error(message, { cause: error });
  }
}

/** `10.0.0.1:2379`, with the port even where it is the scheme's own. */
export function hostOf(url: string): string {
  return url.slice(url.indexOf('//') + 2);
}

function together(failures: readonly Error[]): Error {
  const message = failures.map((failure) => failure.message).join('; ');
  const isGarbage = failures.some((failure) => failure instanceof GarbageError);
  return isGarbage ? new GarbageError(message) : new Error(message);
}
