// Publication: the contract by which hosts become reachable for callers outside; registries and routes say so, listeners of
// `exposure: external` obey.

import type { ReadonlySignal } from '@preact/signals-core';

/** Whom a listener or a route is for: callers inside, or anyone. */
export type Exposure = 'internal' | 'external';

/** One host that may be asked for from outside. */
export interface PublishedHost {
  /** Lower case, without port and final dot: `shop.example.com`, or `*.example.com` for one more label. */
  readonly host: string;
  /** Who says so, as operators know it: `ingress shop/web`, `Consul 127.0.0.1:8500 service shop`. */
  readonly by: string;
}

/** All that one source publishes, each host once for each that says so. Observing it starts the watch behind it. */
export type Publications = ReadonlySignal<readonly PublishedHost[]>;

/** What registries mark a service with, to publish it: a Consul tag `linkgate.io/external=<host>`, a key of etcd metadata. */
export const EXTERNAL_MARK = 'linkgate.io/external';
