// io.l5d.dnssrv as the configuration names it.

import { z } from 'zod';
import { count, flag } from '../../config/schema/scalars.js';
import { defineKind } from '../../src/base/kind.js';
import type { Namer, NamerContext } from '../../src/naming/namer.js';
import { parseDnsHost } from './dns-hosts.js';
import { DnsSrvNamer } from './namer.js';

export const dnsSrvNamer = defineKind({
  kind: 'io.l5d.dnssrv',
  experimental: true,
  description: 'Service discovery by DNS: SRV records list the addresses of a service.',
  config: z.strictObject({
    refreshIntervalSeconds: count(1)
      .default(5)
      .describe('The longest wait between two lookups, in seconds; a shorter TTL shortens it. Default 5.'),
    dnsHosts: z
      .array(
        z.string().transform((input, context) => {
          try {
            return parseDnsHost(input);
          } catch (error) {
            context.addIssue({ code: 'custom', input, message: (error as Error).message });
            return z.NEVER;
          }
        }),
      )
      .default([])
      .describe('Name servers to ask, in order, each "host" or "host:port". Default: those of /etc/resolv.conf.'),
    usePriority: flag
      .default(false)
      .describe('True: of the SRV records only those of the lowest priority that have an address. Default false: all.'),
    useWeight: flag
      .default(false)
      .describe('True: traffic is shared by the weights of the SRV records. Default false: evenly.'),
  }),
  make: (config, { prefix, clock, random, metrics }: NamerContext): Namer =>
    new DnsSrvNamer({ ...config, prefix, clock, random, metrics }),
});
