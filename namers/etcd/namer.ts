// io.l5d.etcd: services by the keys of their instances below one prefix of etcd: a path in, the live addresses of the longest
// service name that it begins with out.

import { computed } from '@preact/signals-core';
import { type Activity, ok, type State } from '../../src/base/activity.js';
import type { Clock } from '../../src/base/clock.js';
import { type Logger, makeLogger } from '../../src/base/log.js';
import type { MetricsScope } from '../../src/base/metrics.js';
import { type NameTree, NEG } from '../../src/base/name-tree.js';
import { bytesFromText, Path } from '../../src/base/path.js';
import type { Random } from '../../src/base/random.js';
import type { HostResolver } from '../../src/naming/host-resolver.js';
import { type Inet, makeInet } from '../../src/naming/inet.js';
import type { Name, Namer } from '../../src/naming/namer.js';
import type { Publications } from '../../src/naming/publication.js';
import { apiTls, type ClientTls } from '../shared/api-tls.js';
import { makePublishing, type Publishing } from '../shared/marked-hosts.js';
import { RegistryWatches, type WatchSnapshot } from '../shared/registry-watch.js';
import { type ServiceSet, ServiceTrees, sameServiceSet } from '../shared/service-trees.js';
import { WatchedTable } from '../shared/watched-table.js';
import { hostOf, PrefixWatch, type PrefixWatchState } from './prefix-watch.js';
import { PublishedServices } from './published-services.js';
import { MAX_SERVICE_ELEMENTS } from './service-index.js';

export interface EtcdNamerOptions {
  readonly prefix: Path;
  /** `http://127.0.0.1:2379`, at least one, all with the same scheme. */
  readonly endpoints: readonly string[];
  /** Text, without a slash at its end: `/services`. */
  readonly pathPrefix: string;
  /** With a password: log in. */
  readonly username?: string;
  readonly password?: string;
  readonly tls?: ClientTls;
  /** True: metadata of registrations publishes hosts. Default false. */
  readonly publish?: boolean;
  readonly clock: Clock;
  readonly random: Random;
  /** `namer/<prefix>` */
  readonly metrics: MetricsScope;
  readonly log?: Logger;
  /** How host names in registrations are looked up; closed with the namer. Default: `makeHostResolver`. */
  readonly resolver?: HostResolver;
  /** From the last observer's leaving to the end of the watch. Default 10 s. */
  readonly lingerMs?: number;
}

export interface EtcdNamerState extends PrefixWatchState {
  readonly registry: string;
  readonly pathPrefix: string;
  /** How many are known now. */
  readonly services: number;
  readonly watches: Readonly<Record<string, WatchSnapshot>>;
}

export class EtcdNamer implements Namer {
  readonly prefix: Path;
  readonly #pathPrefix: string;
  readonly #watches: RegistryWatches;
  readonly #watch: PrefixWatch;
  /** By the elements of a service's name, joined by slashes, as binary strings. */
  readonly #services: WatchedTable<ServiceSet>;
  readonly #inet: Inet;
  readonly #trees: ServiceTrees;
  readonly #publishing: Publishing | undefined;

  constructor(options: EtcdNamerOptions) {
    const { clock, random, metrics, endpoints, pathPrefix, username, password, resolver, lingerMs } = options;
    const log = options.log ?? makeLogger(`namer.${options.prefix.drop(1).show().slice(1)}`);
    this.prefix = options.prefix;
    this.#pathPrefix = pathPrefix;
    this.#inet = makeInet({ clock, resolver, log });
    this.#trees = new ServiceTrees(this.#inet);
    const registry = `etcd ${endpoints.map(hostOf).join(',')}`;
    const published = options.publish ? new PublishedServices(`${registry} ${pathPrefix}`) : undefined;
    this.#watches = new RegistryWatches({
      registry,
      clock,
      random,
      log,
      metrics,
      ...(lingerMs !== undefined && { lingerMs }),
    });
    this.#watch = new PrefixWatch({
      endpoints,
      prefix: bytesFromText(`${pathPrefix}/`),
      user: username !== undefined && password !== undefined ? { username, password } : undefined,
      tls: apiTls(options.tls),
      clock,
      random,
      log,
    });
    this.#services = new WatchedTable<ServiceSet>(this.#watches, {
      key: `${pathPrefix}/`,
      run: (report, signal) => this.#watch.run(published?.before(report, signal) ?? report, signal),
      same: sameServiceSet,
    });
    this.#publishing = published && makePublishing(registry, published.hosts(this.#services.answered));
  }

  /** The longest service name wins, also one that comes into being later. */
  lookup(path: Path): Activity<NameTree<Name>> {
    const candidates = this.#candidates(path);
    return computed(() => {
      for (const { service, tree } of candidates) {
        const now = service.value.value;
        if (now.state !== 'ok' || now.value) return tree.value;
      }
      return NO_SUCH_SERVICE;
    });
  }

  /** Of services with an instance whose metadata has `linkgate.io/external`. */
  get published(): Publications | undefined {
    return this.#publishing?.published;
  }

  publishedPending(): string | undefined {
    return this.#publishing?.pending();
  }

  boundNames(): readonly Path[] {
    return [...this.#services.rows().keys()].map((name) => this.prefix.concat(new Path(name.split('/'))));
  }

  state(): EtcdNamerState {
    return {
      registry: this.#watches.options.registry,
      pathPrefix: this.#pathPrefix,
      ...this.#watch.state(),
      services: this.#services.rows().size,
      watches: this.#watches.state(),
    };
  }

  ageMs(): number | undefined {
    return this.#watches.ageMs();
  }

  async close(): Promise<void> {
    await Promise.all([this.#watches.close(), this.#inet.close()]);
  }

  /** Longest first. */
  #candidates(path: Path) {
    // An element with a slash in it is one element; `team\x2fshop` must not find /team/shop.
    const slash = path.elements.findIndex((element) => element.includes('/'));
    const longest = Math.min(slash < 0 ? path.size : slash, MAX_SERVICE_ELEMENTS);
    return Array.from({ length: longest }, (_, i) => {
      const size = longest - i;
      const service = this.#services.row(path.elements.slice(0, size).join('/'));
      return { service, tree: this.#trees.tree(this.prefix.concat(path.take(size)), path.drop(size), service) };
    });
  }
}

const NO_SUCH_SERVICE: State<NameTree<Name>> = ok(NEG);
