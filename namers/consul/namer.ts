// io.l5d.consul: service discovery by Consul: a path in, the addresses of the service that it names out.

import { type Activity, constant } from '../../src/base/activity.js';
import type { Clock } from '../../src/base/clock.js';
import { type Logger, makeLogger } from '../../src/base/log.js';
import type { Counter, MetricsScope } from '../../src/base/metrics.js';
import { type NameTree, NEG } from '../../src/base/name-tree.js';
import { type Path, pathFromText, textFromBytes } from '../../src/base/path.js';
import type { Random } from '../../src/base/random.js';
import type { HostResolver } from '../../src/naming/host-resolver.js';
import { type Inet, makeInet } from '../../src/naming/inet.js';
import type { Name, Namer } from '../../src/naming/namer.js';
import type { Publications, PublishedHost } from '../../src/naming/publication.js';
import type { ClientTls } from '../shared/api-tls.js';
import { makePublishing, type Publishing, samePublishedHosts } from '../shared/marked-hosts.js';
import {
  RegistryWatches,
  type WatchDefinition,
  type WatchReport,
  type WatchSnapshot,
} from '../shared/registry-watch.js';
import { type ServiceSet, ServiceTrees, sameServiceSet } from '../shared/service-trees.js';
import { Agent } from './agent.js';
import { repeatBlockingQuery } from './blocking-query.js';
import { type ConsistencyMode, type ConsulAnswer, ConsulClient, type ConsulQuery, queryParameters } from './client.js';
import type { HealthStatus } from './health.js';
import { Instances } from './instances.js';
import { catalogQuery, publishedServices } from './published-services.js';

export interface ConsulNamerOptions {
  readonly prefix: Path;
  readonly host: string;
  readonly port: number;
  /** True: paths are `/<dc>/<tag>/<service>`. */
  readonly includeTag: boolean;
  /** False: the catalog is asked, which knows no health. */
  readonly useHealthCheck: boolean;
  /** Instances in any other state are left out; only with `useHealthCheck`. */
  readonly healthStatuses: readonly HealthStatus[];
  readonly token?: string | undefined;
  /** True: requests are sent with the service's DNS name in Consul as Host. */
  readonly setHost: boolean;
  readonly consistencyMode: ConsistencyMode;
  readonly preferServiceAddress: boolean;
  readonly weights: readonly { readonly tag: string; readonly weight: number }[];
  readonly transferMetadata: boolean;
  /** True: tags of services publish hosts. Default false. */
  readonly publish?: boolean;
  /** Whose services publish. Default: that of the agent. */
  readonly publishDatacenter?: string | undefined;
  readonly tls?: ClientTls | undefined;
  readonly metrics: MetricsScope;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger;
  /** How host names of instances are looked up; closed with the namer. Default: `makeHostResolver`. */
  readonly resolver?: HostResolver;
  /** From the last observer's leaving to the end of the watch, in milliseconds. Default 10,000. */
  readonly lingerMs?: number;
  /** How long Consul holds a query when nothing changes, in milliseconds. Default 30,000. */
  readonly waitMs?: number;
}

export interface ConsulNamerState {
  readonly registry: string;
  /** Blocking queries that are under way; watches beyond those that may be ask again and again. */
  readonly blockingQueries: number;
  /** By `dc/service` or `dc/tag/service`; of hosts that are published `published hosts`. */
  readonly watches: Readonly<Record<string, WatchSnapshot>>;
}

/** The datacenter of the agent that is asked. */
const LOCAL_DATACENTER = '.local';

/** No name of a service's watch: those have a slash in them. */
const PUBLISHED = 'published hosts';

