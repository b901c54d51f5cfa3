// Linker: a checked configuration in, a gateway out: routers, namers, telemeters and admin put together, and put together anew
// when the configuration changes. The one place where parts meet.

import type { LinkerdConfig } from '../config/schema/linkerd.js';
import type { AdminReloader, AdminRouter, AdminSource, BuildInfo, Readiness } from './admin/handler.js';
import { registerProcessMetrics } from './admin/process-metrics.js';
import { type AdminSecurity, makeAdminSecurity } from './admin/security.js';
import { type AdminServer, makeAdminServer } from './admin/server.js';
import { announce } from './announcements.js';
import { constant } from './base/activity.js';
import { showAddress } from './base/addr.js';
import { canonicalJson } from './base/canonical-json.js';
import type { Clock, TimerHandle } from './base/clock.js';
import type { Closable } from './base/closable.js';
import { EMPTY_DTAB, showDtab } from './base/dtab.js';
import type { Kind } from './base/kind.js';
import { makeLogger } from './base/log.js';
import { MetricsScope } from './base/metrics.js';
import type { Random } from './base/random.js';
import { exposedListeners } from './exposed-listeners.js';
import type { ExposureReport } from './exposure/exposure.js';
import { exposureReport } from './exposure/exposure-report.js';
import { type LinkedNaming, linkNaming, type NamingKinds } from './link-naming.js';
import { type LinkedRouter, type LinkedServer, linkRouter, type RouterKinds } from './link-router.js';
import { makePlugin } from './make-plugin.js';
import { makeDtabInterpreter } from './naming/dtab-interpreter.js';
import type { Interpreter } from './naming/interpreter.js';
import type { Namer } from './naming/namer.js';
import { closeAll, Parts, type PartsDraft } from './parts.js';
import { rawList } from './raw-config.js';
import { Retirement } from './retirement.js';
import { awaitRoutes, missingRoutes } from './route-wait.js';
import { metricName } from './router/client-cache.js';
import { Http1Server } from './server/http1.js';
import type { ListenAddress, Server } from './server/server.js';
import type { Telemeter, TelemeterContext } from './telemeter/telemeter.js';

/** The kind table with what each category makes. */
export interface Kinds extends NamingKinds {
  readonly balancer: RouterKinds['balancer'];
  readonly accrual: RouterKinds['accrual'];
  readonly classifier: RouterKinds['classifier'];
  readonly identifier: RouterKinds['identifier'];
  readonly announcer: RouterKinds['announcer'];
  readonly telemeter: readonly Kind<unknown, TelemeterContext, Telemeter>[];
}

/** A configuration that was checked. */
export interface LoadedConfig {
  readonly config: LinkerdConfig;
  /** The file as it was read: for /config.json, and to tell what has changed. */
  readonly raw: unknown;
  /** What it was checked with. */
  readonly kinds: Kinds;
}

export interface LinkerOptions extends LoadedConfig {
  readonly build: BuildInfo;
  readonly clock: Clock;
  readonly random: Random;
  /** Somebody asked admin for a shutdown. */
  readonly onShutdownRequest: () => void;
  /** How admin has the configuration exchanged; without it admin cannot. */
  readonly reloader?: AdminReloader;
}

export interface Linker extends Closable {
  readonly metrics: MetricsScope;
  /** Binds the admin port, then every listener. When one cannot be bound all are closed again, and it rejects. */
  listen(): Promise<ListeningOn>;
  /**
   * Goes on under another configuration, without losing a request: what is the same in both lives on with its connections,
   * watches and counts, what is new is made beside it, and what is gone drains. Rejects when a part cannot be made, a port
   * cannot be bound, or routes of a source that is new are not read in time; then nothing has changed. One after the other,
   * when asked several times. After `listen`.
   */
  reload(loaded: LoadedConfig): Promise<ListeningOn>;
  /** For commands that only ask, in place of `listen`: routes are asked for, and nothing is written to their registries. */
  look(): void;
  /** What callers outside can reach, as far as it is known within `timeoutMs`. After `listen` or `look`. */
  exposure(timeoutMs: number): Promise<ExposureReport>;
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
/** A reload that brings other sources of routes waits so long for their first. */
const ROUTES_TIMEOUT_MS = 10_000;

/** Makes every part and starts none. Throws what a part's `make` throws, after closing those made before it. */
export function makeLinker(options: LinkerOptions): Linker {
  return new GatewayLinker(options);
}

/** All that one configuration stands for. */
interface Linked extends LoadedConfig {
  readonly draft: PartsDraft;
  readonly naming: LinkedNaming;
  readonly telemeters: readonly Telemeter[];
  readonly routers: readonly LinkedRouter[];
  readonly admin: AdminServer;
  readonly security: AdminSecurity;
  /** Of no router. */
  readonly fallback: Interpreter;
}

class GatewayLinker implements Linker, AdminSource {
  readonly metrics = new MetricsScope();
  readonly #options: LinkerOptions;
  readonly #parts = new Parts();
  readonly #announcements = new Parts();
  /** Each with the time when its listeners have drained. */
  readonly #retirements = new Map<Retirement, Promise<unknown>>();
  readonly #processMetrics: Closable;
  #linked: Linked;
  readonly #bound = new WeakMap<Closable, ListenAddress>();
  #state: 'starting' | 'serving' | 'draining' | 'closed' = 'starting';
  /** The reload under way, and those behind it. */
  #turn: Promise<unknown> = Promise.resolve();
  #rollTimer: TimerHandle | undefined;

