// FaultScene: a router with the settings of a linkerd.yaml over backends that answer, fail, hang or reset as a test says; requests
// at a steady rate in, what became of each out. Time is the manual clock's, and nothing has a socket.

import assert from 'node:assert/strict';
import { parseConfig, showConfigError } from '../../config/schema/parse.js';
import type { Bound } from '../../src/base/addr.js';
import { EMPTY_DTAB } from '../../src/base/dtab.js';
import { MetricsScope } from '../../src/base/metrics.js';
import { parsePath } from '../../src/base/name-grammar.js';
import { leaf, type NameTree } from '../../src/base/name-tree.js';
import { seededRandom } from '../../src/base/random.js';
import { kinds } from '../../src/kinds.js';
import { clientSettings, headLimits, serverStackOptions, serviceSettings } from '../../src/link-settings.js';
import { Router, type RouterOptions } from '../../src/router/router.js';
import { SettingsMemo, scopedSettings } from '../../src/router/scoped-settings.js';
import { HTTP_VIA, ServerStack } from '../../src/router/server-stack.js';
import type { ClientSettings, ServiceSettings } from '../../src/router/settings.js';
import type { ServeExchange } from '../../src/service/exchange.js';
import { FakeExchange } from './fake-exchange.js';
import { FakeInterpreter } from './fake-interpreter.js';
import { FakeNamer } from './fake-namer.js';
import { FaultyBackend } from './faulty-backend.js';
import { ManualClock } from './manual-clock.js';
import { metricValue } from './metric-value.js';

/** What a configuration says; each key has a default. */
export interface FaultSceneConfig {
  /** Keys of `service`, as the file has them. */
  readonly service?: object;
  /** Keys of `client`. */
  readonly client?: object;
  /** Clusters that the one name is bound to, in equal shares: some of `FaultScene.clusters`. Default: the first. */
  readonly clusters?: readonly string[];
  /** In place of what the file says of the service. */
  readonly overrides?: Partial<ServiceSettings>;
}

/** The one logical name there is. */
const SERVICE = '/svc/web';
const NAMER = '/#/fake';
const BACKENDS_EACH = 5;

export class FaultScene {
  static readonly clusters: readonly string[] = ['/web', '/other'];
  readonly clock = new ManualClock();
  readonly metrics = new MetricsScope();
  readonly router: Router;
  /** Of the configuration in force. */
  interpreter: FakeInterpreter;
  readonly #random = seededRandom(7);
  readonly #bound = new Map<string, Bound>();
  readonly #clusters = new Map<string, readonly FaultyBackend[]>();
  readonly #clientMemo = new SettingsMemo<ClientSettings>();
  readonly #serve: ServeExchange;

