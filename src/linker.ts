// Linker: a checked configuration in, a gateway out: routers, namers, telemeters and admin put together. The one place
// where parts meet.

import type { LinkerdConfig, RouterConfig, ServerConfig } from '../config/schema/linkerd.js';
import type { AccrualContext, AccrualFactory } from './accrual/accrual.js';
import type { AdminRouter, AdminSource, BuildInfo, Readiness } from './admin/handler.js';
import { registerProcessMetrics } from './admin/process-metrics.js';
import { type AdminServer, makeAdminServer } from './admin/server.js';
import { announce, findAnnouncer } from './announcements.js';
import type { Announcer, AnnouncerContext } from './announcer/announcer.js';
import type { BalancerContext, BalancerFactory } from './balancer/balancer.js';
import { constant } from './base/activity.js';
import { makeBackoff } from './base/backoff-config.js';
import type { Clock, TimerHandle } from './base/clock.js';
import type { Closable } from './base/closable.js';
import { EMPTY_DTAB, showDtab } from './base/dtab.js';
import type { Kind } from './base/kind.js';
import { makeLogger } from './base/log.js';
import { MetricsScope } from './base/metrics.js';
import type { Random } from './base/random.js';
import type { ResponseClassifier } from './classifier/classifier.js';
import { Http1Pool } from './client/http1-pool.js';
import { type Identifier, type IdentifierContext, identifyFirst } from './identifier/identifier.js';
import { type LinkedNaming, linkNaming, type NamingKinds } from './link-naming.js';
import { makePlugin } from './make-plugin.js';
import { makeDtabInterpreter } from './naming/dtab-interpreter.js';
import type { Interpreter } from './naming/interpreter.js';
import type { Namer } from './naming/namer.js';
import { makeRetryBudget } from './retry/retry-budget.js';
import { makeAccessLog } from './router/access-log.js';
import { metricName } from './router/client-cache.js';
import { makeForwarded } from './router/forwarded.js';
import { parseRollPolicy } from './router/roll-policy.js';
import { Router } from './router/router.js';
import { scopedSettings } from './router/scoped-settings.js';
import { ServerStack } from './router/server-stack.js';
import type { ClientSettings, ServiceSettings } from './router/settings.js';
import { Http1Server } from './server/http1.js';
import type { ListenAddress, Server } from './server/server.js';
import type { Telemeter, TelemeterContext } from './telemeter/telemeter.js';

/** The kind table with what each category makes. */
export interface Kinds extends NamingKinds {
  readonly identifier: readonly Kind<unknown, IdentifierContext, Identifier>[];
  readonly balancer: readonly Kind<unknown, BalancerContext, BalancerFactory>[];
  readonly accrual: readonly Kind<unknown, AccrualContext, AccrualFactory>[];
  readonly classifier: readonly Kind<unknown, undefined, ResponseClassifier>[];
  readonly telemeter: readonly Kind<unknown, TelemeterContext, Telemeter>[];
  readonly announcer: readonly Kind<unknown, AnnouncerContext, Announcer>[];
}

export interface LinkerOptions {
  readonly config: LinkerdConfig;
  /** The file as it was read, for /config.json. */
  readonly raw: unknown;
  readonly kinds: Kinds;
  readonly build: BuildInfo;
  readonly clock: Clock;
  readonly random: Random;
  /** Somebody asked admin for a shutdown. */
  readonly onShutdownRequest: () => void;
}

