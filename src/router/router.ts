// Router: exchanges of its listeners in, each sent on its Trip; the parts that all trips share.

import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { Dtab } from '../base/dtab.js';
import { LoopWatch } from '../base/loop-watch.js';
import type { MetricsScope } from '../base/metrics.js';
import type { Random } from '../base/random.js';
import { Timeouts } from '../base/timeouts.js';
import type { MakeEndpointClient } from '../client/client.js';
import type { Identifier } from '../identifier/identifier.js';
import type { Interpreter } from '../naming/interpreter.js';
import type { ServeExchange } from '../service/exchange.js';
import type { AccessLog } from './access-log.js';
import { Bindings, type BindingsOptions } from './bindings.js';
import { metricName } from './client-cache.js';
import { ClientStack } from './client-stack.js';
import type { Realm } from './realm.js';
import type { RouterParts } from './router-parts.js';
import type { ServerStack, ViaFields } from './server-stack.js';
import type { ServiceStack } from './service-stack.js';
import type { ClientSettings, ServiceSettings, SettingsOf } from './settings.js';
import { Trip } from './trip.js';

export interface RouterOptions {
  /** For listeners that have none of their own. */
  readonly identify: Identifier;
  readonly interpreter: Interpreter;
  /** Those of its listeners. */
  readonly realms: readonly Realm[];
  /** For error messages: the interpreter has its own. */
  readonly baseDtab: Dtab;
  readonly bindingTimeoutMs: number;
  /** Limits of each realm. */
  readonly bindingCache: { readonly paths: number; readonly clients: number; readonly idleTtlMs: number };
  readonly serviceSettings: SettingsOf<ServiceSettings>;
  /** By bound id, with what realms put in front of it. */
  readonly clientSettings: SettingsOf<ClientSettings>;
  readonly makeEndpointClient: MakeEndpointClient;
  readonly maxInitialLineBytes: number;
  readonly maxHeaderBytes: number;
  /** What Via gets, by the version that a message came by. */
  readonly via: ViaFields;
  /** Opened and closed by who made it. */
  readonly accessLog: AccessLog | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** `rt/<label>`. */
  readonly metrics: MetricsScope;
}

export class Router implements Closable {
  #options: RouterOptions;
  #parts: RouterParts;

  constructor(options: RouterOptions) {
    this.#options = options;
    const bindings = new Bindings(bindingsOptions(options));
    const { clock } = options;
    this.#parts = { ...options, bindings, loop: new LoopWatch(clock), timeouts: new Timeouts(clock) };
  }

  /** Throws what making the settings of a name in use throws, so that `reconfigure` with these options will not. */
  check({ serviceSettings, clientSettings }: RouterOptions): void {
    for (const { service } of this.services()) serviceSettings(service);
    for (const { id } of this.clients()) clientSettings(id);
  }

  /**
   * Goes on as the new options say: requests under way end as they began, bound names are served as before until they are
   * bound anew, and clients whose settings are the same objects keep their connections, loads and accruals.
   */
  reconfigure(options: RouterOptions): void {
    const before = this.#options;
    const { bindings } = this.#parts;
    this.#options = options;
    this.#parts = { ...this.#parts, ...options };
    const { maxInitialLineBytes, maxHeaderBytes, clientSettings } = options;
    const hasNewLimits = maxInitialLineBytes !== before.maxInitialLineBytes || maxHeaderBytes !== before.maxHeaderBytes;
    bindings.reconfigure(
      bindingsOptions(options),
      ({ id, settings }) => hasNewLimits || settings !== clientSettings(id),
    );
  }

  /** What a listener with this server stack does with its exchanges. */
  serve(server: ServerStack): ServeExchange {
    return (exchange) => new Trip(this.#parts, server, exchange).start();
  }

  /** The bound names that there are clients for. */
  clients(): ClientStack[] {
    return this.#parts.bindings.clients();
  }

  /** The logical names in use, each with the local dtabs that it is asked for with. */
  services(): ServiceStack[] {
    return this.#parts.bindings.services();
  }

  /** Stops observing names and closes idle upstream connections; what is under way is finished. */
  close(): void {
    this.#parts.bindings.close();
  }
}

function bindingsOptions(options: RouterOptions): BindingsOptions {
  const { interpreter, realms, serviceSettings, bindingCache, clock, random, metrics } = options;
  return {
    interpreter,
    realms,
    serviceSettings,
    makeClient: (id, predecessor) =>
      new ClientStack({
        id,
        settings: options.clientSettings(id),
        makeEndpointClient: options.makeEndpointClient,
        maxInitialLineBytes: options.maxInitialLineBytes,
        maxHeaderBytes: options.maxHeaderBytes,
        clock,
        metrics: metrics.scope('client', metricName(id)),
        predecessor,
      }),
    maxPaths: bindingCache.paths,
    maxClients: bindingCache.clients,
    idleTtlMs: bindingCache.idleTtlMs,
    clock,
    random,
    metrics,
  };
}
