// Kubernetes namers: /<namespace>/<port>/<service>[/<label value>] in, what the API has of that service out.
//
// All names of a namespace share one watch of its endpoints and, once a name needs it, one of its services. Elements are
// lower-cased, as all names in Kubernetes are and as Linkerd has it.

import { computed, type ReadonlySignal } from '@preact/signals-core';
import { type Activity, constant, type State } from '../../src/base/activity.js';
import type { Freshness } from '../../src/base/addr.js';
import type { Clock } from '../../src/base/clock.js';
import { type Logger, makeLogger } from '../../src/base/log.js';
import type { MetricsScope } from '../../src/base/metrics.js';
import { type NameTree, NEG } from '../../src/base/name-tree.js';
import { bytesFromText, Path, textFromBytes } from '../../src/base/path.js';
import type { Random } from '../../src/base/random.js';
import type { HostResolver } from '../../src/naming/host-resolver.js';
import { type Inet, makeInet } from '../../src/naming/inet.js';
import type { Name, Namer } from '../../src/naming/namer.js';
import { RegistryWatches } from '../shared/registry-watch.js';
import { type ServiceSet, ServiceTrees, sameServiceSet, type WatchedService } from '../shared/service-trees.js';
import type { StreamTimes } from './collection-watch.js';
import type { findEndpoints, KnownService, WantedService } from './find-endpoints.js';
import type { KubeApi } from './kube-api.js';
import { NamespaceTables } from './namespace-tables.js';
import { isLabelName } from './object-names.js';
import { WeakValues } from './weak-values.js';

export interface KubeNamerOptions {
  /** With the leading `#`. */
  readonly prefix: Path;
  /** Owned from now on: closed with the namer. */
  readonly api: KubeApi;
  /** `findEndpoints` or `findLoadBalancer`. */
  readonly find: typeof findEndpoints;
  /** Fixed; then paths begin with the port. */
  readonly namespace?: string;
  /** A label; then paths end with the value that it must have. */
  readonly labelSelector?: string;
  readonly clock: Clock;
  readonly random: Random;
  /** `namer/<prefix>` */
  readonly metrics: MetricsScope;
  readonly log?: Logger;
  /** How host names are looked up; closed with the namer. Default: `makeHostResolver`. */
  readonly resolver?: HostResolver;
  /** See `RegistryWatchesOptions`. */
  readonly lingerMs?: number;
  readonly firstAnswerMs?: number;
  /** See `CollectionWatchOptions`. */
  readonly stream?: StreamTimes;
}

export class KubeNamer implements Namer {
  readonly prefix: Path;
  readonly #options: KubeNamerOptions;
  readonly #log: Logger;
  readonly #watches: RegistryWatches;
  readonly #inet: Inet;
  readonly #trees: ServiceTrees;
  // Namespaces and services come from requests: those that nobody asks for any more must not pile up.
  readonly #namespaces = new WeakValues<string, NamespaceTables>();
  readonly #services = new WeakValues<string, FoundService>();

