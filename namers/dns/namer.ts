// io.l5d.dnssrv: service discovery by DNS: a path that begins with the name of an SRV record in, the addresses that it lists
// out, looked up again when their time is over.

import { type Activity, constant } from '../../src/base/activity.js';
import type { Clock } from '../../src/base/clock.js';
import { type Logger, makeLogger } from '../../src/base/log.js';
import type { MetricsScope } from '../../src/base/metrics.js';
import { type NameTree, NEG } from '../../src/base/name-tree.js';
import { bytesFromText, type Path, textFromBytes } from '../../src/base/path.js';
import type { Random } from '../../src/base/random.js';
import { type HostResolver, makeHostResolver } from '../../src/naming/host-resolver.js';
import { type Inet, makeInet } from '../../src/naming/inet.js';
import type { Name, Namer } from '../../src/naming/namer.js';
import { absoluteNames, type ResolvConf, readResolvConf } from '../../src/naming/resolv-conf.js';
import {
  RegistryWatches,
  sleep,
  type WatchDefinition,
  type WatchReport,
  type WatchSnapshot,
} from '../shared/registry-watch.js';
import { type ServiceSet, ServiceTrees, sameServiceSet } from '../shared/service-trees.js';
import type { DnsServer } from './ask-server.js';
import { type DnsHost, resolveDnsHosts, showDnsHost } from './dns-hosts.js';
import { type DnsMetrics, dnsMetrics } from './dns-metrics.js';

export interface DnsSrvNamerOptions {
  readonly prefix: Path;
  /** The longest wait between two lookups of a name; TTLs shorten it, to one second at least. */
  readonly refreshIntervalSeconds: number;
  /** Name servers to ask, in order; none: those of `resolvConf`. */
  readonly dnsHosts: readonly DnsHost[];
  readonly usePriority: boolean;
  readonly useWeight: boolean;
  readonly clock: Clock;
  readonly random: Random;
  /** `namer/<prefix>`. */
  readonly metrics: MetricsScope;
  readonly log?: Logger;
  readonly lingerMs?: number;
  /** Default `/etc/resolv.conf`; read at each lookup. */
  readonly resolvConf?: string;
  /** For one try with one name server. Default 1,000 milliseconds. */
  readonly queryTimeoutMs?: number;
  /** How `dnsHosts` that are names are looked up; closed with the namer. Default: `makeHostResolver`. */
  readonly resolver?: HostResolver;
}

const RESOLV_CONF = '/etc/resolv.conf';
const MIN_WAIT_MS = 1000;

export class DnsSrvNamer implements Namer {
  readonly prefix: Path;
  readonly #options: DnsSrvNamerOptions;
  readonly #resolver: HostResolver;
  readonly #inet: Inet;
  readonly #watches: RegistryWatches;
  readonly #trees: ServiceTrees;
  readonly #metrics: DnsMetrics;

  constructor(options: DnsSrvNamerOptions) {
    const { prefix, clock, random, metrics, dnsHosts, lingerMs, resolvConf = RESOLV_CONF } = options;
    const log = options.log ?? makeLogger(`namer.${prefix.drop(1).show().slice(1)}`);
    this.prefix = prefix;
    this.#options = options;
    this.#resolver = options.resolver ?? makeHostResolver({ clock });
    this.#inet = makeInet({ clock, resolver: this.#resolver, log });
    this.#trees = new ServiceTrees(this.#inet);
    this.#metrics = dnsMetrics(metrics);
    this.#watches = new RegistryWatches({
      registry: `DNS ${dnsHosts.length > 0 ? dnsHosts.map(showDnsHost).join(', ') : `of ${resolvConf}`}`,
      clock,
      random,
      log,
      metrics,
      ...(lingerMs !== undefined && { lingerMs }),
    });
  }

  /** The first element is the name, the rest is the residual. Names that cannot be in DNS do not exist. */
  lookup(path: Path): Activity<NameTree<Name>> {
    const [element] = path.elements;
    const name = element === undefined ? undefined : dnsNameFrom(element);
    if (name === undefined) return constant(NEG);
    const watch = this.#watches.watch(name, () => this.#definition(name));
    return this.#trees.tree(this.prefix.concat(path.take(1)), path.drop(1), watch);
  }

  state(): { readonly registry: string; readonly watches: Readonly<Record<string, WatchSnapshot>> } {
    return { registry: this.#watches.options.registry, watches: this.#watches.state() };
  }

  ageMs(): number | undefined {
    return this.#watches.ageMs();
  }

  async close(): Promise<void> {
    await Promise.all([this.#watches.close(), this.#inet.close()]);
  }

  #definition(name: string): WatchDefinition<ServiceSet | undefined> {
    return { run: (report, signal) => this.#run(name, report, signal), same: sameServiceSet };
  }

  async #run(name: string, report: WatchReport<ServiceSet | undefined>, signal: AbortSignal): Promise<void> {
    const { clock, usePriority, useWeight, queryTimeoutMs: timeoutMs = 1000, resolvConf } = this.#options;
    // Only now: a gateway that has no such namer does not pay for the DNS codec.
    const { SrvLookup } = await import('./srv-lookup.js');
    const lookup = new SrvLookup({ clock, metrics: this.#metrics, timeoutMs, usePriority, useWeight });
    while (!signal.aborted) {
      const conf = await readResolvConf(resolvConf ?? RESOLV_CONF);
      const { service, ttl } = await lookup.lookUp({
        names: absoluteNames(name, conf).filter(fitsIntoDns),
        servers: await this.#servers(conf),
        signal,
        complain: report.complain,
      });
      report.update(service);
      const longest = this.#options.refreshIntervalSeconds * 1000;
      await sleep(Math.min(longest, Math.max(MIN_WAIT_MS, ttl * 1000)), clock, signal);
    }
  }

  async #servers(conf: ResolvConf): Promise<readonly DnsServer[]> {
    const { dnsHosts } = this.#options;
    if (dnsHosts.length > 0) return resolveDnsHosts(dnsHosts, this.#resolver);
    return conf.servers.map((ip) => ({ ip, port: 53 }));
  }
}

/** Lower case, as DNS compares names; undefined when no name in DNS can be written so. */
function dnsNameFrom(element: string): string | undefined {
  const text = textFromBytes(element);
  if (bytesFromText(text) !== element) return undefined;
  const name = text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  const labels = (name.endsWith('.') ? name.slice(0, -1) : name).split('.');
  const fits = labels.every((label) => label !== '' && Buffer.byteLength(label) <= MAX_LABEL_BYTES);
  return fits && fitsIntoDns(name) ? name : undefined;
}

const MAX_LABEL_BYTES = 63;
const MAX_NAME_BYTES = 253;

function fitsIntoDns(name: string): boolean {
  return Buffer.byteLength(name) <= MAX_NAME_BYTES + (name.endsWith('.') ? 1 : 0);
}
