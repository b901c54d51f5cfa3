// ZkWatching: what every namer on ZooKeeper is made of: sessions, watches, and the trees and addresses of services.

import type { Clock } from '../../src/base/clock.js';
import type { Closable } from '../../src/base/closable.js';
import { type Logger, makeLogger } from '../../src/base/log.js';
import type { MetricsScope } from '../../src/base/metrics.js';
import type { Path } from '../../src/base/path.js';
import type { Random } from '../../src/base/random.js';
import type { HostResolver } from '../../src/naming/host-resolver.js';
import { type Inet, makeInet } from '../../src/naming/inet.js';
import { RegistryWatches } from '../shared/registry-watch.js';
import { ServiceTrees } from '../shared/service-trees.js';
import type { SessionConfig } from './session.js';
import { ZkSessions } from './sessions.js';

export interface ZkWatchingOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** `namer/<prefix>` */
  readonly metrics: MetricsScope;
  readonly log?: Logger;
  /** From the last observer's leaving to the end of a watch. Default 10 s. */
  readonly lingerMs?: number;
  /** How host names of members are looked up; closed with this. Default: `makeHostResolver`. */
  readonly resolver?: HostResolver;
}

export interface ZkNamerOptions extends ZkWatchingOptions {
  readonly prefix: Path;
  readonly session: SessionConfig;
}

/** `namer.io.l5d.serversets` for `/#/io.l5d.serversets`. */
export function loggerName(prefix: Path): string {
  return `namer.${prefix.drop(1).show().slice(1)}`;
}

export class ZkWatching implements Closable {
  readonly clock: Clock;
  readonly sessions: ZkSessions;
  readonly watches: RegistryWatches;
  readonly trees: ServiceTrees;
  readonly #registry: string;
  readonly #inet: Inet;

  /** `name` is the logger's, `registry` what messages call the ensemble. */
  constructor(name: string, registry: string, options: ZkWatchingOptions) {
    const { clock, random, metrics, lingerMs, log = makeLogger(name) } = options;
    this.clock = clock;
    this.#registry = registry;
    this.sessions = new ZkSessions({ clock, random, log });
    this.watches = new RegistryWatches({
      registry,
      clock,
      random,
      log,
      metrics,
      ...(lingerMs !== undefined && { lingerMs }),
    });
    this.#inet = makeInet({ clock, resolver: options.resolver, log });
    this.trees = new ServiceTrees(this.#inet);
    for (const key of ['connects', 'expirations'] as const) {
      metrics.gauge(['session', key], () => {
        return Object.values(this.sessions.state()).reduce((sum, session) => sum + session[key], 0);
      });
    }
  }

  state(): unknown {
    return { registry: this.#registry, sessions: this.sessions.state(), watches: this.watches.state() };
  }

  async close(): Promise<void> {
    await this.watches.close();
    await Promise.all([this.sessions.close(), this.#inet.close()]);
  }
}
