// Messages: the requests of etcd's v3 API that a namer sends, as bytes, and what it reads of the answers.
//
// Field numbers are those of api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto, which etcd keeps as they are within v3.

import { readMessage, writeMessage } from './protobuf.js';

export interface RangeRequest {
  readonly key: Buffer;
  /** The first key behind the range. Absent: `key` alone. */
  readonly rangeEnd?: Buffer;
  /** Keys in one answer. Default: all. */
  readonly limit?: number;
  /** The state of the store to read. Default: the present one, agreed with a majority of the cluster. */
  readonly revision?: number;
  /** No keys, only their number. */
  readonly countOnly?: boolean;
}

export interface KeyValue {
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface RangeAnswer {
  /** Of the whole store, when it answered. */
  readonly revision: number;
  readonly entries: readonly KeyValue[];
  /** There are more keys in the range than `limit`. */
  readonly more: boolean;
}

export interface WatchRequest {
  readonly key: Buffer;
  readonly rangeEnd: Buffer;
  /** The first change to be told. */
  readonly startRevision: number;
}

export interface WatchAnswer {
  /** The watch has been told all changes up to here. */
  readonly revision: number;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly cancelReason: string;
  /** Above 0: the history that the watch asked for begins only here. */
  readonly compactRevision: number;
  readonly changes: readonly Change[];
}

export interface Change {
  readonly key: Buffer;
  /** Undefined: the key was deleted, or its lease expired. */
  readonly value: Buffer | undefined;
}

export function writeRangeRequest({ key, rangeEnd, limit, revision, countOnly }: RangeRequest): Buffer {
  return writeMessage([1, key], [2, rangeEnd], [3, limit], [4, revision], [9, countOnly]);
}

export function readRangeAnswer(message: Buffer): RangeAnswer {
  let revision = 0;
  let more = false;
  const entries: KeyValue[] = [];
  for (const { number, value } of readMessage(message)) {
    if (number === 1) revision = readRevision(value);
    else if (number === 2) entries.push(readKeyValue(value));
    else if (number === 3) more = value !== 0;
  }
  return { revision, entries, more };
}

export function writeWatchRequest({ key, rangeEnd, startRevision }: WatchRequest): Buffer {
  // 4: a sign of life where etcd sends them by itself; 8: many changes at once may come in several answers.
  return writeMessage([1, writeMessage([1, key], [2, rangeEnd], [3, startRevision], [4, true], [8, true])]);
}

/** Asks how far the watch is. Since etcd 3.4; ignored by older ones. */
export function writeProgressRequest(): Buffer {
  return writeMessage([3, Buffer.alloc(0)]);
}

export function readWatchAnswer(message: Buffer): WatchAnswer {
  const answer = { revision: 0, created: false, canceled: false, cancelReason: '', compactRevision: 0 };
  const changes: Change[] = [];
  for (const { number, value } of readMessage(message)) {
    if (number === 1) answer.revision = readRevision(value);
    else if (number === 3) answer.created = value !== 0;
    else if (number === 4) answer.canceled = value !== 0;
    else if (number === 5) answer.compactRevision = Number(value);
    else if (number === 6) answer.cancelReason = bytes(value).toString('utf8');
    else if (number === 11) changes.push(readChange(value));
  }
  return { ...answer, changes };
}

export function writeAuthenticateRequest(username: string, password: string): Buffer {
  return writeMessage([1, username], [2, password]);
}

/** The token. */
export function readAuthenticateAnswer(message: Buffer): string {
  for (const { number, value } of readMessage(message)) {
    if (number === 2) return bytes(value).toString('latin1');
  }
  return '';
}

function readRevision(header: number | Buffer): number {
  for (const { number, value } of readMessage(bytes(header))) {
    if (number === 3) return Number(value);
  }
  return 0;
}

function readKeyValue(message: number | Buffer): KeyValue {
  let key: Buffer = EMPTY;
  let content: Buffer = EMPTY;
  for (const { number, value } of readMessage(bytes(message))) {
    if (number === 1) key = bytes(value);
    else if (number === 5) content = bytes(value);
  }
  return { key, value: content };
}

function readChange(event: number | Buffer): Change {
  let isDeleted = false;
  let entry: KeyValue = { key: EMPTY, value: EMPTY };
  for (const { number, value } of readMessage(bytes(event))) {
    if (number === 1) isDeleted = value === 1;
    else if (number === 2) entry = readKeyValue(value);
  }
  return { key: entry.key, value: isDeleted ? undefined : entry.value };
}

/** A number where bytes belong is read as nothing; the checks of who uses it say so. */
function bytes(value: number | Buffer): Buffer {
  return typeof value === 'number' ? EMPTY : value;
}

const EMPTY = Buffer.alloc(0);