export interface Linker extends Closable {
  readonly metrics: MetricsScope;
  /** Binds the admin port, then every listener. When one cannot be bound all are closed again, and it rejects. */
  listen(): Promise<ListeningOn>;
  /** Opens access logs anew, after logrotate and its like have moved their files away. */
  reopenLogs(): void;
  /** Takes no more requests, lets those under way finish within `admin.shutdownGraceMs`, then closes everything. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

export interface ListeningOn {
  readonly admin: ListenAddress;
  readonly servers: readonly (ListenAddress & { readonly router: string })[];
}

const log = makeLogger('linker');
const ROLL_MS = 60_000;

/** Makes every part and starts none. Throws what a part's `make` throws, after closing those made before it. */
export function makeLinker(options: LinkerOptions): Linker {
  return new GatewayLinker(options);
}

interface LinkedRouter {
  readonly config: RouterConfig;
  readonly interpreter: Interpreter;
  readonly router: Router;
  readonly servers: readonly LinkedServer[];
  readonly announcers: readonly Announcer[];
}

interface LinkedServer {
  readonly config: ServerConfig;
  readonly server: Server;
}

class GatewayLinker implements Linker, AdminSource {
  readonly metrics = new MetricsScope();
  readonly #options: LinkerOptions;
  readonly #closables: Closable[] = [];
  readonly #naming: LinkedNaming;
  readonly #announcements: Closable[] = [];
  readonly #telemeters: readonly Telemeter[];
  readonly #routers: LinkedRouter[] = [];
  readonly #admin: AdminServer;
  readonly #fallback: Interpreter;
  #bound = new Map<Server, ListenAddress>();
  #state: 'starting' | 'serving' | 'draining' = 'starting';
  #rollTimer: TimerHandle | undefined;

