// Route rules for tests: those of no special wish but what is given.

import { parseAddressRanges } from '../../src/base/address-ranges.js';
import { parsePath } from '../../src/base/name-grammar.js';
import { parsePathRegex } from '../../src/identifier/path-regex.js';
import type { Canary, DefaultRoute, RouteOptions, RoutePath, RouteRule } from '../../src/identifier/route-rule.js';

export function routeOptions(
  given: Partial<Omit<RouteOptions, 'allowedSources'>> & { readonly allowedSources?: readonly string[] } = {},
): RouteOptions {
  return {
    policy: { backend: undefined, timeoutMs: undefined, attemptTimeoutMs: undefined, maxBodyBytes: undefined },
    rewriteTarget: undefined,
    httpsRedirect: false,
    ...given,
    allowedSources: given.allowedSources && parseAddressRanges(given.allowedSources),
  };
}

/** As it is shown: `/cart*`, `= /cart`, `~ /cart/.*`. */
export function routePath(shown: string): RoutePath {
  if (shown.startsWith('= ')) return { type: 'exact', value: shown.slice(2) };
  if (shown.endsWith('*') && shown.startsWith('/')) return { type: 'prefix', value: shown.slice(0, -1) };
  const value = shown.slice(2);
  return { type: 'regex', value, regex: parsePathRegex(value) };
}

/** An external rule of `host` and `path` (as it is shown) whose backend is `name`. */
export function routeRule(
  host: string | undefined,
  path: string,
  name: string,
  given: Partial<RouteRule> = {},
): RouteRule {
  return {
    host,
    path: routePath(path),
    backend: parsePath(name),
    canary: undefined,
    options: routeOptions(),
    exposure: 'external',
    origin: `ingress test${name}`,
    ...given,
  };
}

export function defaultRoute(
  hosts: readonly string[] | undefined,
  name: string,
  given: Partial<DefaultRoute> = {},
): DefaultRoute {
  const { backend, options, exposure, origin } = routeRule(undefined, '/*', name);
  return { hosts, backend, options, exposure, origin, ...given };
}

/** Takes no requests unless `given` says which. */
export function canary(name: string, given: Partial<Canary> = {}): Canary {
  return {
    backend: parsePath(name),
    options: routeOptions(),
    header: undefined,
    headerValue: undefined,
    cookie: undefined,
    weight: 0,
    origin: `ingress test${name}`,
    ...given,
  };
}
