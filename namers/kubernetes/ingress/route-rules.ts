// Route rules: drafts, the oldest first, in; the rules that are served, each path once and with its canary, out.

import type { Canary, RouteOptions, RouteRule } from '../../../src/identifier/route-rule.js';
import type { Draft } from './draft.js';
import type { ParsedIngress, ParsedPath } from './parse-ingress.js';
import { isThere, type ServiceLookup } from './route-backend.js';

/** Whose the requests are that one key stands for. */
interface Claim {
  readonly ingress: ParsedIngress;
  /** Of its rule; undefined: it is not served. */
  readonly index: number | undefined;
}

export class RouteRules {
  readonly rules: RouteRule[] = [];
  readonly #services: ServiceLookup;
  /** Paths stay claimed by what is not served at the moment: requests must not go elsewhere because of a mistake. */
  readonly #claims = new Map<string, Claim>();

  constructor(services: ServiceLookup) {
    this.#services = services;
  }

  add(draft: Draft): void {
    const { ingress, problems, lost } = draft;
    for (const { at, key, backend, rule } of ingress.paths) {
      if (lost.has(rule.host)) continue;
      const claim = this.#claims.get(key);
      if (claim !== undefined) {
        const whose =
          claim.ingress === ingress
            ? 'this Ingress has it already'
            : `${claim.ingress.origin} has it, and comes first (by age, then name)`;
        problems.add('DuplicatePath', `${at}: ${showPath(rule)}: ${whose}; it is left out`);
        continue;
      }
      const isServed = !ingress.isRefused && isThere(backend, this.#services, problems);
      this.#claims.set(key, { ingress, index: isServed ? this.rules.length : undefined });
      if (!isServed) continue;
      this.rules.push(rule);
      draft.served += 1;
    }
  }

  /** After all that are no canaries. `isShared`: of another namespace as well. */
  addCanary(draft: Draft, isShared: boolean): void {
    if (draft.ingress.isRefused) return;
    for (const path of draft.ingress.paths) {
      const index = this.#primaryOf(path, draft, isShared);
      const primary = index === undefined ? undefined : this.rules[index];
      if (index === undefined || !primary || !isThere(path.backend, this.#services, draft.problems)) continue;
      this.rules[index] = { ...primary, canary: canaryOf(draft.ingress, path, primary) };
      draft.served += 1;
    }
  }

  /** Index of the rule; undefined, and a problem added, when there is none to add to. */
  #primaryOf({ at, key, rule }: ParsedPath, { ingress, problems }: Draft, isShared: boolean): number | undefined {
    const claim = this.#claims.get(key);
    const primary = claim?.index === undefined ? undefined : this.rules[claim.index];
    if (!claim || !primary) {
      const want = 'want an Ingress that is served with the same host, path and pathType';
      problems.add('CanaryWithoutPrimary', `${at}: a canary of ${showPath(rule)}, which no Ingress serves; ${want}`);
      return undefined;
    }
    if (!isShared && claim.ingress.object.namespace !== ingress.object.namespace) {
      const whose = `${claim.ingress.origin} of another namespace, and hostOwnership is first`;
      problems.add('HostOwned', `${at}: a canary of ${showPath(rule)} of ${whose}; it is left out`);
      return undefined;
    }
    if (primary.canary !== undefined) {
      const first = `${primary.canary.origin} is the canary of ${showPath(rule)}, and comes first (by age, then name)`;
      problems.add('DuplicatePath', `${at}: ${first}; it is left out`);
      return undefined;
    }
    if (primary.exposure === 'external' && ingress.exposure === 'internal') {
      const is = `the canary is internal, and ${primary.origin} external`;
      problems.add(
        'CanaryExposure',
        `${at}: ${is}; it is left out until it has annotation linkgate.io/exposure: external too`,
      );
      return undefined;
    }
    return claim.index;
  }
}

function canaryOf({ canary, settings, origin }: ParsedIngress, path: ParsedPath, primary: RouteRule): Canary {
  const { header, headerValue, cookie, weight = 0 } = canary ?? {};
  const options = canaryOptions(settings, primary.options);
  return { backend: path.backend.name, options, header, headerValue, cookie, weight, origin };
}

/** What a canary does not say is as its primary says; who may come is for the primary alone to say. */
function canaryOptions({ policy, rewriteTarget }: ParsedIngress['settings'], primary: RouteOptions): RouteOptions {
  return {
    ...primary,
    policy: {
      backend: policy.backend ?? primary.policy.backend,
      timeoutMs: policy.timeoutMs ?? primary.policy.timeoutMs,
      attemptTimeoutMs: policy.attemptTimeoutMs ?? primary.policy.attemptTimeoutMs,
      maxBodyBytes: policy.maxBodyBytes ?? primary.policy.maxBodyBytes,
    },
    rewriteTarget: rewriteTarget ?? primary.rewriteTarget,
  };
}

function showPath({ host, path }: RouteRule): string {
  return `${host ?? 'any host'} with path ${path.value} (${path.type})`;
}
