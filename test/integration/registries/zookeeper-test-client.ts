// ZooKeeperTestClient: one session with one server, spoken byte by byte, so that tests do not check a client library against itself.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { JuteReader, JuteWriter } from './jute.js';

export interface Acl {
  /** Bits: read 1, write 2, create 4, delete 8, admin 16. */
  readonly permissions: number;
  /** `world`, `auth`, `digest`, `ip` */
  readonly scheme: string;
  readonly id: string;
}

export interface CreateOptions {
  /** Gone with the session. */
  readonly ephemeral?: boolean;
  /** The server appends ten digits to the name. */
  readonly sequential?: boolean;
  /** Makes the nodes above it that are missing, empty. */
  readonly parents?: boolean;
  /** Default: anyone may do anything. */
  readonly acl?: readonly Acl[];
}

/** The server's answer to a request was an error. */
export class ZooKeeperError extends Error {
  readonly code: number;

  constructor(code: number, request: string) {
    super(`ZooKeeper answered ${request} with error ${code}`);
    this.code = code;
  }
}

export const NO_NODE = -101;
export const NO_AUTH = -102;
export const NODE_EXISTS = -110;

const OPERATION = { create: 1, delete: 2, getData: 4, setData: 5, getChildren: 8, ping: 11, auth: 100, close: -11 };
const PING_XID = -2;
const AUTH_XID = -4;
const ANY_VERSION = -1;
const ANYONE: readonly Acl[] = [{ permissions: 31, scheme: 'world', id: 'anyone' }];
const LIMIT_MS = 5_000;

/** How a session proves that it is the one it continues. */
export interface SessionCredentials {
  readonly sessionId: bigint;
  readonly password: Buffer;
}

export interface ConnectOptions {
  readonly sessionTimeoutMs?: number;
  /** Goes on with this session instead of making one. */
  readonly resume?: SessionCredentials;
}

export async function connectZooKeeper(
  address: { readonly host: string; readonly port: number },
  options: ConnectOptions = {},
): Promise<ZooKeeperTestClient> {
  const socket = connect({ ...address, noDelay: true });
  await once(socket, 'connect', { signal: AbortSignal.timeout(LIMIT_MS) });
  const client = new ZooKeeperTestClient(socket);
  await client.open(options);
  return client;
}

interface Waiting {
  readonly resolve: (reply: JuteReader) => void;
  readonly reject: (error: Error) => void;
  readonly request: string;
}

export class ZooKeeperTestClient implements SessionCredentials {
  sessionId = 0n;
  password: Buffer = Buffer.alloc(16);
  /** What the server made of the timeout that was asked for. */
  sessionTimeoutMs = 0;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #arrived = Buffer.alloc(0);
  #lastXid = 0;
  #opened: Waiting | undefined;
  #pinging: NodeJS.Timeout | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => {});
    socket.on('close', () => this.#over());
  }

  /** Called once, by `connectZooKeeper`. */
  async open({ sessionTimeoutMs = 10_000, resume }: ConnectOptions): Promise<void> {
    const hello = new JuteWriter().int(0).long(0n).int(sessionTimeoutMs);
    hello
      .long(resume?.sessionId ?? 0n)
      .buffer(resume?.password ?? this.password)
      .bool(false);
    const reply = await new Promise<JuteReader>((resolve, reject) => {
      this.#opened = { resolve, reject, request: 'a new session' };
      this.#socket.write(hello.packet());
    });
    reply.int();
    this.sessionTimeoutMs = reply.int();
    this.sessionId = reply.long();
    this.password = Buffer.from(reply.buffer());
    if (this.sessionTimeoutMs <= 0) {
      this.drop();
      throw new Error('the ZooKeeper session has expired');
    }
    this.#pinging = setInterval(() => this.#send(PING_XID, OPERATION.ping), this.sessionTimeoutMs / 3).unref();
  }

