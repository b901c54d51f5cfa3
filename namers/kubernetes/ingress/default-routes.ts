// Default routes: drafts with default backends, the oldest first, in; what is served when no rule takes a request out.

import type { DefaultRoute } from '../../../src/identifier/route-rule.js';
import { type Draft, namedHosts } from './draft.js';
import type { HostOwners } from './host-owners.js';
import { isThere, type RouteBackend, type ServiceLookup } from './route-backend.js';

/**
 * Each answers for the hosts of its own Ingress. The oldest answers for all that is left, as in 1.x: for hosts that nobody
 * names and for the other hosts of its namespace; where hosts are shared, for what is left of all hosts.
 */
export function defaultRoutes(drafts: readonly Draft[], owners: HostOwners, services: ServiceLookup): DefaultRoute[] {
  const routes: DefaultRoute[] = [];
  const claims = new Map<string, string>();
  let general: Draft | undefined;
  for (const draft of drafts) {
    const { ingress, problems } = draft;
    const backend = ingress.defaultBackend;
    if (!backend || ingress.isCanary) continue;
    const hosts = claimHosts(draft, backend, claims);
    if (ingress.isRefused || !isThere(backend, services, problems)) continue;
    if (mayBeGeneral(draft, owners)) general ??= draft;
    for (const route of ofItsHosts(draft, backend, hosts)) {
      routes.push(route);
      draft.served += 1;
    }
  }
  if (general?.ingress.defaultBackend) routes.push(...ofAllOthers(general, general.ingress.defaultBackend, owners));
  return routes;
}

/** Hosts of the Ingress that no older one has a default for. */
function claimHosts(draft: Draft, { at }: RouteBackend, claims: Map<string, string>): readonly string[] {
  const { origin } = draft.ingress;
  return namedHosts(draft).filter((host) => {
    const holder = claims.get(host);
    if (holder === undefined) {
      claims.set(host, origin);
      return true;
    }
    const first = `${holder} has a default backend for ${host}, and comes first (by age, then name)`;
    const message = `${at}: ${first}; for that host it is left out`;
    draft.problems.add('DuplicateDefaultBackend', message);
    return false;
  });
}

/** Whoever has the rules for any host has their default as well. */
function mayBeGeneral({ ingress }: Draft, { ofAnyHost }: HostOwners): boolean {
  return ofAnyHost === undefined || ofAnyHost.namespace === ingress.object.namespace;
}

/** Two when some of the hosts have TLS and others not. */
function ofItsHosts({ ingress }: Draft, backend: RouteBackend, hosts: readonly string[]): readonly DefaultRoute[] {
  const byOptions = new Map<DefaultRoute['options'], string[]>();
  for (const host of hosts) {
    const options = ingress.optionsFor(host);
    byOptions.set(options, [...(byOptions.get(options) ?? []), host]);
  }
  return [...byOptions].map(([options, some]) => ({
    ...common(ingress, backend, options),
    hosts: some,
    exposure: ingress.exposure,
  }));
}

/** For callers inside, whatever the Ingress says: outside, hosts are published one by one. */
function ofAllOthers(draft: Draft, backend: RouteBackend, owners: HostOwners): readonly DefaultRoute[] {
  const { ingress } = draft;
  const route = { ...common(ingress, backend, ingress.optionsFor(undefined)), exposure: 'internal' } as const;
  const others = owners.hosts(ingress.object.namespace);
  draft.served += 1;
  return [...(others.length === 0 ? [] : [{ ...route, hosts: others }]), { ...route, hosts: undefined }];
}

/** Nothing was matched that could be rewritten. */
function common({ origin }: Draft['ingress'], backend: RouteBackend, options: DefaultRoute['options']) {
  return { backend: backend.name, options: { ...options, rewriteTarget: undefined }, origin };
}
