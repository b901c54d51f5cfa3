// Everything that speaks to a registry, one line each: namers, and the other kinds of plugin that a registry comes with.

import type { Announcer, AnnouncerContext } from '../src/announcer/announcer.js';
import type { Kind } from '../src/base/kind.js';
import type { Identifier, IdentifierContext } from '../src/identifier/identifier.js';
import type { Interpreter, InterpreterContext } from '../src/naming/interpreter.js';
import type { Namer, NamerContext, SystemNamerKind } from '../src/naming/namer.js';
import type { Transformer, TransformerContext } from '../src/naming/transformer.js';
import { consulInterpreter, consulNamer } from './consul/index.js';
import { dnsSrvNamer } from './dns/index.js';
import { etcdNamer } from './etcd/index.js';
import { fsInterpreter, fsNamer } from './fs/index.js';
import {
  configMapInterpreter,
  daemonsetTransformer,
  ingressIdentifier,
  kubernetesExternalNamer,
  kubernetesNamer,
  kubernetesNamespaceNamer,
  localNodeTransformer,
} from './kubernetes/index.js';
import { marathonNamer } from './marathon/index.js';
import { rewriteNamer } from './rewrite/index.js';
import {
  curatorNamer,
  serversetsAnnouncer,
  serversetsNamer,
  zkLeaderNamer,
  zkLeaderSystemNamer,
} from './zookeeper/index.js';

/** Hand to each `make` only what its own `config` schema gave out. */
export const namers: readonly Kind<unknown, NamerContext, Namer>[] = [
  fsNamer,
  consulNamer,
  serversetsNamer,
  zkLeaderNamer,
  curatorNamer,
  etcdNamer,
  kubernetesNamer,
  kubernetesNamespaceNamer,
  kubernetesExternalNamer,
  dnsSrvNamer,
  marathonNamer,
  rewriteNamer,
];

export const identifiers: readonly Kind<unknown, IdentifierContext, Identifier>[] = [ingressIdentifier];

export const interpreters: readonly Kind<unknown, InterpreterContext, Interpreter>[] = [
  fsInterpreter,
  consulInterpreter,
  configMapInterpreter,
];

export const transformers: readonly Kind<unknown, TransformerContext, Transformer>[] = [
  daemonsetTransformer,
  localNodeTransformer,
];

export const announcers: readonly Kind<unknown, AnnouncerContext, Announcer>[] = [serversetsAnnouncer];

export const systemNamers: readonly SystemNamerKind[] = [zkLeaderSystemNamer];
