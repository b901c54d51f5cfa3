// io.l5d.zkLeader: the path of an election in ZooKeeper in, the address of the member that leads out.

import type { Activity } from '../../src/base/activity.js';
import type { NameTree } from '../../src/base/name-tree.js';
import type { Path } from '../../src/base/path.js';
import type { Name, Namer } from '../../src/naming/namer.js';
import { Leaders } from './leader.js';
import { type SessionConfig, showEnsemble } from './session.js';
import { loggerName, type ZkNamerOptions, ZkWatching } from './zk-watching.js';

export class ZkLeaderNamer implements Namer {
  readonly prefix: Path;
  readonly #session: SessionConfig;
  readonly #watching: ZkWatching;
  readonly #leaders: Leaders;

  constructor(options: ZkNamerOptions) {
    this.prefix = options.prefix;
    this.#session = options.session;
    this.#watching = new ZkWatching(loggerName(options.prefix), showEnsemble(options.session), options);
    this.#leaders = new Leaders(this.#watching);
  }

  /** The longest path with a leader wins; the rest is the residual. */
  lookup(path: Path): Activity<NameTree<Name>> {
    return this.#leaders.tree(this.#session, this.prefix, path);
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
}
