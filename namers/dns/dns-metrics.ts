// Metrics of lookups, by Linkerd's names; below `namer/<prefix>`.

import type { Counter, MetricsScope, Stat } from '../../src/base/metrics.js';

export interface DnsMetrics {
  /** Lookups that found an address. */
  readonly successes: Counter;
  /** Lookups of names that do not exist, or have no SRV record. */
  readonly failures: Counter;
  /** Lookups that found SRV records, and no address that can be used. */
  readonly zeroResults: Counter;
  /** Targets of SRV records that authoritatively have no address. */
  readonly unknownHosts: Counter;
  /** Lookups that no server answered: SERVFAIL, REFUSED, silence, nonsense. */
  readonly unexpectedCodes: Counter;
  /** From asking for the SRV records until they are there. */
  readonly durationMs: Stat;
}

export function dnsMetrics(scope: MetricsScope): DnsMetrics {
  return {
    successes: scope.counter('lookup_successes_total'),
    failures: scope.counter('lookup_failures_total'),
    zeroResults: scope.counter('lookup_zero_results_total'),
    unknownHosts: scope.counter('unknown_srv_hosts_results_total'),
    unexpectedCodes: scope.counter('unexpected_code_total'),
    durationMs: scope.stat('request_duration_ms'),
  };
}
