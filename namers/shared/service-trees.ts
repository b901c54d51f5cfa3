// Service trees: the endpoints that a registry has for a service in, the tree and the live addresses of its name out.

import { computed, type ReadonlySignal } from '@preact/signals-core';
import { type Activity, ok, PENDING, type State } from '../../src/base/activity.js';
import {
  ADDR_NEG,
  ADDR_PENDING,
  type Addr,
  type Address,
  type AddressMeta,
  addrBound,
  addrFailed,
  type Freshness,
  NO_META,
  showAddress,
} from '../../src/base/addr.js';
import { leaf, type NameTree, NEG, negBecause } from '../../src/base/name-tree.js';
import type { Path } from '../../src/base/path.js';
import type { Inet } from '../../src/naming/inet.js';
import { parseIpLiteral } from '../../src/naming/ip-literal.js';
import type { Name } from '../../src/naming/namer.js';

/** One instance as a registry holds it. */
export interface ServiceEndpoint {
  /** IP address or DNS name. */
  readonly host: string;
  /** 1-65535. */
  readonly port: number;
  /** Relative share of traffic. Default 1. */
  readonly weight?: number;
  readonly meta?: AddressMeta;
}

/** What a registry has of one service: undefined when there is no such service. */
export interface ServiceSet {
  readonly endpoints: readonly ServiceEndpoint[];
  /** Metadata of the set as a whole. Default: none. */
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** A service as a namer watches it; `RegistryWatch` is one. */
export interface WatchedService {
  readonly value: ReadonlySignal<State<ServiceSet | undefined>>;
  readonly freshness?: () => Freshness;
}

export class ServiceTrees {
  readonly #inet: Inet;
  /** One address signal for each service, whatever the path that led to it. */
  readonly #addrs = new WeakMap<WatchedService, ReadonlySignal<Addr>>();

  /** `inet` looks up the hosts that are names; closed by who made it. */
  constructor(inet: Inet) {
    this.#inet = inet;
  }

  /**
   * A leaf for as long as the service exists, Neg while it does not; the same leaf through all changes of its endpoints.
   * Neg with the error as its reason while the registry has never answered.
   */
  tree(id: Path, residual: Path, service: WatchedService): Activity<NameTree<Name>> {
    const { freshness } = service;
    const bound: Name = {
      type: 'bound',
      bound: { id, residual, addr: this.#addr(service), ...(freshness && { freshness }) },
    };
    const exists: State<NameTree<Name>> = ok(leaf(bound));
    let unanswered: { readonly error: Error; readonly tree: State<NameTree<Name>> } | undefined;
    return computed(() => {
      const now = service.value.value;
      if (now.state === 'pending') return PENDING;
      if (now.state === 'ok') return now.value ? exists : NO_SUCH_SERVICE;
      if (unanswered?.error !== now.error) unanswered = { error: now.error, tree: ok(negBecause(now.error)) };
      return unanswered.tree;
    });
  }

  #addr(service: WatchedService): ReadonlySignal<Addr> {
    let addr = this.#addrs.get(service);
    if (!addr) {
      addr = liveAddr(service.value, this.#inet);
      this.#addrs.set(service, addr);
    }
    return addr;
  }
}

const NO_SUCH_SERVICE: State<NameTree<Name>> = ok(NEG);

/** The addresses of the endpoints, their host names looked up for as long as it is observed. */
export function liveAddr(service: ReadonlySignal<State<ServiceSet | undefined>>, inet: Inet): ReadonlySignal<Addr> {
  // In two steps, so that a host that moves does not start the lookups of all others anew.
  const looked = computed((): Addr | LookedUp => {
    const now = service.value;
    switch (now.state) {
      case 'pending':
        return ADDR_PENDING;
      case 'failed':
        return addrFailed(now.error);
      case 'ok':
        return now.value ? lookUp(now.value, inet) : ADDR_NEG;
      default:
        return now satisfies never;
    }
  });
  return computed(() => ('state' in looked.value ? looked.value : combine(looked.value)));
}

interface LookedUp {
  /** An address that can change is a signal. */
  readonly endpoints: readonly { readonly endpoint: ServiceEndpoint; readonly addr: Addr | ReadonlySignal<Addr> }[];
  readonly meta: Readonly<Record<string, unknown>>;
}

function lookUp({ endpoints, meta = {} }: ServiceSet, inet: Inet): LookedUp {
  return { endpoints: endpoints.map((endpoint) => ({ endpoint, addr: addressesOf(endpoint, inet) })), meta };
}

/**
 * An IP address does not change, so it is read without being observed. A computed signal that depends on another signal after each
 * change links the records of all of them; once V8 has taken one for old, the garbage of every later change survives with it.
 */
function addressesOf({ host, port }: ServiceEndpoint, inet: Inet): Addr | ReadonlySignal<Addr> {
  const addr = inet.addresses(host, port);
  return parseIpLiteral(host) === undefined ? addr : addr.peek();
}

/** What is bound is used, as soon as something is; a host that cannot be looked up costs its own endpoint alone. */
function combine({ endpoints, meta }: LookedUp): Addr {
  // Two endpoints with one address are one: of their weights and metadata the last one's count.
  const addresses = new Map<string, Address>();
  let unbound: Addr | undefined;
  for (const { endpoint, addr } of endpoints) {
    const now = 'state' in addr ? addr : addr.value;
    if (now.state === 'bound') {
      for (const { host, port } of now.addresses) {
        const address = { host, port, weight: endpoint.weight ?? 1, meta: endpoint.meta ?? NO_META };
        addresses.set(showAddress(address), address);
      }
    } else if (unbound === undefined || RANK[now.state] > RANK[unbound.state]) unbound = now;
  }
  return addresses.size > 0 || unbound === undefined ? addrBound([...addresses.values()], meta) : unbound;
}

/** Of several answers without addresses the highest one is given: wait before giving up, give up before denying. */
const RANK = { bound: 0, neg: 1, failed: 2, pending: 3 } as const;

/** True when both have the same endpoints, weights and metadata, in any order. */
export function sameServiceSet(a: ServiceSet | undefined, b: ServiceSet | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.endpoints.length !== b.endpoints.length || JSON.stringify(a.meta) !== JSON.stringify(b.meta)) return false;
  const left = a.endpoints.map(endpointKey).sort();
  const right = b.endpoints.map(endpointKey).sort();
  return left.every((key, i) => key === right[i]);
}

function endpointKey({ host, port, weight = 1, meta = NO_META }: ServiceEndpoint): string {
  return `${host} ${port} ${weight} ${JSON.stringify(meta)}`;
}
