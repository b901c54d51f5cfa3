// Connection: one TCP connection to one server in, answers, events and signs of life of a session out, until it ends once.
//
// It ends, and says why, when the peer closes it, falls silent for a third of the session timeout, or answers what cannot be read.
// What is asked after that, or was not answered before, is rejected with the same reason.

import { connect, type Socket } from 'node:net';
import { showAddress } from '../../src/base/addr.js';
import type { Clock, TimerHandle } from '../../src/base/clock.js';
import { GarbageError } from '../shared/registry-watch.js';
import { FrameSplitter } from './frames.js';
import { JuteReader, JuteWriter } from './jute.js';
import {
  type Acl,
  CREATE_FLAGS,
  type CreateMode,
  ENDED_BY_EVENT,
  NO_NODE,
  type NodeStat,
  OPERATION,
  readStat,
  XID,
  ZkError,
} from './protocol.js';
import { type Watcher, WatchTable } from './watch-table.js';

export interface ZkServer {
  /** IP address or name; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface AuthInfo {
  readonly scheme: string;
  /** For `digest`: `user:password`. Never shown. */
  readonly auth: string;
}

/** What a session is continued with; `id` 0 asks for a new one. */
export interface SessionIdentity {
  readonly id: bigint;
  readonly password: Buffer;
  /** Newest transaction seen: a server that is behind it refuses the session, so that nothing seems to go back in time. */
  readonly lastTransaction: bigint;
}

export const NO_SESSION: SessionIdentity = { id: 0n, password: Buffer.alloc(16), lastTransaction: 0n };

export interface ConnectOptions {
  readonly server: ZkServer;
  readonly session: SessionIdentity;
  readonly sessionTimeoutMs: number;
  readonly authInfo: AuthInfo | undefined;
  /** From now until the session is there. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** The connection ended; the message says why. */
export class ConnectionLost extends Error {
  /** The server itself closed or reset it. */
  readonly isRefusal: boolean;

