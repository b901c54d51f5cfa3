// Published services: what changes below the prefix in, on its way to the namer's table; the hosts that registrations
// publish out.

import { batch, type Signal, signal } from '@preact/signals-core';
import { type Activity, mapActivity, ok } from '../../src/base/activity.js';
import { textFromBytes } from '../../src/base/path.js';
import { EXTERNAL_MARK, type PublishedHost } from '../../src/naming/publication.js';
import { quote } from '../shared/http-api.js';
import { allMarkedHosts, markedHosts, samePublishedHosts } from '../shared/marked-hosts.js';
import { show } from '../shared/members.js';
import type { ServiceSet } from '../shared/service-trees.js';
import type { TableReport } from '../shared/watched-table.js';

/**
 * Metadata `{"linkgate.io/external": "<host>[, <host>]"}` of any instance of a service publishes the hosts, for as long as there
 * is an instance that says so.
 */
export class PublishedServices {
  readonly #root: string;
  #byService = new Map<string, readonly PublishedHost[]>();
  readonly #hosts: Signal<readonly PublishedHost[]> = signal([]);

  /** `root` is what services stand below, for messages: `etcd 127.0.0.1:2379 /services`. */
  constructor(root: string) {
    this.#root = root;
  }

  /** `answered` is that of the table: observing this starts the table's watch. */
  hosts(answered: Activity<unknown>): Activity<readonly PublishedHost[]> {
    return mapActivity(answered, () => ok(this.#hosts.value));
  }

  /** A report that tells `report` all that it is told, and has seen it first. */
  before(report: TableReport<ServiceSet>, signal: AbortSignal): TableReport<ServiceSet> {
    // Whoever reads the hosts and the table sees them change as one; complaints come before what ends their answer.
    return {
      ...report,
      replace: (rows) => {
        if (signal.aborted) return;
        this.#byService = new Map();
        this.#put(rows, report.complain);
        batch(() => {
          this.#publish(report.complain);
          report.replace(rows);
        });
      },
      change: (changes) => {
        if (signal.aborted) return;
        const rows = [...changes];
        const isChanged = this.#put(rows, report.complain);
        batch(() => {
          if (isChanged) this.#publish(report.complain);
          report.change(rows);
        });
      },
    };
  }

  /** True when any service publishes something else than before. */
  #put(rows: Rows, complain: (message: string) => void): boolean {
    let isChanged = false;
    for (const [service, set] of rows) {
      const before = this.#byService.get(service) ?? [];
      const marks = set ? marksOf(set) : [];
      const now = markedHosts(marks, `${this.#root}/${shownName(service)}`, complain);
      if (samePublishedHosts(before, now)) continue;
      isChanged = true;
      if (now.length === 0) this.#byService.delete(service);
      else this.#byService.set(service, now);
    }
    return isChanged;
  }

  #publish(complain: (message: string) => void): void {
    const hosts = allMarkedHosts(this.#byService.values(), complain);
    if (!samePublishedHosts(hosts, this.#hosts.peek())) this.#hosts.value = hosts;
  }
}

type Rows = Iterable<readonly [service: string, set: ServiceSet | undefined]>;

/** Each once: a thousand instances of a service say the same. */
function marksOf({ endpoints }: ServiceSet): readonly string[] {
  const marks = new Set<string>();
  for (const { meta } of endpoints) {
    const mark = meta?.[EXTERNAL_MARK];
    if (mark === undefined) continue;
    // What is no text is no host, also where it would look like one: it is complained of.
    for (const host of typeof mark === 'string' ? mark.split(',') : [`${show(mark)} (no text)`]) marks.add(host.trim());
  }
  return [...marks];
}

/** The bytes of a key are anybody's. */
function shownName(service: string): string {
  const text = textFromBytes(service);
  return /^[\w./-]{1,200}$/.test(text) ? text : quote(text);
}
