// Member group: a node whose children are the members of one service goes in, the members as they are now come out, read again
// whenever ZooKeeper tells of a change.
//
// A watch is set with the same request that reads, so no change can fall between the two. It fires once, and is set again by the
// next read: changes that follow each other quickly are seen together. A new connection, in the same session or in another one,
// reads everything anew that could have changed; what was known stays in use meanwhile.

import type { Clock } from '../../src/base/clock.js';
import { quote } from '../shared/http-api.js';
import { sleep, type WatchDefinition, type WatchReport } from '../shared/registry-watch.js';
import { ConnectionLost, type NodeChildren, type ZkConnection } from './connection.js';
import type { SessionConfig, ZkSession } from './session.js';
import type { ZkSessions } from './sessions.js';
import { Wake } from './wake.js';
import { WatchGroup } from './watch-group.js';

export interface MemberGroupOptions<Member> {
  readonly sessions: ZkSessions;
  readonly config: SessionConfig;
  /** Of the node, with the chroot; `/` or `/a/b`. */
  readonly path: string;
  readonly clock: Clock;
  /** Which children are members that count. */
  choose(names: readonly string[]): readonly string[];
  /**
   * What a member's content says; undefined when it is none at the moment. Throws what is wrong with it: the member then keeps its
   * last good value, if it has one, and is left out otherwise.
   */
  decode(content: Buffer, name: string): Member | undefined;
  /** True: nobody ever changes the content of a node of this name, or makes another of the same name. It is read once. */
  isFixed(name: string): boolean;
}

/** Undefined: there is no such node. */
export type Members<Member> = readonly Member[] | undefined;

/** For a RegistryWatch. `same` compares two values of one member; it is not called for one and the same object. */
export function memberGroup<Member>(
  options: MemberGroupOptions<Member>,
  same: (a: Member, b: Member) => boolean,
): WatchDefinition<Members<Member>> {
  let life: { readonly signal: AbortSignal; readonly reader: GroupReader<Member> } | undefined;
  return {
    run: async (report, signal) => {
      // One signal for all runs from the first observer to the end of the linger: the session is in use for as long.
      if (life?.signal !== signal) {
        const use = options.sessions.use(options.config);
        life = { signal, reader: new GroupReader(options, use.session) };
        signal.addEventListener('abort', () => use.end());
      }
      await life.reader.run(report, signal);
    },
    same: (a, b) => {
      if (a === undefined || b === undefined) return a === b;
      return a.length === b.length && a.every((member, i) => member === b[i] || same(member, b[i] as Member));
    },
  };
}

/** Larger content is no member's: ZooKeeper takes up to 1 MB, and there may be thousands. */
const MAX_CONTENT_BYTES = 64 * 1024;

/** Members read at a time, so that thousands of answers are not all in memory at once. */
const READ_AT_ONCE = 250;

/** After the beginning of a read, before that of the next one. */
const MIN_INTERVAL_MS = 20;

/** A group that never rests is read for at most one part in this many of the time, however large it is. */
const INTERVAL_PER_READ = 5;

/** Reads in a row of a group whose members go faster than they can be read. */
const MAX_TORN_READS = 5;

interface Entry<Member> {
  /** Undefined: no good content has been seen, or it is none at the moment. */
  member: Member | undefined;
  problem: string | undefined;
  /** It has not been read, or the watch on its content has fired or is gone with its connection. */
  isStale: boolean;
}

/** Remembers over runs and connections what need not be read again. */
class GroupReader<Member> {
  readonly #options: MemberGroupOptions<Member>;
  readonly #session: ZkSession;
  #entries = new Map<string, Entry<Member>>();
  /** Transaction that created the node whose children the entries are. */
  #createdIn: bigint | undefined;
  /** The last answer was that there is no such node. */
  #isAbsent = false;
  #sessionId: bigint | undefined;
  #hadMembers = false;
  #goneWhileRead = false;
  /** Until then a group that has lost all its members is not believed; see `#comeBack`. */
  #doubtUntil = 0;
  /** The outage that has been reported. */
  #knownOutage: Error | undefined;

  constructor(options: MemberGroupOptions<Member>, session: ZkSession) {
    this.#options = options;
    this.#session = session;
  }

  async run(report: WatchReport<Members<Member>>, signal: AbortSignal): Promise<void> {
    let losses = 0;
    const answered: WatchReport<Members<Member>> = {
      ...report,
      update: (members) => {
        losses = 0;
        report.update(members);
      },
    };
    while (!signal.aborted) {
      const connection = await this.#connected(signal);
      try {
        await this.#follow(connection, answered, signal);
      } catch (error) {
        // The session looks for another server by itself; a second loss with nothing read in between is worth telling.
        losses += 1;
        if (!(error instanceof ConnectionLost) || losses > 1) throw error;
      }
    }
  }

