// io.l5d.serversets announcer: listeners of this gateway in, members of serversets in ZooKeeper out, for as long as they are announced.

import type { AnnouncedAddress, Announcer } from '../../src/announcer/announcer.js';
import { equalJitteredBackoff } from '../../src/base/backoff.js';
import type { Clock } from '../../src/base/clock.js';
import type { Closable } from '../../src/base/closable.js';
import { type Logger, makeLogger } from '../../src/base/log.js';
import type { Counter, MetricsScope } from '../../src/base/metrics.js';
import type { Path } from '../../src/base/path.js';
import type { Random } from '../../src/base/random.js';
import { sleep } from '../shared/registry-watch.js';
import { ConnectionLost, type ZkConnection } from './connection.js';
import { nodePath } from './node-path.js';
import { ANYONE_ALL, CREATOR_ALL_ANYONE_READ, ZkError } from './protocol.js';
import { MEMBER_PREFIX, showServersetMember } from './serverset-member.js';
import { type SessionConfig, showEnsemble, type ZkSession } from './session.js';
import { type SessionUse, ZkSessions } from './sessions.js';
import { Wake } from './wake.js';

export interface ServersetsAnnouncerOptions {
  readonly prefix: Path;
  readonly session: SessionConfig;
  /** Path above the announced ones, without a slash at its end; empty for the root. */
  readonly pathPrefix: string;
  readonly clock: Clock;
  readonly random: Random;
  /** `announcer/<prefix>` */
  readonly metrics: MetricsScope;
  readonly log?: Logger;
}

/** From `close` until a server that does not answer is left to find out by itself. */
const CLOSE_LIMIT_MS = 1000;

export class ServersetsAnnouncer implements Announcer {
  readonly prefix: Path;
  readonly #options: ServersetsAnnouncerOptions;
  readonly #parts: AnnouncementParts;
  readonly #announcements = new Set<Announcement>();