  constructor(why: string, isRefusal = false) {
    super(why);
    this.isRefusal = isRefusal;
  }
}

/** The server does not know the session any more. */
export class SessionExpired extends Error {}

/** Resolves when the server has given or continued the session and taken the credentials. Rejects with nothing left open. */
export async function connectTo(options: ConnectOptions): Promise<ZkConnection> {
  const connection = new ZkConnection(options);
  try {
    await connection.open(options);
    return connection;
  } catch (error) {
    connection.end(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

export interface NodeChildren {
  readonly names: readonly string[];
  readonly stat: NodeStat;
}

export interface NodeData {
  /** A view on the answer. */
  readonly data: Buffer;
  readonly stat: NodeStat;
}

const MIN_PING_INTERVAL_MS = 30;

interface Waiting {
  readonly what: string;
  readonly resolve: (answer: JuteReader | undefined) => void;
  readonly reject: (error: Error) => void;
}

export class ZkConnection {
  /** `127.0.0.1:2181` */
  readonly server: string;
  readonly watches = new WatchTable();
  /** Resolves with the reason. */
  readonly ended: Promise<Error>;
  readonly #clock: Clock;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #signsOfLife = new Set<() => void>();
  readonly #endListeners = new Set<() => void>();
  /** Of the session, as asked for. */
  readonly #wantedTimeoutMs: number;
  #settleEnded: (reason: Error) => void = () => {};
  #endedBecause: Error | undefined;
  #greeting: { readonly resolve: (answer: JuteReader) => void; readonly reject: (error: Error) => void } | undefined;
  #session: SessionIdentity = NO_SESSION;
  #timeoutMs = 0;
  /** The session is there and has its credentials. */
  #isOpen = false;
  #lastXid = 0;
  #heard = false;
  #timer: TimerHandle | undefined;

  constructor({ server, sessionTimeoutMs, clock, deadlineMs, signal }: ConnectOptions) {
    this.server = showAddress(server);
    this.#wantedTimeoutMs = sessionTimeoutMs;
    this.#clock = clock;
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve;
    });
    this.#socket = connect({ host: server.host, port: server.port, noDelay: true });
    const frames = new FrameSplitter((frame) => this.#take(new JuteReader(frame)));
    this.#socket.on('data', (chunk) => this.#guard(() => frames.push(chunk)));
    this.#socket.on('error', ({ code, message }: NodeJS.ErrnoException) =>
      this.end(new ConnectionLost(code ?? message, code === 'ECONNRESET')),
    );
    this.#socket.on('close', () => this.end(new ConnectionLost('the server closed the connection', true)));
    const abort = (): void => this.end(new ConnectionLost('given up'));
    signal.addEventListener('abort', abort);
    void this.ended.then(() => signal.removeEventListener('abort', abort));
    if (signal.aborted) abort();
    this.#timer = clock.after(deadlineMs, () => {
      setImmediate(() => {
        if (!this.#isOpen) this.end(new ConnectionLost(`no session after ${deadlineMs} ms`));
      });
    });
  }

  get session(): SessionIdentity {
    return this.#session;
  }

  /** As the server granted it. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** Called once, by `connectTo`. */
  async open({ session, sessionTimeoutMs, authInfo }: ConnectOptions): Promise<void> {
    const greeting = new JuteWriter().int(0).long(session.lastTransaction).int(sessionTimeoutMs);
    greeting.long(session.id).buffer(session.password).bool(false);
    const answer = await new Promise<JuteReader>((resolve, reject) => {
      this.#greeting = { resolve, reject };
      this.#write(greeting);
    });
    answer.int();
    this.#timeoutMs = answer.int();
    if (this.#timeoutMs <= 0) throw new SessionExpired('the session has expired');
    const id = answer.long();
    this.#session = { id, password: Buffer.from(answer.buffer()), lastTransaction: session.lastTransaction };
    if (authInfo) await this.#authenticate(authInfo);
    this.#isOpen = true;
    this.#timer?.cancel();
    this.#watch();
  }

  /** The names below the node, in no order. `watcher` is called once, when they change or the node is deleted. */
  async children(path: string, watcher: Watcher): Promise<NodeChildren | undefined> {
    const body = new JuteWriter().text(path).bool(true);
    const ask = (): Promise<JuteReader | undefined> => this.request(OPERATION.getChildren, `getChildren ${path}`, body);
    const answer = await this.watches.during('children', path, watcher, ask);
    if (answer) return { names: answer.texts(), stat: readStat(answer) };
    // There is nothing that could be watched.
    this.watches.remove('children', path, watcher);
    return undefined;
  }

  /** The content of the node. `watcher` is called once, when it changes or the node is deleted. */
  async data(path: string, watcher?: Watcher): Promise<NodeData | undefined> {
    const body = new JuteWriter().text(path).bool(watcher !== undefined);
    const ask = (): Promise<JuteReader | undefined> => this.request(OPERATION.getData, `getData ${path}`, body);
    const answer = await (watcher ? this.watches.during('data', path, watcher, ask) : ask());
    if (answer) return { data: answer.buffer(), stat: readStat(answer) };
    if (watcher) this.watches.remove('data', path, watcher);
    return undefined;
  }

  /** `watcher` is called once, when the node is created, changed or deleted: the only one that a missing node can have. */
  async exists(path: string, watcher: Watcher): Promise<NodeStat | undefined> {
    const body = new JuteWriter().text(path).bool(true);
    const ask = (): Promise<JuteReader | undefined> => this.request(OPERATION.exists, `exists ${path}`, body);
    const answer = await this.watches.during('data', path, watcher, ask);
    return answer && readStat(answer);
  }

  /** Resolves with the path of the new node, which a sequential one has ten digits at its end. Rejects without a parent. */
  async create(path: string, content: string, acl: readonly Acl[], mode: CreateMode): Promise<string> {
    const body = new JuteWriter().text(path).text(content).int(acl.length);
    for (const { permissions, scheme, id } of acl) body.int(permissions).text(scheme).text(id);
    const answer = await this.request(OPERATION.create, `create ${path}`, body.int(CREATE_FLAGS[mode]));
    if (!answer) throw new ZkError(`create ${path}`, NO_NODE);
    return answer.text();
  }

  /** Whatever its version; resolves also when it is not there. */
  async delete(path: string): Promise<void> {
    await this.request(OPERATION.delete, `delete ${path}`, new JuteWriter().text(path).int(-1));
  }

  /**
   * Resolves with what follows the head of the answer, or with undefined when there is no such node, which is an answer like any
   * other. Rejects with ZkError, or with why the connection ended.
   */
  request(operation: number, what: string, body?: JuteWriter): Promise<JuteReader | undefined> {
    this.#lastXid = (this.#lastXid + 1) & 0x7fffffff;
    return this.#send(this.#lastXid, operation, what, body);
  }

  /** Calls `listener` at each answer to a ping until the returned function is called. */
  onSignOfLife(listener: () => void): () => void {
    this.#signsOfLife.add(listener);
    return () => this.#signsOfLife.delete(listener);
  }

  /** Calls `listener` when the connection ends, at once when it has, until the returned function is called. */
  onEnd(listener: () => void): () => void {
    if (this.#endedBecause) listener();
    else this.#endListeners.add(listener);
    return () => this.#endListeners.delete(listener);
  }

  /** Ends the session too, so that its ephemeral nodes are gone at once; gives up after `limitMs`. */
  async closeSession(limitMs: number): Promise<void> {
    const late = this.#clock.after(limitMs, () => this.end(new ConnectionLost('closed')));
    await this.request(OPERATION.closeSession, 'closeSession').catch(() => {});
    late.cancel();
    this.end(new ConnectionLost('closed'));
  }

  end(reason: Error): void {
    if (this.#endedBecause) return;
    this.#endedBecause = reason;
    this.#timer?.cancel();
    this.#socket.destroy();
    this.#greeting?.reject(reason);
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
    this.#signsOfLife.clear();
    this.watches.clear();
    for (const listener of this.#endListeners) listener();
    this.#endListeners.clear();
    this.#settleEnded(reason);
  }

  async #authenticate({ scheme, auth }: AuthInfo): Promise<void> {
    const body = new JuteWriter().int(0).text(scheme).text(auth);
    await this.#send(XID.auth, OPERATION.auth, `authentication with scheme ${JSON.stringify(scheme)}`, body);
  }

  #send(xid: number, operation: number, what: string, body = new JuteWriter()): Promise<JuteReader | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#endedBecause) {
        reject(this.#endedBecause);
        return;
      }
      this.#waiting.set(xid, { what, resolve, reject });
      this.#write(new JuteWriter().int(xid).int(operation).append(body));
    });
  }

  /** What is asked in one turn goes out together: thousands of names are read anew when a connection has been lost. */
  #write(message: JuteWriter): void {
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      setImmediate(() => this.#socket.uncork());
    }
    this.#socket.write(message.frame());
  }

