// Session: an ensemble in, one connection at a time to whichever of its servers answers; kept through the loss of servers, made
// anew when it has expired.

import { showAddress } from '../../src/base/addr.js';
import { type Backoff, equalJitteredBackoff } from '../../src/base/backoff.js';
import type { Clock } from '../../src/base/clock.js';
import type { Closable } from '../../src/base/closable.js';
import type { Logger } from '../../src/base/log.js';
import type { Random } from '../../src/base/random.js';
import { sleep } from '../shared/registry-watch.js';
import {
  type AuthInfo,
  ConnectionLost,
  connectTo,
  NO_SESSION,
  SessionExpired,
  type SessionIdentity,
  type ZkConnection,
  type ZkServer,
} from './connection.js';

export const DEFAULT_PORT = 2181;

export const DEFAULT_SESSION_TIMEOUT_MS = 10_000;

/** Who asks for the same gets the same session. */
export interface SessionConfig {
  /** At least one. */
  readonly servers: readonly ZkServer[];
  /** Path that every path is below, without a slash at the end; empty for none. */
  readonly chroot: string;
  readonly authInfo: AuthInfo | undefined;
  /** What is asked for, in milliseconds; the server may grant another one. */
  readonly sessionTimeoutMs: number;
}

export interface SessionOptions extends SessionConfig {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** For `/namer_state`. */
export interface SessionSnapshot {
  /** The server it is connected to, or null. */
  readonly server: string | null;
  readonly connects: number;
  readonly expirations: number;
  /** Why no server can be reached; null while one is, or none has been tried. */
  readonly problem: string | null;
  /** Pairs of kind and path that the server was asked to watch. */
  readonly watches: number;
}

export class ZkSession implements Closable {
  /** `ZooKeeper 10.0.0.1:2181,10.0.0.2:2181/chroot` */
  readonly registry: string;
  readonly #options: SessionOptions;
  readonly #abort = new AbortController();
  readonly #waiting = new Set<() => void>();
  readonly #backoff: Backoff;
  #running: Promise<void> | undefined;
  /** True before `#abort` is: the connection is still needed to end the session. */
  #closed = false;
  #identity: SessionIdentity = NO_SESSION;
  #connection: ZkConnection | undefined;
  #outage: Error | undefined;
  #lastHeardAt = 0;
  #connects = 0;
  #expirations = 0;
  /** Servers before 3.5 end the session of a client that asks them to remove a watch. */
  #watchesCanBeRemoved = true;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.registry = showEnsemble(options);
    this.#backoff = equalJitteredBackoff(50, 1000, options.random);
  }

