// Transformer kind `io.l5d.localhost`: of the addresses of a service, those on this machine.

import { computed } from '@preact/signals-core';
import { z } from 'zod';
import { defineKind } from '../base/kind.js';
import { filterAddresses, makeAddressTransformer } from '../naming/transformed-addr.js';
import type { Transformer, TransformerContext } from '../naming/transformer.js';
import { makeIpSet } from './ip-set.js';
import { LocalAddresses, type ReadInterfaces, readInterfaces } from './local-addresses.js';

const KIND = 'io.l5d.localhost';

export const localhostTransformer = defineKind({
  kind: KIND,
  description: 'Keeps the addresses that belong to an interface of this machine, loopback included.',
  config: z.strictObject({}),
  make: (_config, context: TransformerContext): Transformer => makeLocalhost(context),
});

export function makeLocalhost(
  { prefix, clock }: Pick<TransformerContext, 'prefix' | 'clock'>,
  read: ReadInterfaces = readInterfaces,
): Transformer {
  const local = new LocalAddresses(clock, read);
  const isLocal = computed(() => makeIpSet(local.ips.value));
  return makeAddressTransformer({
    name: KIND,
    prefix,
    change: (addr) => filterAddresses(addr, ({ host }) => isLocal.value(host)),
    close: () => local.close(),
  });
}