  constructor(options: LinkerOptions) {
    this.#options = options;
    this.#linked = this.#link(options);
    this.#processMetrics = registerProcessMetrics(this.metrics.scope('process'), options.clock);
    this.#scheduleRoll();
  }

  // ---- life ----

  async listen(): Promise<ListeningOn> {
    try {
      const listeningOn = await this.#bind(this.#linked);
      if (this.#state !== 'starting') throw new Error(`the gateway is ${this.#state}`);
      this.#commit(this.#linked);
      this.#state = 'serving';
      return listeningOn;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  look(): void {
    for (const { sources } of this.#linked.routers) for (const { source } of sources) source.start('look');
  }

  exposure(timeoutMs: number): Promise<ExposureReport> {
    const { routers, naming } = this.#linked;
    const listeners = routers.flatMap((router) =>
      exposedListeners(router, naming.namers, ({ listener, config: { ip, port } }) => {
        const { ip: host, port: bound } = this.#bound.get(listener) ?? { ip, port };
        return showAddress({ host, port: bound });
      }),
    );
    return exposureReport({ listeners, timeoutMs, clock: this.#options.clock });
  }

  reload(loaded: LoadedConfig): Promise<ListeningOn> {
    const turn = this.#turn.then(() => this.#reload(loaded));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #reload(loaded: LoadedConfig): Promise<ListeningOn> {
    if (this.#state !== 'serving') throw new Error(`the gateway is ${this.#state}`);
    let linked: Linked | undefined;
    try {
      linked = this.#link(loaded);
      await this.#awaitRoutes(linked);
      const listeningOn = await this.#bind(linked);
      // It may have been closed meanwhile.
      if (this.#state !== 'serving') throw new Error(`the gateway is ${this.#state}`);
      this.#commit(linked);
      return listeningOn;
    } catch (error) {
      await linked?.draft.abandon();
      this.#forgetMetrics(loaded, this.#linked);
      throw error;
    }
  }

  reopenLogs(): void {
    for (const { accessLog } of this.#linked.routers) accessLog?.reopen();
  }

  async drain(): Promise<void> {
    this.#state = 'draining';
    const graceMs = this.#linked.config.admin.shutdownGraceMs;
    log.info('draining', { graceMs });
    // First of all, so that nobody is sent here who would only be refused.
    if (!this.#announcements.isEmpty) await this.#announcements.close();
    // Those that the last reload took away may still have requests under way.
    const leaving = [...this.#retirements.values()];
    await Promise.all([...this.#servers.map(({ listener }) => listener.drain(graceMs)), ...leaving]);
    await this.close();
  }

  async close(): Promise<void> {
    const isCommitted = this.#state === 'serving' || this.#state === 'draining';
    this.#state = 'closed';
    this.#rollTimer?.cancel();
    await this.#announcements.close();
    for (const { listener } of this.#servers) listener.close();
    await Promise.all([...this.#retirements.keys()].map((retirement) => retirement.close()));
    if (isCommitted) await this.#parts.close();
    else await this.#linked.draft.abandon();
    await this.#processMetrics.close();
  }

  // ---- a configuration and the next ----

  #link(loaded: LoadedConfig): Linked {
    const { clock, random } = this.#options;
    const { metrics } = this;
    const { config, raw, kinds } = loaded;
    const draft = this.#parts.begin();
    const context = { kinds, parts: draft, metrics, clock, random };
    try {
      const naming = linkNaming({ plugins: config.namers, raw: rawList(raw, 'namers') }, context);
      const telemetry = rawList(raw, 'telemetry');
      const telemeters = withPrometheus(config.telemetry, kinds).map((plugin, i) =>
        draft.use(`telemeter ${canonicalJson(telemetry[i])}`, () =>
          makePlugin(kinds.telemeter, plugin, { metrics, clock, random }),
        ),
      );
      const routers = rawList(raw, 'routers');
      const { ip, port } = config.admin;
      const linked = config.routers.map((router, i) => {
        return linkRouter(router, routers[i], { ...context, naming, admin: { ip, port } });
      });
      const security = makeAdminSecurity(config.admin.security);
      const admin = draft.use(`admin ${ip}:${port}`, () =>
        makeAdminServer({ ip, port, security, source: this, clock }),
      );
      const fallback = makeDtabInterpreter({ ...naming, dtab: constant(EMPTY_DTAB) });
      return { ...loaded, draft, naming, telemeters, routers: linked, admin, security, fallback };
    } catch (error) {
      void draft.abandon();
      throw error;
    }
  }

  /** Opens what is new. */
  async #bind({ draft, admin, routers, config }: Linked): Promise<ListeningOn> {
    if (draft.isNew(admin)) {
      const { host: ip, port } = await admin.listen();
      this.#bound.set(admin, { ip, port });
    }
    // After the first port: a second start by mistake ends there, and must not empty the access log of the first.
    for (const { accessLog } of routers) if (accessLog && draft.isNew(accessLog)) accessLog.open();
    const servers: (ListenAddress & { router: string })[] = [];
    for (const { config: router, servers: listeners } of routers) {
      for (const { listener } of listeners) {
        servers.push({ ...(await this.#listenAt(listener, draft, router.label)), router: router.label });
      }
    }
    const { ip, port } = this.#bound.get(admin) ?? config.admin;
    return { admin: { ip, port }, servers };
  }

  async #listenAt(listener: Server, draft: PartsDraft, label: string): Promise<ListenAddress> {
    const known = this.#bound.get(listener);
    if (known && !draft.isNew(listener)) return known;
    const address = await listener.listen().catch((cause: Error) => {
      throw new Error(`Cannot start router ${label}: ${cause.message}`, { cause });
    });
    this.#bound.set(listener, address);
    return address;
  }

  /** The first configuration is not ready before its routes are read; a later one takes over when they are. */
  async #awaitRoutes({ routers, draft }: Linked): Promise<void> {
    const isGivenUp = (): boolean => this.#state !== 'serving';
    for (const { config, sources } of routers) {
      const fresh = sources.filter(({ source }) => draft.isNew(source));
      await awaitRoutes(config.label, fresh, ROUTES_TIMEOUT_MS, this.#options.clock, isGivenUp);
    }
  }

  /** From here on the gateway is what `linked` says. */
  #commit(linked: Linked): void {
    const before = this.#linked;
    for (const router of linked.routers) router.commit();
    linked.admin.secure(linked.security);
    this.#linked = linked;
    const gone = linked.draft.commit();
    // Its port is free for the configuration after this one; the answer to who asked for this one is on its way.
    if (before.admin !== linked.admin) void before.admin.close();
    const withdrawn = this.#announce(linked);
    this.#forgetMetrics(before, linked);
    if (gone.length > 0 || withdrawn.length > 0) void this.#retire(gone, withdrawn);
  }

  /** Registers listeners that are to be found, and answers registrations that are to be taken back. */
  #announce({ routers }: Linked): readonly Closable[] {
    const draft = this.#announcements.begin();
    for (const { announcers, announcerWords, servers } of routers) {
      for (const { config: keys, listener } of servers) {
        if (!keys.announce) continue;
        const { ip: host, port } = this.#bound.get(listener) as ListenAddress;
        const names = keys.announce;
        const words = `${announcerWords} ${host}:${port} ${names.map((name) => name.show()).join(' ')}`;
        draft.use(words, () => announce(announcers, names, { host, port }));
      }
    }
    return draft.commit();
  }

  /** Requests that began under the old configuration get its `shutdownGraceMs`. */
  async #retire(gone: readonly Closable[], withdrawn: readonly Closable[]): Promise<void> {
    const { clock } = this.#options;
    const graceMs = this.#linked.config.admin.shutdownGraceMs;
    const retirement = new Retirement(gone, graceMs, clock);
    const listeners = gone.filter((part) => part instanceof Http1Server);
    const drained = closeAll(withdrawn).then(() => Promise.all(listeners.map((listener) => listener.drain(graceMs))));
    this.#retirements.set(retirement, drained);
    await retirement.ended;
    this.#retirements.delete(retirement);
  }

  /** What is not counted any more must not be shown for ever. */
  #forgetMetrics(before: LoadedConfig, now: LoadedConfig): void {
    const kept = new Set(scopesOf(now).map((scope) => scope.join(' ')));
    for (const scope of scopesOf(before)) if (!kept.has(scope.join(' '))) this.metrics.prune(...scope);
  }

  // ---- AdminSource ----

  get config(): unknown {
    return this.#linked.raw;
  }

  get build(): BuildInfo {
    return this.#options.build;
  }

  get readiness(): Readiness {
    const reasons: string[] = [];
    if (this.#state === 'draining') reasons.push('draining: no new connections are taken');
    else if (this.#state === 'starting') {
      const bound = this.#servers.filter(({ listener }) => this.#bound.has(listener)).length;
      reasons.push(`starting: ${bound} of ${this.#servers.length} listeners are bound`);
    }
    for (const { config, sources } of this.#linked.routers) reasons.push(...missingRoutes(config.label, sources));
    return { ready: reasons.length === 0, reasons };
  }

  get routers(): readonly AdminRouter[] {
    return this.#linked.routers.map(({ config, interpreter, router, servers, sources }) => ({
      label: config.label,
      protocol: config.protocol,
      interpreter,
      interpreterKind: config.interpreter.kind.kind,
      dtab: showDtab(config.dtab),
      servers: servers.flatMap(({ listener }) => {
        const address = this.#bound.get(listener);
        return address ? [`${address.ip}:${address.port}`] : [];
      }),
      identifierStates: () => sources.flatMap(({ source }) => (source.state ? [source.state()] : [])),
      clients: () => router.clients().map(({ id, addr }) => ({ id, addr })),
      circuits: () =>
        router.services().flatMap(({ service, localDtab, breaker }) => {
          return breaker ? [{ service, localDtab: showDtab(localDtab), breaker }] : [];
        }),
    }));
  }

  get namers(): readonly Namer[] {
    return this.#linked.naming.namers;
  }

  get pages(): AdminSource['pages'] {
    return this.#linked.telemeters.flatMap((telemeter) => telemeter.pages);
  }

  get fallbackInterpreter(): Interpreter {
    return this.#linked.fallback;
  }

  get reloader(): AdminReloader | undefined {
    return this.#options.reloader;
  }

  requestShutdown(): void {
    this.#options.onShutdownRequest();
  }

  get #servers(): readonly LinkedServer[] {
    return this.#linked.routers.flatMap(({ servers }) => servers);
  }

  /** Stats show the last completed minute. */
  #scheduleRoll(): void {
    this.#rollTimer = this.#options.clock.after(ROLL_MS, () => {
      this.metrics.roll();
      this.#scheduleRoll();
    });
  }
}

/** Scopes of the metrics tree that are there for an entry of the file. */
function scopesOf({ config: { namers, routers } }: LoadedConfig): readonly (readonly string[])[] {
  return [
    ...namers.flatMap(({ prefix }) => {
      const name = metricName(prefix.drop(1));
      return [
        ['namer', name],
        ['namer_state_age_seconds', name],
      ];
    }),
    ...routers.flatMap(({ label, servers }) => [
      ['rt', label],
      ...servers.map(({ ip, port }) => ['rt', label, 'server', `${ip}/${port}`]),
    ]),
  ];
}

/** Prometheus' page is always there, as metrics.json is: a file that names the telemeter only moves it. */
function withPrometheus(telemetry: LinkerdConfig['telemetry'], kinds: Kinds): LinkerdConfig['telemetry'] {
  const kind = kinds.telemeter.find((one) => one.kind === 'io.l5d.prometheus');
  if (!kind || telemetry.some((plugin) => plugin.kind === kind)) return telemetry;
  return [...telemetry, { kind, config: kind.config.parse({}) }];
}
