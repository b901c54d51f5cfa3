// Admin contract: what one admin page takes and answers, and what the linker offers the pages to show.

import type { IncomingHttpHeaders } from 'node:http';
import type { ConfigError } from '../../config/schema/config-error.js';
import type { Addr } from '../base/addr.js';
import type { MetricsScope } from '../base/metrics.js';
import type { Path } from '../base/path.js';
import type { ServiceBreaker } from '../breaker/breaker.js';
import type { Interpreter } from '../naming/interpreter.js';
import type { Namer } from '../naming/namer.js';
import type { TelemeterPage } from '../telemeter/telemeter.js';

/** What `admin.security` can switch off: things that change state, the dashboard and what it needs, and all else. */
export type AdminCategory = 'control' | 'ui' | 'diagnostics';

export interface AdminRequest {
  /** Upper case. Never HEAD: that is answered as GET and loses its body on the way out. */
  readonly method: string;
  /** As sent, without the query; not decoded, so that a page has one spelling for the security lists. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Whole, at most 1 MiB, read as UTF-8; empty for a request without one. */
  readonly body: string;
}

export interface AdminResponse {
  readonly status: number;
  /** Undefined when there is no body. */
  readonly contentType: string | undefined;
  /** A long body comes in pieces: between two of them the event loop turns. An empty piece only gives way. */
  readonly body: string | Iterable<string>;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AdminHandler {
  /** Whole path, compared byte for byte. */
  readonly path: string;
  readonly category: AdminCategory;
  /** Other methods are refused with 405. GET includes HEAD; `any` is for what Linkerd answers whatever the method. */
  readonly methods: readonly ('GET' | 'POST')[] | 'any';
  /** True: even GET changes state, so a web page of somebody else must not be able to make a browser send it. */
  readonly getChangesState?: true;
  /** One sentence for the index page. */
  readonly description: string;
  /** Added to the link of the index page, with its question mark, where the bare path is of little use to a reader. */
  readonly exampleQuery?: string;
  /** May throw: the answer is then 500 with the message, and the error is logged. */
  handle(request: AdminRequest): AdminResponse | Promise<AdminResponse>;
}

/**
 * What the linker shows of itself. Every property is read anew for each request, so they may be getters; each answers a
 * snapshot that costs little and does not change afterwards.
 */
export interface AdminSource {
  /** The root of the metrics tree. */
  readonly metrics: MetricsScope;
  /** The configuration as parsed, as plain JSON values. Secrets are taken out before it is shown. */
  readonly config: unknown;
  readonly build: BuildInfo;
  readonly readiness: Readiness;
  readonly routers: readonly AdminRouter[];
  /** In the order of the file; a Namer object is one. */
  readonly namers: readonly AdminNamer[];
  /** Pages of the telemeters; the linker adds io.l5d.prometheus with its defaults when the file has none. */
  readonly pages: readonly TelemeterPage[];
  /** Walked by /delegator.json when no router is named, or none is called so: the configured namers alone. */
  readonly fallbackInterpreter: Interpreter;
  /** How the configuration is exchanged; undefined where it cannot be. */
  readonly reloader: AdminReloader | undefined;
  /** What callers outside can reach, as far as it is known within `timeoutMs`: any JSON value. */
  exposure(timeoutMs: number): Promise<unknown>;
  /** Begins a graceful shutdown and returns at once. The admin server goes on answering until it is closed. */
  requestShutdown(): void;
}

export interface BuildInfo {
  readonly name: string;
  readonly version: string;
  /** Commit it was built from, where known. */
  readonly revision?: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
}

export interface AdminReloader {
  readonly status: ReloadStatus;
  /**
   * Has the configuration read again, or `text` (YAML or JSON) taken in its place. Resolves when it is in force, or refused.
   */
  reload(text: string | undefined): Promise<ReloadOutcome>;
}

export interface ReloadStatus {
  /** Name of the file, or `<stdin>`. */
  readonly source: string;
  /** Milliseconds since 1970 at which the configuration in force was taken. */
  readonly loadedAt: number;
  /** Since the start. */
  readonly reloads: number;
  readonly refused: number;
  /** Undefined before the first. */
  readonly last: ReloadOutcome | undefined;
}

export interface ReloadOutcome {
  readonly ok: boolean;
  /** Key paths that differ from the configuration before, e.g. `routers[0].dtab`; empty where it was refused. */
  readonly changed: readonly string[];
  /** Why it was refused. */
  readonly errors: readonly ConfigError[];
}

export interface Readiness {
  /** True when every listener is bound and the configuration is loaded; false again while draining. */
  readonly ready: boolean;
  /** Why not, one sentence each; empty when ready. */
  readonly reasons: readonly string[];
}

export interface AdminRouter {
  readonly label: string;
  /** `http`, `h2`. */
  readonly protocol: string;
  /** The very one that binds the router's traffic. */
  readonly interpreter: Interpreter;
  /** Its kind as in the file: `default`, `io.l5d.fs`. */
  readonly interpreterKind: string;
  /** The router's own dtab as text; empty if it has none. */
  readonly dtab: string;
  /** `ip:port` of each server. */
  readonly servers: readonly string[];
  /** Of its sources of routes, those that tell their state: any JSON values, no secrets. */
  identifierStates(): readonly unknown[];
  /** The clusters that there are clients for right now. */
  clients(): readonly ClientState[];
  /** The circuit breakers of the logical names that are in use right now. */
  circuits(): readonly AdminCircuit[];
}

export interface ClientState {
  /** Bound id: the client's name. */
  readonly id: Path;
  readonly addr: Addr;
}

/** One of those that are in use: a name has one for each local dtab that it is asked for with. */
export interface AdminCircuit {
  readonly service: Path;
  /** As text; empty without one. */
  readonly localDtab: string;
  readonly breaker: ServiceBreaker;
}

export type AdminNamer = Pick<Namer, 'prefix' | 'boundNames' | 'state'>;
