// Exposure: what is known of the listeners for callers outside, and the report of what these callers can reach, as people and
// machines read it. Every field of a report is plain JSON.

import type { Dtab } from '../base/dtab.js';
import type { Path } from '../base/path.js';
import type { Identifier, RouteSource } from '../identifier/identifier.js';
import type { Interpreter } from '../naming/interpreter.js';
import type { Publications } from '../naming/publication.js';
import type { Transformer } from '../naming/transformer.js';

/** A listener of `exposure: external`. */
export interface ExposedListener {
  /** `0.0.0.0:443` */
  readonly address: string;
  /** Label. */
  readonly router: string;
  readonly protocol: 'http' | 'h2';
  /** Of its names: `/ext`. */
  readonly dstPrefix: Path;
  /** Of the names that callers inside get: `/svc`. */
  readonly internalPrefix: Path;
  readonly externalHosts: readonly string[];
  /** As the configuration says it. */
  readonly denyAddresses: readonly string[];
  /** What else publishes hosts to it. */
  readonly publishers: readonly Publisher[];
  /** Of its routes. */
  readonly sources: readonly RouteSource[];
  readonly identify: Identifier;
  /** The router's, with its dtab. */
  readonly interpreter: Interpreter;
  readonly dtab: Dtab;
  /** Takes out the addresses that callers outside never reach. */
  readonly denied: Transformer;
}

/** A namer or a source of routes. */
export interface Publisher {
  /** Undefined: no hosts, but routes, which are waited for as well. */
  readonly published: Publications | undefined;
  /** Why it is not known yet what it publishes, once that is observed; undefined when it is. */
  pending(): string | undefined;
}

export interface ExposureReport {
  readonly listeners: readonly ListenerReport[];
  /** What did not answer in time, a sentence each; what that would have said is missing from the report. */
  readonly unanswered: readonly string[];
}

export interface ListenerReport {
  readonly router: string;
  readonly listener: string;
  readonly dstPrefix: string;
  readonly denyAddresses: readonly string[];
  readonly hosts: readonly HostReport[];
  /** Rules of the dtab below the prefix that no published host gets to. */
  readonly deadRules: readonly string[];
  readonly warnings: readonly string[];
}

export interface HostReport {
  /** `shop.example.com`, `*.example.com`. */
  readonly host: string;
  /** `externalHosts`, `ingress shop/web`, `Consul 127.0.0.1:8500 service shop`. */
  readonly publishedBy: readonly string[];
  readonly names: readonly NameReport[];
}

export interface NameReport {
  /** Of the requests that get the name: `/cart*` of a route, `*` where the path does not matter. */
  readonly path: string;
  /** The route that names them, or a host that a wildcard stands for. Null: the router's identifiers do, by the host alone. */
  readonly by: string | null;
  /** Null: such requests get no name, and 404. */
  readonly name: string | null;
  /**
   * `reached`: by the targets that are in use now. `nothing`: 404. `failed`: 502, until that is over. `unknown`: not known in
   * time, or not asked for because there are too many names.
   */
  readonly outcome: 'reached' | 'nothing' | 'failed' | 'unknown';
  /** Why it is so, where there is more to say. */
  readonly note: string | null;
  readonly targets: readonly TargetReport[];
}

export interface TargetReport {
  /** Bound id: `/#/io.l5d.fs/web`. */
  readonly id: string;
  /** False: only when those that are in use are gone. */
  readonly inUse: boolean;
  /** That can be reached. */
  readonly addresses: number;
  /** That `denyAddresses` keeps callers outside from. */
  readonly denied: number;
  /** Of a name that the gateway itself answers; else null. */
  readonly status: number | null;
  /** Why there are no addresses; null where they are known. */
  readonly error: string | null;
}
