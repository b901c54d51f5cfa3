// io.l5d.k8s.daemonset: the addresses of a service in, those of the gateway on the same nodes out.

import { computed, type ReadonlySignal } from '@preact/signals-core';
import { ADDR_NEG, ADDR_PENDING, type Addr, type Address, addrBound, showAddress } from '../../src/base/addr.js';
import { type Path, pathFromText } from '../../src/base/path.js';
import type { Namer } from '../../src/naming/namer.js';
import { type BoundAddr, idPrefix, makeAddressTransformer } from '../../src/naming/transformed-addr.js';
import type { Transformer } from '../../src/naming/transformer.js';
import { nodeOf } from './same-node.js';

export const DAEMONSET_KIND = 'io.l5d.k8s.daemonset';

export interface DaemonsetTransformerOptions {
  /** As configured, or the default. */
  readonly prefix: Path;
  readonly namespace: string;
  readonly port: string;
  readonly service: string;
  /** True: nodes are told apart by their names, false: by /24 subnets. */
  readonly hostNetwork: boolean;
  /** Binds `/<namespace>/<port>/<service>`. Owned from now on: closed with the transformer. */
  readonly namer: Namer;
}

/**
 * An address whose node has no gateway is dropped; when none is left the set is Neg. While the gateways are not known the
 * set is pending; when there is no such service, or the API server has never answered, addresses pass unchanged, as in 1.x.
 */
export function makeDaemonsetTransformer(options: DaemonsetTransformerOptions): Transformer {
  const { prefix, namespace, port, service, hostNetwork, namer } = options;
  const path = pathFromText(namespace, port, service);
  const gateways = addrOf(namer, path);
  const node = nodeOf(hostNetwork);
  return makeAddressTransformer({
    name: DAEMONSET_KIND,
    prefix: idPrefix(prefix, DAEMONSET_KIND, path),
    change: (addr) => {
      const now = gateways.value;
      switch (now.state) {
        case 'bound':
          return onSameNodes(addr, now, node);
        case 'pending':
          return ADDR_PENDING;
        case 'neg':
        case 'failed':
          return addr;
        default:
          return now satisfies never;
      }
    },
    close: () => namer.close(),
  });
}

/** The addresses of what `namer` binds `path` to; Neg where it binds it to nothing. */
function addrOf(namer: Namer, path: Path): ReadonlySignal<Addr> {
  const lookup = namer.lookup(path);
  return computed(() => {
    const tree = lookup.value;
    if (tree.state === 'pending') return ADDR_PENDING;
    if (tree.state === 'failed' || tree.value.type !== 'leaf' || tree.value.value.type !== 'bound') return ADDR_NEG;
    return tree.value.value.bound.addr.value;
  });
}

function onSameNodes(addr: BoundAddr, gateways: BoundAddr, node: ReturnType<typeof nodeOf>): Addr {
  const nodes = new Set(addr.addresses.map(node).filter((name) => name !== undefined));
  const kept = new Map<string, Address>();
  for (const gateway of gateways.addresses) {
    const name = node(gateway);
    if (name !== undefined && nodes.has(name)) kept.set(showAddress(gateway), gateway);
  }
  return kept.size === 0 ? ADDR_NEG : addrBound([...kept.values()], addr.meta);
}
