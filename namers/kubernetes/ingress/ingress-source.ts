// Ingress source: the Ingresses of an API server in; routes, certificates and published hosts for the listeners of a router out,
// and what became of each Ingress back to the API server.
//
// All that changes within one turn of the event loop is compiled once. In an outage the last good routes stay; each list replaces
// the whole of what was known, so that what went away unseen is gone.

import { batch, type ReadonlySignal, type Signal, signal } from '@preact/signals-core';
import type { Clock, TimerHandle } from '../../../src/base/clock.js';
import { GatewayError } from '../../../src/base/errors.js';
import { type Logger, makeLogger } from '../../../src/base/log.js';
import type { MetricsScope } from '../../../src/base/metrics.js';
import { EMPTY_PATH, type Path } from '../../../src/base/path.js';
import type { Random } from '../../../src/base/random.js';
import type { Identifier, RouteCertificate, RouteSource, ShownRoute } from '../../../src/identifier/identifier.js';
import type { RouteSet } from '../../../src/identifier/route-rule.js';
import { makeRouteTable, type RouteTable } from '../../../src/identifier/route-table.js';
import type { Exposure, PublishedHost } from '../../../src/naming/publication.js';
import { RegistryWatches } from '../../shared/registry-watch.js';
import type { StreamTimes } from '../collection-watch.js';
import type { KubeApi } from '../kube-api.js';
import { Cluster } from './cluster.js';
import { type CompiledIngresses, type CompileOptions, makeIngressCompiler } from './compile.js';
import { type IngressReport, type IngressReports, Reporting } from './ingress-reports.js';
import type { Change } from './live-collection.js';
import { ProblemLog } from './problem-log.js';
import { Reporter, type ReportSettings } from './reporter.js';

export interface IngressSourceOptions extends CompileOptions {
  /** Owned from now on: closed with the source. */
  readonly api: KubeApi;
  /** Undefined: all namespaces. */
  readonly namespace: string | undefined;
  /** Undefined: nothing is written to the API server. */
  readonly report: ReportSettings | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** `rt/<label>/identifier/io.l5d.ingress` */
  readonly metrics: MetricsScope;
  readonly log?: Logger;
  /** See `CollectionWatchOptions`. */
  readonly stream?: StreamTimes;
}

/** In a storm of changes compiling takes at most this share of the time, as the traffic in this process waits for it. */
const COMPILE_SHARE = 0.2;
/** So much of it, in ms, makes no storm: changes now and then are served at once. */
const COMPILE_CREDIT = 500;
/** Certificates expire, and API servers forget events, without anything that changes. */
const LOOK_AGAIN_MS = 10 * 60_000;

export class IngressSource implements RouteSource {
  readonly #options: IngressSourceOptions;
  readonly #log: Logger;
  readonly #watches: RegistryWatches;
  readonly #cluster: Cluster;
  readonly #reporter: Reporter | undefined;
  readonly #problemLog: ProblemLog;
  readonly #compile;
  readonly #tables = new Map<string, ServedTable>();
  readonly #certificates: Signal<readonly RouteCertificate[]> = signal([]);
  readonly #published: Signal<readonly PublishedHost[]> = signal([]);
  readonly #reporting = new Reporting();
  #compiled: CompiledIngresses | undefined;
  #reports: IngressReports = new Map();
  /** Once true it stays so: a secret that is asked for later makes no gateway unready. */
  #isReady = false;
  #isStarted = false;
  #isClosed = false;
  #isStale = false;
  #refresh: TimerHandle | undefined;
  #lookAgain: TimerHandle | undefined;
  /** Milliseconds of compiling that are not made up for yet, as of `#compiledAt`. */
  #compileDebt = 0;
  #compiledAt = 0;

