// SRV lookup: the name of an SRV record in, the endpoints that it lists out, with how long that may be believed.

import { isIPv4, isIPv6 } from 'node:net';
import type { Clock } from '../../src/base/clock.js';
import type { ServiceEndpoint, ServiceSet } from '../shared/service-trees.js';
import type { DnsServer } from './ask-server.js';
import type { DnsMetrics } from './dns-metrics.js';
import type { DnsRecord, SrvRecord } from './message.js';
import { type QueryOptions, type QueryResult, query } from './query.js';

export interface SrvLookupOptions {
  readonly clock: Clock;
  readonly metrics: DnsMetrics;
  /** For one try with one server, in milliseconds. */
  readonly timeoutMs: number;
  /** True: only the records of the lowest priority that has an address. */
  readonly usePriority: boolean;
  /** True: endpoints have the weights of their records. */
  readonly useWeight: boolean;
}

export interface SrvLookupRequest {
  /** Absolute names, without their last dot: the first one that has SRV records counts. */
  readonly names: readonly string[];
  readonly servers: readonly DnsServer[];
  readonly signal: AbortSignal;
  /** Called for each record that cannot be used. */
  readonly complain: (message: string) => void;
}

export interface FoundService {
  /** Undefined: there is authoritatively no such name, or none of its records can be used. */
  readonly service: ServiceSet | undefined;
  /** Of the record that is out of date first, in seconds; infinite without records. */
  readonly ttl: number;
}

/** The lookups of one name, one after the other. Keep one object for each watch: it knows where targets were last. */
export class SrvLookup {
  readonly #options: SrvLookupOptions;
  #targets: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(options: SrvLookupOptions) {
    this.#options = options;
  }

  /** Rejects when the servers fail for the SRV records, or for all targets that were not known before. */
  async lookUp(request: SrvLookupRequest): Promise<FoundService> {
    const { metrics } = this.#options;
    try {
      const { records, additionals, ttl } = await this.#srvRecords(request);
      if (records.length === 0) {
        metrics.failures.inc();
        return { service: undefined, ttl };
      }
      const found = await this.#endpoints(records, additionals, request);
      (found.endpoints.length > 0 ? metrics.successes : metrics.zeroResults).inc();
      return {
        service: found.endpoints.length > 0 ? { endpoints: found.endpoints } : undefined,
        ttl: Math.min(ttl, found.ttl),
      };
    } catch (error) {
      if (!request.signal.aborted) metrics.unexpectedCodes.inc();
      throw error;
    }
  }

  async #srvRecords(request: SrvLookupRequest): Promise<QueryResult & { readonly records: readonly SrvRecord[] }> {
    const { clock, metrics } = this.#options;
    const startedAt = clock.now();
    try {
      for (const name of request.names) {
        const result = await query({ name, type: 'SRV' }, this.#queryOptions(request));
        const records = result.records.filter((record) => record.type === 'srv');
        if (records.length > 0) return { ...result, records };
      }
      return { records: [], additionals: [], ttl: Number.POSITIVE_INFINITY };
    } finally {
      metrics.durationMs.add(clock.now() - startedAt);
    }
  }

  async #endpoints(
    records: readonly SrvRecord[],
    additionals: readonly DnsRecord[],
    request: SrvLookupRequest,
  ): Promise<{ readonly endpoints: readonly ServiceEndpoint[]; readonly ttl: number }> {
    const usable = records.filter((record) => isUsable(record, request.complain));
    const known = new Map<string, readonly string[]>();
    let ttl = Number.POSITIVE_INFINITY;
    let failure: Error | undefined;
    let chosen: readonly SrvRecord[] = [];
    for (const group of this.#options.usePriority ? byPriority(usable) : [usable]) {
      const targets = [...new Set(group.map(({ target }) => target))];
      const found = await mapConcurrently(targets, (target) => this.#addresses(target, additionals, request));
      for (const [i, target] of targets.entries()) {
        const { ips, ttl: targetTtl, error } = found[i] as TargetAddresses;
        known.set(target, ips);
        ttl = Math.min(ttl, targetTtl);
        failure ??= error;
      }
      chosen = group.filter(({ target }) => (known.get(target) ?? []).length > 0);
      if (chosen.length > 0) break;
    }
    // Silence about every target is no word that the service is gone.
    if (chosen.length === 0 && failure) throw failure;
    this.#targets = known;
    const weights = this.#options.useWeight ? srvWeights(chosen) : undefined;
    const endpoints = chosen.flatMap((record) => {
      const ips = known.get(record.target) ?? [];
      // The weight is the target's: its addresses share it.
      const weight = weights === undefined ? 1 : (weights.get(record) as number) / ips.length;
      return ips.map((host): ServiceEndpoint => ({ host, port: record.port, weight }));
    });
    return { endpoints, ttl };
  }

  async #addresses(
    target: string,
    additionals: readonly DnsRecord[],
    request: SrvLookupRequest,
  ): Promise<TargetAddresses> {
    const given = addressesFrom(additionals.filter(({ name }) => name === target));
    if (given.ips.length > 0) return given;
    const families = await Promise.all([
      this.#family(target, 'A', isIPv4, request),
      this.#family(target, 'AAAA', isIPv6, request),
    ]);
    const ips = families.flatMap((family) => family.ips);
    const error = families.find((family) => family.error)?.error;
    const ttl = Math.min(...families.map((family) => family.ttl));
    if (error) {
      const isKept = families.some((family) => family.error && family.ips.length > 0);
      if (isKept) request.complain(`SRV target: ${error.message}; its last addresses stay in use`);
      else if (ips.length === 0) request.complain(`SRV target: ${error.message}; it is left out`);
      return { ips, ttl, error };
    }
    if (ips.length === 0) {
      this.#options.metrics.unknownHosts.inc();
      request.complain(`SRV target "${target}." has no address; it is left out`);
    }
    return { ips, ttl };
  }

  /** Addresses of one family; those that were known before where no server answers. */
  async #family(
    target: string,
    type: 'A' | 'AAAA',
    isOfFamily: (ip: string) => boolean,
    request: SrvLookupRequest,
  ): Promise<TargetAddresses> {
    try {
      const { records, ttl } = await query({ name: target, type }, this.#queryOptions(request));
      return { ips: addressesFrom(records).ips, ttl };
    } catch (error) {
      const known = this.#targets.get(target) ?? [];
      return { ips: known.filter(isOfFamily), ttl: Number.POSITIVE_INFINITY, error: error as Error };
    }
  }

  #queryOptions({ servers, signal }: SrvLookupRequest): QueryOptions {
    const { clock, timeoutMs } = this.#options;
    return { clock, timeoutMs, servers, signal };
  }
}

