// Host owners: hosts as Ingresses name them, the oldest first, in; the namespace that each belongs to out.

import { wildcardOf } from './route-host.js';

export interface HostOwner {
  readonly namespace: string;
  /** `ingress shop/web`. */
  readonly by: string;
  /** Another host where that is what stands in the way: a wildcard above, or a host below. */
  readonly host: string | undefined;
}

/** A host and a wildcard directly above it are in each other's way, as one would take requests of the other. */
export class HostOwners {
  readonly #isShared: boolean;
  readonly #owners = new Map<string | undefined, HostOwner>();
  /** By wildcard: the first of each namespace that has a host directly below. */
  readonly #below = new Map<string, HostOwner[]>();

  constructor(ownership: 'first' | 'shared') {
    this.#isShared = ownership === 'shared';
  }

  /** Undefined: it is the namespace's now, or was. Else who has it. `host` undefined: all that are nobody's. */
  claim(host: string | undefined, namespace: string, by: string): HostOwner | undefined {
    if (this.#isShared) return undefined;
    const other = this.#inTheWay(host, namespace);
    if (other !== undefined) return other;
    if (this.#owners.has(host)) return undefined;
    const owner: HostOwner = { namespace, by, host };
    this.#owners.set(host, owner);
    if (host !== undefined && !host.startsWith('*.')) this.#addBelow(wildcardOf(host), owner);
    return undefined;
  }

  /** Whether `namespace` may speak for it. */
  owns(host: string, namespace: string): boolean {
    if (this.#isShared) return true;
    const owner = this.#owners.get(host) ?? this.#owners.get(wildcardOf(host));
    return owner?.namespace === namespace;
  }

  /** Who has the hosts that are nobody's. */
  get ofAnyHost(): HostOwner | undefined {
    return this.#owners.get(undefined);
  }

  /** All that have an owner, or those of one namespace. */
  hosts(namespace?: string): readonly string[] {
    const hosts: string[] = [];
    for (const [host, owner] of this.#owners) {
      if (host !== undefined && (namespace === undefined || owner.namespace === namespace)) hosts.push(host);
    }
    return hosts;
  }

  #inTheWay(host: string | undefined, namespace: string): HostOwner | undefined {
    const isAnother = (owner: HostOwner | undefined): boolean => owner !== undefined && owner.namespace !== namespace;
    const same = this.#owners.get(host);
    if (isAnother(same)) return same;
    if (host === undefined) return undefined;
    if (host.startsWith('*.')) return this.#below.get(host)?.find(isAnother);
    const above = this.#owners.get(wildcardOf(host));
    return isAnother(above) ? above : undefined;
  }

  #addBelow(wildcard: string, owner: HostOwner): void {
    const owners = this.#below.get(wildcard);
    if (owners === undefined) this.#below.set(wildcard, [owner]);
    else if (owners.every(({ namespace }) => namespace !== owner.namespace)) owners.push(owner);
  }
}
