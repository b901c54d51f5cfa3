// Same node: how two addresses are told to be on one node of a cluster, for the transformers of per-node gateways.

import { isIPv4 } from 'node:net';
import type { Address } from '../../src/base/addr.js';

/** What two addresses on one node have in common; undefined when that cannot be told of this one. */
export type NodeOf = (address: Address) => string | undefined;

/**
 * By the name of the node where pods share its network, else by the first 24 bits of the address: what a node gives to its
 * pods, unless the cluster is set up otherwise. IPv6 addresses have no such part.
 */
export function nodeOf(hostNetwork: boolean): NodeOf {
  return hostNetwork ? ({ meta }) => meta.nodeName : ({ host }) => subnet24(host);
}

/** `10.1.2` of `10.1.2.3`. */
export function subnet24(host: string): string | undefined {
  return isIPv4(host) ? host.slice(0, host.lastIndexOf('.')) : undefined;
}
