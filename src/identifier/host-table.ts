// Host table: rules and defaults in; for each host that they name, what is its own, out.

import type { Path } from '../base/path.js';
import { PathTable } from './path-table.js';
import { RouteDestination } from './route-destination.js';
import type { DefaultRoute, RoutePath, RouteRule, RouteSet } from './route-rule.js';

/** Stands for the host in tables of the rules that have none. */
export const ANY_HOST = '';

/** What one host, exact or `*.example.com`, has of its own. */
export interface HostTable {
  readonly rules: readonly RouteRule[];
  readonly paths: PathTable<RouteDestination>;
  /** Where requests go whose path no rule takes. */
  readonly otherwise: RouteDestination | undefined;
}

/** Always with one for `ANY_HOST`. The rules of hosts of `old` are taken from there where they are the same objects. */
export function makeHostTables(
  { rules, defaults, ownedHosts }: RouteSet,
  dstPrefix: Path,
  old: ReadonlyMap<string, HostTable> | undefined,
): ReadonlyMap<string, HostTable> {
  const fallbacks = new Fallbacks(defaults, new Set(ownedHosts), dstPrefix);
  const byHost = rulesByHost(rules);
  // A host that has an owner or a default is as much somebody's as one with rules.
  for (const host of [ANY_HOST, ...ownedHosts, ...fallbacks.hosts()]) if (!byHost.has(host)) byHost.set(host, []);
  const tables = new Map<string, HostTable>();
  for (const [host, own] of byHost) {
    const known = old?.get(host);
    const paths = known !== undefined && isSame(known.rules, own) ? known.paths : makePathTable(own, dstPrefix);
    tables.set(host, { rules: own, paths, otherwise: fallbacks.of(host) });
  }
  return tables;
}

function rulesByHost(rules: readonly RouteRule[]): Map<string, RouteRule[]> {
  const byHost = new Map<string, RouteRule[]>();
  for (const rule of rules) {
    const host = rule.host ?? ANY_HOST;
    const own = byHost.get(host);
    if (own) own.push(rule);
    else byHost.set(host, [rule]);
  }
  return byHost;
}

function isSame(a: readonly RouteRule[], b: readonly RouteRule[]): boolean {
  return a.length === b.length && a.every((rule, i) => rule === b[i]);
}

function makePathTable(rules: readonly RouteRule[], dstPrefix: Path): PathTable<RouteDestination> {
  return new PathTable(rules.map((rule) => new RouteDestination(rule, dstPrefix)));
}

/** Which default takes what the rules of a host do not: one that names it; if nobody owns it, one for its wildcard or for all. */
class Fallbacks {
  readonly #named = new Map<string, RouteDestination>();
  readonly #owned: ReadonlySet<string>;
  readonly #forAll: RouteDestination | undefined;

  constructor(defaults: readonly DefaultRoute[], owned: ReadonlySet<string>, dstPrefix: Path) {
    this.#owned = owned;
    for (const route of defaults) {
      const destination = new RouteDestination({ ...route, path: ALL_PATHS, canary: undefined }, dstPrefix);
      if (route.hosts === undefined) this.#forAll ??= destination;
      else for (const host of route.hosts) if (!this.#named.has(host)) this.#named.set(host, destination);
    }
  }

  hosts(): Iterable<string> {
    return this.#named.keys();
  }

  of(host: string): RouteDestination | undefined {
    const own = this.#named.get(host);
    if (own !== undefined || this.#owned.has(host)) return own;
    const dot = host.indexOf('.');
    return (dot > 0 ? this.#named.get(`*${host.slice(dot)}`) : undefined) ?? this.#forAll;
  }
}

const ALL_PATHS: RoutePath = { type: 'prefix', value: '/' };