/** Some ten thousand instances of one service. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export class ConsulNamer implements Namer {
  readonly prefix: Path;
  readonly #options: ConsulNamerOptions;
  readonly #weights: ReadonlyMap<string, number>;
  readonly #client: ConsulClient;
  readonly #agent: Agent;
  readonly #inet: Inet;
  readonly #trees: ServiceTrees;
  readonly #watches: RegistryWatches;
  readonly #lookups: Counter;
  readonly #publishing: Publishing | undefined;

  constructor(options: ConsulNamerOptions) {
    const { prefix, clock, random, metrics, lingerMs, resolver } = options;
    const log = options.log ?? makeLogger(`namer.${prefix.drop(1).show().slice(1)}`);
    this.prefix = prefix;
    this.#options = options;
    this.#weights = highestWeights(options.weights);
    this.#client = new ConsulClient({ ...options, maxAnswerBytes: MAX_ANSWER_BYTES });
    this.#agent = new Agent(this.#client);
    this.#inet = makeInet({ clock, resolver, log });
    this.#trees = new ServiceTrees(this.#inet);
    const registry = this.#client.registry;
    this.#watches = new RegistryWatches({
      registry,
      clock,
      random,
      log,
      metrics,
      ...(lingerMs !== undefined && { lingerMs }),
    });
    this.#lookups = metrics.counter('lookups');
    this.#publishing = options.publish ? this.#publish(registry, options.publishDatacenter ?? '') : undefined;
  }

  /** Of services with a tag `linkgate.io/external=<host>`. */
  get published(): Publications | undefined {
    return this.#publishing?.published;
  }

  publishedPending(): string | undefined {
    return this.#publishing?.pending();
  }

  /** `/<dc>/<service>`, with `includeTag` `/<dc>/<tag>/<service>`; what follows is the residual. Fewer elements: Neg. */
  lookup(path: Path): Activity<NameTree<Name>> {
    this.#lookups.inc();
    const key = this.#key(path);
    if (key === undefined) return NO_SUCH_NAME;
    const { datacenter, tag, service } = key;
    const watch = this.#watches.watch(showKey(key), () => this.#definition(datacenter, tag, service));
    const size = this.#size;
    return this.#trees.tree(this.prefix.concat(path.take(size)), path.drop(size), watch);
  }

  state(): ConsulNamerState {
    return {
      registry: this.#client.registry,
      blockingQueries: this.#client.seats.taken,
      watches: this.#watches.state(),
    };
  }

  ageMs(): number | undefined {
    return this.#watches.ageMs();
  }

  async close(): Promise<void> {
    this.#agent.close();
    await this.#watches.close();
    this.#client.close();
    await this.#inet.close();
  }

  #publish(registry: string, datacenter: string): Publishing {
    const { clock, consistencyMode } = this.#options;
    const query = catalogQuery(datacenter, queryParameters(consistencyMode, datacenter));
    const by = datacenter === '' ? registry : `${registry} ${datacenter}`;
    // Held, so that it is the same watch each time that somebody begins to listen.
    const watch = this.#watches.watch<readonly PublishedHost[]>(PUBLISHED, () => ({
      run: (report, signal) => {
        const onAnswer = (answer: ConsulAnswer): boolean => {
          report.update(publishedServices(answer, by, report.complain));
          return true;
        };
        return repeatBlockingQuery({ client: this.#client, query, clock, signal, onAnswer });
      },
      same: samePublishedHosts,
    }));
    return makePublishing(registry, watch.value);
  }

  get #size(): number {
    return this.#options.includeTag ? 3 : 2;
  }

  /** Consul itself ignores the case of services and tags, so that two spellings are one watch. */
  #key(path: Path): ServiceKey | undefined {
    const size = this.#size;
    if (path.size < size) return undefined;
    const [datacenter = '', ...names] = path.take(size).elements.map(textFromBytes);
    const [service = '', tag] = names.map((name) => name.toLowerCase()).reverse();
    // Such a name could only be asked for as another path of Consul's interface.
    if (service.split('/').some((part) => part === '' || part === '.' || part === '..')) return undefined;
    return { datacenter, tag, service };
  }

  #definition(datacenter: string, tag: string | undefined, service: string): WatchDefinition<ServiceSet | undefined> {
    const { clock, setHost, transferMetadata, preferServiceAddress } = this.#options;
    const query = this.#query(datacenter === LOCAL_DATACENTER ? '' : datacenter, tag, service);
    const options = { preferServiceAddress, transferMetadata, weights: this.#weights, statuses: this.#filter };
    let instances: Instances | undefined;
    return {
      run: async (report, signal) => {
        const authority = setHost ? await this.#authority(datacenter, tag, service) : undefined;
        instances ??= new Instances({ ...options, authority });
        const reader = instances;
        const onAnswer = (answer: ConsulAnswer): boolean => publish(answer, reader, report);
        await repeatBlockingQuery({ client: this.#client, query, clock, signal, onAnswer });
      },
      same: sameServiceSet,
    };
  }

  #query(datacenter: string, tag: string | undefined, service: string): ConsulQuery {
    const { useHealthCheck, consistencyMode } = this.#options;
    return {
      path: `/v1/${useHealthCheck ? 'health' : 'catalog'}/service/${encodeURIComponent(service)}`,
      datacenter,
      parameters: {
        ...queryParameters(consistencyMode, datacenter),
        ...(tag !== undefined && { tag }),
        ...(useHealthCheck && !this.#filter && { passing: 'true' }),
      },
    };
  }

  /** Undefined where Consul leaves out what is not wanted, or where health is of no interest. */
  get #filter(): ReadonlySet<HealthStatus> | undefined {
    const { useHealthCheck, healthStatuses } = this.#options;
    const onlyPassing = healthStatuses.every((status) => status === 'passing');
    return !useHealthCheck || onlyPassing ? undefined : new Set(healthStatuses);
  }

  /** The DNS name that Consul itself answers to for the service. */
  async #authority(datacenter: string, tag: string | undefined, service: string): Promise<string> {
    const self = await this.#agent.self();
    const dc = datacenter === LOCAL_DATACENTER ? self.datacenter : datacenter;
    return [...(tag === undefined ? [] : [tag]), service, 'service', dc, self.domain].join('.');
  }
}

interface ServiceKey {
  readonly datacenter: string;
  /** In lower case, as the service. */
  readonly tag: string | undefined;
  readonly service: string;
}

const NO_SUCH_NAME: Activity<NameTree<Name>> = constant(NEG);

function showKey({ datacenter, tag, service }: ServiceKey): string {
  return pathFromText(datacenter, ...(tag === undefined ? [] : [tag]), service)
    .show()
    .slice(1);
}

/** Answers whether there is such a service. */
function publish(answer: ConsulAnswer, instances: Instances, report: WatchReport<ServiceSet | undefined>): boolean {
  const service = instances.read(answer.body, report.complain);
  if (!service) refuseToBelieve(answer);
  report.update(service);
  return service !== undefined;
}

/** No instances is an answer, unless Consul itself says that it may not be the whole one. */
function refuseToBelieve({ header }: ConsulAnswer): void {
  // Consul 1.11 and later; before, a token without rights looks just like a service without instances.
  if (header('results-filtered-by-acls') === 'true') {
    throw new Error('the token may not see any of the instances (rights service:read and node:read)');
  }
  // Only `stale` gets an answer then: perhaps of a server that has only just begun.
  if (header('knownleader') === 'false') throw new Error('no instances, said by a server without a leader');
}

/** A tag may be listed more than once. */
function highestWeights(weights: ConsulNamerOptions['weights']): ReadonlyMap<string, number> {
  const highest = new Map<string, number>();
  for (const { tag, weight } of weights) highest.set(tag, Math.max(weight, highest.get(tag) ?? 0));
  return highest;
}
