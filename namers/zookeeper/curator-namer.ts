// io.l5d.curator: the name of a service in, its instances as Apache Curator's service discovery registers them out.

import { type Activity, constant, mapActivity, ok } from '../../src/base/activity.js';
import { type NameTree, NEG } from '../../src/base/name-tree.js';
import type { Path } from '../../src/base/path.js';
import type { Name, Namer } from '../../src/naming/namer.js';
import { checkHost, checkPort } from '../shared/members.js';
import type { RegistryWatch } from '../shared/registry-watch.js';
import type { ServiceEndpoint, ServiceSet, WatchedService } from '../shared/service-trees.js';
import { type Members, memberGroup } from './member-group.js';
import { nodePath } from './node-path.js';
import { parseObject } from './serverset-member.js';
import { type SessionConfig, showEnsemble } from './session.js';
import { loggerName, type ZkNamerOptions, ZkWatching } from './zk-watching.js';

export interface CuratorNamerOptions extends ZkNamerOptions {
  /** Path above those of the services, without a slash at its end; empty for the root. */
  readonly basePath: string;
}

export interface CuratorInstance {
  readonly endpoint: ServiceEndpoint;
  readonly isTls: boolean;
}

type Service = RegistryWatch<Members<CuratorInstance>>;

export class CuratorNamer implements Namer {
  readonly prefix: Path;
  readonly #session: SessionConfig;
  readonly #basePath: string;
  readonly #watching: ZkWatching;
  /** One for each service, so that it has one address signal. */
  readonly #services = new WeakMap<Service, WatchedService>();

  constructor(options: CuratorNamerOptions) {
    this.prefix = options.prefix;
    this.#session = options.session;
    this.#basePath = options.basePath;
    this.#watching = new ZkWatching(loggerName(options.prefix), showEnsemble(options.session), options);
  }

  /** `/<service>`; more is the residual. */
  lookup(path: Path): Activity<NameTree<Name>> {
    const node = nodePath(this.#session.chroot + this.#basePath, path.elements.slice(0, 1));
    if (path.isEmpty || node === undefined) return constant(NEG);
    return this.#watching.trees.tree(
      this.prefix.concat(path.take(1)),
      path.drop(1),
      this.#watched(this.#service(node)),
    );
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

  #service(node: string): Service {
    const { sessions, clock, watches } = this.#watching;
    return watches.watch(node, () =>
      memberGroup<CuratorInstance>(
        {
          sessions,
          config: this.#session,
          path: node,
          clock,
          choose: (names) => names,
          decode: parseCuratorInstance,
          // `ServiceDiscovery.updateService` writes to a node that is there.
          isFixed: () => false,
        },
        (a, b) => JSON.stringify(a) === JSON.stringify(b),
      ),
    );
  }

  #watched(service: Service): WatchedService {
    let watched = this.#services.get(service);
    if (!watched) {
      const value = mapActivity(service.value, (members) => ok(members && serviceSet(members)));
      watched = { value, freshness: service.freshness };
      this.#services.set(service, watched);
    }
    return watched;
  }
}

function serviceSet(instances: readonly CuratorInstance[]): ServiceSet {
  const endpoints = instances.map(({ endpoint }) => endpoint);
  return instances.some(({ isTls }) => isTls) ? { endpoints, meta: { ssl: true } } : { endpoints };
}

/** Reads the JSON of a `ServiceInstance`. Undefined: the instance is disabled. Throws what is wrong with it. */
export function parseCuratorInstance(content: Buffer): CuratorInstance | undefined {
  const { address, port, sslPort, enabled } = parseObject(content);
  if (enabled === false) return undefined;
  // Curator writes null for what is not set.
  const isTls = sslPort !== undefined && sslPort !== null;
  return { endpoint: { host: checkHost(address), port: checkPort(isTls ? sslPort : port) }, isTls };
}
