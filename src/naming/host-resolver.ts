// Host resolver: a host name in, its IP addresses out, from the hosts file, the search list and DNS, as getaddrinfo does.
//
// Not `dns.lookup`: it runs getaddrinfo in Node's pool of four threads, where one dead name server would stop every file
// read and every other name. Asking DNS directly leaves out the hosts file and the search list, so both are read here.

import { promises as dns } from 'node:dns';
import { readFile } from 'node:fs/promises';

import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import { absoluteNames, parseResolvConf } from './resolv-conf.js';

export interface HostResolver extends Closable {
  /**
   * The IPv4 and IPv6 addresses of `host`, a name and not an IP address. Empty: there is authoritatively no such host.
   * Rejects on every other failure. An answer in one address family is enough.
   */
  resolve(host: string): Promise<readonly string[]>;
}

/** The part of `dns.promises.Resolver` that is used. */
export type DnsQueries = Pick<dns.Resolver, 'resolve4' | 'resolve6' | 'cancel'>;

export interface HostResolverOptions {
  readonly clock: Clock;
  /** Default: the servers of resolv.conf, two tries, so that a dead one costs three seconds. */
  readonly queries?: DnsQueries;
  /** Default `/etc/hosts`. Read again when asked more than 5 s after the last time; absent is the same as empty. */
  readonly hostsFile?: string;
  /** Default `/etc/resolv.conf`, for its `search`, `domain` and `ndots`. Read as the hosts file is. */
  readonly resolvConf?: string;
}

export function makeHostResolver(options: HostResolverOptions): HostResolver {
  const { clock, hostsFile = '/etc/hosts', resolvConf = '/etc/resolv.conf' } = options;
  const queries = options.queries ?? new dns.Resolver({ timeout: 1000, tries: 2 });
  const hosts = cachedFile(hostsFile, parseHosts, clock);
  const search = cachedFile(resolvConf, parseResolvConf, clock);
  return {
    resolve: async (host) => {
      const known = (await hosts()).get(host.toLowerCase());
      if (known !== undefined) return known;
      for (const name of absoluteNames(host, await search())) {
        // A candidate that fails ends it: a later suffix might name another host than the one that was meant.
        const addresses = await query(queries, name);
        if (addresses.length > 0) return addresses;
      }
      return [];
    },
    close: () => queries.cancel(),
  };
}

const FILE_TTL_MS = 5000;

/** Reads and parses the file at most once per `FILE_TTL_MS`. */
function cachedFile<T>(path: string, parse: (text: string) => T, clock: Clock): () => Promise<T> {
  let parsed: Promise<T> | undefined;
  let readAt = 0;
  return () => {
    if (parsed === undefined || clock.now() - readAt >= FILE_TTL_MS) {
      readAt = clock.now();
      parsed = readFile(path, 'utf8').then(parse, () => parse(''));
    }
    return parsed;
  };
}

/** Lower-case names to addresses: lines of `address name name…`, `#` starts a comment (hosts(5)). */
function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const hosts = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address, ...names] = words(line.replace(/#.*/, ''));
    if (address === undefined) continue;
    for (const name of names.map((n) => n.toLowerCase())) hosts.set(name, [...(hosts.get(name) ?? []), address]);
  }
  return hosts;
}

function words(line: string): string[] {
  return line.split(/\s+/).filter((word) => word !== '');
}

/** What says that there is no such name or no such record; EBADNAME is a text that can be no name. */
const NO_SUCH_NAME = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME']);

async function query(queries: DnsQueries, name: string): Promise<readonly string[]> {
  const answers = await Promise.allSettled([queries.resolve4(name), queries.resolve6(name)]);
  const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (addresses.length > 0) return addresses;
  for (const answer of answers) {
    if (answer.status === 'rejected' && !NO_SUCH_NAME.has(codeOf(answer.reason))) throw answer.reason;
  }
  return [];
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
