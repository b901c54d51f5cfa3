// io.l5d.k8s.localnode: the addresses of a service in, those on this gateway's own node out.

import { type Path, pathFromText } from '../../src/base/path.js';
import { filterAddresses, idPrefix, makeAddressTransformer } from '../../src/naming/transformed-addr.js';
import type { Transformer } from '../../src/naming/transformer.js';
import { nodeOf, subnet24 } from './same-node.js';

export const LOCAL_NODE_KIND = 'io.l5d.k8s.localnode';

export interface LocalNodeTransformerOptions {
  /** As configured, or the default. */
  readonly prefix: Path;
  /** True: this node is the one called `NODE_NAME`; false: the /24 subnet of `POD_IP`. */
  readonly hostNetwork: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Throws when the environment variable is not set, or `POD_IP` is no IPv4 address. */
export function makeLocalNodeTransformer({ prefix, hostNetwork, env }: LocalNodeTransformerOptions): Transformer {
  const variable = hostNetwork ? 'NODE_NAME' : 'POD_IP';
  const self = env[variable];
  if (!self) {
    const field = hostNetwork ? 'spec.nodeName' : 'status.podIP';
    throw new Error(`${LOCAL_NODE_KIND}: ${variable} is not set; let the pod have it from ${field}`);
  }
  const here = hostNetwork ? self : subnet24(self);
  if (here === undefined) {
    throw new Error(`${LOCAL_NODE_KIND}: POD_IP is "${self}", which is no IPv4 address; use hostNetwork: true`);
  }
  const node = nodeOf(hostNetwork);
  return makeAddressTransformer({
    name: LOCAL_NODE_KIND,
    prefix: idPrefix(prefix, LOCAL_NODE_KIND, pathFromText(self)),
    change: (addr) => filterAddresses(addr, (address) => node(address) === here),
  });
}
