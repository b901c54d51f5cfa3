// Published hosts: those that the configuration, registries and routes publish in, whether callers outside may ask for a host
// out; each that becomes reachable, or is so no more, is told of.

import { effect, signal } from '@preact/signals-core';
import type { Clock, TimerHandle } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import { canonicalAuthority, hostEnd } from '../base/host-name.js';
import { parseHostPattern } from '../base/host-pattern.js';
import { HostTable } from '../base/host-table.js';
import { makeLogger } from '../base/log.js';
import type { Counter, MetricsScope } from '../base/metrics.js';
import type { Publications, PublishedHost } from '../naming/publication.js';

export interface PublishedHostsOptions {
  /** How messages call the listener: `0.0.0.0:443 of edge`. */
  readonly listener: string;
  readonly clock: Clock;
  /** `rt/<label>/server/<ip>/<port>`: the gauge `exposed_hosts`, the counters `hosts_exposed` and `hosts_withdrawn`. */
  readonly metrics: MetricsScope;
}

/** What publishes hosts: a namer, a source of routes. */
export interface Publisher {
  readonly published: Publications;
  /** Why it has not said yet what it publishes; undefined once it has. */
  pending(): string | undefined;
}

const log = makeLogger('external');
const OWN = 'externalHosts';

/** Lines of the log in a minute: a registry that flaps with thousands of hosts must not drown all else. */
const MAX_TOLD = 100;
const TOLD_WITHIN_MS = 60_000;
const KEPT_FOR_MS = 10_000;

export class PublishedHosts implements Closable {
  readonly #options: PublishedHostsOptions;
  readonly #exposed: Counter;
  readonly #withdrawn: Counter;
  /** With who publishes it, the first that does. */
  #hosts: ReadonlyMap<string, string> = new Map();
  #table = new HostTable<true>();
  /** Most requests ask for the host that the one before asked for. */
  #lastAuthority = '';
  #lastAnswer: string | undefined;
  #stop: (() => void) | undefined;
  /** Published before the last reload by sources that may be others now. */
  readonly #kept = signal<readonly PublishedHost[]>([]);
  #timer: TimerHandle | undefined;
  readonly #gauge = (): number => this.#hosts.size;
  #told = 0;
  #toldSince = Number.NEGATIVE_INFINITY;

  /** Nothing is published, and nothing observed, before `follow`. */
  constructor(options: PublishedHostsOptions) {
    this.#options = options;
    this.#exposed = options.metrics.counter('hosts_exposed');
    this.#withdrawn = options.metrics.counter('hosts_withdrawn');
  }

  /**
   * From here on these, in place of those before: `fixed` of the configuration, and what the sources publish by then. What
   * sources published before stays until each of the new ones has answered, for 10 s at most: a reload loses no request.
   */
  follow(fixed: readonly string[], sources: readonly Publisher[]): void {
    const { clock, metrics } = this.#options;
    const own = fixed.map((host) => ({ host, by: OWN }));
    this.#kept.value = Array.from(this.#hosts, ([host, by]) => ({ host, by })).filter(({ by }) => by !== OWN);
    const before = this.#stop;
    // The old ones are let go of when the new ones are observed: a watch that is in both goes on.
    this.#stop = effect(() => {
      const lists = sources.map(({ published }) => published.value);
      const isPending = sources.some((source) => source.pending() !== undefined);
      this.#use(own, isPending ? [...lists, this.#kept.value] : lists);
      if (!isPending) this.#forget();
    });
    before?.();
    this.#timer?.cancel();
    if (this.#kept.value.length > 0) this.#timer = clock.after(KEPT_FOR_MS, () => this.#forget());
    metrics.gauge(['exposed_hosts'], this.#gauge);
  }

  /**
   * The canonical form of `authority`, port included, when its host is published. Undefined when it is not, or is no host.
   * `authority` as a caller wrote it in Host or `:authority`.
   */
  find(authority: string): string | undefined {
    if (authority === this.#lastAuthority) return this.#lastAnswer;
    const canonical = canonicalAuthority(authority);
    const end = hostEnd(canonical);
    const host = end === canonical.length ? canonical : canonical.slice(0, end);
    // One dot at the end has been taken off; the table would take another.
    this.#lastAnswer = !host.endsWith('.') && this.#table.find(host) ? canonical : undefined;
    this.#lastAuthority = authority;
    return this.#lastAnswer;
  }

  #forget(): void {
    this.#timer?.cancel();
    if (this.#kept.peek().length > 0) this.#kept.value = [];
  }

  close(): void {
    this.#stop?.();
    this.#timer?.cancel();
    const { metrics } = this.#options;
    const metric = metrics.children.get('exposed_hosts')?.metric;
    // Parts are closed a while after others have taken their place.
    if (metric?.type === 'gauge' && metric.gauge === this.#gauge) metrics.prune('exposed_hosts');
  }

  #use(fixed: readonly PublishedHost[], lists: readonly (readonly PublishedHost[])[]): void {
    const before = this.#hosts;
    const hosts = new Map(fixed.map(({ host, by }) => [host, by]));
    for (const { host: text, by } of lists.flat()) {
      // What plugins publish is checked by nobody else.
      const host = parseHostPattern(text);
      if (host !== undefined && !hosts.has(host)) hosts.set(host, by);
    }
    const table = new HostTable<true>();
    for (const host of hosts.keys()) table.add(host, true);
    this.#hosts = hosts;
    this.#table = table;
    this.#lastAuthority = '';
    this.#lastAnswer = undefined;
    this.#tell(
      [...hosts].filter(([host]) => !before.has(host)),
      [...before.keys()].filter((host) => !hosts.has(host)),
    );
  }

  #tell(exposed: readonly (readonly [string, string])[], withdrawn: readonly string[]): void {
    const { listener } = this.#options;
    this.#exposed.add(exposed.length);
    this.#withdrawn.add(withdrawn.length);
    for (const [host, by] of exposed) {
      if (!this.#mayTell()) break;
      const fields = { event: 'host-exposed', host, by, listener };
      // What the file publishes its author knows of.
      const level = by === OWN ? 'info' : 'warn';
      log[level](`${host} can be reached from outside, at ${listener}: published by ${by}`, fields);
    }
    for (const host of withdrawn) {
      if (!this.#mayTell()) break;
      const fields = { event: 'host-withdrawn', host, listener };
      log.info(`${host} can be reached from outside no more, at ${listener}`, fields);
    }
  }

  #mayTell(): boolean {
    const { listener, clock } = this.#options;
    const now = clock.now();
    if (now - this.#toldSince >= TOLD_WITHIN_MS) {
      this.#toldSince = now;
      this.#told = 0;
    }
    this.#told += 1;
    if (this.#told === MAX_TOLD + 1) {
      const message = `more than ${MAX_TOLD} hosts at ${listener} were exposed or withdrawn within a minute: the others are not listed`;
      log.warn(`${message} here; linkgate exposure lists all that are exposed now`, {
        event: 'hosts-unlisted',
        listener,
      });
    }
    return this.#told <= MAX_TOLD;
  }
}
