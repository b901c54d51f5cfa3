// Identifier: the contract of what turns a request into its logical name. This file is the identifier author's manual.

import type { ReadonlySignal } from '@preact/signals-core';
import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { MetricsScope } from '../base/metrics.js';
import { ownText } from '../base/own-text.js';
import { EMPTY_PATH, type Path } from '../base/path.js';
import type { Random } from '../base/random.js';
import type { Exposure, Publications } from '../naming/publication.js';
import type { RequestHead } from '../service/message.js';

/** The request has no name by this identifier; the next one in the list is asked. */
export class Unidentified {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** How the endpoints of a route are spoken to; without one as `client.protocol` and `client.tls` of the router say. */
export type BackendProtocol = 'http' | 'https' | 'grpc' | 'grpcs';

/** What a route says of its requests beside their name. Undefined: as the router's configuration says. */
export interface RoutePolicy {
  readonly backend: BackendProtocol | undefined;
  /** Longest time for a request with all its attempts, in ms. Of several limits the shortest holds. */
  readonly timeoutMs: number | undefined;
  /** Longest time for one attempt, in ms. */
  readonly attemptTimeoutMs: number | undefined;
  /** A longer request body is refused with 413. */
  readonly maxBodyBytes: number | undefined;
}

/** A name with what its route says of it. One object per route: it is answered to each of its requests. */
export class Route {
  readonly name: Path;
  readonly policy: RoutePolicy;

  constructor(name: Path, policy: RoutePolicy) {
    this.name = name;
    this.policy = policy;
  }
}

/** The request is answered with a redirect, and sent nowhere. */
export class Redirect {
  /** 301, 302, 307 or 308. */
  readonly status: number;
  /** Whole URL. */
  readonly location: string;

  constructor(status: number, location: string) {
    this.status = status;
    this.location = location;
  }
}

/** Where a request comes from, as far as identifiers ask. */
export interface RequestOrigin {
  /** IP address; behind proxies that a listener trusts the one that they state. */
  readonly remoteAddress: string;
  /** The caller speaks TLS, to us or to a proxy that the listener trusts. */
  readonly secure: boolean;
}

/**
 * Called once a request, on the hot path: answer from what is in memory, and give back the same Path or Route object for the
 * same name as far as you can (`PathMemo`), because its shown text is the key of the binding cache.
 *
 * May rewrite `request.target` when it answers a name (and only then). Throwing means that the request is bad: it is
 * refused with 400, or as a GatewayError says, and later identifiers are not asked.
 */
export type Identifier = (request: RequestHead, origin: RequestOrigin) => Path | Route | Redirect | Unidentified;

/** A certificate that comes with routes. */
export interface RouteCertificate {
  /** Hosts that it is for, in lower case, exact or `*.example.com`. Never empty. */
  readonly hosts: readonly string[];
  /** PEM, the leaf first. */
  readonly chain: string;
  /** PEM. */
  readonly key: string;
  /** When the leaf ends, epoch ms: the source has it from its check, and to read it again takes longer than all else. */
  readonly validTo: number;
  /** Where it is from, for messages: `secret shop/tls`. */
  readonly origin: string;
}

/** A route as people are shown it. */
export interface ShownRoute {
  /** Exact or `*.example.com`; undefined: any. */
  readonly host: string | undefined;
  /** `/cart*`, `= /cart`, `~ /cart/.*`; `default` for what takes the requests that no rule takes. */
  readonly path: string;
  /** Without the prefix of a listener. */
  readonly name: Path;
  readonly exposure: Exposure;
  /** `ingress shop/web`. */
  readonly by: string;
}

/**
 * Where an identifier has routes from when that is a registry: one for all listeners of a router, kept through reloads. An
 * identifier that asks one before its first answer throws the GatewayError `routes-pending`.
 */
export interface RouteSource extends Closable {
  /**
   * Called when the gateway goes to work under a configuration that has it; again after each reload. Nothing is asked before.
   * For a reload that brings it, it is called before that takes over, which is when it has routes: it may be closed again then.
   * `look`: called in place of that by a command that shows what there is. Nothing is written to the registry then.
   */
  start(purpose?: 'serve' | 'look'): void;
  /** Why it has no routes yet; undefined once it has. The gateway is not ready before. */
  readonly pending: string | undefined;
  /** For listeners with `tls.fromRoutes`, checked: each key belongs to its chain. */
  readonly certificates?: ReadonlySignal<readonly RouteCertificate[]>;
  /** Hosts that listeners of `exposure: external` take. */
  readonly published?: Publications;
  /** As it is now. */
  routes?(): readonly ShownRoute[];
  /** For `/identifier_state/<router>.json` of admin: any JSON value, no secrets. */
  state?(): unknown;
}

/** What `make` of an identifier kind is given; called once for each prefix and exposure that listeners of the router have. */
export interface IdentifierContext {
  /** Prepended to every name: `dstPrefix` of the router, or of a listener of `exposure: external`. */
  readonly dstPrefix: Path;
  /** Who the callers are. `external`: of routes that registries have, only those published to the outside count. */
  readonly exposure: Exposure;
  /**
   * The source of this entry of `identifier`: made by the first call, the same for all later ones and for configurations
   * after this one that have the entry in the same words.
   */
  readonly source: <Source extends RouteSource>(make: () => Source) => Source;
  readonly clock: Clock;
  readonly random: Random;
  /** `rt/<label>/identifier/<kind>`. */
  readonly metrics: MetricsScope;
}

/** Most callers ask for few names: a bounded memory of `make(key)`, forgetting the oldest. */
export class PathMemo {
  readonly #limit: number;
  readonly #ownKeys: boolean;
  readonly #prefix: Path;
  readonly #paths = new Map<string, Path>();
  #lastKey = '';
  #lastPath: Path = EMPTY_PATH;

