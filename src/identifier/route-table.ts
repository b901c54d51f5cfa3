// Route table: a RouteSet in, the identifier that serves it out. Knows nothing of where the routes are from.
//
// A host is looked for as it is, then as a wildcard with its first label left out, then come the rules without a host. The first
// of these that has rules, a default or an owner is the only one that is asked: wider hosts may be somebody else's, who would be
// given paths of a host that is not theirs.

import { canonicalHostName } from '../base/host-name.js';
import type { Path } from '../base/path.js';
import type { Random } from '../base/random.js';
import type { Exposure } from '../naming/publication.js';
import { ANY_HOST, type HostTable, makeHostTables } from './host-table.js';
import { type Identifier, type ShownRoute, Unidentified } from './identifier.js';
import { pathEnd } from './request-path.js';
import type { DefaultRoute, RoutePath, RouteRule, RouteSet } from './route-rule.js';

export interface RouteTableOptions {
  /** Prepended to the backends of all routes. */
  readonly dstPrefix: Path;
  /** `external`: without the routes that are internal. */
  readonly exposure: Exposure;
  readonly random: Random;
  /** The table that this one replaces, of the same options: hosts whose rules are the same objects are taken from it. */
  readonly previous?: RouteTable | undefined;
}

export function makeRouteTable(set: RouteSet, options: RouteTableOptions): RouteTable {
  return new RouteTable(set, options);
}

export class RouteTable {
  /** May throw the GatewayErrors `forbidden`, `bad-request` and `request-line-too-long`. */
  readonly identify: Identifier;
  readonly #hosts: ReadonlyMap<string, HostTable>;
  /** `.example.com` for `*.example.com`. */
  readonly #wildcards = new Map<string, HostTable>();
  readonly #anyHost: HostTable;
  readonly #defaults: readonly DefaultRoute[];

  constructor({ rules, defaults, ownedHosts }: RouteSet, { dstPrefix, exposure, random, previous }: RouteTableOptions) {
    const isServed = (route: RouteRule | DefaultRoute) => exposure === 'internal' || route.exposure === 'external';
    this.#defaults = defaults.filter(isServed);
    const served = { rules: rules.filter(isServed), defaults: this.#defaults, ownedHosts };
    this.#hosts = makeHostTables(served, dstPrefix, previous === undefined ? undefined : previous.#hosts);
    this.#anyHost = this.#hosts.get(ANY_HOST) as HostTable;
    for (const [host, table] of this.#hosts) if (host.startsWith('*.')) this.#wildcards.set(host.slice(1), table);
    this.identify = (request, origin) => {
      const { target } = request;
      const table = this.#tableOf(request.headers.get('host'));
      const destination = table.paths.find(target, pathEnd(target)) ?? table.otherwise;
      return destination === undefined ? NO_RULE : destination.answer(request, origin, random);
    };
  }

  /** As they are served, host by host: a rule whose host and path another has before it is not among them. */
  routes(): readonly ShownRoute[] {
    const shown: ShownRoute[] = [];
    for (const [host, { paths }] of this.#hosts) {
      const shownHost = host === ANY_HOST ? undefined : host;
      for (const { rule } of paths.served) {
        const { path, canary, exposure } = rule;
        shown.push(showRoute(shownHost, showPath(path), exposure, rule));
        if (canary) shown.push(showRoute(shownHost, showPath(path), exposure, canary));
      }
    }
    for (const route of this.#defaults) {
      for (const host of route.hosts ?? [undefined]) shown.push(showRoute(host, 'default', route.exposure, route));
    }
    return shown;
  }

  #tableOf(hostHeader: string | undefined): HostTable {
    if (hostHeader === undefined) return this.#anyHost;
    const host = canonicalHostName(hostHeader);
    const exact = this.#hosts.get(host);
    if (exact !== undefined) return exact;
    if (this.#wildcards.size === 0) return this.#anyHost;
    const dot = host.indexOf('.');
    return (dot > 0 ? this.#wildcards.get(host.slice(dot)) : undefined) ?? this.#anyHost;
  }
}

const NO_RULE = new Unidentified('no ingress rule matches');

function showRoute(
  host: string | undefined,
  path: string,
  exposure: Exposure,
  { backend, origin }: Pick<RouteRule, 'backend' | 'origin'>,
): ShownRoute {
  return { host, path, name: backend, exposure, by: origin };
}

function showPath(path: RoutePath): string {
  switch (path.type) {
    case 'exact':
      return `= ${path.value}`;
    case 'prefix':
      return `${path.value === '' ? '/' : path.value}*`;
    case 'regex':
      return `~ ${path.value}`;
    default:
      return path satisfies never;
  }
}