  /** Resolves with the path of the new node. */
  async create(path: string, data = '', options: CreateOptions = {}): Promise<string> {
    if (options.parents) await this.#createParents(path);
    const flags = (options.ephemeral ? 1 : 0) | (options.sequential ? 2 : 0);
    const acl = options.acl ?? ANYONE;
    const body = new JuteWriter().text(path).text(data).int(acl.length);
    for (const { permissions, scheme, id } of acl) body.int(permissions).text(scheme).text(id);
    return (await this.#ask(OPERATION.create, `create ${path}`, body.int(flags))).text();
  }

  async set(path: string, data: string): Promise<void> {
    await this.#ask(OPERATION.setData, `setData ${path}`, new JuteWriter().text(path).text(data).int(ANY_VERSION));
  }

  async delete(path: string): Promise<void> {
    await this.#ask(OPERATION.delete, `delete ${path}`, new JuteWriter().text(path).int(ANY_VERSION));
  }

  /** With everything below it. */
  async deleteAll(path: string): Promise<void> {
    for (const child of await this.children(path)) await this.deleteAll(`${path}/${child}`);
    await this.delete(path);
  }

  async get(path: string): Promise<string> {
    return (await this.#ask(OPERATION.getData, `getData ${path}`, new JuteWriter().text(path).bool(false))).text();
  }

  /** Names, in no order. */
  async children(path: string): Promise<string[]> {
    const body = new JuteWriter().text(path).bool(false);
    return (await this.#ask(OPERATION.getChildren, `getChildren ${path}`, body)).texts();
  }

  async exists(path: string): Promise<boolean> {
    try {
      await this.get(path);
      return true;
    } catch (error) {
      if (error instanceof ZooKeeperError && error.code === NO_NODE) return false;
      throw error;
    }
  }

  /** `addAuth('digest', 'user:password')` */
  async addAuth(scheme: string, auth: string): Promise<void> {
    const body = new JuteWriter().int(0).text(scheme).text(auth);
    await this.#ask(OPERATION.auth, `auth ${scheme}`, body, AUTH_XID);
  }

  /** Ends the session: its ephemeral nodes are gone when this resolves. */
  async close(): Promise<void> {
    if (this.#socket.destroyed) return;
    await this.#ask(OPERATION.close, 'close');
    await this.#disconnect();
  }

  /** Cuts the connection; the session lives on until its timeout. */
  drop(): void {
    this.#socket.resetAndDestroy();
  }

  async #createParents(path: string): Promise<void> {
    for (let end = path.indexOf('/', 1); end > 0; end = path.indexOf('/', end + 1)) {
      await this.create(path.slice(0, end)).catch((error: unknown) => {
        if (!(error instanceof ZooKeeperError && error.code === NODE_EXISTS)) throw error;
      });
    }
  }

  #ask(operation: number, request: string, body?: JuteWriter, xid = ++this.#lastXid): Promise<JuteReader> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) throw new Error(`no connection to ZooKeeper for ${request}`);
      const late = setTimeout(() => reject(new Error(`ZooKeeper did not answer ${request}`)), LIMIT_MS);
      const settle = <T>(then: (value: T) => void) => {
        return (value: T): void => {
          clearTimeout(late);
          then(value);
        };
      };
      this.#waiting.set(xid, { resolve: settle(resolve), reject: settle(reject), request });
      this.#send(xid, operation, body?.bytes());
    });
  }

  #send(xid: number, operation: number, body: Buffer = Buffer.alloc(0)): void {
    const head = new JuteWriter().int(xid).int(operation).bytes();
    this.#socket.write(Buffer.concat([new JuteWriter().int(head.length + body.length).bytes(), head, body]));
  }

  #read(chunk: Buffer): void {
    this.#arrived = Buffer.concat([this.#arrived, chunk]);
    while (this.#arrived.length >= 4) {
      const end = 4 + this.#arrived.readInt32BE();
      if (this.#arrived.length < end) return;
      const packet = new JuteReader(this.#arrived.subarray(4, end));
      this.#arrived = this.#arrived.subarray(end);
      this.#take(packet);
    }
  }

  #take(packet: JuteReader): void {
    if (this.#opened) {
      this.#opened.resolve(packet);
      this.#opened = undefined;
      return;
    }
    const xid = packet.int();
    packet.long();
    const code = packet.int();
    const waiting = this.#waiting.get(xid);
    this.#waiting.delete(xid);
    if (code === 0) waiting?.resolve(packet);
    else waiting?.reject(new ZooKeeperError(code, waiting.request));
  }

  async #disconnect(): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }

  #over(): void {
    clearInterval(this.#pinging);
    for (const waiting of [this.#opened, ...this.#waiting.values()]) {
      waiting?.reject(new Error(`the connection to ZooKeeper ended during ${waiting.request}`));
    }
    this.#waiting.clear();
  }
}
