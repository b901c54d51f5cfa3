// /$/io.buoyant.namer.zk.leader/<host:port::host:port>/<path>: as io.l5d.zkLeader, with the ensemble in the name.

import { signal } from '@preact/signals-core';
import { type Activity, constant, failed } from '../../src/base/activity.js';
import type { Closable } from '../../src/base/closable.js';
import { type NameTree, NEG } from '../../src/base/name-tree.js';
import { type Path, textFromBytes } from '../../src/base/path.js';
import type { Name, SystemNamer, SystemNamerKind } from '../../src/naming/namer.js';
import { Leaders, parseServers } from './leader.js';
import { DEFAULT_SESSION_TIMEOUT_MS } from './session.js';
import { ZkWatching, type ZkWatchingOptions } from './zk-watching.js';

const NAME = 'io.buoyant.namer.zk.leader';

export const zkLeaderSystemNamer: SystemNamerKind = {
  name: NAME,
  make: (context) => new ZkLeaderSystemNamer(context),
};

/** Elements of `/$/<name>/<servers>`. */
const ID_PREFIX_SIZE = 3;

class ZkLeaderSystemNamer implements SystemNamer, Closable {
  readonly #watching: ZkWatching;
  readonly #leaders: Leaders;

  constructor(options: ZkWatchingOptions) {
    this.#watching = new ZkWatching(`namer.${NAME}`, 'ZooKeeper', options);
    this.#leaders = new Leaders(this.#watching);
  }

  lookup(path: Path): Activity<NameTree<Name>> {
    const hosts = path.elements[ID_PREFIX_SIZE - 1];
    if (hosts === undefined || path.size === ID_PREFIX_SIZE) return constant(NEG);
    try {
      const config = {
        servers: parseServers(textFromBytes(hosts)),
        chroot: '',
        authInfo: undefined,
        sessionTimeoutMs: DEFAULT_SESSION_TIMEOUT_MS,
      };
      return this.#leaders.tree(config, path.take(ID_PREFIX_SIZE), path.drop(ID_PREFIX_SIZE), `${hosts} `);
    } catch (error) {
      return signal(failed(new Error(`Cannot bind "${path.show()}": ${(error as Error).message}`)));
    }
  }

  close(): Promise<void> {
    return this.#watching.close();
  }
}