  constructor(options: IngressSourceOptions) {
    const { api, namespace, clock, random, metrics, report } = options;
    this.#options = options;
    this.#log = options.log ?? makeLogger('identifier.io.l5d.ingress');
    this.#compile = makeIngressCompiler(options);
    this.#problemLog = new ProblemLog(this.#log);
    this.#watches = new RegistryWatches({ registry: api.registry, clock, random, metrics, log: this.#log });
    const common = { ...options, watches: this.#watches, log: this.#log };
    this.#cluster = new Cluster({ ...common, namespace, onChange: (change) => this.#changed(change) });
    if (report) {
      this.#reporter = new Reporter({ ...common, ...report, cluster: this.#cluster, reports: () => this.#reports });
    }
    metrics.gauge(['ingresses'], () => this.#count(({ isOurs }) => isOurs));
    metrics.gauge(['rejected'], () => this.#count(({ problems }) => problems.length > 0));
    metrics.gauge(['routes'], () => this.#routeSet.rules.length + this.#routeSet.defaults.length);
    metrics.gauge(['leader'], () => (this.#reporter?.lease.isHeld ? 1 : 0));
  }

  start(purpose: 'serve' | 'look' = 'serve'): void {
    if (this.#isStarted || this.#isClosed) return;
    this.#isStarted = true;
    this.#cluster.start();
    if (purpose === 'serve') this.#reporter?.start();
    this.#scheduleLook();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#refresh?.cancel();
    this.#lookAgain?.cancel();
    this.#cluster.close();
    await this.#reporter?.close();
    await this.#watches.close();
    this.#options.api.close();
  }

  /** Throws `routes-pending` before the first routes are there. */
  identifier(dstPrefix: Path, exposure: Exposure): Identifier {
    const key = `${exposure} ${dstPrefix.show()}`;
    let served = this.#tables.get(key);
    if (!served) {
      served = { dstPrefix, exposure, table: undefined };
      this.#tables.set(key, served);
      if (this.#compiled) this.#serve(served, this.#compiled.routes);
    }
    const found = served;
    return (request, origin) => {
      if (!found.table) throw new GatewayError('routes-pending', `Cannot name the request: ${this.pending}`);
      return found.table.identify(request, origin);
    };
  }

  get pending(): string | undefined {
    if (this.#isReady) return undefined;
    const { registry } = this.#watches.options;
    if (!this.#compiled) return `${registry}: ${this.#cluster.pending ?? 'routes are being made'}`;
    return `${registry}: ${this.#cluster.pendingSecrets} secrets with certificates are not known yet`;
  }

  get certificates(): ReadonlySignal<readonly RouteCertificate[]> {
    return this.#certificates;
  }

  get published(): ReadonlySignal<readonly PublishedHost[]> {
    return this.#published;
  }

  routes(): readonly ShownRoute[] {
    const tables = [...this.#tables.values()];
    const whole = tables.find(({ exposure }) => exposure === 'internal')?.table;
    return (whole ?? makeRouteTable(this.#routeSet, { ...SHOWN, random: this.#options.random })).routes();
  }

  /** With all Ingresses, and of each what is wrong with it or why it is not ours. */
  state(): unknown {
    const ingresses = [...(this.#compiled?.verdicts ?? [])].map(([id, verdict]) => {
      const { isServed, problems } = verdict;
      return [id, verdict.accepted ? { served: isServed, problems } : { served: false, notOurs: verdict.why }] as const;
    });
    return {
      registry: this.#watches.options.registry,
      pending: this.pending ?? null,
      ingressesFrom: this.#cluster.apiVersion || null,
      leader: this.#reporter ? this.#reporter.lease.isHeld : null,
      watches: this.#watches.state(),
      ingresses: Object.fromEntries(ingresses),
    };
  }

  get #routeSet(): RouteSet {
    return this.#compiled?.routes ?? NO_ROUTES;
  }

  #count(isMeant: (report: IngressReport) => boolean): number {
    let count = 0;
    for (const report of this.#reports.values()) if (isMeant(report)) count += 1;
    return count;
  }

  #changed(change: Change): void {
    if (change === 'change') this.#isStale = true;
    if (this.#refresh || this.#isClosed) return;
    const { clock } = this.#options;
    const waitMs = Math.max(0, this.#debtAt(clock.now()) - COMPILE_CREDIT) / COMPILE_SHARE;
    this.#refresh = clock.after(waitMs, () => {
      this.#refresh = undefined;
      this.#update();
    });
  }

  #update(): void {
    if (this.#isStale && this.#cluster.pending === undefined) this.#recompile();
    if (!this.#compiled) return;
    if (!this.#isReady && this.#cluster.pendingSecrets === 0) {
      this.#isReady = true;
      this.#log.info(`${this.#routeSet.rules.length} routes of ${this.#compiled.verdicts.size} ingresses are served`);
    }
    this.#reporter?.sync();
  }

  #recompile(): void {
    const { clock, metrics } = this.#options;
    const startedAt = clock.now();
    this.#isStale = false;
    try {
      this.#serveAll(this.#compile(this.#cluster.input(clock.epochMs())));
    } catch (error) {
      // A defect of ours: whoever may write Ingresses could end the gateway with it.
      metrics.counter('compile_errors').inc();
      this.#log.error(`the Ingresses could not be compiled: ${(error as Error).stack}; the last good routes stay`);
    }
    const now = clock.now();
    this.#compileDebt = this.#debtAt(startedAt) + now - startedAt;
    this.#compiledAt = now;
    metrics.counter('compiles').inc();
    metrics.stat('compile_ms').add(now - startedAt);
  }

  #serveAll(compiled: CompiledIngresses): void {
    for (const served of this.#tables.values()) this.#serve(served, compiled.routes);
    this.#compiled = compiled;
    this.#reports = this.#reporting.reports(compiled.verdicts, this.#cluster.ingresses);
    this.#problemLog.sync(this.#reports);
    // Asked for from now on; what comes of it is compiled with the next change.
    this.#cluster.wantSecrets(compiled.referencedSecrets);
    const { published, certificates } = compiled;
    batch(() => {
      if (!sameList(this.#published.peek(), published, samePublished)) this.#published.value = published;
      if (!sameList(this.#certificates.peek(), certificates, sameCertificate)) this.#certificates.value = certificates;
    });
  }

  #debtAt(now: number): number {
    return Math.max(0, this.#compileDebt - (now - this.#compiledAt) * COMPILE_SHARE);
  }

  #serve(served: ServedTable, set: RouteSet): void {
    const { dstPrefix, exposure, table: previous } = served;
    served.table = makeRouteTable(set, { dstPrefix, exposure, previous, random: this.#options.random });
  }

  #scheduleLook(): void {
    this.#lookAgain = this.#options.clock.after(LOOK_AGAIN_MS, () => {
      this.#changed('change');
      this.#scheduleLook();
    });
  }
}

interface ServedTable {
  readonly dstPrefix: Path;
  readonly exposure: Exposure;
  table: RouteTable | undefined;
}

const NO_ROUTES: RouteSet = { rules: [], defaults: [], ownedHosts: [] };
const SHOWN = { dstPrefix: EMPTY_PATH, exposure: 'internal' } as const;

function sameList<T>(a: readonly T[], b: readonly T[], isSame: (a: T, b: T) => boolean): boolean {
  return a.length === b.length && a.every((one, i) => isSame(one, b[i] as T));
}

function samePublished(a: PublishedHost, b: PublishedHost): boolean {
  return a.host === b.host && a.by === b.by;
}

function sameCertificate(a: RouteCertificate, b: RouteCertificate): boolean {
  return (
    a.chain === b.chain &&
    a.key === b.key &&
    a.origin === b.origin &&
    sameList(a.hosts, b.hosts, (one, other) => one === other)
  );
}
