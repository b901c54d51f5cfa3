// What Linkerd itself had removed or renamed before 1.7.5: since when, and what to write instead.

import type { Place } from './places.js';

export interface RemovedKey {
  readonly place: Place;
  readonly key: string;
  /** Completes `"<key>" …`. */
  readonly advice: string;
}

const STREAMED =
  'was removed in Linkerd 1.7.0: bodies of any size are streamed; delete it, or set streamAfterContentLengthKB';
const ONE_ENGINE = 'was removed in Linkerd 1.3.0: there is one HTTP engine; delete it';
const NO_KINDS_OF_TLS = 'was removed in Linkerd 1.0.0: tls has no kinds; delete it and set';

export const REMOVED_KEYS: readonly RemovedKey[] = [
  { place: 'file', key: 'tracers', advice: 'was removed in Linkerd 0.9.0: use telemetry, e.g. kind io.l5d.zipkin' },
  { place: 'router', key: 'baseDtab', advice: 'was renamed in Linkerd 0.9.0: write dtab' },
  {
    place: 'router',
    key: 'timeoutMs',
    advice:
      'was split in Linkerd 1.0.0: use client.requestAttemptTimeoutMs (each attempt) or service.totalTimeoutMs (all)',
  },
  { place: 'router', key: 'responseClassifier', advice: 'was moved in Linkerd 1.0.0: write it under service' },
  { place: 'client', key: 'retries', advice: 'was moved in Linkerd 1.0.0: write it under service' },
  { place: 'router', key: 'engine', advice: ONE_ENGINE },
  { place: 'server', key: 'engine', advice: ONE_ENGINE },
  { place: 'client', key: 'engine', advice: ONE_ENGINE },
  { place: 'router', key: 'maxRequestKB', advice: STREAMED },
  { place: 'router', key: 'maxResponseKB', advice: STREAMED },
  { place: 'router', key: 'maxChunkKB', advice: STREAMED },
  {
    place: 'router',
    key: 'loggers',
    advice: 'was renamed in Linkerd 1.4.0 and moved in 1.6.0: write client.requestAuthorizers',
  },
  { place: 'router', key: 'requestAuthorizers', advice: 'was moved in Linkerd 1.6.0: write it under client' },
  ...['threshold', 'windowSize'].map((key) => ({
    place: 'failureThreshold' as const,
    key,
    advice: 'was removed in Linkerd 1.5.0: use minPeriodMs and closeTimeoutMs',
  })),
  {
    place: 'serverTls',
    key: 'enabled',
    advice: 'was never a key of server tls, whatever its documentation says: delete it, tls is on where tls is written',
  },
  { place: 'clientTls', key: 'kind', advice: `${NO_KINDS_OF_TLS} commonName or disableValidation` },
  { place: 'clientTls', key: 'caCertPath', advice: `${NO_KINDS_OF_TLS} trustCertsBundle` },
  {
    place: 'clientTls',
    key: 'names',
    advice: `${NO_KINDS_OF_TLS} client.kind io.l5d.static with a tls for each prefix`,
  },
];

const REMOVED_KINDS: Readonly<Record<string, string>> = {
  'io.l5d.headerToken': 'was renamed in Linkerd 1.0.0: write io.l5d.header.token',
  'io.l5d.headerPath': 'was renamed in Linkerd 1.0.0: write io.l5d.header.path',
  'io.l5d.http.ingress': 'was renamed in Linkerd 1.0.0: write io.l5d.ingress',
  'io.l5d.h2.ingress': 'was renamed in Linkerd 1.0.0: write io.l5d.ingress',
  'io.l5d.commonMetrics': 'was removed in Linkerd 0.9.0: delete it, /admin/metrics.json is always on',
};

/** What became of a kind that Linkerd no longer had at 1.7.5. */
export function removedKind(kind: string): string | undefined {
  return Object.hasOwn(REMOVED_KINDS, kind) ? `"${kind}" ${REMOVED_KINDS[kind]}` : undefined;
}
