// KubeScene: an API server in, a namer of it and what a test sees of the names that it watches out.

import { effect } from '@preact/signals-core';
import { findEndpoints } from '../../../namers/kubernetes/find-endpoints.js';
import { KubeApi } from '../../../namers/kubernetes/kube-api.js';
import { type KubeServer, plainServer } from '../../../namers/kubernetes/kube-server.js';
import { KubeNamer, type KubeNamerOptions } from '../../../namers/kubernetes/namer.js';
import type { State } from '../../../src/base/activity.js';
import { type Addr, type Address, showAddress } from '../../../src/base/addr.js';
import { realClock } from '../../../src/base/clock.js';
import type { Logger } from '../../../src/base/log.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import type { NameTree } from '../../../src/base/name-tree.js';
import { type Path, pathFromText } from '../../../src/base/path.js';
import { seededRandom } from '../../../src/base/random.js';
import type { Name, Namer } from '../../../src/naming/namer.js';
import { metricValue } from '../../support/metric-value.js';

export interface KubeScene {
  readonly namer: KubeNamer;
  /** Warnings of the namer, in order. */
  readonly warnings: readonly string[];
  readonly messages: readonly string[];
  /** Observes a name, as a router does, until the scene is closed or `stop` is called. */
  watch(path: string): WatchedName;
  /** Of `service/<name>`. */
  count(name: string): number;
  close(): Promise<void>;
}

export interface WatchedName {
  readonly tree: State<NameTree<Name>>;
  readonly addr: Addr | undefined;
  /** `pending`, `neg`, `neg: <reason>`, or the addresses in alphabetical order: `10.0.0.1:80 10.0.0.2:80`; `empty` for none. */
  readonly shown: string;
  readonly addresses: readonly Address[];
  /** How often the answer changed. */
  readonly changes: number;
  stop(): void;
}

export type SceneOptions = Partial<KubeNamerOptions> & { readonly server?: () => KubeServer };

/** Of a plain server on `port` of loopback, or of the given one. */
export function makeScene(port: number, { server, ...options }: SceneOptions = {}): KubeScene {
  const plain = plainServer('127.0.0.1', port);
  const messages: string[] = [];
  const warnings: string[] = [];
  const log: Logger = {
    error: (message) => warnings.push(message),
    warn: (message) => warnings.push(message),
    info: (message) => messages.push(message),
    debug: (message) => messages.push(message),
  };
  const metrics = new MetricsScope();
  const namer = new KubeNamer({
    prefix: pathFromText('#', 'io.l5d.k8s'),
    api: new KubeApi(server ?? (() => plain)),
    find: findEndpoints,
    clock: realClock,
    random: seededRandom(1),
    metrics,
    log,
    lingerMs: 50,
    ...options,
  });
  const watched: WatchedName[] = [];
  return {
    namer,
    warnings,
    messages,
    watch: (path) => {
      const name = watchName(namer, parsePath(path));
      watched.push(name);
      return name;
    },
    count: (name) => metricValue(metrics, 'service', name),
    close: async () => {
      for (const name of watched) name.stop();
      await namer.close();
    },
  };
}

export function watchName(namer: Namer, path: Path): WatchedName {
  const activity = namer.lookup(path);
  let tree: State<NameTree<Name>> = { state: 'pending' };
  let addr: Addr | undefined;
  let changes = 0;
  const stop = effect(() => {
    tree = activity.value;
    addr = boundIn(tree)?.addr.value;
    changes += 1;
  });
  return {
    get tree() {
      return tree;
    },
    get addr() {
      return addr;
    },
    get shown() {
      return show(tree, addr);
    },
    get addresses() {
      return addr?.state === 'bound' ? addr.addresses : [];
    },
    get changes() {
      return changes;
    },
    stop,
  };
}

export function boundIn(tree: State<NameTree<Name>>) {
  if (tree.state !== 'ok' || tree.value.type !== 'leaf') return undefined;
  return tree.value.value.type === 'bound' ? tree.value.value.bound : undefined;
}

function show(tree: State<NameTree<Name>>, addr: Addr | undefined): string {
  if (tree.state !== 'ok') return tree.state === 'failed' ? `failed: ${tree.error.message}` : 'pending';
  if (tree.value.type === 'neg') {
    const reasons = tree.value.reasons?.map(({ message }) => message) ?? [];
    return reasons.length === 0 ? 'neg' : `neg: ${reasons.join(', ')}`;
  }
  if (addr?.state !== 'bound') return `addr ${addr?.state}`;
  return addr.addresses.map(showAddress).sort().join(' ') || 'empty';
}
