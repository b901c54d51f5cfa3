// What Linkerd 1.7.5 knows and linkgate does not build yet: the one table to empty, entry by entry, as it is built.
//
// The schemas beside this file know all of it already, so emptying an entry is all that the configuration needs.

import type { Category } from './categories.js';
import type { Place } from './places.js';

/** A key that is refused where it stands. */
export interface UnsupportedKey {
  readonly place: Place;
  readonly key: string;
  /** Refused only with such values; absent: with any. */
  readonly when?: (value: unknown) => boolean;
}

export const UNSUPPORTED_KEYS: readonly UnsupportedKey[] = [
  // The schemas have http and h2 alone: these need one each.
  { place: 'router', key: 'protocol', when: oneOf('thrift', 'mux', 'thriftmux') },

  { place: 'router', key: 'streamingEnabled', when: oneOf(false) },
  { place: 'router', key: 'compressionLevel', when: oneOf(-1, 1, 2, 3, 4, 5, 6, 7, 8, 9) },
  { place: 'tracePropagator', key: 'kind', when: oneOf('io.l5d.zipkin') },

  // Node always sets the one, and has the other from version 23.1 on.
  { place: 'serverSocket', key: 'reuseAddr', when: oneOf(false) },
  { place: 'serverSocket', key: 'reusePort', when: oneOf(true) },

  { place: 'client', key: 'requestAuthorizers' },

  { place: 'admin', key: 'tls' },
  { place: 'admin', key: 'socketOptions' },
  { place: 'admin', key: 'httpIdentifierPort' },
];

/** Every plugin kind of Linkerd 1.7.5. One leaves this table's effect by itself when it enters the kind table. */
export const LINKERD_KINDS: Readonly<Record<Category, readonly string[]>> = {
  namer: [
    'io.l5d.fs',
    'io.l5d.consul',
    'io.l5d.k8s',
    'io.l5d.k8s.ns',
    'io.l5d.k8s.external',
    'io.l5d.serversets',
    'io.l5d.zkLeader',
    'io.l5d.curator',
    'io.l5d.dnssrv',
    'io.l5d.marathon',
    'io.l5d.rancher',
    'io.l5d.k8s.istio',
    'io.l5d.rewrite',
  ],
  interpreter: [
    'default',
    'io.l5d.namerd',
    'io.l5d.namerd.http',
    'io.l5d.mesh',
    'io.l5d.fs',
    'io.l5d.k8s.configMap',
    'io.l5d.consul.interpreter',
    'io.l5d.k8s.istio',
  ],
  transformer: [
    'io.l5d.localhost',
    'io.l5d.specificHost',
    'io.l5d.port',
    'io.l5d.k8s.daemonset',
    'io.l5d.k8s.localnode',
    'io.l5d.replace',
    'io.l5d.const',
  ],
  identifier: [
    'io.l5d.header.token',
    'io.l5d.header',
    'io.l5d.header.path',
    'io.l5d.methodAndHost',
    'io.l5d.path',
    'io.l5d.static',
    'io.l5d.ingress',
    'io.l5d.k8s.istio',
  ],
  balancer: ['p2c', 'ewma', 'aperture', 'heap', 'roundRobin'],
  accrual: ['io.l5d.consecutiveFailures', 'io.l5d.successRate', 'io.l5d.successRateWindowed', 'none'],
  classifier: [
    ...['nonRetryable5XX', 'retryableRead5XX', 'retryableIdempotent5XX', 'retryableAll5XX', 'allSuccessful'].flatMap(
      (name) => [`io.l5d.http.${name}`, `io.l5d.h2.${name}`],
    ),
    'io.l5d.h2.grpc.default',
    'io.l5d.h2.grpc.compliant',
    'io.l5d.h2.grpc.alwaysRetryable',
    'io.l5d.h2.grpc.neverRetryable',
    'io.l5d.h2.grpc.retryableStatusCodes',
  ],
  telemeter: [
    'io.l5d.prometheus',
    'io.l5d.influxdb',
    'io.l5d.statsd',
    'io.l5d.tracelog',
    'io.l5d.recentRequests',
    'io.l5d.zipkin',
  ],
  announcer: ['io.l5d.serversets'],
  requestAuthorizer: ['io.l5d.k8s.istio'],
};

/** Kinds that will not be built, and why. */
const GONE: Readonly<Record<string, string>> = {
  'io.l5d.rancher': 'Rancher 1.x, which it reads, no longer exists',
  'io.l5d.k8s.istio': 'the Istio APIs that it speaks (Pilot v1, Mixer) no longer exist',
};

/** Why a kind that is not in the kind table is refused; undefined when Linkerd does not know it either. */
export function unsupportedKind(category: Category, kind: string): string | undefined {
  if (!LINKERD_KINDS[category].includes(kind)) return undefined;
  const known = `the ${category} ${kind} is known to Linkerd 1.7.5 but not supported by linkgate`;
  return Object.hasOwn(GONE, kind) ? `${known}: ${GONE[kind]}` : `${known} yet`;
}

/** Also of numbers written in quotes. */
function oneOf(...values: readonly (string | number | boolean)[]): (value: unknown) => boolean {
  return (value) => values.some((one) => one === value || (typeof one === 'number' && String(one) === value));
}