  /**
   * `ownKeys`: keys are texts of their own, as every Host is, and are kept as they are; else copies of them, as a value cut out
   * of a head would keep all of it in memory.
   */
  constructor(
    prefix: Path,
    { limit = 1000, ownKeys = false }: { readonly limit?: number; readonly ownKeys?: boolean } = {},
  ) {
    this.#prefix = prefix;
    this.#limit = limit;
    this.#ownKeys = ownKeys;
  }

  /** The path remembered for `key`, or prefix ++ `make(key)`. What throws is not remembered. */
  get(key: string, make: (key: string) => Path): Path {
    if (key === this.#lastKey && this.#lastPath !== EMPTY_PATH) return this.#lastPath;
    let path = this.#paths.get(key);
    if (path === undefined) {
      const own = this.#ownKeys ? key : ownText(key);
      path = this.#prefix.concat(make(own));
      // Insertion order is age of the entry: good enough, and a hit costs no write.
      if (this.#paths.size >= this.#limit) this.#paths.delete(this.#paths.keys().next().value as string);
      this.#paths.set(own, path);
    }
    this.#lastKey = key;
    this.#lastPath = path;
    return path;
  }
}

/**
 * Asks `identifiers` in order. When none identifies, the answer is the last one's; what one of them throws ends the
 * search, as a failure says that the request is bad and not that it is someone else's. Throws `RangeError` for none.
 */
export function identifyFirst(identifiers: readonly Identifier[]): Identifier {
  const [only] = identifiers;
  if (only === undefined) throw new RangeError('a list of identifiers needs at least one');
  if (identifiers.length === 1) return only;
  const last = identifiers.length - 1;
  const lastIdentifier = identifiers[last] as Identifier;
  return (request, origin) => {
    for (let i = 0; i < last; i++) {
      const answer = (identifiers[i] as Identifier)(request, origin);
      if (!(answer instanceof Unidentified)) return answer;
    }
    return lastIdentifier(request, origin);
  };
}
