// Server watch: one etcd server in, the services below a prefix out: listed once, then told change by change, and every
// second it is asked whether that is still all.

import type { Clock } from '../../src/base/clock.js';
import { GarbageError, sleep } from '../shared/registry-watch.js';
import type { ServiceSet } from '../shared/service-trees.js';
import type { TableReport } from '../shared/watched-table.js';
import type { EtcdClient, EtcdWatch } from './client.js';
import { GRPC_UNAVAILABLE, GrpcError } from './grpc.js';
import type { KeyValue, WatchAnswer } from './messages.js';
import type { ServiceIndex } from './service-index.js';

export interface ServerWatchOptions {
  readonly client: EtcdClient;
  readonly index: ServiceIndex;
  /** Binary string that all keys begin with, with the slash at its end. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly report: TableReport<ServiceSet>;
  readonly signal: AbortSignal;
}

/** Keys in one answer of a list: at 64 KiB each the most that the client takes. */
const PAGE_KEYS = 500;
/** For one page. */
const LIST_TIMEOUT_MS = 3000;
/** One small message each way; so a frozen server is noticed within three seconds. */
const BEAT_MS = 1000;
const BEAT_TIMEOUT_MS = 2000;
/** Elections take a second or two. A server that has known no leader for this long may be cut off from the others. */
const UNCONFIRMED_MS = 5000;

export class ServerWatch {
  readonly #options: ServerWatchOptions;
  readonly #key: Buffer;
  readonly #rangeEnd: Buffer;
  /** What the store was at when it was last read, with a majority of the cluster behind it. */
  #readRevision = 0;
  /** Up to where the list and the watch have told what there is. */
  #toldRevision = 0;
  #confirmedAt: number;

  constructor(options: ServerWatchOptions) {
    this.#options = options;
    this.#key = Buffer.from(options.prefix, 'latin1');
    // The byte behind the slash.
    this.#rangeEnd = Buffer.concat([this.#key.subarray(0, -1), Buffer.from('0')]);
    this.#confirmedAt = options.clock.now();
  }

  /** Reports all that there is. Resolves with the revision of the store that it is of. */
  async list(): Promise<number> {
    const { client, index, report } = this.#options;
    const entries: KeyValue[] = [];
    let revision = 0;
    let key = this.#key;
    for (;;) {
      const page = await client.range({ key, rangeEnd: this.#rangeEnd, limit: PAGE_KEYS, revision }, LIST_TIMEOUT_MS);
      revision ||= page.revision;
      entries.push(...page.entries);
      const last = page.entries.at(-1)?.key;
      if (!page.more || !last) break;
      if (last.compare(key) < 0) throw new GarbageError('Range: the keys of the answer are not in order');
      key = Buffer.concat([last, Buffer.of(0)]);
    }
    report.replace(index.replace(entries, report.complain));
    this.#readRevision = revision;
    this.#toldRevision = revision;
    return revision;
  }

  /** After `list`: reports what changes from there on. Rejects when this server cannot be relied upon any more. */
  async follow(): Promise<void> {
    const { client } = this.#options;
    const range = { key: this.#key, rangeEnd: this.#rangeEnd, startRevision: this.#toldRevision + 1 };
    const watch = await client.watch(range, (answer) => this.#onAnswer(answer));
    const over = new AbortController();
    try {
      await Promise.race([watch.ended, this.#beat(watch, over.signal)]);
    } finally {
      over.abort();
    }
  }

  #onAnswer(answer: WatchAnswer): void {
    const { index, report, signal } = this.#options;
    if (signal.aborted) return;
    if (answer.compactRevision > 0) {
      throw new Error(`the changes before revision ${answer.compactRevision} were compacted away`);
    }
    if (answer.canceled) throw new Error(`canceled: ${answer.cancelReason || 'no reason given'}`);
    if (answer.changes.length > 0) report.change(index.apply(answer.changes, report.complain));
    this.#toldRevision = Math.max(this.#toldRevision, answer.revision);
    this.#confirm();
  }

  /** Nothing has changed since it was last told: true when the watch is as far as the store was when it was last read. */
  #confirm(): void {
    if (this.#toldRevision < this.#readRevision) return;
    this.#confirmedAt = this.#options.clock.now();
    this.#options.report.confirm();
  }

  async #beat(watch: EtcdWatch, over: AbortSignal): Promise<void> {
    const { client, clock } = this.#options;
    for (;;) {
      await sleep(BEAT_MS, clock, over);
      if (over.aborted) return;
      const silentMs = Math.round(clock.now() - this.#confirmedAt);
      try {
        // Not a ping: etcd closes connections with more of them than one in five seconds, and a server that is cut off from
        // its cluster would answer it.
        const { revision } = await client.range({ key: this.#key, countOnly: true }, BEAT_TIMEOUT_MS);
        if (revision < this.#readRevision) throw new Error(`its revision went back to ${revision}`);
        this.#readRevision = revision;
      } catch (error) {
        const isElecting = error instanceof GrpcError && error.code === GRPC_UNAVAILABLE;
        if (!isElecting || silentMs > UNCONFIRMED_MS) throw error;
        continue;
      }
      if (this.#toldRevision >= this.#readRevision) this.#confirm();
      else if (silentMs > UNCONFIRMED_MS) throw new Error(`Watch: has been behind for ${silentMs} ms`);
      // Keys of others have changed: nothing comes of itself.
      else watch.askProgress();
    }
  }
}