interface TargetAddresses {
  readonly ips: readonly string[];
  readonly ttl: number;
  /** Why nothing newer is known. */
  readonly error?: Error;
}

function isUsable({ target, port }: SrvRecord, complain: (message: string) => void): boolean {
  // The one way to say in DNS that a service is not offered (RFC 2782): nothing to warn of.
  if (target === '') return false;
  if (port !== 0) return true;
  complain(`SRV target "${target}." has port 0, which is not in 1-65535; it is left out`);
  return false;
}

/** Groups of equal priority, the lowest first. */
function byPriority(records: readonly SrvRecord[]): readonly (readonly SrvRecord[])[] {
  const priorities = [...new Set(records.map(({ priority }) => priority))].sort((a, b) => a - b);
  return priorities.map((priority) => records.filter((record) => record.priority === priority));
}

function addressesFrom(records: readonly DnsRecord[]): TargetAddresses {
  const addresses = records.filter((record) => record.type === 'address');
  return {
    ips: [...new Set(addresses.map(({ ip }) => ip))],
    ttl: Math.min(...addresses.map(({ ttl }) => ttl)),
  };
}

/**
 * Shares as RFC 2782 has them: a random number from 0 to the sum of the weights is drawn, and the records of weight 0, which
 * stand first, are chosen where it is 0. Together they weigh 1. Where all are 0, all are alike.
 */
export function srvWeights(records: readonly SrvRecord[]): ReadonlyMap<SrvRecord, number> {
  const zeros = records.filter(({ weight }) => weight === 0).length;
  return new Map(records.map((record) => [record, record.weight > 0 ? record.weight : 1 / zeros]));
}

/** Lookups of targets under way at once. */
const CONCURRENCY = 8;

async function mapConcurrently<A, B>(items: readonly A[], f: (item: A) => Promise<B>): Promise<readonly B[]> {
  const results: B[] = [];
  const next = items.entries();
  const work = async (): Promise<void> => {
    for (const [i, item] of next) results[i] = await f(item);
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, items.length) }, work));
  return results;
}