  constructor(options: LinkerOptions) {
    this.#options = options;
    const { config, kinds, clock, random } = options;
    try {
      this.#closables.push(registerProcessMetrics(this.metrics.scope('process'), clock));
      this.#naming = this.#own(linkNaming(config.namers, kinds, { metrics: this.metrics, clock, random }));
      this.#telemeters = withPrometheus(config.telemetry, kinds).map((plugin) =>
        this.#own(makePlugin(kinds.telemeter, plugin, { metrics: this.metrics, clock, random })),
      );
      this.#fallback = this.#own(makeDtabInterpreter({ ...this.#naming, dtab: constant(EMPTY_DTAB) }));
      for (const router of config.routers) this.#routers.push(this.#makeRouter(router));
      const { admin } = config;
      this.#admin = this.#own(
        makeAdminServer({ ip: admin.ip, port: admin.port, security: admin.security, source: this, clock }),
      );
    } catch (error) {
      void this.close();
      throw error;
    }
    this.#scheduleRoll();
  }

  // ---- life ----

  async listen(): Promise<ListeningOn> {
    try {
      const { host: ip, port } = await this.#admin.listen();
      // After the first port: a second start by mistake ends there, and must not empty the access log of the first.
      for (const { router } of this.#routers) router.open();
      const servers: (ListenAddress & { router: string })[] = [];
      for (const { config, servers: listeners, announcers } of this.#routers) {
        for (const { config: keys, server } of listeners) {
          const address = await server.listen().catch((cause: Error) => {
            throw new Error(`Cannot start router ${config.label}: ${cause.message}`, { cause });
          });
          this.#bound.set(server, address);
          servers.push({ ...address, router: config.label });
          if (keys.announce) {
            const { ip: host, port } = address;
            this.#announcements.push(announce(announcers, keys.announce, { host, port }));
          }
        }
      }
      this.#state = 'serving';
      return { admin: { ip, port }, servers };
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  reopenLogs(): void {
    for (const { router } of this.#routers) router.reopenLogs();
  }

  async drain(): Promise<void> {
    this.#state = 'draining';
    const graceMs = this.#options.config.admin.shutdownGraceMs;
    log.info('draining', { graceMs });
    // First of all, so that nobody is sent here who would only be refused.
    if (this.#announcements.length > 0) await this.#unannounce();
    await Promise.all(this.#listeners.map(({ server }) => server.drain(graceMs)));
    await this.close();
  }

  async close(): Promise<void> {
    this.#rollTimer?.cancel();
    await this.#unannounce();
    for (const { server } of this.#listeners) await server.close();
    // What was made last depends on what was made before.
    for (const closable of this.#closables.splice(0).reverse()) await closable.close();
  }

  // ---- AdminSource ----

  get config(): unknown {
    return this.#options.raw;
  }

  get build(): BuildInfo {
    return this.#options.build;
  }

  get readiness(): Readiness {
    const reasons: string[] = [];
    if (this.#state === 'draining') reasons.push('draining: no new connections are taken');
    else if (this.#state === 'starting') {
      reasons.push(`starting: ${this.#bound.size} of ${this.#listeners.length} listeners are bound`);
    }
    return { ready: reasons.length === 0, reasons };
  }

  get routers(): readonly AdminRouter[] {
    return this.#routers.map(({ config, interpreter, router, servers }) => ({
      label: config.label,
      protocol: config.protocol,
      interpreter,
      interpreterKind: config.interpreter.kind.kind,
      dtab: showDtab(config.dtab),
      servers: servers.flatMap(({ server }) => {
        const address = this.#bound.get(server);
        return address ? [`${address.ip}:${address.port}`] : [];
      }),
      clients: () => router.clients().map(({ id, addr }) => ({ id, addr })),
    }));
  }

  get namers(): readonly Namer[] {
    return this.#naming.namers;
  }

  get pages(): AdminSource['pages'] {
    return this.#telemeters.flatMap((telemeter) => telemeter.pages);
  }

  get fallbackInterpreter(): Interpreter {
    return this.#fallback;
  }

  requestShutdown(): void {
    this.#options.onShutdownRequest();
  }

  // ---- parts ----

  get #listeners(): readonly LinkedServer[] {
    return this.#routers.flatMap(({ servers }) => servers);
  }

  async #unannounce(): Promise<void> {
    await Promise.all(this.#announcements.splice(0).map((announcement) => announcement.close()));
  }

  #own<T extends Closable>(part: T): T {
    this.#closables.push(part);
    return part;
  }

  #makeRouter(config: RouterConfig): LinkedRouter {
    const { kinds, clock, random } = this.#options;
    const metrics = this.metrics.scope('rt', config.label);
    if (config.originator) metrics.gauge(['originator'], () => 1);
    const interpreter = this.#own(this.#naming.interpreter(config));
    const identifiers = config.identifier.map((plugin) =>
      makePlugin(kinds.identifier, plugin, { dstPrefix: config.dstPrefix }),
    );
    const limits = {
      maxInitialLineBytes: config.maxInitialLineKB * 1024,
      maxHeaderBytes: config.maxHeadersKB * 1024,
    };
    const router = this.#own(
      new Router({
        identify: identifyFirst(identifiers),
        interpreter,
        baseDtab: config.dtab,
        bindingTimeoutMs: config.bindingTimeoutMs,
        bindingCache: {
          paths: config.bindingCache.paths,
          clients: config.bindingCache.clients,
          idleTtlMs: config.bindingCache.idleTtlSecs * 1000,
        },
        serviceSettings: scopedSettings(config.service, (keys) => this.#serviceSettings(keys)),
        clientSettings: scopedSettings(config.client, (keys) => this.#clientSettings(keys)),
        makeEndpointClient: (endpoint) => new Http1Pool(endpoint),
        ...limits,
        accessLog:
          config.httpAccessLog === undefined
            ? undefined
            : makeAccessLog({
                path: config.httpAccessLog,
                rollPolicy: parseRollPolicy(config.httpAccessLogRollPolicy),
                append: config.httpAccessLogAppend,
                rotateCount: config.httpAccessLogRotateCount,
                clock,
              }),
        clock,
        random,
        metrics,
      }),
    );
    const servers = config.servers.map((server) => ({
      config: server,
      server: this.#makeServer(server, config, router, limits),
    }));
    const announcers = config.announcers.map((plugin) => {
      const { prefix } = plugin;
      const scope = this.metrics.scope('announcer', metricName(prefix.drop(1)));
      return this.#own(makePlugin(kinds.announcer, plugin, { prefix, metrics: scope, clock, random }));
    });
    for (const { announce: names = [] } of config.servers) for (const name of names) findAnnouncer(announcers, name);
    return { config, interpreter, router, servers, announcers };
  }

  #makeServer(
    config: ServerConfig,
    routerConfig: RouterConfig,
    router: Router,
    limits: { readonly maxInitialLineBytes: number; readonly maxHeaderBytes: number },
  ): Server {
    const { clock, random } = this.#options;
    const metrics = this.metrics.scope('rt', routerConfig.label, 'server', `${config.ip}/${config.port}`);
    const stack = new ServerStack({
      maxConcurrentRequests: config.maxConcurrentRequests ?? Number.POSITIVE_INFINITY,
      timeoutMs: config.timeoutMs,
      clearContext: config.clearContext,
      addForwarded:
        config.addForwardedHeader &&
        makeForwarded(config.addForwardedHeader, { routerLabel: routerConfig.label, random }),
      timestampHeader: config.timestampHeader,
      maxCallDepth: config.maxCallDepth,
      maxHeaderBytes: limits.maxHeaderBytes,
      maxBodyBytes: routerConfig.maxErrResponseKB * 1024,
      metrics,
    });
    const { noDelay, keepAlive, backlog } = config.socketOptions;
    return new Http1Server({
      ip: config.ip,
      port: config.port,
      noDelay,
      keepAlive,
      ...(backlog === undefined ? {} : { backlog }),
      ...limits,
      serve: router.serve(stack),
      refuse: (error) => stack.refuse(error),
      clock,
      metrics,
    });
  }

  #serviceSettings(keys: RouterConfig['service']['base']): ServiceSettings {
    const { kinds, clock, random } = this.#options;
    const { budget, backoff } = keys.retries;
    return {
      totalTimeoutMs: positive(keys.totalTimeoutMs),
      classifier: makePlugin(kinds.classifier, keys.responseClassifier, undefined),
      makeRetryBudget: () => makeRetryBudget(budget, clock),
      retryBackoff: makeBackoff(backoff, random),
      retryBufferBytes: keys.retryBufferKB * 1024,
    };
  }

  #clientSettings(keys: RouterConfig['client']['base']): ClientSettings {
    const { kinds, clock, random } = this.#options;
    const { hostConnectionPool: pool, socketOptions } = keys;
    return {
      balancer: makePlugin(kinds.balancer, keys.loadBalancer, { clock, random }),
      accrual: makePlugin(kinds.accrual, keys.failureAccrual, { random }),
      makeRequeueBudget: () => makeRetryBudget(keys.requeueBudget, clock),
      requestAttemptTimeoutMs: positive(keys.requestAttemptTimeoutMs),
      maxConnections: pool.maxSize ?? Number.POSITIVE_INFINITY,
      maxWaiters: pool.maxWaiters ?? Number.POSITIVE_INFINITY,
      idleTimeoutMs: pool.idleTimeMs ?? Number.POSITIVE_INFINITY,
      noDelay: socketOptions.noDelay,
      keepAlive: socketOptions.keepAlive,
    };
  }

  /** Stats show the last completed minute. */
  #scheduleRoll(): void {
    this.#rollTimer = this.#options.clock.after(ROLL_MS, () => {
      this.metrics.roll();
      this.#scheduleRoll();
    });
  }
}

/** Prometheus' page is always there, as metrics.json is: a file that names the telemeter only moves it. */
function withPrometheus(telemetry: LinkerdConfig['telemetry'], kinds: Kinds): LinkerdConfig['telemetry'] {
  const kind = kinds.telemeter.find((one) => one.kind === 'io.l5d.prometheus');
  if (!kind || telemetry.some((plugin) => plugin.kind === kind)) return telemetry;
  return [...telemetry, { kind, config: kind.config.parse({}) }];
}

/** Timeouts of 0 or less are none. */
function positive(ms: number | undefined): number | undefined {
  return ms !== undefined && ms > 0 ? ms : undefined;
}
