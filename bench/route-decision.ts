// Route decision: what it costs to find the route of a request among many, and to make the table that it is found in.

import { EMPTY_PATH, pathFromText } from '../src/base/path.js';
import { Route } from '../src/identifier/identifier.js';
import { parsePathRegex } from '../src/identifier/path-regex.js';
import type { RouteOptions, RoutePath, RouteRule, RouteSet } from '../src/identifier/route-rule.js';
import { makeRouteTable, type RouteTable } from '../src/identifier/route-table.js';
import { requestHead } from '../test/support/requests.js';

const RESOURCES = 1000;
const PATHS = 5;
const ROUNDS = 30;
const ORIGIN = { remoteAddress: '127.0.0.1', secure: true };

const OPTIONS: RouteOptions = {
  policy: { backend: undefined, timeoutMs: undefined, attemptTimeoutMs: undefined, maxBodyBytes: undefined },
  rewriteTarget: undefined,
  httpsRedirect: false,
  allowedSources: undefined,
};

/** 1,000 resources of five paths, each with a host of its own. */
export function manyHosts(): RouteSet {
  return routeSet((resource) => `shop${resource}.example.com`);
}

/** The same 5,000 paths in one host. */
export function oneHost(): RouteSet {
  return routeSet(() => 'shop.example.com');
}

/** Microseconds for one request of many, of which each takes another rule. */
export function decisionMicros(set: RouteSet): number {
  const { identify } = tableOf(set, undefined);
  // One object for all, as making them would be what is measured.
  const requests = set.rules.map(({ host = '' }, i) => requestHead([['Host', host]], { target: requestPath(i) }));
  let routes = 0;
  const round = (): number => {
    const start = performance.now();
    for (const request of requests) if (identify(request, ORIGIN) instanceof Route) routes += 1;
    return ((performance.now() - start) * 1000) / requests.length;
  };
  const best = bestOf(round);
  if (routes !== ROUNDS * requests.length)
    throw new Error('every request of the bench has a route, or it measures nothing');
  return best;
}

/** Milliseconds for a whole table. */
export function tableMillis(set: RouteSet): number {
  return bestOf(() => millisOf(() => tableOf(set, undefined)));
}

/** Milliseconds for a table that differs from the one before it in one rule. */
export function changedTableMillis(set: RouteSet): number {
  const previous = tableOf(set, undefined);
  const [first, ...others] = set.rules as [RouteRule, ...RouteRule[]];
  const changed = { ...set, rules: [{ ...first }, ...others] };
  return bestOf(() => millisOf(() => tableOf(changed, previous)));
}

function routeSet(hostOf: (resource: number) => string): RouteSet {
  const rules = Array.from({ length: RESOURCES * PATHS }, (_, i): RouteRule => {
    const resource = Math.floor(i / PATHS);
    return {
      host: hostOf(resource),
      path: rulePath(i),
      backend: pathFromText('shop', 'http', `web${resource}`),
      canary: undefined,
      options: OPTIONS,
      exposure: 'external',
      origin: `ingress shop/web${resource}`,
    };
  });
  return { rules, defaults: [], ownedHosts: [] };
}

/** Of the five paths of a resource two are exact, two are prefixes, and one is a regular expression. */
function rulePath(i: number): RoutePath {
  const resource = Math.floor(i / PATHS);
  switch (i % PATHS) {
    case 0:
      return { type: 'exact', value: `/r${resource}/health` };
    case 1:
      return { type: 'exact', value: `/r${resource}/api/v1/login` };
    case 2:
      return { type: 'prefix', value: `/r${resource}` };
    case 3:
      return { type: 'prefix', value: `/r${resource}/api/v1` };
    default: {
      const value = `/r${resource}/files/[a-z0-9]+`;
      return { type: 'regex', value, regex: parsePathRegex(value) };
    }
  }
}

function requestPath(i: number): string {
  const resource = Math.floor(i / PATHS);
  return `/r${resource}${['/health', '/api/v1/login?next=%2F', '/', '/api/v1/carts/17/items?page=2', '/files/a81f'][i % PATHS]}`;
}

function tableOf(set: RouteSet, previous: RouteTable | undefined): RouteTable {
  return makeRouteTable(set, { dstPrefix: EMPTY_PATH, exposure: 'external', random: Math.random, previous });
}

function millisOf(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function bestOf(measure: () => number): number {
  return Math.min(...Array.from({ length: ROUNDS }, measure));
}