  async #connected(signal: AbortSignal): Promise<ZkConnection> {
    try {
      const connection = await this.#session.connected(signal, this.#knownOutage);
      this.#knownOutage = undefined;
      return connection;
    } catch (error) {
      if (error instanceof Error) this.#knownOutage = error;
      throw error;
    }
  }

  /** Until the connection ends or `signal` is aborted. */
  async #follow(connection: ZkConnection, report: WatchReport<Members<Member>>, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const wake = new Wake();
    const watches = new WatchGroup(connection, this.#session);
    let isOver = false;
    const finish = (): void => {
      isOver = true;
      wake.fire();
    };
    signal.addEventListener('abort', finish);
    const stopWaiting = connection.onEnd(finish);
    this.#comeBack(connection);
    try {
      while (!isOver) {
        const begunAt = clock.now();
        wake.reset();
        const members = await unlessAborted(signal, this.#read(connection, watches, wake.fire));
        const tookMs = clock.now() - begunAt;
        const doubtMs = this.#doubtMs(members);
        if (doubtMs === 0) this.#report(members, report);
        const doubted = doubtMs > 0 ? clock.after(doubtMs, wake.fire) : undefined;
        const stop = doubted ? undefined : connection.onSignOfLife(report.confirm);
        await wake.fired();
        stop?.();
        doubted?.cancel();
        if (isOver) return;
        const nextAt = begunAt + Math.max(MIN_INTERVAL_MS, tookMs * INTERVAL_PER_READ);
        await sleep(nextAt - clock.now(), clock, signal);
      }
    } finally {
      signal.removeEventListener('abort', finish);
      stopWaiting();
      watches.end();
    }
  }

  /**
   * An outage that was long enough to end our session has ended those of the members as well, and with them their nodes: they
   * register anew within seconds. A group that is empty just then is not believed before a session timeout has passed.
   */
  #comeBack(connection: ZkConnection): void {
    const { id } = connection.session;
    if (this.#sessionId !== undefined && this.#sessionId !== id) {
      this.#doubtUntil = this.#options.clock.now() + connection.timeoutMs;
    }
    this.#sessionId = id;
    for (const [name, entry] of this.#entries) if (!this.#options.isFixed(name)) entry.isStale = true;
  }

  #doubtMs(members: Members<Member>): number {
    const isEmpty = members === undefined || members.length === 0;
    if (isEmpty && this.#hadMembers) return Math.max(0, this.#doubtUntil - this.#options.clock.now());
    this.#hadMembers = !isEmpty;
    return 0;
  }

  #report(members: Members<Member>, report: WatchReport<Members<Member>>): void {
    for (const [name, { problem, member }] of this.#entries) {
      if (problem === undefined) continue;
      const consequence = member === undefined ? 'it is left out' : 'its last good address stays in use';
      report.complain(`${quote(name)}: ${problem}; ${consequence}`);
    }
    report.update(members);
  }

  /**
   * Members that go while the group is read may have been replaced by some that were not there yet when their names were read: a
   * group that has lost all its members that way is looked at again before it counts as empty.
   */
  async #read(connection: ZkConnection, watches: WatchGroup, onChange: () => void): Promise<Members<Member>> {
    for (let reads = 1; ; reads++) {
      const members = await this.#readOnce(connection, watches, onChange);
      const isTorn = members?.length === 0 && this.#goneWhileRead;
      if (!isTorn || reads === MAX_TORN_READS) return members;
    }
  }

  async #readOnce(connection: ZkConnection, watches: WatchGroup, onChange: () => void): Promise<Members<Member>> {
    const { choose } = this.#options;
    this.#goneWhileRead = false;
    const found = await this.#readChildren(watches, onChange);
    if (!found) {
      this.#entries.clear();
      return undefined;
    }
    if (found.stat.createdIn !== this.#createdIn) this.#entries.clear();
    this.#createdIn = found.stat.createdIn;
    const before = this.#entries;
    const wanted = [...choose(found.names)].sort();
    this.#entries = new Map(wanted.map((name) => [name, before.get(name) ?? newEntry<Member>()]));
    const unread = wanted.filter((name) => this.#entries.get(name)?.isStale);
    for (let i = 0; i < unread.length; i += READ_AT_ONCE) {
      const some = unread.slice(i, i + READ_AT_ONCE);
      const reads = some.map((name) => this.#readMember(connection, watches, name, onChange));
      // Every one of them, also when one fails: none may be left that writes to entries later.
      for (const outcome of await Promise.allSettled(reads)) if (outcome.status === 'rejected') throw outcome.reason;
    }
    return [...this.#entries.values()].flatMap(({ member }) => (member === undefined ? [] : [member]));
  }

  /** Undefined: there is no such node, and `onChange` is called when it is created. */
  async #readChildren(watches: WatchGroup, onChange: () => void): Promise<NodeChildren | undefined> {
    const { path } = this.#options;
    for (;;) {
      // What was not there is likely not to be there again: one question then, not two.
      const found = this.#isAbsent ? undefined : await watches.children(path, onChange);
      if (found) return found;
      // A node that is not there takes no watch on its children. By now it may be there.
      this.#isAbsent = !(await watches.exists(path, onChange));
      if (this.#isAbsent) return undefined;
    }
  }

  async #readMember(connection: ZkConnection, watches: WatchGroup, name: string, onChange: () => void): Promise<void> {
    const entry = this.#entries.get(name) as Entry<Member>;
    const { path } = this.#options;
    const where = path === '/' ? `/${name}` : `${path}/${name}`;
    const found = await (this.#options.isFixed(name)
      ? connection.data(where)
      : watches.data(where, () => {
          entry.isStale = true;
          onChange();
        }));
    entry.isStale = false;
    if (found) this.#decode(entry, found.data, name);
    // Removed since the names were read; the watch on them tells as well.
    else {
      this.#entries.delete(name);
      this.#goneWhileRead = true;
    }
  }

  #decode(entry: Entry<Member>, content: Buffer, name: string): void {
    try {
      if (content.length > MAX_CONTENT_BYTES) {
        throw new Error(`its content of ${content.length} bytes is larger than ${MAX_CONTENT_BYTES}`);
      }
      entry.member = this.#options.decode(content, name);
      entry.problem = undefined;
    } catch (error) {
      entry.problem = (error as Error).message;
    }
  }
}

/** Rejects when `signal` is aborted first: a server that does not answer must not hold up the end of a watch. */
function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new ConnectionLost('given up'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function newEntry<Member>(): Entry<Member> {
  return { member: undefined, problem: undefined, isStale: true };
}
