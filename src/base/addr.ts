// Addr: what a bound name's addresses are right now, as a namer reports them and a balancer takes them.

import type { ReadonlySignal } from '@preact/signals-core';
import type { Path } from './path.js';

/** One address of a service. Two are the same endpoint when `host` and `port` are equal. */
export interface Address {
  /** IP address, textual; IPv6 without brackets. */
  readonly host: string;
  /** 1–65535. */
  readonly port: number;
  /** Relative share of traffic; 1 unless the registry says otherwise. Never negative. */
  readonly weight: number;
  readonly meta: AddressMeta;
}

export interface AddressMeta {
  /** Host header to send instead of the caller's (Consul's `setHost`, ExternalName services). */
  readonly authority?: string;
  /** Name of the node that runs it (Kubernetes transformers). */
  readonly nodeName?: string;
  readonly [key: string]: unknown;
}

/** Neg, failed, pending and an empty set are four different answers: fallback rests on it. */
export type Addr =
  | { readonly state: 'pending' }
  | {
      readonly state: 'bound';
      readonly addresses: readonly Address[];
      readonly meta: Readonly<Record<string, unknown>>;
    }
  | { readonly state: 'neg' }
  | { readonly state: 'failed'; readonly error: Error };

export const ADDR_PENDING: Addr = { state: 'pending' };
export const ADDR_NEG: Addr = { state: 'neg' };

export function addrBound(addresses: readonly Address[], meta: Readonly<Record<string, unknown>> = {}): Addr {
  return { state: 'bound', addresses, meta };
}

export function addrFailed(error: Error): Addr {
  return { state: 'failed', error };
}

export const NO_META: AddressMeta = {};

export function makeAddress(host: string, port: number, weight = 1, meta: AddressMeta = NO_META): Address {
  return { host, port, weight, meta };
}

/** `1.2.3.4:80` or `[::1]:80`. The key of an endpoint. */
export function showAddress(address: { readonly host: string; readonly port: number }): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** True when both sets hold the same endpoints with the same weights and metadata, in any order. */
export function sameAddresses(a: readonly Address[], b: readonly Address[]): boolean {
  if (a.length !== b.length) return false;
  const key = (x: Address): string => `${showAddress(x)}*${x.weight} ${JSON.stringify(x.meta)}`;
  const seen = new Map<string, number>();
  for (const x of a) seen.set(key(x), (seen.get(key(x)) ?? 0) + 1);
  for (const x of b) {
    const count = seen.get(key(x)) ?? 0;
    if (count === 0) return false;
    seen.set(key(x), count - 1);
  }
  return true;
}

/** A name that ended: what a leaf of a bound tree holds. */
export interface Bound {
  /** Consumed part, e.g. `/#/io.l5d.fs/web`: key of the client stack, prefix of client configuration, metric scope. */
  readonly id: Path;
  /** What the namer did not consume. */
  readonly residual: Path;
  /** The addresses, live. Observing it starts the registry's watch. */
  readonly addr: ReadonlySignal<Addr>;
  /**
   * Present: no endpoint is ever asked. The gateway itself answers with this status and an empty body
   * (`/$/io.buoyant.http.status/<code>`, 100–599); `addr` is then bound to no addresses.
   */
  readonly synthetic?: { readonly status: number };
  /** How old what is known of it is; absent where no registry is asked. Cheap; reads no signal. */
  readonly freshness?: () => Freshness;
}

/** What a registry was last heard to say of a name, and when. */
export interface Freshness {
  /** As messages call it: `Consul 127.0.0.1:8500`. */
  readonly registry: string;
  /** Milliseconds since the registry last confirmed it; undefined when it never has. */
  readonly ageMs: number | undefined;
  /** Changes seen since the watch began. */
  readonly updates: number;
  /** Why the registry cannot be heard now; undefined while it can. */
  readonly error: string | undefined;
}
