// Protocol: what of ZooKeeper's client protocol is spoken here: operation codes, error codes by name, and records.

import type { JuteReader } from './jute.js';

/** `ZooDefs.OpCode` of the server's sources. */
export const OPERATION = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  ping: 11,
  getChildren: 12,
  removeWatches: 18,
  auth: 100,
  closeSession: -11,
} as const;

/** Numbers of answers that are not to one of the requests counted from 1. */
export const XID = { event: -1, ping: -2, auth: -4 } as const;

/** `KeeperException.Code`: those that a client of ours can meet. */
const ERRORS = {
  RUNTIME_INCONSISTENCY: -2,
  CONNECTION_LOSS: -4,
  MARSHALLING_ERROR: -5,
  UNIMPLEMENTED: -6,
  OPERATION_TIMEOUT: -7,
  BAD_ARGUMENTS: -8,
  NO_NODE: -101,
  NO_AUTH: -102,
  NO_CHILDREN_FOR_EPHEMERALS: -108,
  NODE_EXISTS: -110,
  SESSION_EXPIRED: -112,
  INVALID_ACL: -114,
  AUTH_FAILED: -115,
  SESSION_MOVED: -118,
  NO_WATCHER: -121,
  QUOTA_EXCEEDED: -125,
  THROTTLED: -127,
} as const;

export type ZkErrorName = keyof typeof ERRORS;

export const NO_NODE = ERRORS.NO_NODE;

const NAME_BY_CODE = new Map<number, string>(Object.entries(ERRORS).map(([name, code]) => [code, name]));

/** The server answered a request with an error. */
export class ZkError extends Error {
  readonly #code: number;

  constructor(what: string, code: number) {
    const name = NAME_BY_CODE.get(code) ?? `error ${code}`;
    super(`${what}: ${name}${HINTS[name] ? `: ${HINTS[name]}` : ''}`);
    this.#code = code;
  }

  is(name: ZkErrorName): boolean {
    return this.#code === ERRORS[name];
  }
}

const HINTS: Readonly<Record<string, string>> = {
  NO_AUTH: 'the ACL of the node does not allow it; set authInfo to credentials that it allows',
  AUTH_FAILED: 'the server refuses authInfo: it does not know its scheme, or its credentials are wrong',
};

/** What of a node's Stat is used. */
export interface NodeStat {
  /** Transaction that created the node: another one means another node of the same name. */
  readonly createdIn: bigint;
  /** Session that an ephemeral node ends with; 0 for any other. */
  readonly ephemeralOwner: bigint;
}

export function readStat(reader: JuteReader): NodeStat {
  const createdIn = reader.long();
  // mzxid, ctime, mtime; version, cversion, aversion
  for (let i = 0; i < 3; i++) reader.long();
  for (let i = 0; i < 3; i++) reader.int();
  return { createdIn, ephemeralOwner: reader.long() };
}

/** `CreateMode.toFlag` */
export const CREATE_FLAGS = { persistent: 0, ephemeralSequential: 3 } as const;

export type CreateMode = keyof typeof CREATE_FLAGS;

/** One entry of an access control list. */
export interface Acl {
  readonly permissions: number;
  readonly scheme: string;
  readonly id: string;
}

/** Read, write, create, delete and change the list itself. */
const EVERYTHING = 31;
const READ = 1;

export const ANYONE_ALL: readonly Acl[] = [{ permissions: EVERYTHING, scheme: 'world', id: 'anyone' }];

/** `auth` without an id stands for the credentials of the session that creates the node. */
export const CREATOR_ALL_ANYONE_READ: readonly Acl[] = [
  { permissions: EVERYTHING, scheme: 'auth', id: '' },
  { permissions: READ, scheme: 'world', id: 'anyone' },
];

/** Which watches an event of the server ends, by its type (`Watcher.Event.EventType`). */
export const ENDED_BY_EVENT: Readonly<Record<number, readonly WatchKind[]>> = {
  // Created, deleted, data changed, children changed.
  1: ['data'],
  2: ['data', 'children'],
  3: ['data'],
  4: ['children'],
};

/** `data`: of the existence and content of a node. `children`: of the names below it, and of its existence. */
export type WatchKind = 'data' | 'children';

/** As removeWatches numbers them (`Watcher.WatcherType`). */
export const WATCHER_TYPE: Readonly<Record<WatchKind, number>> = { children: 1, data: 2 };
