// Lease: who of several gateways writes. A Lease of coordination.k8s.io/v1 in, whether this one holds it out.
//
// By the rules of client-go's leaderelection, so that `kubectl get lease` reads as with any controller: whoever holds it renews
// it every 2 seconds; it is free once it has not been *seen* to change for its 15 seconds. What is compared is the time of this
// process since it saw a change, never the times in the Lease: clocks of nodes differ. A holder that could not renew for
// 10 seconds takes itself for deposed, 5 seconds before anyone else may.

import type { Clock } from '../../../src/base/clock.js';
import type { Logger } from '../../../src/base/log.js';
import type { Random } from '../../../src/base/random.js';
import { sleep } from '../../shared/registry-watch.js';
import { type JsonObject, objectIn, textIn } from '../json.js';
import { type KubeApi, KubeRefused } from '../kube-api.js';

export interface LeaseOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly name: string;
  /** Of this gateway, unlike any other's: `linkgate-7d4b9-x2x7k_3f9c01`. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** It began, or ended, to hold the lease. */
  readonly onChange: (isHeld: boolean) => void;
}

const LEASE_SECONDS = 15;
const RENEW_DEADLINE_MS = 10_000;
const RETRY_MS = 2000;
const ASK_MS = 5000;
/** For giving it back: a gateway that ends must not wait for an API server that does not answer. */
const RELEASE_MS = 2000;
/** A Lease that says it holds for a year would make every other gateway wait as long. */
const LONGEST_LEASE_MS = 60_000;

export class Lease {
  readonly #options: LeaseOptions;
  readonly #path: string;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  /** When the API server last confirmed that this one holds it; undefined: it does not. */
  #renewedAt: number | undefined;
  /** The version that was last seen, and when it was first seen. */
  #seen: { readonly version: string; readonly at: number } | undefined;
  /** A write that takes it was sent; how it ended need not be known. */
  #mayHold = false;
  #wasHeld = false;
  #complaint: string | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** True for no longer than it is certain: to be asked before each write. */
  get isHeld(): boolean {
    return this.#renewedAt !== undefined && this.#options.clock.now() - this.#renewedAt < RENEW_DEADLINE_MS;
  }

  /** Lets go of it, so that another can take it at once. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
    this.#renewedAt = undefined;
    this.#tell();
    if (this.#mayHold) await this.#release();
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      await this.#try(signal);
      this.#tell();
      // Not all gateways at once.
      await sleep(RETRY_MS * (this.isHeld ? 1 : 1 + 0.2 * random()), clock, signal);
    }
  }

  async #try(signal: AbortSignal): Promise<void> {
    const { clock, log, name, namespace } = this.#options;
    // Counted from before the request: the server may have taken it as early as that.
    const askedAt = clock.now();
    const deposed = clock.after(this.#msToDeadline(), () => this.#tell());
    try {
      this.#renewedAt = (await this.#takeOrRenew(signal)) ? askedAt : undefined;
      if (this.#complaint !== undefined) log.info(`lease ${namespace}/${name}: answers again`);
      this.#complaint = undefined;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof KubeRefused && error.status === 409) {
        // Another was quicker. Who, the next try tells.
        this.#renewedAt = undefined;
        return;
      }
      const { message } = error as Error;
      const line = `lease ${namespace}/${name}: ${message}; without it no status and no events are written`;
      if (message === this.#complaint) log.debug(line);
      else log.warn(line);
      this.#complaint = message;
    } finally {
      deposed.cancel();
    }
  }

  #msToDeadline(): number {
    const { clock } = this.#options;
    return this.#renewedAt === undefined ? RENEW_DEADLINE_MS : this.#renewedAt + RENEW_DEADLINE_MS - clock.now();
  }

  /** Whether this one holds it now. Rejects when that is not known, also by 409 when another was quicker. */
  async #takeOrRenew(signal: AbortSignal): Promise<boolean> {
    const { api, clock, name, identity } = this.#options;
    const lease = await this.#read(signal);
    if (lease) this.#see(lease);
    const spec = lease && objectIn(lease.spec, 'spec');
    const holder = textIn(spec?.holderIdentity, 'holderIdentity');
    const isFree = !spec || holder === undefined || clock.now() - (this.#seen?.at ?? 0) >= leaseMs(spec);
    if (holder !== identity && !isFree) {
      this.#mayHold = false;
      return false;
    }
    this.#mayHold = true;
    const body = { ...IS_LEASE, metadata: { name }, ...lease, spec: this.#spec(spec) };
    // With the version that was read: of two that take it at once, one is refused.
    this.#see(await (lease ? this.#replace(body, signal) : api.write('POST', this.#path, body, signal)));
    return true;
  }

  #replace(lease: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return this.#options.api.write('PUT', `${this.#path}/${this.#options.name}`, lease, signal);
  }

  async #read(signal: AbortSignal): Promise<JsonObject | undefined> {
    const { api, name } = this.#options;
    try {
      return await api.get(`${this.#path}/${name}`, signal, ASK_MS);
    } catch (error) {
      if (error instanceof KubeRefused && error.status === 404) return undefined;
      throw error;
    }
  }

  #see(lease: JsonObject): void {
    const version = String(objectIn(lease.metadata, 'metadata').resourceVersion);
    if (this.#seen?.version !== version) this.#seen = { version, at: this.#options.clock.now() };
  }

  #spec(before: JsonObject | undefined): JsonObject {
    const { identity, clock } = this.#options;
    const now = microTime(clock.epochMs());
    const isMine = before !== undefined && before.holderIdentity === identity;
    const transitions = Number(before?.leaseTransitions ?? 0);
    return {
      holderIdentity: identity,
      leaseDurationSeconds: LEASE_SECONDS,
      acquireTime: isMine ? before.acquireTime : now,
      renewTime: now,
      leaseTransitions: before === undefined || isMine ? transitions : transitions + 1,
    };
  }

  async #release(): Promise<void> {
    const { clock, name, namespace, log, identity } = this.#options;
    const limit = new AbortController();
    const late = clock.after(RELEASE_MS, () => limit.abort());
    try {
      const lease = await this.#read(limit.signal);
      const spec = objectIn(lease?.spec, 'spec');
      if (!lease || spec.holderIdentity !== identity) return;
      const free = { ...spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(clock.epochMs()) };
      await this.#replace({ ...lease, ...IS_LEASE, spec: free }, limit.signal);
    } catch (error) {
      const { message } = error as Error;
      log.info(`lease ${namespace}/${name} is not released: ${message}; it ends by itself in ${LEASE_SECONDS} s`);
    } finally {
      late.cancel();
    }
  }

  #tell(): void {
    const { isHeld } = this;
    if (isHeld === this.#wasHeld) return;
    this.#wasHeld = isHeld;
    this.#options.onChange(isHeld);
  }
}

const IS_LEASE = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };

function leaseMs({ leaseDurationSeconds }: JsonObject): number {
  const seconds = typeof leaseDurationSeconds === 'number' ? leaseDurationSeconds : LEASE_SECONDS;
  return Math.min(LONGEST_LEASE_MS, Math.max(0, seconds * 1000));
}

/** As the API wants it: `2024-05-01T12:00:00.000000Z`. */
function microTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z');
}
