// linkgate/plugin: what a plugin is written with. A plugin is a module whose default export lists kinds by category,
// `export default { namer: [kind] }`; docs/writing-a-namer.md shows one. What is not exported here may change at any time.

// The signals that everything here is made of: a plugin must use these, since those of another copy go unnoticed.
export {
  batch,
  computed,
  effect,
  type ReadonlySignal,
  type Signal,
  signal,
  untracked,
} from '@preact/signals-core';
// What the `config` of a kind is written in.
export { z } from 'zod';

// Machinery for whoever asks a registry over the network: one shared watch a service, retries, last good answers, ages.
export { type ApiAnswer, type ApiRequest, HttpApi, parseJson, quote, Refused } from '../namers/shared/http-api.js';
export { checkHost, checkPort, checkWeight, Members, parseHostPort } from '../namers/shared/members.js';
export {
  GarbageError,
  RegistryWatches,
  sleep,
  type WatchDefinition,
  type WatchReport,
} from '../namers/shared/registry-watch.js';
export { type ServiceEndpoint, type ServiceSet, ServiceTrees, sameServiceSet } from '../namers/shared/service-trees.js';

// Values.
export { type Activity, constant, failed, mapActivity, ok, PENDING, type State } from './base/activity.js';
export {
  ADDR_NEG,
  ADDR_PENDING,
  type Addr,
  type Address,
  type AddressMeta,
  addrBound,
  addrFailed,
  type Bound,
  type Freshness,
  makeAddress,
  sameAddresses,
  showAddress,
} from './base/addr.js';
export type { Clock, TimerHandle } from './base/clock.js';
export type { Closable } from './base/closable.js';
export { type Dtab, EMPTY_DTAB, showDtab } from './base/dtab.js';
export { type ErrorCode, GatewayError } from './base/errors.js';
export { defineKind, type Kind } from './base/kind.js';
export { type Logger, makeLogger } from './base/log.js';
export type { MetricsScope } from './base/metrics.js';
export { parseDtab, parsePath } from './base/name-grammar.js';
export { alt, EMPTY, FAIL, leaf, mapNameTree, type NameTree, NEG, negBecause, union } from './base/name-tree.js';
export { bytesFromText, EMPTY_PATH, Path, pathFromText, textFromBytes } from './base/path.js';
export type { Random } from './base/random.js';

// Contracts, and the parts that most of their implementations share.
export {
  type BackendProtocol,
  type Identifier,
  type IdentifierContext,
  PathMemo,
  Redirect,
  type RequestOrigin,
  Route,
  type RouteCertificate,
  type RoutePolicy,
  type RouteSource,
  type ShownRoute,
  Unidentified,
} from './identifier/identifier.js';
export { type Inet, makeInet } from './naming/inet.js';
export type { Interpreter, InterpreterContext } from './naming/interpreter.js';
export { makeLiveDtabInterpreter } from './naming/live-dtab-interpreter.js';
export type { Name, Namer, NamerContext } from './naming/namer.js';
export type { Exposure, Publications, PublishedHost } from './naming/publication.js';
export { type BoundAddr, filterAddresses, makeAddressTransformer } from './naming/transformed-addr.js';
export type { Transformer, TransformerContext } from './naming/transformer.js';
export type { RequestHead } from './service/message.js';
