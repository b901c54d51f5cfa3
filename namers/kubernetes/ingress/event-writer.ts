// Event writer: the problems of Ingresses in; one Event (core/v1, type Warning) for each, told once and then rarely again, out.
//
// The name of an Event is made of what it says, so that a leader that follows another does not tell the same again: it finds
// the Event there, and counts it up.

import { createHash } from 'node:crypto';
import type { Clock } from '../../../src/base/clock.js';
import type { Logger } from '../../../src/base/log.js';
import type { MetricsScope } from '../../../src/base/metrics.js';
import type { Random } from '../../../src/base/random.js';
import type { JsonObject } from '../json.js';
import { type KubeApi, KubeRefused } from '../kube-api.js';
import type { Cluster } from './cluster.js';
import { CONTROLLER } from './ingress-class.js';
import type { IngressReport, IngressReports } from './ingress-reports.js';
import { PacedWrites } from './paced-writes.js';
import type { WatchedIngress } from './watched-ingress.js';

export interface EventWriterOptions {
  readonly api: KubeApi;
  readonly cluster: Pick<Cluster, 'ingresses' | 'apiVersion'>;
  /** Name of this gateway, `reportingInstance`. */
  readonly instance: string;
  readonly isLeader: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Counters `events` and `event_errors`. */
  readonly metrics: MetricsScope;
}

/** API servers forget Events after an hour, unless told otherwise. */
const AGAIN_MS = 45 * 60_000;
/** Of one Ingress: the log and the admin interface have them all. */
const MAX_EVENTS = 5;
/** What the API takes as the note of an event. */
const MAX_MESSAGE = 1024;

type Problem = IngressReport['problems'][number];

interface Told {
  readonly at: number;
  readonly firstTimestamp: string;
  readonly count: number;
}

export class EventWriter {
  readonly #options: EventWriterOptions;
  readonly #writes: PacedWrites;
  readonly #events;
  /** By `<namespace>/<name of the Event>`. */
  #told = new Map<string, Told>();

  constructor(options: EventWriterOptions) {
    const { clock, random, log, metrics } = options;
    this.#options = options;
    this.#events = metrics.counter('events');
    this.#writes = new PacedWrites({
      what: 'an event',
      burst: 25,
      perSecond: 5,
      clock,
      random,
      log,
      errors: metrics.counter('event_errors'),
    });
  }

  resume(): void {
    this.#writes.resume();
  }

  /** What was told is not told again by a leader that comes back. */
  stop(): Promise<void> {
    return this.#writes.stop();
  }

  /** To be called when reports are new, and now and then, by the leader. */
  sync(reports: IngressReports): void {
    const { cluster } = this.#options;
    const still = new Map<string, Told>();
    for (const [id, { problems }] of reports) {
      const ingress = cluster.ingresses.get(id);
      if (!ingress) continue;
      for (const problem of problems.slice(0, MAX_EVENTS)) {
        const key = `${ingress.object.namespace}/${eventName(ingress, problem)}`;
        const told = this.#told.get(key);
        if (told) still.set(key, told);
        if (!this.#isDue(told)) continue;
        this.#writes.put(key, (signal) => this.#write(key, id, problem, signal));
      }
    }
    // What is over may come back, and is news then.
    this.#told = still;
  }

  #isDue(told: Told | undefined): boolean {
    return told === undefined || this.#options.clock.now() - told.at >= AGAIN_MS;
  }

  async #write(key: string, id: string, problem: Problem, signal: AbortSignal): Promise<void> {
    const { api, cluster, clock, isLeader } = this.#options;
    const ingress = cluster.ingresses.get(id);
    // It may have been asked for again while the first was under way.
    if (!ingress || !isLeader() || !this.#isDue(this.#told.get(key))) return;
    const now = new Date(clock.epochMs()).toISOString().replace(/\.\d+/, '');
    const { firstTimestamp = now, count = 0 } = this.#told.get(key) ?? {};
    const event = this.#event(ingress, problem, { firstTimestamp, lastTimestamp: now, count: count + 1 });
    const path = `/api/v1/namespaces/${ingress.object.namespace}/events`;
    const named = `${path}/${eventName(ingress, problem)}`;
    let counted = count + 1;
    try {
      if (count === 0) await api.write('POST', path, event, signal);
      else await api.write('PATCH', named, event, signal);
    } catch (error) {
      if (!(error instanceof KubeRefused)) throw error;
      // The leader before this one told it; or it has been forgotten since.
      if (error.status === 409) counted = await this.#countUp(named, now, signal);
      else if (error.status === 404 && count > 0) await api.write('POST', path, event, signal);
      else throw error;
    }
    this.#events.inc();
    this.#told.set(key, { at: clock.now(), firstTimestamp, count: counted });
  }

  /** From the count of another, which the answer to a write tells: reading events would take one right more. */
  async #countUp(path: string, lastTimestamp: string, signal: AbortSignal): Promise<number> {
    const { api } = this.#options;
    const { count } = await api.write('PATCH', path, { lastTimestamp }, signal);
    const counted = (typeof count === 'number' ? count : 0) + 1;
    await api.write('PATCH', path, { count: counted }, signal);
    return counted;
  }

  #event(ingress: WatchedIngress, { reason, message }: Problem, times: JsonObject): JsonObject {
    const { namespace, name, uid } = ingress.object;
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: eventName(ingress, { reason, message }), namespace },
      involvedObject: { kind: 'Ingress', apiVersion: this.#options.cluster.apiVersion, namespace, name, uid },
      type: 'Warning',
      reason,
      message: message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE - 1)}…` : message,
      source: { component: 'linkgate' },
      reportingComponent: CONTROLLER,
      reportingInstance: this.#options.instance,
      ...times,
    };
  }
}

function eventName({ object: { name, uid } }: WatchedIngress, { reason, message }: Problem): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([uid, reason, message]))
    .digest('hex')
    .slice(0, 16);
  // An RFC 1123 subdomain of at most 253 characters.
  return `${name.slice(0, 236).replace(/[.-]+$/, '')}.${hash}`;
}
