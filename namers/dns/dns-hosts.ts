// dnsHosts: `host` or `host:port` as the configuration has it in, the name server's address out.

import { isIP } from 'node:net';
import type { HostResolver } from '../../src/naming/host-resolver.js';
import { checkHost, parseHostPort } from '../shared/members.js';
import type { DnsServer } from './ask-server.js';

export interface DnsHost {
  /** IP address or host name. */
  readonly host: string;
  readonly port: number;
}

const DNS_PORT = 53;

/** `10.0.0.1`, `10.0.0.1:8600`, `ns.example`, `::1`, `[::1]:8600`. Throws what is wrong with it. */
export function parseDnsHost(text: string): DnsHost {
  if (isIP(text) !== 0 || !/:\d*$/.test(text)) return { host: checkHost(text), port: DNS_PORT };
  return parseHostPort(text);
}

export function showDnsHost({ host, port }: DnsHost): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Those that are names are looked up by the system; one that cannot be costs itself alone. Rejects when none is left. */
export async function resolveDnsHosts(
  hosts: readonly DnsHost[],
  resolver: HostResolver,
): Promise<readonly DnsServer[]> {
  const servers: DnsServer[] = [];
  const failures: string[] = [];
  for (const { host, port } of hosts) {
    if (isIP(host) !== 0) {
      servers.push({ ip: host, port });
      continue;
    }
    try {
      const ips = await resolver.resolve(host);
      servers.push(...ips.map((ip) => ({ ip, port })));
      if (ips.length === 0) failures.push(`dnsHosts: there is no host "${host}"`);
    } catch (error) {
      failures.push(`dnsHosts: cannot look up host "${host}": ${(error as Error).message}`);
    }
  }
  if (servers.length === 0) throw new Error(failures.join('; '));
  return servers;
}
