// io.l5d.marathon: service discovery by Marathon: a path that begins with the id of an app in, the addresses of its tasks
// out, asked for again and again.

import { computed } from '@preact/signals-core';
import { type Activity, constant, ok, PENDING } from '../../src/base/activity.js';
import type { Clock } from '../../src/base/clock.js';
import { type Logger, makeLogger } from '../../src/base/log.js';
import type { MetricsScope } from '../../src/base/metrics.js';
import { type NameTree, NEG, negBecause } from '../../src/base/name-tree.js';
import { type Path, pathFromText, textFromBytes } from '../../src/base/path.js';
import type { Random } from '../../src/base/random.js';
import type { HostResolver } from '../../src/naming/host-resolver.js';
import { type Inet, makeInet } from '../../src/naming/inet.js';
import type { Name, Namer } from '../../src/naming/namer.js';
import { type ApiTls, HttpApi } from '../shared/http-api.js';
import {
  type RegistryWatch,
  RegistryWatches,
  sleep,
  type WatchReport,
  type WatchSnapshot,
} from '../shared/registry-watch.js';
import { type ServiceSet, ServiceTrees, sameServiceSet } from '../shared/service-trees.js';
import { type AppIds, AppTasks, appIdsFrom } from './answers.js';
import { MarathonApi } from './api.js';
import type { MarathonCredentials } from './credentials.js';

export interface MarathonNamerOptions {
  readonly prefix: Path;
  /** For the Host header, and to connect to. */
  readonly host: string;
  readonly port: number;
  /** To connect to in place of `host` and `port`. */
  readonly dst?: { readonly host: string; readonly port: number };
  /** Before `/v2/apps`: `/marathon`, or empty. */
  readonly uriPrefix: string;
  /** Between an answer and the next question, in milliseconds, give or take `jitterMs`. */
  readonly ttlMs: number;
  readonly jitterMs: number;
  /** True: only tasks that run and have passed all health checks of their app. */
  readonly useHealthCheck: boolean;
  /** Absent: plain HTTP. */
  readonly tls?: () => ApiTls;
  readonly credentials?: MarathonCredentials;
  readonly clock: Clock;
  readonly random: Random;
  /** `namer/<prefix>`. */
  readonly metrics: MetricsScope;
  readonly log?: Logger;
  readonly lingerMs?: number;
  /** For one whole answer. Default 10,000 milliseconds. */
  readonly answerTimeoutMs?: number;
  /** How hosts that are names are looked up; closed with the namer. Default: `makeHostResolver`. */
  readonly resolver?: HostResolver;
}

type AppWatch = RegistryWatch<ServiceSet | undefined>;

export class MarathonNamer implements Namer {
  readonly prefix: Path;
  readonly #options: MarathonNamerOptions;
  readonly #http: HttpApi;
  readonly #api: MarathonApi;
  readonly #inet: Inet;
  readonly #watches: RegistryWatches;
  readonly #trees: ServiceTrees;

  constructor(options: MarathonNamerOptions) {
    const { prefix, host, port, dst = { host, port }, credentials, tls, clock, random, metrics, lingerMs } = options;
    const log = options.log ?? makeLogger(`namer.${prefix.drop(1).show().slice(1)}`);
    this.prefix = prefix;
    this.#options = options;
    const hostHeader = { Host: host.includes(':') ? `[${host}]` : host };
    this.#http = new HttpApi({ name: 'Marathon', ...dst, ...(tls && { tls }), headers: () => hostHeader });
    this.#api = new MarathonApi({
      api: this.#http,
      uriPrefix: options.uriPrefix.replace(/^\/*(?=[^/])/, '/').replace(/\/+$/, ''),
      credentials,
      timeoutMs: options.answerTimeoutMs ?? 10_000,
    });
    if (credentials?.type === 'service-account' && credentials.wantsTls && !tls) {
      log.warn(`${this.#http.registry}: the login_endpoint is https, and there is no tls: logins are not encrypted`);
    }
    this.#inet = makeInet({ clock, log, resolver: options.resolver });
    this.#trees = new ServiceTrees(this.#inet);
    this.#watches = new RegistryWatches({
      registry: this.#http.registry,
      clock,
      random,
      log,
      metrics,
      ...(lingerMs !== undefined && { lingerMs }),
    });
  }

  /** The shortest beginning of `path` that is the id of an app, in any case, is consumed. */
  lookup(path: Path): Activity<NameTree<Name>> {
    if (path.isEmpty) return constant(NEG);
    const wanted = pathFromText(...path.elements.map((element) => textFromBytes(element).toLowerCase()));
    const apps = this.#apps();
    let found: { readonly id: string; readonly tree: Activity<NameTree<Name>> } | undefined;
    return computed(() => {
      const now = apps.value.value;
      if (now.state === 'pending') return PENDING;
      if (now.state === 'failed') return ok(negBecause(now.error));
      const app = shortestApp(wanted, now.value);
      if (!app) return ok(NEG);
      if (found?.id !== app.id) {
        const bound = this.prefix.concat(wanted.take(app.size));
        found = { id: app.id, tree: this.#trees.tree(bound, path.drop(app.size), this.#app(app.id)) };
      }
      return found.tree.value;
    });
  }

  state(): { readonly registry: string; readonly watches: Readonly<Record<string, WatchSnapshot>> } {
    return { registry: this.#http.registry, watches: this.#watches.state() };
  }

  ageMs(): number | undefined {
    return this.#watches.ageMs();
  }

  async close(): Promise<void> {
    this.#api.close();
    await Promise.all([this.#watches.close(), this.#inet.close()]);
    this.#http.close();
  }

  #apps(): RegistryWatch<AppIds> {
    return this.#watches.watch('apps', () => ({
      run: (report, signal) =>
        this.#poll(report, signal, async () => appIdsFrom(await this.#api.apps(signal), report.complain)),
      same: (a, b) => a.size === b.size && [...a].every(([path, id]) => b.get(path) === id),
    }));
  }

  #app(id: string): AppWatch {
    return this.#watches.watch(`app ${id}`, () => {
      const tasks = new AppTasks(this.#options.useHealthCheck);
      return {
        run: (report, signal) =>
          this.#poll(report, signal, async () => {
            const answer = await this.#api.app(id, signal);
            const endpoints = answer === undefined ? [] : tasks.endpoints(answer, report.complain);
            // An app without a task to ask is as good as none: alternatives are tried.
            return endpoints.length === 0 ? undefined : { endpoints };
          }),
        same: sameServiceSet,
      };
    });
  }

  async #poll<T>(report: WatchReport<T>, signal: AbortSignal, ask: () => Promise<T>): Promise<void> {
    const { clock, random, ttlMs, jitterMs } = this.#options;
    while (!signal.aborted) {
      report.update(await ask());
      await sleep(Math.max(1, ttlMs + (random() * 2 - 1) * jitterMs), clock, signal);
    }
  }
}

function shortestApp(wanted: Path, ids: AppIds): { readonly id: string; readonly size: number } | undefined {
  for (let size = 1; size <= wanted.size; size++) {
    const id = ids.get(wanted.take(size).show());
    if (id !== undefined) return { id, size };
  }
  return undefined;
}
