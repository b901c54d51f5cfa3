// Transformer kind `io.l5d.port`: the addresses of a service, each with another port.

import { z } from 'zod';
import { type Address, addrBound } from '../base/addr.js';
import { defineKind } from '../base/kind.js';
import { pathFromText } from '../base/path.js';
import { idPrefix, makeAddressTransformer } from '../naming/transformed-addr.js';
import type { Transformer, TransformerContext } from '../naming/transformer.js';

const KIND = 'io.l5d.port';

export const portTransformer = defineKind({
  kind: KIND,
  description: 'Sets the port of every address, as for a proxy that listens on the same port of every host.',
  config: z.strictObject({ port: z.int().min(1).max(65535).describe('The port, 1-65535.') }),
  make: ({ port }, { prefix }: TransformerContext): Transformer =>
    makeAddressTransformer({
      name: KIND,
      prefix: idPrefix(prefix, KIND, pathFromText(String(port))),
      change: ({ addresses, meta }) => addrBound(withPort(addresses, port), meta),
    }),
});

/** Several instances on one host become one address: of their weights and metadata the heaviest one's count. */
function withPort(addresses: readonly Address[], port: number): readonly Address[] {
  const hosts = new Map<string, Address>();
  for (const address of addresses) {
    const known = hosts.get(address.host);
    if (!known || address.weight > known.weight) hosts.set(address.host, { ...address, port });
  }
  return [...hosts.values()];
}
