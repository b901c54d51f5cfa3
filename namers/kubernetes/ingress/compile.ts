// Compile: the Ingresses of a cluster and what they refer to in; routes, certificates, published hosts and a verdict on each out.
//
// Pure: no sockets, no clock. It runs on each change over everything there is; what depends on one Ingress alone is kept for as
// long as its object is the same, so objects that did not change must stay the same objects.

import type { RouteCertificate } from '../../../src/identifier/identifier.js';
import type { DefaultRoute, RouteRule, RouteSet } from '../../../src/identifier/route-rule.js';
import type { PublishedHost } from '../../../src/naming/publication.js';
import { defaultRoutes } from './default-routes.js';
import { type Draft, makeDraft } from './draft.js';
import { HostOwners } from './host-owners.js';
import {
  type Accepted,
  type ClassOptions,
  classJudge,
  type IngressClassObject,
  type NotAccepted,
} from './ingress-class.js';
import type { IngressObject } from './ingress-object.js';
import { makeIngressParser, type ParseOptions } from './parse-ingress.js';
import type { Problem } from './problem.js';
import type { Lookup, ServiceLookup } from './route-backend.js';
import { RouteCertificates } from './route-certificates.js';
import { RouteRules } from './route-rules.js';
import type { TlsSecret } from './tls-secret.js';

export interface CompileOptions extends ClassOptions, ParseOptions {
  /** `first`: a host belongs to the namespace of the oldest Ingress that names it. `shared`: to nobody. */
  readonly hostOwnership: 'first' | 'shared';
}

export interface CompileInput {
  /** In any order. */
  readonly ingresses: Iterable<IngressObject>;
  /** All of the cluster, those of other controllers too; none where the API server has none or does not let us read them. */
  readonly classes: readonly IngressClassObject[];
  readonly services: ServiceLookup;
  /** Of what was in `referencedSecrets`; `unknown` before the first answer, which is no problem of the Ingress. */
  readonly secrets: Lookup<TlsSecret>;
  /** Epoch milliseconds, to tell certificates that have expired. */
  readonly nowMs: number;
}

export interface CompiledIngresses {
  readonly routes: RouteSet;
  /** The same objects as before as far as they are the same. */
  readonly certificates: readonly RouteCertificate[];
  /** While at least one external route of the host is served. */
  readonly published: readonly PublishedHost[];
  /** By `namespace/name`, one for each Ingress. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  /** `namespace/name` of what accepted Ingresses name; both are checked, and fit into paths of the API. */
  readonly referencedSecrets: ReadonlySet<string>;
}

export type Verdict =
  | {
      readonly accepted: true;
      /** Something of it is: a rule, a default backend, a canary. */
      readonly isServed: boolean;
      /** What was wrong with a certificate that is served all the same is a problem too. */
      readonly problems: readonly Problem[];
    }
  | {
      /** It is none of our business; `why` is for one that was ours before, and for people who ask. */
      readonly accepted: false;
      readonly isServed: false;
      readonly problems: readonly [];
      readonly why: NotAccepted;
    };

/** Makes `compile` for one source of routes. */
export function makeIngressCompiler(options: CompileOptions): (input: CompileInput) => CompiledIngresses {
  const parse = makeIngressParser(options);
  const memo = new WeakMap<TlsSecret, RouteCertificate>();
  const isShared = options.hostOwnership === 'shared';
  return ({ ingresses, classes, services, secrets, nowMs }) => {
    const owners = new HostOwners(options.hostOwnership);
    const { accepted, others } = judge(ingresses, classes, options);
    const drafts = accepted.map(([ingress, { exposure, problem }]) =>
      makeDraft(parse(ingress, exposure), problem, owners),
    );
    const rules = new RouteRules(services);
    const certificates = new RouteCertificates({ secrets, owners, nowMs, memo });
    for (const draft of drafts) if (!draft.ingress.isCanary) rules.add(draft);
    for (const draft of drafts) if (draft.ingress.isCanary) rules.addCanary(draft, isShared);
    const defaults = defaultRoutes(drafts, owners, services);
    for (const draft of drafts) certificates.add(draft);
    return {
      routes: { rules: rules.rules, defaults, ownedHosts: owners.hosts() },
      certificates: certificates.list(),
      published: publishedBy(rules.rules, defaults),
      verdicts: new Map([...others, ...drafts.map(verdictOf)]),
      referencedSecrets: certificates.referenced,
    };
  };
}

/** Those that are ours, the oldest first. */
function judge(ingresses: Iterable<IngressObject>, classes: readonly IngressClassObject[], options: ClassOptions) {
  const judgeClass = classJudge(classes, options);
  const accepted: [IngressObject, Accepted][] = [];
  const others: [string, Verdict][] = [];
  for (const ingress of ingresses) {
    const judgement = judgeClass(ingress);
    if (judgement.accepted) accepted.push([ingress, judgement]);
    else others.push([ingress.id, { accepted: false, isServed: false, problems: [], why: judgement }]);
  }
  accepted.sort(([a], [b]) => byAge(a, b));
  return { accepted, others };
}

function byAge(a: IngressObject, b: IngressObject): number {
  if (a.createdAtMs !== b.createdAtMs) return a.createdAtMs < b.createdAtMs ? -1 : 1;
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

function publishedBy(rules: readonly RouteRule[], defaults: readonly DefaultRoute[]): readonly PublishedHost[] {
  const published = new Map<string, PublishedHost>();
  let last: PublishedHost | undefined;
  const publish = (host: string, by: string): void => {
    // Rules of one host stand together, nearly always.
    if (host === last?.host && by === last.by) return;
    last = { host, by };
    const key = `${host} ${by}`;
    if (!published.has(key)) published.set(key, last);
  };
  for (const { host, exposure, origin } of rules) {
    if (exposure === 'external' && host !== undefined) publish(host, origin);
  }
  for (const { hosts = [], exposure, origin } of defaults) {
    if (exposure === 'external') for (const host of hosts) publish(host, origin);
  }
  return [...published.values()];
}

function verdictOf({ ingress, problems, served }: Draft): [string, Verdict] {
  return [ingress.object.id, { accepted: true, isServed: served > 0, problems: problems.list() }];
}