  constructor(options: KubeNamerOptions) {
    const { api, clock, random, metrics, resolver, lingerMs, firstAnswerMs } = options;
    this.prefix = options.prefix;
    this.#options = options;
    this.#log = options.log ?? makeLogger(`namer.${options.prefix.drop(1).show().slice(1)}`);
    this.#watches = new RegistryWatches({
      registry: api.registry,
      clock,
      random,
      log: this.#log,
      metrics,
      ...(lingerMs !== undefined && { lingerMs }),
      ...(firstAnswerMs !== undefined && { firstAnswerMs }),
    });
    this.#inet = makeInet({ clock, resolver, log: this.#log });
    this.#trees = new ServiceTrees(this.#inet);
  }

  lookup(path: Path): Activity<NameTree<Name>> {
    const { namespace: fixed, labelSelector } = this.#options;
    const size = (fixed === undefined ? 3 : 2) + (labelSelector === undefined ? 0 : 1);
    if (path.size < size) return NO_SUCH_NAME;
    const elements = path.take(size).elements.map((element) => textFromBytes(element).toLowerCase());
    const [namespace = '', port = '', service = '', label] = fixed === undefined ? elements : [fixed, ...elements];
    // It becomes part of a path of the API.
    if (!isLabelName(namespace)) return NO_SUCH_NAME;
    const id = this.prefix.concat(new Path(elements.map(bytesFromText)));
    return this.#trees.tree(id, path.drop(size), this.#service(namespace, service, { port, label }));
  }

  state(): unknown {
    return {
      registry: this.#watches.options.registry,
      watches: this.#watches.state(),
      namespaces: Object.fromEntries([...this.#namespaces].map(([name, tables]) => [name, tables.state()])),
    };
  }

  ageMs(): number | undefined {
    return this.#watches.ageMs();
  }

  async close(): Promise<void> {
    await Promise.all([this.#watches.close(), this.#inet.close()]);
    this.#options.api.close();
  }

  #service(namespace: string, name: string, wanted: WantedService): FoundService {
    return this.#services.get(JSON.stringify([namespace, name, wanted.port, wanted.label]), () => {
      const tables = this.#namespaces.get(namespace, () => this.#tables(namespace));
      return new FoundService(tables, name, (known) => this.#options.find(wanted, known));
    });
  }

  #tables(namespace: string): NamespaceTables {
    const { api, labelSelector, stream } = this.#options;
    return new NamespaceTables({
      namespace,
      api,
      watches: this.#watches,
      labelSelector,
      log: this.#log,
      ...(stream && { stream }),
    });
  }
}

const NO_SUCH_NAME = constant<NameTree<Name>>(NEG);

/** One service, found anew whenever what is known of it changes; what it is made of is watched as it is asked for. */
class FoundService implements WatchedService {
  readonly value: ReadonlySignal<State<ServiceSet | undefined>>;
  readonly #tables: NamespaceTables;
  readonly #name: string;
  /** What the last answer was made of; never none. */
  #used: readonly { readonly freshness: () => Freshness }[];
  #last: State<ServiceSet | undefined> | undefined;

  constructor(tables: NamespaceTables, name: string, find: (known: KnownService) => State<ServiceSet | undefined>) {
    this.#tables = tables;
    this.#name = name;
    this.#used = [tables.endpoints(name)];
    // Reads `this`: who holds the value holds the service, and so do not two watch what one could.
    this.value = computed(() => {
      const next = this.#find(find);
      if (this.#last === undefined || !sameSet(this.#last, next)) this.#last = next;
      return this.#last;
    });
  }

  /** Of what was confirmed longest ago. */
  readonly freshness = (): Freshness => {
    const all = this.#used.map(({ freshness }) => freshness());
    const oldest = all.reduce((a, b) => ((b.ageMs ?? Infinity) > (a.ageMs ?? Infinity) ? b : a));
    return { ...oldest, error: all.find(({ error }) => error !== undefined)?.error };
  };

  #find(find: (known: KnownService) => State<ServiceSet | undefined>): State<ServiceSet | undefined> {
    const used: { readonly freshness: () => Freshness }[] = [];
    const read = <Row>(row: { readonly value: ReadonlySignal<Row>; readonly freshness: () => Freshness }): Row => {
      used.push(row);
      return row.value.value;
    };
    const state = find({
      endpoints: () => read(this.#tables.endpoints(this.#name)),
      service: () => read(this.#tables.service(this.#name)),
    });
    this.#used = used;
    return state;
  }
}

function sameSet(a: State<ServiceSet | undefined>, b: State<ServiceSet | undefined>): boolean {
  switch (a.state) {
    case 'pending':
      return b.state === 'pending';
    case 'ok':
      return b.state === 'ok' && sameServiceSet(a.value, b.value);
    case 'failed':
      // The wrapped error is a new one each time; what was wrong is the same.
      return b.state === 'failed' && a.error.message === b.error.message;
    default:
      return a satisfies never;
  }
}
