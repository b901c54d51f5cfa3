// Watch group: the watches of one reader on one connection: never two for the same, and all of them taken back at once.

import { ConnectionLost, type NodeChildren, type NodeData, type ZkConnection } from './connection.js';
import { JuteWriter } from './jute.js';
import { type NodeStat, OPERATION, WATCHER_TYPE, type WatchKind, ZkError } from './protocol.js';
import type { ZkSession } from './session.js';
import type { Watcher } from './watch-table.js';

interface Watch {
  readonly kind: WatchKind;
  readonly path: string;
  /** What the connection knows it by. */
  readonly watcher: Watcher;
  onChange: () => void;
}

export class WatchGroup {
  readonly #connection: ZkConnection;
  readonly #session: ZkSession;
  /** What has been asked for and has not fired yet, by kind and path. */
  readonly #watches = new Map<string, Watch>();
  #hasEnded = false;

  constructor(connection: ZkConnection, session: ZkSession) {
    this.#connection = connection;
    this.#session = session;
  }

  children(path: string, onChange: () => void): Promise<NodeChildren | undefined> {
    return this.#ofNode('children', path, onChange, (watcher) => this.#connection.children(path, watcher));
  }

  data(path: string, onChange: () => void): Promise<NodeData | undefined> {
    return this.#ofNode('data', path, onChange, (watcher) => this.#connection.data(path, watcher));
  }

  exists(path: string, onChange: () => void): Promise<NodeStat | undefined> {
    return this.#during('data', path, onChange, (watcher) => this.#connection.exists(path, watcher));
  }

  /**
   * Takes back what has not fired. Without that, every name that was ever asked for and does not exist would leave a watch at the
   * server for as long as the session lives, and names come from the headers of requests.
   */
  end(): void {
    this.#hasEnded = true;
    for (const { kind, path, watcher } of this.#watches.values()) {
      if (!this.#connection.watches.remove(kind, path, watcher) || !this.#session.watchesCanBeRemoved) continue;
      const body = new JuteWriter().text(path).int(WATCHER_TYPE[kind]);
      this.#connection.request(OPERATION.removeWatches, `removeWatches ${path}`, body).catch((error: unknown) => {
        if (error instanceof ZkError && error.is('UNIMPLEMENTED')) this.#session.leaveWatches();
      });
    }
    this.#watches.clear();
  }

  /** A watch that only a node which is there can have. */
  async #ofNode<T>(
    kind: WatchKind,
    path: string,
    onChange: () => void,
    ask: (watcher: Watcher) => Promise<T>,
  ): Promise<T> {
    const answer = await this.#during(kind, path, onChange, ask);
    if (answer === undefined) this.#watches.delete(keyOf(kind, path));
    return answer;
  }

  /** Rejects after `end`. */
  async #during<T>(
    kind: WatchKind,
    path: string,
    onChange: () => void,
    ask: (watcher: Watcher) => Promise<T>,
  ): Promise<T> {
    if (this.#hasEnded) throw new ConnectionLost('given up');
    const key = keyOf(kind, path);
    const known = this.#watches.get(key);
    if (known) known.onChange = onChange;
    const watch = known ?? this.#add(key, kind, path, onChange);
    try {
      return await ask(watch.watcher);
    } catch (error) {
      this.#watches.delete(key);
      throw error;
    }
  }

  #add(key: string, kind: WatchKind, path: string, onChange: () => void): Watch {
    const watch: Watch = {
      kind,
      path,
      onChange,
      watcher: () => {
        this.#watches.delete(key);
        watch.onChange();
      },
    };
    this.#watches.set(key, watch);
    return watch;
  }
}

function keyOf(kind: WatchKind, path: string): string {
  return `${kind} ${path}`;
}
