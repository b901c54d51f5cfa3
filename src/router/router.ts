// Router: exchanges of its listeners in, each sent on its Trip; the parts that all trips share.

import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { Dtab } from '../base/dtab.js';
import type { MetricsScope } from '../base/metrics.js';
import type { Random } from '../base/random.js';
import type { MakeEndpointClient } from '../client/client.js';
import type { Identifier } from '../identifier/identifier.js';
import type { Interpreter } from '../naming/interpreter.js';
import type { ServeExchange } from '../service/exchange.js';
import type { AccessLog } from './access-log.js';
import { BindingCache } from './binding-cache.js';
import { metricName } from './client-cache.js';
import { ClientStack } from './client-stack.js';
import type { RouterParts } from './router-parts.js';
import type { ServerStack } from './server-stack.js';
import type { ClientSettings, ServiceSettings, SettingsOf } from './settings.js';
import { Trip } from './trip.js';

export interface RouterOptions {
  readonly identify: Identifier;
  readonly interpreter: Interpreter;
  /** For error messages: the interpreter has its own. */
  readonly baseDtab: Dtab;
  readonly bindingTimeoutMs: number;
  readonly bindingCache: { readonly paths: number; readonly clients: number; readonly idleTtlMs: number };
  readonly serviceSettings: SettingsOf<ServiceSettings>;
  readonly clientSettings: SettingsOf<ClientSettings>;
  readonly makeEndpointClient: MakeEndpointClient;
  readonly maxInitialLineBytes: number;
  readonly maxHeaderBytes: number;
  readonly accessLog: AccessLog | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** `rt/<label>`. */
  readonly metrics: MetricsScope;
}

export class Router implements Closable {
  readonly #options: RouterOptions;
  readonly #parts: RouterParts;

  constructor(options: RouterOptions) {
    this.#options = options;
    const { interpreter, serviceSettings, bindingCache, clock, random, metrics } = options;
    const bindings = new BindingCache({
      interpreter,
      serviceSettings,
      makeClient: (id) =>
        new ClientStack({
          id,
          settings: options.clientSettings(id),
          makeEndpointClient: options.makeEndpointClient,
          maxInitialLineBytes: options.maxInitialLineBytes,
          maxHeaderBytes: options.maxHeaderBytes,
          clock,
          metrics: metrics.scope('client', metricName(id)),
        }),
      maxPaths: bindingCache.paths,
      maxClients: bindingCache.clients,
      idleTtlMs: bindingCache.idleTtlMs,
      clock,
      random,
      metrics,
    });
    this.#parts = { ...options, bindings };
  }

  /** Opens the access log. Throws when its file cannot be opened. Before the first listener; call it once. */
  open(): void {
    this.#options.accessLog?.open();
  }

  /** The access log's file was moved away: goes on in a new one of its name. */
  reopenLogs(): void {
    this.#options.accessLog?.reopen();
  }

  /** What a listener with this server stack does with its exchanges. */
  serve(server: ServerStack): ServeExchange {
    return (exchange) => new Trip(this.#parts, server, exchange).start();
  }

  /** The bound names that there are clients for. */
  clients(): ClientStack[] {
    return this.#parts.bindings.clients.stacks();
  }

  /** Stops observing names and closes idle upstream connections; what is under way is finished. */
  async close(): Promise<void> {
    this.#parts.bindings.close();
    await this.#options.accessLog?.close();
  }
}
