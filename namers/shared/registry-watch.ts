// Registry watches: what a registry is asked goes in, signals of what it last said come out; asked again when it fails, and
// never forgotten because it failed.
//
// A watch runs while someone observes it, and for a linger time after. It answers `pending` until the registry has said
// something or failed once, `failed` while it has never said anything, and its last word from then on, whatever happens.

import { type ReadonlySignal, type Signal, signal } from '@preact/signals-core';
import { failed, ok, PENDING, type State } from '../../src/base/activity.js';
import type { Freshness } from '../../src/base/addr.js';
import { type Backoff, type BackoffSequence, equalJitteredBackoff } from '../../src/base/backoff.js';
import type { Clock, TimerHandle } from '../../src/base/clock.js';
import type { Closable } from '../../src/base/closable.js';
import type { Logger } from '../../src/base/log.js';
import type { Counter, MetricsScope } from '../../src/base/metrics.js';
import type { Random } from '../../src/base/random.js';

/** What one run of a watch tells. After the run's signal was aborted nothing that it says counts. */
export interface WatchReport<T> {
  /** The registry says that this is what there is. Observers hear of it unless it is the same as before. */
  update(value: T): void;
  /** Part of what there is has changed, and observers of that part were told (watched-table.ts). Confirms; counts as an update. */
  changed(): void;
  /** The registry answered, or its session or stream gave a sign of life, and nothing has changed. */
  confirm(): void;
  /**
   * Part of an answer cannot be used, and the run goes on with the rest. Counted as `garbage`; logged as a warning once
   * for each message until it is gone from the answers.
   */
  complain(message: string): void;
}

export interface WatchDefinition<T> {
  /**
   * Asks the registry, and goes on asking until `signal` is aborted. Rejects when the registry failed: the run is then
   * repeated after a backoff. Resolves when it only has to be begun anew, as at the end of a stream.
   *
   * After an abort it must end soon and leave nothing open; `close()` of the namer waits for it.
   */
  run(report: WatchReport<T>, signal: AbortSignal): Promise<void>;
  /** Whether two answers are one and the same to observers. */
  same(a: T, b: T): boolean;
}

/** Thrown by a run when the registry answered something that cannot be used: counted as `garbage` too. */
export class GarbageError extends Error {}

export interface RegistryWatchesOptions {
  /** As messages call it: `Consul 127.0.0.1:8500`. No secrets. */
  readonly registry: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** `namer/<prefix>`; counters go to `service/…` below it. */
  readonly metrics: MetricsScope;
  /** Waits after failures in a row. Default: equal jittered, 10 ms to 5 s. */
  readonly backoff?: Backoff;
  /** From the last observer's leaving to the end of the watch, in milliseconds. Default 10,000. */
  readonly lingerMs?: number;
  /** A registry that has not said anything for this long from the start counts as failed. Default 5,000 milliseconds. */
  readonly firstAnswerMs?: number;
}

/** Of one watch, for `/namer_state`. Times in seconds. */
export interface WatchSnapshot {
  readonly state: 'pending' | 'ok' | 'failed';
  /** Since the registry last confirmed it; null before the first time. */
  readonly ageSeconds: number | null;
  readonly updates: number;
  /** The last error and how long ago it was; null when there was none. It may be over: see `failing`. */
  readonly lastError: string | null;
  readonly lastErrorSecondsAgo: number | null;
  /** True while the last that happened was an error. */
  readonly failing: boolean;
}

/** All watches of one namer (or interpreter): one for each key, shared by all who ask for it. */
export class RegistryWatches implements Closable {
  readonly options: Required<RegistryWatchesOptions>;
  readonly counters: WatchCounters;
  readonly #watches = new Map<string, RegistryWatch<unknown>>();
  readonly #runs = new Set<Promise<void>>();
  #closed = false;

  constructor(options: RegistryWatchesOptions) {
    const backoff = options.backoff ?? equalJitteredBackoff(10, 5000, options.random);
    this.options = { lingerMs: 10_000, firstAnswerMs: 5000, ...options, backoff };
    const service = options.metrics.scope('service');
    this.counters = {
      opens: service.counter('opens'),
      closes: service.counter('closes'),
      errors: service.counter('errors'),
      updates: service.counter('updates'),
      cached: service.counter('cached'),
      garbage: service.counter('garbage'),
    };
  }

