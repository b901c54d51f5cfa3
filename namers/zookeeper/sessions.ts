// Sessions: configurations in, sessions out: one for everything in the process that asks for the same servers, chroot, credentials
// and timeout; begun by its first user, ended with its last one.

import type { Clock } from '../../src/base/clock.js';
import type { Closable } from '../../src/base/closable.js';
import { type Logger, makeLogger } from '../../src/base/log.js';
import type { Random } from '../../src/base/random.js';
import { type SessionConfig, type SessionSnapshot, showEnsemble, ZkSession } from './session.js';

export interface ZkSessionsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger;
}

/** A session that stays open at least until `end`. */
export interface SessionUse {
  readonly session: ZkSession;
  end(): void;
}

interface Shared {
  readonly session: ZkSession;
  /** By whom it is used, and how often. */
  readonly uses: Map<ZkSessions, number>;
}

/** Of the process: two gateways in it, as during a reload, share sessions too. By clock, so that tests do not. */
const allShared = new WeakMap<Clock, Map<string, Shared>>();

/** The sessions of one namer or announcer. */
export class ZkSessions implements Closable {
  readonly #options: ZkSessionsOptions;
  readonly #shared: Map<string, Shared>;
  readonly #ending = new Set<Promise<void>>();

  constructor(options: ZkSessionsOptions) {
    this.#options = options;
    const shared = allShared.get(options.clock) ?? new Map<string, Shared>();
    allShared.set(options.clock, shared);
    this.#shared = shared;
  }

  use(config: SessionConfig): SessionUse {
    const key = keyOf(config);
    const shared = this.#shared.get(key) ?? this.#make(config, key);
    this.#count(shared, 1);
    let ended = false;
    return {
      session: shared.session,
      end: () => {
        if (ended) return;
        ended = true;
        this.#count(shared, -1);
        if (shared.uses.size === 0) this.#end(key, shared);
      },
    };
  }

  /** By ensemble, those in use here. */
  state(): Readonly<Record<string, SessionSnapshot>> {
    const held = [...this.#shared.values()].filter(({ uses }) => uses.has(this));
    return Object.fromEntries(held.map(({ session }) => [session.registry, session.state()]));
  }

  /** Every use must have ended. Resolves when the sessions that ended with them are gone. */
  async close(): Promise<void> {
    await Promise.all(this.#ending);
  }

  #count(shared: Shared, change: 1 | -1): void {
    const uses = (shared.uses.get(this) ?? 0) + change;
    if (uses > 0) shared.uses.set(this, uses);
    else shared.uses.delete(this);
  }

  #make(config: SessionConfig, key: string): Shared {
    const { clock, random, log = makeLogger('zookeeper') } = this.#options;
    const session = new ZkSession({ ...config, clock, random, log });
    const shared: Shared = { session, uses: new Map() };
    this.#shared.set(key, shared);
    return shared;
  }

  #end(key: string, shared: Shared): void {
    this.#shared.delete(key);
    const ending = shared.session.close().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}

function keyOf(config: SessionConfig): string {
  const { authInfo, sessionTimeoutMs } = config;
  return JSON.stringify([showEnsemble(config), authInfo?.scheme, authInfo?.auth, sessionTimeoutMs]);
}
