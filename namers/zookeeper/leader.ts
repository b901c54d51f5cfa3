// Leader: the members of a group in, the addresses of the one that leads out: the one with the lowest sequence number.

import { type Activity, constant, mapActivity, ok } from '../../src/base/activity.js';
import { type NameTree, NEG } from '../../src/base/name-tree.js';
import type { Path } from '../../src/base/path.js';
import type { Name } from '../../src/naming/namer.js';
import { parseHostPort } from '../shared/members.js';
import type { RegistryWatch } from '../shared/registry-watch.js';
import type { ServiceEndpoint, WatchedService } from '../shared/service-trees.js';
import { type Members, memberGroup } from './member-group.js';
import { nodePath } from './node-path.js';
import { searchResidual } from './residual-search.js';
import { DEFAULT_PORT, type SessionConfig } from './session.js';
import type { ZkWatching } from './zk-watching.js';

type LeaderAddresses = readonly ServiceEndpoint[];
type Group = RegistryWatch<Members<LeaderAddresses>>;

/** Trees of the leaders of groups on any ensemble. */
export class Leaders {
  readonly #watching: ZkWatching;
  /** One for each group, so that it has one address signal. */
  readonly #services = new WeakMap<Group, WatchedService>();

  constructor(watching: ZkWatching) {
    this.#watching = watching;
  }

  /** `path` is that of the group, perhaps with a residual. `idPrefix` is what comes before it; `key` tells ensembles apart. */
  tree(config: SessionConfig, idPrefix: Path, path: Path, key = ''): Activity<NameTree<Name>> {
    return searchResidual(path, (some, residual) => {
      const node = nodePath(config.chroot, some.elements);
      if (node === undefined) return constant(NEG);
      const service = this.#service(this.#group(config, node, `${key}${node}`));
      return this.#watching.trees.tree(idPrefix.concat(some), residual, service);
    });
  }

  #group(config: SessionConfig, node: string, key: string): Group {
    const { sessions, clock, watches } = this.#watching;
    return watches.watch(key, () =>
      memberGroup<LeaderAddresses>(
        {
          sessions,
          config,
          path: node,
          clock,
          choose: (names) => lowestInSequence(names),
          decode: parseLeader,
          isFixed: () => false,
        },
        (a, b) => JSON.stringify(a) === JSON.stringify(b),
      ),
    );
  }

  #service(group: Group): WatchedService {
    let service = this.#services.get(group);
    if (!service) {
      const value = mapActivity(group.value, (members) => {
        const [endpoints] = members ?? [];
        return ok(endpoints && { endpoints });
      });
      service = { value, freshness: group.freshness };
      this.#services.set(group, service);
    }
    return service;
  }
}

/** The child with the lowest number at its end; none when no child has one. */
export function lowestInSequence(names: readonly string[]): readonly string[] {
  let lowest: { readonly name: string; readonly sequence: number } | undefined;
  for (const name of names) {
    const digits = /\d{10}$/.exec(name)?.[0];
    const sequence = Number(digits);
    if (digits !== undefined && (lowest === undefined || sequence < lowest.sequence)) lowest = { name, sequence };
  }
  return lowest === undefined ? [] : [lowest.name];
}

/** `host:port`, or several separated by commas. Throws what is wrong with it. */
export function parseLeader(content: Buffer): LeaderAddresses {
  return content
    .toString('utf8')
    .split(',')
    .map((address) => parseHostPort(address.trim()));
}

/** `h:2181::h` → servers. Throws what is wrong with it. */
export function parseServers(hosts: string): SessionConfig['servers'] {
  return hosts.split('::').map((server) => parseHostPort(server.includes(':') ? server : `${server}:${DEFAULT_PORT}`));
}