  /**
   * The watch of `key`, made from `define()` when there is none. May be called inside `computed`: nothing starts before
   * its `value` is observed. Asking for it again is a Map hit.
   */
  watch<T>(key: string, define: () => WatchDefinition<T>): RegistryWatch<T> {
    const known = this.#watches.get(key);
    if (known) {
      this.counters.cached.inc();
      // One key is asked for with one type: keys begin with what they are about.
      return known as RegistryWatch<unknown> as RegistryWatch<T>;
    }
    const watch = new RegistryWatch<T>(key, define(), this);
    this.adopt(watch as RegistryWatch<unknown>);
    return watch;
  }

  /** By key. Watches that nobody has observed for the linger time are not among them. */
  state(): Readonly<Record<string, WatchSnapshot>> {
    return Object.fromEntries([...this.#watches].map(([key, watch]) => [key, watch.snapshot()]));
  }

  /** Age of the watch that was confirmed longest ago, in milliseconds; undefined when none runs. */
  ageMs(): number | undefined {
    let oldest: number | undefined;
    for (const watch of this.#watches.values()) {
      const age = watch.ageMs();
      if (age !== undefined && (oldest === undefined || age > oldest)) oldest = age;
    }
    return oldest;
  }

  /** Ends every run and resolves when all have ended; nothing can be started after. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const watch of [...this.#watches.values()]) watch.stop();
    await Promise.all(this.#runs);
  }

  // ---- for RegistryWatch ----

  get isClosed(): boolean {
    return this.#closed;
  }

  adopt(watch: RegistryWatch<unknown>): void {
    if (!this.#watches.has(watch.key)) this.#watches.set(watch.key, watch);
  }

  forget(watch: RegistryWatch<unknown>): void {
    if (this.#watches.get(watch.key) === watch) this.#watches.delete(watch.key);
  }

  track(run: Promise<void>): void {
    this.#runs.add(run);
    void run.finally(() => this.#runs.delete(run));
  }
}

export interface WatchCounters {
  readonly opens: Counter;
  readonly closes: Counter;
  readonly errors: Counter;
  readonly updates: Counter;
  readonly cached: Counter;
  readonly garbage: Counter;
}

export class RegistryWatch<T> {
  readonly key: string;
  /** Observing it starts the watch. */
  readonly value: ReadonlySignal<State<T>>;
  readonly #definition: WatchDefinition<T>;
  readonly #group: RegistryWatches;
  readonly #value: Signal<State<T>>;
  #abort: AbortController | undefined;
  #linger: TimerHandle | undefined;
  #startedAt = 0;
  #confirmedAt: number | undefined;
  #updates = 0;
  #error: { readonly message: string; readonly at: number } | undefined;
  #failing = false;
  #complaints = new Set<string>();
  #complaintsBefore: ReadonlySet<string> = new Set();

  constructor(key: string, definition: WatchDefinition<T>, group: RegistryWatches) {
    this.key = key;
    this.#definition = definition;
    this.#group = group;
    this.#value = signal<State<T>>(PENDING, {
      watched: () => this.#start(),
      unwatched: () => this.#leave(),
    });
    this.value = this.#value;
  }

  /** Shown by `l5d-explain`. */
  readonly freshness = (): Freshness => ({
    registry: this.#group.options.registry,
    ageMs: this.#confirmedAt === undefined ? undefined : this.#group.options.clock.now() - this.#confirmedAt,
    updates: this.#updates,
    error: this.#failing ? this.#error?.message : undefined,
  });

