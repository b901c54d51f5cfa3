// BindingCache: logical name and local dtab in, ServiceStack out; kept, bounded and expired as `bindingCache` says.

import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { Dtab } from '../base/dtab.js';
import { showDtab } from '../base/dtab.js';
import type { MetricsScope } from '../base/metrics.js';
import type { Path } from '../base/path.js';
import type { Random } from '../base/random.js';
import type { Interpreter } from '../naming/interpreter.js';
import { ClientCache, metricName } from './client-cache.js';
import type { ClientStack } from './client-stack.js';
import { LruCache } from './lru-cache.js';
import { SharedRequestMetrics } from './request-metrics.js';
import { ServiceStack } from './service-stack.js';
import type { ServiceSettings, SettingsOf } from './settings.js';

export interface BindingCacheOptions {
  readonly interpreter: Interpreter;
  readonly serviceSettings: SettingsOf<ServiceSettings>;
  readonly makeClient: (id: Path) => ClientStack;
  /** `bindingCache.paths`. */
  readonly maxPaths: number;
  /** `bindingCache.clients`. */
  readonly maxClients: number;
  readonly idleTtlMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** `rt/<label>`. */
  readonly metrics: MetricsScope;
}

export class BindingCache implements Closable {
  readonly clients: ClientCache;
  readonly #options: BindingCacheOptions;
  readonly #paths: LruCache<ServiceStack>;
  /** One set of counters per name, whatever local dtabs it is asked for with. */
  readonly #metrics: SharedRequestMetrics;

  constructor(options: BindingCacheOptions) {
    this.#options = options;
    this.#metrics = new SharedRequestMetrics(options.metrics.scope('service'));
    const { clock, idleTtlMs, maxPaths, maxClients, metrics } = options;
    this.#paths = new LruCache({
      maxEntries: maxPaths,
      idleTtlMs,
      clock,
      metrics: metrics.scope('bindcache', 'path'),
    });
    this.clients = new ClientCache({
      maxEntries: maxClients,
      idleTtlMs,
      clock,
      make: options.makeClient,
      clients: metrics.scope('client'),
      metrics: metrics.scope('bindcache', 'client'),
    });
  }

  /** `now` is `clock.now()`. A name that was asked for lately costs one Map lookup. */
  get(service: Path, localDtab: Dtab, now: number): ServiceStack {
    // No shown path has a space, so no name and dtab together look like another name.
    const key = localDtab.isEmpty ? service.show() : `${service.show()} ${showDtab(localDtab)}`;
    const known = this.#paths.get(key, now);
    if (known) return known;
    const stack = this.#make(service, localDtab);
    this.#paths.add(key, stack, now);
    return stack;
  }

  close(): void {
    this.#paths.close();
    this.clients.close();
  }

  #make(service: Path, localDtab: Dtab): ServiceStack {
    const { interpreter, metrics, random, serviceSettings } = this.#options;
    const name = metricName(service);
    return new ServiceStack({
      service,
      localDtab,
      interpreter,
      settings: serviceSettings(service),
      metrics: this.#metrics.acquire(name),
      retryScope: metrics.scope('service', name, 'retries'),
      clients: this.clients,
      random,
      closed: () => this.#metrics.release(name),
    });
  }
}
