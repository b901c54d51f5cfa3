// Transformer kind `io.l5d.specificHost`: of the addresses of a service, those on one host.

import { computed } from '@preact/signals-core';
import { z } from 'zod';
import { textThat } from '../../config/schema/scalars.js';
import { defineKind } from '../base/kind.js';
import { makeInet } from '../naming/inet.js';
import { parseIpLiteral } from '../naming/ip-literal.js';
import { filterAddresses, makeAddressTransformer } from '../naming/transformed-addr.js';
import type { Transformer, TransformerContext } from '../naming/transformer.js';
import { makeIpSet } from './ip-set.js';

const KIND = 'io.l5d.specificHost';

export const specificHostTransformer = defineKind({
  kind: KIND,
  description: 'Keeps the addresses of one host.',
  config: z.strictObject({
    host: textThat('an IP address or a host name', isHost).describe(
      'IP address, or a name that is looked up for as long as it is used.',
    ),
  }),
  make: ({ host }, { prefix, clock }: TransformerContext): Transformer => {
    const inet = makeInet({ clock });
    // Of any port: the address of the host alone is asked for.
    const wanted = inet.addresses(host, 1);
    const isWanted = computed(() => {
      const now = wanted.value;
      return now.state === 'bound' ? makeIpSet(now.addresses.map((address) => address.host)) : now;
    });
    return makeAddressTransformer({
      name: KIND,
      prefix,
      change: (addr) => {
        const keep = isWanted.value;
        return typeof keep === 'function' ? filterAddresses(addr, (address) => keep(address.host)) : keep;
      },
      close: () => inet.close(),
    });
  },
});

/** Digits and dots alone that are no address are a mistake and no name: `10.0.0.300`. */
function isHost(host: string): boolean {
  return parseIpLiteral(host) !== undefined || /^(?![\d.]*$)[A-Za-z0-9_.-]+$/.test(host);
}
