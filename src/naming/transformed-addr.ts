// Address transformers: what becomes of one set of addresses in, the transformer that does it to every bound leaf out.

import { computed, type ReadonlySignal } from '@preact/signals-core';
import { ok } from '../base/activity.js';
import { ADDR_NEG, type Addr, type Address, addrBound, type Bound, sameAddresses } from '../base/addr.js';
import { leaf } from '../base/name-tree.js';
import { type Path, pathFromText } from '../base/path.js';
import type { Transformer } from './transformer.js';

/** A set of addresses, as it is while a service is known and exists. */
export type BoundAddr = Extract<Addr, { readonly state: 'bound' }>;

export interface AddressTransformerOptions {
  /** Its kind: `io.l5d.port`. */
  readonly name: string;
  /** What is put in front of ids: `/%/io.l5d.port/80`. */
  readonly prefix: Path;
  /**
   * What becomes of the addresses. Called inside `computed`: it may read signals. Addresses that are pending, failed or
   * Neg stay so, and do not come here.
   */
  readonly change: (addr: BoundAddr) => Addr;
  /** Ends what `change` reads. */
  readonly close?: () => Promise<void> | void;
}

/** Leaves stay leaves, whatever becomes of their addresses: without any there is no other alternative, but a 502. */
export function makeAddressTransformer({ name, prefix, change, close }: AddressTransformerOptions): Transformer {
  /** The derived signal of each source signal, so that results can be compared. */
  const derived = new WeakMap<ReadonlySignal<Addr>, ReadonlySignal<Addr>>();
  const derive = (source: ReadonlySignal<Addr>): ReadonlySignal<Addr> => {
    let addr = derived.get(source);
    if (!addr) {
      addr = changed(source, change);
      derived.set(source, addr);
    }
    return addr;
  };
  return {
    name,
    transform: (bound) => ok(leaf<Bound>({ ...bound, id: prefix.concat(bound.id), addr: derive(bound.addr) })),
    close: () => close?.(),
  };
}

function changed(source: ReadonlySignal<Addr>, change: (addr: BoundAddr) => Addr): ReadonlySignal<Addr> {
  let last: Addr | undefined;
  return computed(() => {
    const now = source.value;
    const next = now.state === 'bound' ? change(now) : now;
    // Most changes of a large set leave what is kept of it as it was: then nobody is told.
    if (last === undefined || !sameAddr(last, next)) last = next;
    return last;
  });
}

function sameAddr(a: Addr, b: Addr): boolean {
  if (a.state === 'bound' && b.state === 'bound') {
    return JSON.stringify(a.meta) === JSON.stringify(b.meta) && sameAddresses(a.addresses, b.addresses);
  }
  return a.state === b.state && (a.state !== 'failed' || b.state !== 'failed' || a.error === b.error);
}

/** The addresses that `keep` keeps; Neg when that is none. */
export function filterAddresses({ addresses, meta }: BoundAddr, keep: (address: Address) => boolean): Addr {
  const kept = addresses.filter(keep);
  return kept.length === 0 ? ADDR_NEG : addrBound(kept, meta);
}

/**
 * What ids begin with: the configured `prefix`, or, when that is the default `/%/<kind>`, with `more` behind it, which
 * tells two transformers of one kind apart.
 */
export function idPrefix(prefix: Path, kind: string, more: Path): Path {
  return prefix.equals(pathFromText('%', kind)) ? prefix.concat(more) : prefix;
}
