// io.l5d.serversets: a path in, the live members of the Twitter serverset at that path of ZooKeeper out.

import { type Activity, constant, mapActivity, ok } from '../../src/base/activity.js';
import { type NameTree, NEG } from '../../src/base/name-tree.js';
import { type Path, textFromBytes } from '../../src/base/path.js';
import type { Name, Namer } from '../../src/naming/namer.js';
import type { RegistryWatch } from '../shared/registry-watch.js';
import type { ServiceEndpoint, ServiceSet, WatchedService } from '../shared/service-trees.js';
import { type Members, memberGroup } from './member-group.js';
import { nodePath } from './node-path.js';
import { searchResidual } from './residual-search.js';
import { MEMBER_PREFIX, parseServersetMember, type ServersetMember } from './serverset-member.js';
import { type SessionConfig, showEnsemble } from './session.js';
import { loggerName, type ZkNamerOptions, ZkWatching } from './zk-watching.js';

type Serverset = RegistryWatch<Members<ServersetMember>>;

export class ServersetsNamer implements Namer {
  readonly prefix: Path;
  readonly #session: SessionConfig;
  readonly #watching: ZkWatching;
  /** Of each serverset what has been made of it, by endpoint and shard. */
  readonly #services = new WeakMap<Serverset, Map<string, WatchedService>>();

  constructor(options: ZkNamerOptions) {
    this.prefix = options.prefix;
    this.#session = options.session;
    this.#watching = new ZkWatching(loggerName(options.prefix), showEnsemble(options.session), options);
  }

  /** `/discovery/prod/web:http#3/residual`: the longest path with a member that is alive wins. */
  lookup(path: Path): Activity<NameTree<Name>> {
    return searchResidual(path, (some, residual) => {
      const { name, endpoint, shard } = parseServersetName(some.elements.at(-1) ?? '');
      const node = nodePath(this.#session.chroot, [...some.elements.slice(0, -1), name]);
      if (node === undefined) return constant(NEG);
      const service = this.#service(this.#serverset(node), endpoint, shard);
      return this.#watching.trees.tree(this.prefix.concat(some), residual, service);
    });
  }

  state(): unknown {
    return this.#watching.state();
  }

  ageMs(): number | undefined {
    return this.#watching.watches.ageMs();
  }

  close(): Promise<void> {
    return this.#watching.close();
  }

  #serverset(node: string): Serverset {
    const { sessions, clock, watches } = this.#watching;
    return watches.watch(node, () =>
      memberGroup<ServersetMember>(
        {
          sessions,
          config: this.#session,
          path: node,
          clock,
          choose: (names) => names.filter((name) => name.startsWith(MEMBER_PREFIX)),
          decode: parseServersetMember,
          // ZooKeeper never gives a sequence number twice below one node, and who registers so never writes it again.
          isFixed: (name) => /^member_\d{10}$/.test(name),
        },
        (a, b) => a.key === b.key,
      ),
    );
  }

  #service(serverset: Serverset, endpoint: string | undefined, shard: number | undefined): WatchedService {
    const services = this.#services.get(serverset) ?? new Map<string, WatchedService>();
    this.#services.set(serverset, services);
    const key = `${shard ?? ''} ${endpoint ?? ''}`;
    let service = services.get(key);
    if (!service) {
      const value = mapActivity(serverset.value, (members) => ok(selectMembers(members, endpoint, shard)));
      service = { value, freshness: serverset.freshness };
      // Endpoint and shard may come from a request's Host header, and the serverset may be watched for ever.
      if (services.size >= MAX_SERVICES) services.clear();
      services.set(key, service);
    }
    return service;
  }
}

const MAX_SERVICES = 100;

export interface ServersetName {
  /** Of the node; bytes, as all of `element`. */
  readonly name: string;
  /** Text. */
  readonly endpoint: string | undefined;
  readonly shard: number | undefined;
}

/** Reads `web`, `web:http`, `web#3` and `web:http#3`. What has not that form is all name, `web#x` and `:http` too. */
export function parseServersetName(element: string): ServersetName {
  const match = /^(?<name>.+?)(?::(?<endpoint>[^:#]+))?(?:#(?<shard>\d{1,9}))?$/s.exec(element);
  const { name = element, endpoint, shard } = match?.groups ?? {};
  return {
    name,
    endpoint: endpoint === undefined ? undefined : textFromBytes(endpoint),
    shard: shard === undefined ? undefined : Number(shard),
  };
}

/** Undefined, so that the name falls through, when no member is left: an empty serverset and none are the same (as in 1.x). */
export function selectMembers(
  members: Members<ServersetMember>,
  endpoint: string | undefined,
  shard: number | undefined,
): ServiceSet | undefined {
  const endpoints: ServiceEndpoint[] = [];
  for (const member of members ?? []) {
    if (shard !== undefined && member.shard !== shard) continue;
    const chosen = endpoint === undefined ? member.service : member.named.get(endpoint);
    if (chosen) endpoints.push(chosen);
  }
  return endpoints.length === 0 ? undefined : { endpoints };
}