  /**
   * The connection; waits for it while one is being made. Rejects when no server could be reached, and when `signal` is
   * aborted. Who has been told of an outage passes its error as `known`, and waits for the end of it.
   */
  async connected(signal: AbortSignal, known?: Error): Promise<ZkConnection> {
    this.#running ??= this.#run();
    for (;;) {
      signal.throwIfAborted();
      this.#abort.signal.throwIfAborted();
      if (this.#connection) return this.#connection;
      if (this.#outage && this.#outage !== known) throw this.#outage;
      await this.#change(signal);
    }
  }

  /** Undefined while there is none; does not make one. */
  get connection(): ZkConnection | undefined {
    return this.#connection;
  }

  /** False also when it is closing, and all watches end with it. */
  get watchesCanBeRemoved(): boolean {
    return this.#watchesCanBeRemoved && !this.#closed;
  }

  /** The server has just said so. */
  leaveWatches(): void {
    this.#watchesCanBeRemoved = false;
  }

  state(): SessionSnapshot {
    return {
      server: this.#connection?.server ?? null,
      connects: this.#connects,
      expirations: this.#expirations,
      problem: this.#outage?.message ?? null,
      watches: this.#connection?.watches.size ?? 0,
    };
  }

  /** Ends the session at the server too, so that its ephemeral nodes are gone. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#connection?.closeSession(CLOSE_LIMIT_MS);
    this.#abort.abort();
    this.#changed();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    let waits = this.#backoff();
    while (!this.#closed) {
      const connection = await this.#connectToAny();
      if (connection) {
        const since = clock.now();
        const reason = await this.#useUntilItEnds(connection);
        // The next server is asked at once; but not in a circle by one that only ever takes connections and ends them.
        const hasServed = clock.now() - since > connection.timeoutMs / 3;
        if (!this.#closed)
          log[hasServed ? 'info' : 'debug'](`${this.registry}: lost ${connection.server}: ${reason.message}`);
        if (hasServed) {
          waits = this.#backoff();
          continue;
        }
      }
      if (!this.#closed) await sleep(waits.next(), clock, this.#abort.signal);
    }
  }

  /** Why it ended. */
  async #useUntilItEnds(connection: ZkConnection): Promise<Error> {
    const { clock, log } = this.#options;
    if (this.#outage) log.info(`${this.registry}: connected to ${connection.server}`);
    this.#connects += 1;
    this.#connection = connection;
    this.#outage = undefined;
    const stop = connection.onSignOfLife(() => {
      this.#lastHeardAt = clock.now();
    });
    this.#lastHeardAt = clock.now();
    this.#changed();
    const reason = await connection.ended;
    stop();
    this.#identity = connection.session;
    this.#connection = undefined;
    return reason;
  }

  /** Each server once, in random order. Undefined, and an outage, when none gives a session. */
  async #connectToAny(): Promise<ZkConnection | undefined> {
    const { servers, random } = this.#options;
    const problems = new Map<ZkServer, string>();
    for (const server of shuffled(servers, random)) {
      if (this.#closed) return undefined;
      try {
        return await this.#connect(server);
      } catch (error) {
        problems.set(server, (error as Error).message);
      }
    }
    // In the order of the configuration, whatever the order of trying was: the same outage has the same words.
    const told = servers.map((server) => `${showAddress(server)}: ${problems.get(server)}`).join('; ');
    this.#fail(`no session with any server (${told})`);
    return undefined;
  }

  async #connect(server: ZkServer): Promise<ZkConnection> {
    try {
      return await this.#tryToConnect(server);
    } catch (error) {
      if (this.#identity === NO_SESSION || !this.#isOver(error)) throw error;
      this.#options.log.warn(`${this.registry}: the session has expired and is made anew`);
      this.#expirations += 1;
      this.#identity = NO_SESSION;
      return await this.#tryToConnect(server);
    }
  }

  #tryToConnect(server: ZkServer): Promise<ZkConnection> {
    const { servers, sessionTimeoutMs, authInfo, clock } = this.#options;
    // All servers should have been tried by the time that the session ends, which has run since the last sign of life.
    const deadlineMs = Math.max(250, Math.min(2000, sessionTimeoutMs / (2 * servers.length)));
    const { signal } = this.#abort;
    return connectTo({ server, session: this.#identity, sessionTimeoutMs, authInfo, deadlineMs, clock, signal });
  }

  /**
   * A server that has lost transactions which this session has seen, as after a restored backup, closes the connection without
   * a word, for ever: a session that is too old in any case is then given up.
   */
  #isOver(error: unknown): boolean {
    if (error instanceof SessionExpired) return true;
    const silentMs = this.#options.clock.now() - this.#lastHeardAt;
    return error instanceof ConnectionLost && error.isRefusal && silentMs > (this.#options.sessionTimeoutMs * 4) / 3;
  }

  #fail(message: string): void {
    if (this.#outage?.message === message || this.#closed) return;
    this.#outage = new Error(message);
    this.#changed();
  }

  #changed(): void {
    for (const resolve of [...this.#waiting]) resolve();
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        this.#waiting.delete(finish);
        signal.removeEventListener('abort', finish);
        resolve();
      };
      this.#waiting.add(finish);
      signal.addEventListener('abort', finish);
    });
  }
}

/** A server that does not answer loses its ephemeral nodes' session by itself soon enough. */
const CLOSE_LIMIT_MS = 500;

/** As messages call it. */
export function showEnsemble({ servers, chroot }: Pick<SessionConfig, 'servers' | 'chroot'>): string {
  return `ZooKeeper ${servers.map(showAddress).join(',')}${chroot}`;
}

/** Fisher and Yates: so that a restart of every gateway does not send them all to the first server of the list. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j] as T, out[i] as T];
  }
  return out;
}