  constructor(config: FaultSceneConfig = {}) {
    const namer = new FakeNamer(NAMER);
    for (const [i, cluster] of FaultScene.clusters.entries()) {
      const hosts = Array.from({ length: BACKENDS_EACH }, (_, n) => `10.0.${i}.${n + 1}`);
      this.#bound.set(cluster, namer.exists(cluster, ...hosts.map((host) => `${host}:80`)).bound);
      this.#clusters.set(
        cluster,
        hosts.map((host) => new FaultyBackend(host, this.clock)),
      );
    }
    this.interpreter = bindingTo(this.#treeOf(config));
    this.router = new Router(this.#optionsOf(config));
    this.#serve = this.router.serve(this.#makeServerStack());
  }

  /** Another configuration, from now on. */
  reload(config: FaultSceneConfig): void {
    this.interpreter = bindingTo(this.#treeOf(config));
    this.#clientMemo.renew();
    this.router.reconfigure(this.#optionsOf(config));
  }

  /** Five of each cluster. Default: of the first. */
  backendsOf(cluster = FaultScene.clusters[0] as string): readonly FaultyBackend[] {
    return this.#clusters.get(cluster) ?? [];
  }

  /** Of the first cluster. */
  get backends(): readonly FaultyBackend[] {
    return this.backendsOf();
  }

  /** One GET. */
  ask(): FakeExchange {
    const exchange = new FakeExchange(this.clock);
    this.#serve(exchange);
    return exchange;
  }

  /** GETs evenly spaced over `ms`, however long their answers take; what becomes of them later is in them too. */
  run(ms: number, requestsPerSecond = 2000): FakeExchange[] {
    const exchanges: FakeExchange[] = [];
    const intervalMs = 1000 / requestsPerSecond;
    for (let due = 0; due < ms; due += intervalMs) {
      exchanges.push(this.ask());
      this.clock.advance(intervalMs);
    }
    return exchanges;
  }

  /** Attempts that the backends of a cluster were sent. Default: of the first. */
  attemptsOf(cluster?: string): number {
    return this.backendsOf(cluster).reduce((sum, { attempts }) => sum + attempts, 0);
  }

  /** A counter or gauge of the logical name. */
  ofService(...name: readonly string[]): number {
    return metricValue(this.metrics, 'service', SERVICE.slice(1), ...name);
  }

  /** A counter or gauge of the first cluster. */
  ofClient(...name: readonly string[]): number {
    return metricValue(this.metrics, 'client', `${NAMER.slice(1)}${FaultScene.clusters[0]}`, ...name);
  }

  #treeOf({ clusters = FaultScene.clusters.slice(0, 1) }: FaultSceneConfig): NameTree<Bound> {
    const leaves = clusters.map((cluster) => leaf(this.#bound.get(cluster) as Bound));
    const [only] = leaves;
    if (only && leaves.length === 1) return only;
    return { type: 'union', branches: leaves.map((tree) => ({ weight: 1, tree })) };
  }

  #optionsOf({ service = {}, client = {}, overrides = {} }: FaultSceneConfig): RouterOptions {
    const config = routerConfig({ service, client });
    const context = { kinds, clock: this.clock, random: this.#random };
    return {
      identify: () => parsePath(SERVICE),
      interpreter: this.interpreter,
      realms: [],
      baseDtab: EMPTY_DTAB,
      bindingTimeoutMs: config.bindingTimeoutMs,
      bindingCache: { paths: 10, clients: 0, idleTtlMs: 600_000 },
      serviceSettings: scopedSettings(config.service, (keys) => ({ ...serviceSettings(keys, context), ...overrides })),
      clientSettings: scopedSettings(
        config.client,
        (keys) => clientSettings(keys, context),
        [JSON.stringify(client)],
        this.#clientMemo,
      ),
      makeEndpointClient: ({ address }) => this.#backendAt(address.host).connect(),
      ...headLimits(config),
      via: HTTP_VIA,
      accessLog: undefined,
      clock: this.clock,
      random: this.#random,
      metrics: this.metrics,
    };
  }

  #makeServerStack(): ServerStack {
    const router = routerConfig({});
    const [listener] = router.servers;
    assert.ok(listener);
    const metrics = this.metrics.scope('server');
    const options = serverStackOptions(listener, { router, clock: this.clock, random: this.#random, metrics });
    return new ServerStack({ ...options, edge: undefined, identify: undefined, realm: undefined });
  }

  #backendAt(host: string): FaultyBackend {
    for (const backends of this.#clusters.values()) {
      const backend = backends.find((one) => one.host === host);
      if (backend) return backend;
    }
    throw new Error(`no backend at ${host}`);
  }
}

function bindingTo(tree: NameTree<Bound>): FakeInterpreter {
  const interpreter = new FakeInterpreter();
  interpreter.binds(SERVICE, tree);
  return interpreter;
}

function routerConfig(keys: object) {
  const router = { protocol: 'http', servers: [{ port: 0 }], ...keys };
  const parsed = parseConfig(JSON.stringify({ routers: [router] }), 'test.yaml', kinds);
  if (!parsed.ok) assert.fail(parsed.errors.map(showConfigError).join('\n'));
  const [config] = parsed.config.routers;
  assert.ok(config);
  return config;
}