  /** Milliseconds since the last confirmation, or since the start when there was none; undefined when it does not run. */
  ageMs(): number | undefined {
    if (!this.#abort) return undefined;
    return this.#group.options.clock.now() - (this.#confirmedAt ?? this.#startedAt);
  }

  snapshot(): WatchSnapshot {
    const now = this.#group.options.clock.now();
    const seconds = (since: number): number => Math.round(now - since) / 1000;
    return {
      state: this.#value.peek().state,
      ageSeconds: this.#confirmedAt === undefined ? null : seconds(this.#confirmedAt),
      updates: this.#updates,
      lastError: this.#error?.message ?? null,
      lastErrorSecondsAgo: this.#error ? seconds(this.#error.at) : null,
      failing: this.#failing,
    };
  }

  stop(): void {
    this.#linger?.cancel();
    this.#linger = undefined;
    this.#group.forget(this as RegistryWatch<unknown>);
    if (!this.#abort) return;
    this.#abort.abort();
    this.#abort = undefined;
    this.#group.counters.closes.inc();
    // What was known is out of date by the time that somebody asks again.
    this.#value.value = PENDING;
    this.#confirmedAt = undefined;
    this.#failing = false;
    this.#complaints.clear();
    this.#complaintsBefore = new Set();
  }

  #start(): void {
    this.#linger?.cancel();
    this.#linger = undefined;
    if (this.#abort || this.#group.isClosed) return;
    this.#group.adopt(this as RegistryWatch<unknown>);
    this.#group.counters.opens.inc();
    this.#startedAt = this.#group.options.clock.now();
    this.#abort = new AbortController();
    this.#group.track(this.#repeat(this.#abort.signal));
  }

  #leave(): void {
    const { clock, lingerMs } = this.#group.options;
    this.#linger = clock.after(lingerMs, () => this.stop());
  }

  async #repeat(signal: AbortSignal): Promise<void> {
    const { backoff, clock, firstAnswerMs } = this.#group.options;
    let waits: BackoffSequence = backoff();
    const firstAnswer = clock.after(firstAnswerMs, () => {
      if (this.#value.peek().state === 'pending') {
        this.#fail(new Error(`has not answered for ${firstAnswerMs} ms`));
      }
    });
    while (!signal.aborted) {
      const report = this.#report(signal, () => {
        waits = backoff();
      });
      try {
        // In a later turn: `watched` is called while signals are being read.
        await Promise.resolve();
        if (!signal.aborted) await this.#definition.run(report, signal);
      } catch (error) {
        if (!signal.aborted) this.#fail(error instanceof Error ? error : new Error(String(error)));
      }
      if (!signal.aborted) await sleep(waits.next(), clock, signal);
    }
    firstAnswer.cancel();
  }

  #report(signal: AbortSignal, answered: () => void): WatchReport<T> {
    return {
      update: (value) => {
        if (signal.aborted) return;
        answered();
        this.#confirm();
        this.#forgetComplaints();
        const before = this.#value.peek();
        if (before.state === 'ok' && this.#definition.same(before.value, value)) return;
        this.#updates += 1;
        this.#group.counters.updates.inc();
        this.#value.value = ok(value);
      },
      changed: () => {
        if (signal.aborted) return;
        answered();
        this.#confirm();
        this.#updates += 1;
        this.#group.counters.updates.inc();
      },
      confirm: () => {
        if (signal.aborted) return;
        answered();
        this.#confirm();
      },
      complain: (message) => {
        if (signal.aborted) return;
        this.#group.counters.garbage.inc();
        if (this.#complaintsBefore.has(message) || this.#complaints.has(message)) {
          this.#complaints.add(message);
          return;
        }
        // A registry full of garbage must not fill the log and the memory as well.
        if (this.#complaints.size >= MAX_COMPLAINTS) return;
        this.#complaints.add(message);
        this.#group.options.log.warn(`${this.#group.options.registry}: ${this.key}: ${message}`);
      },
    };
  }

  /** An update ends the answer that the complaints before it were about. */
  #forgetComplaints(): void {
    this.#complaintsBefore = this.#complaints;
    this.#complaints = new Set();
  }

  #confirm(): void {
    const { clock, log, registry } = this.#group.options;
    if (this.#failing) log.info(`${registry}: ${this.key}: answers again`);
    this.#failing = false;
    this.#confirmedAt = clock.now();
  }

  #fail(error: Error): void {
    const { clock, log, registry } = this.#group.options;
    const { errors, garbage } = this.#group.counters;
    errors.inc();
    if (error instanceof GarbageError) garbage.inc();
    const message = error.message || error.name;
    const isKnown = this.#value.peek().state === 'ok';
    const line = `${registry}: ${this.key}: ${message}; ${isKnown ? 'its last answer stays in use' : 'there is no answer yet'}`;
    if (this.#failing && message === this.#error?.message) log.debug(line);
    else log.warn(line);
    this.#failing = true;
    this.#error = { message, at: clock.now() };
    if (!isKnown) this.#value.value = failed(new Error(`${registry}: ${message}`, { cause: error }));
  }
}

const MAX_COMPLAINTS = 100;

/** Resolves after `ms`, or at once when `signal` is aborted. */
export function sleep(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (ms <= 0 || signal.aborted) {
      resolve();
      return;
    }
    const finish = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.after(ms, finish);
    signal.addEventListener('abort', finish);
  });
}
