// Draft: what becomes of one accepted Ingress while all are compiled.

import type { HostOwners } from './host-owners.js';
import type { ParsedIngress } from './parse-ingress.js';
import { Problems } from './problem.js';

export interface Draft {
  readonly ingress: ParsedIngress;
  readonly problems: Problems;
  /** Its hosts that belong to another namespace. */
  readonly lost: ReadonlySet<string | undefined>;
  /** Rules, default backends and canaries of it that are served. */
  served: number;
}

/** Call it for the oldest Ingress first. `classProblem`: what is wrong with its class. */
export function makeDraft(ingress: ParsedIngress, classProblem: string | undefined, owners: HostOwners): Draft {
  const problems = new Problems();
  problems.addAll(ingress.problems);
  if (classProblem !== undefined) problems.add('InvalidClass', classProblem);
  const lost = ingress.isCanary ? NOTHING_LOST : claimHosts(ingress, owners, problems);
  return { ingress, problems, lost, served: 0 };
}

const NOTHING_LOST: ReadonlySet<string | undefined> = new Set();

function claimHosts(ingress: ParsedIngress, owners: HostOwners, problems: Problems): ReadonlySet<string | undefined> {
  const { object, origin, hosts, defaultBackend } = ingress;
  let lost: Set<string | undefined> | undefined;
  // A default backend alone is for any host.
  for (const host of hosts.length === 0 && defaultBackend ? [undefined] : hosts) {
    const owner = owners.claim(host, object.namespace, origin);
    if (owner === undefined) continue;
    lost ??= new Set();
    lost.add(host);
    const what = host === undefined ? 'rules and default backends without a host belong' : `host ${host} belongs`;
    const through = owner.host === host ? '' : `, through ${owner.host}`;
    const why = `${owner.by}${through} comes first, by age, then name`;
    problems.add(
      'HostOwned',
      `${what} to namespace ${owner.namespace} (${why}); what is for it is left out while hostOwnership is first`,
    );
  }
  return lost ?? NOTHING_LOST;
}

/** With a name, and of its own. */
export function namedHosts({ ingress, lost }: Draft): readonly string[] {
  return ingress.hosts.filter((host): host is string => host !== undefined && !lost.has(host));
}
