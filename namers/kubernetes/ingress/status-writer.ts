// Status writer: Ingresses with what is wrong with them in; `status.loadBalancer` of those that are ours out, where it is not yet as it should be.
//
// What the API server has is compared with what it should have, so that a leader that follows another writes nothing that is
// there already. A status is taken back only from an Ingress that ceased to be ours and whose status was written by a gateway
// of this kind: the API server keeps that in `managedFields`.

import type { Clock } from '../../../src/base/clock.js';
import type { Logger } from '../../../src/base/log.js';
import type { MetricsScope } from '../../../src/base/metrics.js';
import type { Random } from '../../../src/base/random.js';
import { type JsonObject, listIn, objectIn } from '../json.js';
import { type KubeApi, KubeRefused } from '../kube-api.js';
import type { Cluster } from './cluster.js';
import type { IngressReport } from './ingress-reports.js';
import { PacedWrites } from './paced-writes.js';
import type { PublishedAddress } from './published-addresses.js';
import { FIELD_MANAGER, type WatchedIngress, watchedIngress } from './watched-ingress.js';

export interface StatusWriterOptions {
  readonly api: KubeApi;
  readonly cluster: Pick<Cluster, 'ingresses' | 'pathOf'>;
  /** Where callers reach the gateway; undefined: not known now, then nothing is written. */
  readonly addresses: () => readonly PublishedAddress[] | undefined;
  readonly report: (id: string) => IngressReport | undefined;
  /** Asked before each write. */
  readonly isLeader: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Counters `status_writes` and `status_errors`. */
  readonly metrics: MetricsScope;
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #writes: PacedWrites;
  readonly #written;
  /** Statuses that were written and came back different: what the server makes of them is the best that there can be. */
  readonly #best = new Map<string, { readonly wanted: string; readonly given: string }>();

  constructor(options: StatusWriterOptions) {
    const { clock, random, log, metrics } = options;
    this.#options = options;
    this.#written = metrics.counter('status_writes');
    this.#writes = new PacedWrites({
      what: 'status',
      burst: 50,
      perSecond: 20,
      clock,
      random,
      log,
      errors: metrics.counter('status_errors'),
    });
  }

  resume(): void {
    this.#writes.resume();
  }

  stop(): Promise<void> {
    this.#best.clear();
    return this.#writes.stop();
  }

  /** To be called when anything may have changed, by the leader. */
  sync(): void {
    const { ingresses } = this.#options.cluster;
    for (const [id, ingress] of ingresses) {
      if (this.#wanted(id, ingress) !== undefined) this.#writes.put(id, (signal) => this.#write(id, signal));
    }
    for (const id of this.#best.keys()) if (!ingresses.has(id)) this.#best.delete(id);
  }

  /** What is to be written; undefined: nothing. */
  #wanted(id: string, ingress: WatchedIngress): readonly JsonObject[] | undefined {
    const report = this.#options.report(id);
    const addresses = this.#options.addresses();
    if (!report || !addresses) return undefined;
    const wanted = report.isOurs ? addresses.map((address) => withProblem(address, ingress, report)) : [];
    // The status of another controller is not ours to take back.
    if (wanted.length === 0 && !ingress.isStatusOurs) return undefined;
    const [text, given] = [JSON.stringify(wanted), shown(ingress.status)];
    const best = this.#best.get(id);
    return text === given || (best?.wanted === text && best.given === given) ? undefined : wanted;
  }

  async #write(id: string, signal: AbortSignal): Promise<void> {
    const { api, cluster } = this.#options;
    const known = cluster.ingresses.get(id);
    if (!known) return;
    try {
      await this.#patch(id, known, signal);
    } catch (error) {
      if (!(error instanceof KubeRefused)) throw error;
      if (error.status === 404) return;
      if (error.status !== 409) throw error;
      // Somebody was quicker: what is to be written is decided anew, from what is there now.
      await this.#patch(id, watchedIngress(await api.get(cluster.pathOf(known), signal), known), signal);
    }
  }

  async #patch(id: string, ingress: WatchedIngress, signal: AbortSignal): Promise<void> {
    const { api, cluster, isLeader } = this.#options;
    const wanted = this.#wanted(id, ingress);
    if (!wanted || !isLeader()) return;
    const answer = await api.write(
      'PATCH',
      `${cluster.pathOf(ingress)}/status?fieldManager=${FIELD_MANAGER}`,
      {
        metadata: { resourceVersion: ingress.version },
        status: { loadBalancer: { ingress: wanted.length === 0 ? null : wanted } },
      },
      signal,
    );
    this.#written.inc();
    const [text, given] = [JSON.stringify(wanted), shown(watchedIngress(answer, ingress).status)];
    if (text === given) this.#best.delete(id);
    else this.#best.set(id, { wanted: text, given });
  }
}

/**
 * A place with what is wrong: of 1.20 and later, `ports[].error` says why not all of the Ingress is served, by its first
 * problem; events tell all of them.
 */
function withProblem(address: PublishedAddress, { object }: WatchedIngress, { problems }: IngressReport): JsonObject {
  const [problem] = problems;
  if (!problem) return { ...address };
  const error = `linkgate.io/${problem.reason}`;
  const ports = object.tls.length > 0 ? [80, 443] : [80];
  return { ...address, ports: ports.map((port) => ({ port, protocol: 'TCP', error })) };
}

/** As `JSON.stringify` shows what is wanted. */
function shown(status: readonly unknown[]): string {
  const entries = status.map((value) => {
    const { ip, hostname, ports } = objectIn(value, 'an entry');
    const shownPorts = listIn(ports, 'ports').map((entry) => {
      const { port, protocol, error } = objectIn(entry, 'a port');
      return { port, protocol, error };
    });
    return { ip, hostname, ...(shownPorts.length > 0 && { ports: shownPorts }) };
  });
  return JSON.stringify(entries);
}
