// BindingCache: logical name and local dtab in, ServiceStack out; kept, bounded and expired as `bindingCache` says.

import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { Dtab } from '../base/dtab.js';
import { showDtab } from '../base/dtab.js';
import type { MetricsScope } from '../base/metrics.js';
import type { Path } from '../base/path.js';
import type { Random } from '../base/random.js';
import type { Interpreter } from '../naming/interpreter.js';
import { ClientCache, type ClientCacheOptions, metricName } from './client-cache.js';
import type { ClientStack } from './client-stack.js';
import { LruCache, type LruLimits } from './lru-cache.js';
import type { SharedRequestMetrics } from './request-metrics.js';
import { ServiceStack } from './service-stack.js';
import type { ServiceSettings, SettingsOf } from './settings.js';

export interface BindingCacheOptions {
  readonly interpreter: Interpreter;
  readonly serviceSettings: SettingsOf<ServiceSettings>;
  readonly makeClient: ClientCacheOptions['make'];
  /** `bindingCache.paths`. */
  readonly maxPaths: number;
  /** `bindingCache.clients`. */
  readonly maxClients: number;
  readonly idleTtlMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** One set of counters per name, whatever local dtabs it is asked for with, and in which realms. */
  readonly serviceMetrics: SharedRequestMetrics;
  /** `rt/<label>`. */
  readonly metrics: MetricsScope;
}

export class BindingCache implements Closable {
  readonly clients: ClientCache;
  #options: BindingCacheOptions;
  readonly #paths: LruCache<ServiceStack>;

  constructor(options: BindingCacheOptions) {
    this.#options = options;
    const { clock, metrics } = options;
    this.#paths = new LruCache({ ...pathLimits(options), clock, metrics: metrics.scope('bindcache', 'path') });
    this.clients = new ClientCache(clientCacheOptions(options));
  }

  /** `now` is `clock.now()`. A name that was asked for lately costs one Map lookup, and none where it is the same object. */
  get(service: Path, localDtab: Dtab, now: number): ServiceStack {
    if (localDtab.isEmpty) return this.#paths.find(service, now) ?? this.#add(service.show(), service, localDtab, now);
    // No shown path has a space, so no name and dtab together look like another name.
    const key = `${service.show()} ${showDtab(localDtab)}`;
    return this.#paths.get(key, now) ?? this.#add(key, service, localDtab, now);
  }

  #add(key: string, service: Path, localDtab: Dtab, now: number): ServiceStack {
    const stack = this.#make(service, localDtab);
    this.#paths.add(key, stack, now);
    return stack;
  }

  /**
   * Binds what there is as the new options say, without a gap: each name is served as before until it is bound anew. Clients that
   * `isObsolete` answers true for are replaced.
   */
  reconfigure(options: BindingCacheOptions, isObsolete: (stack: ClientStack) => boolean): void {
    this.#options = options;
    this.#paths.limit(pathLimits(options));
    this.clients.reconfigure(clientCacheOptions(options), isObsolete);
    const { interpreter, serviceSettings } = options;
    const stacks = this.#paths.values();
    for (const stack of stacks) stack.reconfigure(serviceSettings(stack.service));
    // Afterwards: names that share a client must not take it back from an answer of the new interpreter to one of the old.
    for (const stack of stacks) stack.rebind(interpreter);
  }

  services(): ServiceStack[] {
    return this.#paths.values();
  }

  close(): void {
    this.#paths.close();
    this.clients.close();
  }

  #make(service: Path, localDtab: Dtab): ServiceStack {
    const { interpreter, metrics, random, serviceMetrics, serviceSettings } = this.#options;
    const name = metricName(service);
    return new ServiceStack({
      service,
      localDtab,
      interpreter,
      settings: serviceSettings(service),
      metrics: serviceMetrics.acquire(name),
      scope: metrics.scope('service', name),
      clients: this.clients,
      random,
      closed: () => serviceMetrics.release(name),
    });
  }
}

function pathLimits({ maxPaths, idleTtlMs }: BindingCacheOptions): LruLimits {
  return { maxEntries: maxPaths, idleTtlMs };
}

function clientCacheOptions({
  maxClients,
  idleTtlMs,
  clock,
  metrics,
  makeClient,
}: BindingCacheOptions): ClientCacheOptions {
  return {
    maxEntries: maxClients,
    idleTtlMs,
    clock,
    make: makeClient,
    clients: metrics.scope('client'),
    metrics: metrics.scope('bindcache', 'client'),
  };
}