  constructor(options: ServersetsAnnouncerOptions) {
    const { prefix, clock, random, metrics, session } = options;
    this.prefix = prefix;
    this.#options = options;
    const log = options.log ?? makeLogger(`announcer.${prefix.drop(1).show().slice(1)}`);
    this.#parts = {
      config: session,
      sessions: new ZkSessions({ clock, random, log }),
      clock,
      random,
      log,
      announces: metrics.counter('announces'),
      errors: metrics.counter('errors'),
    };
    metrics.gauge(['announced'], () => [...this.#announcements].filter((one) => one.isRegistered).length);
  }

  announce(name: Path, address: AnnouncedAddress): Closable {
    const { session, pathPrefix } = this.#options;
    const parent = nodePath(session.chroot + pathPrefix, name.elements);
    if (parent === undefined) {
      throw new Error(`Cannot announce "${this.prefix.concat(name).show()}": no node of ZooKeeper can have that path`);
    }
    const announcement = new Announcement(parent, showServersetMember(address), this.#parts);
    this.#announcements.add(announcement);
    return {
      close: async () => {
        await announcement.close();
        this.#announcements.delete(announcement);
      },
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#announcements].map((one) => one.close()));
    await this.#parts.sessions.close();
  }
}

interface AnnouncementParts {
  readonly config: SessionConfig;
  readonly sessions: ZkSessions;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Nodes made. */
  readonly announces: Counter;
  readonly errors: Counter;
}

/** One ephemeral node, made again whenever it is gone. */
class Announcement {
  readonly #parent: string;
  readonly #content: string;
  readonly #parts: AnnouncementParts;
  readonly #abort = new AbortController();
  readonly #wake = new Wake();
  readonly #use: SessionUse;
  readonly #running: Promise<void>;
  #stopWaiting: () => void = () => {};
  /** In the session `#sessionId`. */
  #node: string | undefined;
  #sessionId: bigint | undefined;
  /** A request to create it was sent, and no node is known that came of it: there may be one, if its answer was lost. */
  #isUnsure = false;
  #isFailing = false;

  constructor(parent: string, content: string, parts: AnnouncementParts) {
    this.#parent = parent;
    this.#content = content;
    this.#parts = parts;
    this.#use = parts.sessions.use(parts.config);
    this.#running = this.#run();
  }

  get isRegistered(): boolean {
    return this.#node !== undefined;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    this.#wake.fire();
    const limit = new AbortController();
    await Promise.race([this.#running, sleep(CLOSE_LIMIT_MS, this.#parts.clock, limit.signal)]);
    limit.abort();
    // Where the server does not answer, the end of the session ends the waiting for it.
    this.#use.end();
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#parts;
    const { session } = this.#use;
    const backoff = equalJitteredBackoff(50, 5000, random);
    let waits = backoff();
    let known: Error | undefined;
    while (!this.#abort.signal.aborted) {
      try {
        const connection = await session.connected(this.#abort.signal, known);
        await this.#register(connection);
        waits = backoff();
        await this.#wake.fired();
      } catch (error) {
        if (this.#abort.signal.aborted) break;
        known = error as Error;
        // The session looks for another server by itself, and it is an outage only when there is none.
        if (!(error instanceof ConnectionLost)) this.#fail(known);
        await sleep(waits.next(), clock, this.#abort.signal);
      }
    }
    await this.#withdraw(session);
    this.#use.end();
  }

  /** Resolves when the node is there; `#wake` is fired when it, or the connection, is gone. */
  async #register(connection: ZkConnection): Promise<void> {
    const { id } = connection.session;
    this.#wake.reset();
    this.#stopWaiting();
    this.#stopWaiting = connection.onEnd(this.#wake.fire);
    if (this.#sessionId !== id) {
      // What was made in another session has gone with it.
      this.#sessionId = id;
      this.#node = undefined;
      this.#isUnsure = false;
    }
    if (this.#node !== undefined && (await connection.exists(this.#node, this.#wake.fire))) return;
    this.#node = (this.#isUnsure ? await this.#find(connection) : undefined) ?? (await this.#create(connection));
    this.#isUnsure = false;
    this.#tell();
    // Gone already: somebody deletes it, and is answered with another one.
    if (!(await connection.exists(this.#node, this.#wake.fire))) this.#wake.fire();
  }

  async #create(connection: ZkConnection): Promise<string> {
    const acl = this.#parts.config.authInfo ? CREATOR_ALL_ANYONE_READ : ANYONE_ALL;
    for (let end = this.#parent.indexOf('/', 1); end > 0; end = this.#parent.indexOf('/', end + 1)) {
      await createIfMissing(connection, this.#parent.slice(0, end), acl);
    }
    if (this.#parent !== '/') await createIfMissing(connection, this.#parent, acl);
    const path = `${withSlash(this.#parent)}${MEMBER_PREFIX}`;
    this.#isUnsure = true;
    try {
      return await connection.create(path, this.#content, acl, 'ephemeralSequential');
    } catch (error) {
      if (error instanceof ZkError) this.#isUnsure = false;
      throw error;
    }
  }

  /** What this session may have made without hearing of it. */
  async #find(connection: ZkConnection): Promise<string | undefined> {
    const found = await connection.children(this.#parent, () => {});
    for (const name of found?.names ?? []) {
      const path = `${withSlash(this.#parent)}${name}`;
      const member = name.startsWith(MEMBER_PREFIX) ? await connection.data(path) : undefined;
      const isOurs = member?.stat.ephemeralOwner === this.#sessionId;
      if (isOurs && member?.data.toString('utf8') === this.#content) return path;
    }
    return undefined;
  }

  async #withdraw(session: ZkSession): Promise<void> {
    if (this.#node === undefined) return;
    const { log, config } = this.#parts;
    try {
      if (!session.connection) throw new Error('no connection');
      await session.connection.delete(this.#node);
    } catch (error) {
      log.warn(
        `${showEnsemble(config)}: ${this.#node} could not be deleted (${(error as Error).message}); it goes with its session`,
      );
    }
    this.#node = undefined;
  }

  #tell(): void {
    const { log, config, announces } = this.#parts;
    announces.inc();
    this.#isFailing = false;
    log.info(`${showEnsemble(config)}: announced ${this.#content} as ${this.#node}`);
  }

  #fail(error: Error): void {
    const { log, config, errors } = this.#parts;
    errors.inc();
    const line = `${showEnsemble(config)}: cannot announce at ${this.#parent}: ${error.message}; trying again`;
    log[this.#isFailing ? 'debug' : 'warn'](line);
    this.#isFailing = true;
  }
}

async function createIfMissing(connection: ZkConnection, path: string, acl: typeof ANYONE_ALL): Promise<void> {
  try {
    await connection.create(path, '', acl, 'persistent');
  } catch (error) {
    if (!(error instanceof ZkError && error.is('NODE_EXISTS'))) throw error;
  }
}

function withSlash(path: string): string {
  return path === '/' ? '/' : `${path}/`;
}