  /** A server that is dead or cut off closes nothing: only its silence tells. */
  #watch(): void {
    // Not later than was asked for, whatever the server granted, nor without a pause.
    const everyMs = Math.max(MIN_PING_INTERVAL_MS, Math.min(this.#timeoutMs, this.#wantedTimeoutMs) / 3);
    this.#timer = this.#clock.after(everyMs, () => {
      // Where this process was busy for that long, what the server said meanwhile is yet to be read.
      setImmediate(() => {
        if (this.#heard) this.#ping();
        else this.end(new ConnectionLost(`no sign of life for ${Math.round(everyMs)} ms`));
      });
    });
  }

  #ping(): void {
    if (this.#endedBecause) return;
    this.#heard = false;
    this.#write(new JuteWriter().int(XID.ping).int(OPERATION.ping));
    this.#watch();
  }

  /** Nothing that a server sends may throw into the event loop. */
  #guard(read: () => void): void {
    try {
      read();
    } catch (error) {
      this.end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #take(answer: JuteReader): void {
    if (this.#endedBecause) return;
    this.#heard = true;
    const greeting = this.#greeting;
    if (greeting) {
      this.#greeting = undefined;
      greeting.resolve(answer);
      return;
    }
    const xid = answer.int();
    const transaction = answer.long();
    const code = answer.int();
    if (xid === XID.event) this.#event(answer);
    else if (xid === XID.ping) for (const listener of this.#signsOfLife) listener();
    else this.#answered(xid, transaction, code, answer);
  }

  #event(event: JuteReader): void {
    const ended = ENDED_BY_EVENT[event.int()] ?? [];
    // The state of the session: known from the connection itself.
    event.int();
    const path = event.text();
    for (const kind of ended) this.watches.fire(kind, path);
  }

  #answered(xid: number, transaction: bigint, code: number, answer: JuteReader): void {
    const waiting = this.#waiting.get(xid);
    if (!waiting) throw new GarbageError(`an answer to request ${xid}, which was not asked`);
    this.#waiting.delete(xid);
    if (transaction > this.#session.lastTransaction) this.#session = { ...this.#session, lastTransaction: transaction };
    if (code === 0) waiting.resolve(answer);
    else if (code === NO_NODE) waiting.resolve(undefined);
    else waiting.reject(new ZkError(waiting.what, code));
  }
}
