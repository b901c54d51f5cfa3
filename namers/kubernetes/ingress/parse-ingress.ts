// Parse Ingress: one Ingress in, its routes as far as they depend on it alone out, with what is wrong with them.

import type { RouteOptions, RoutePath, RouteRule } from '../../../src/identifier/route-rule.js';
import type { Exposure } from '../../../src/naming/publication.js';
import { isSubdomainName } from '../object-names.js';
import { type CanarySettings, type IngressSettings, readAnnotations } from './annotations.js';
import { ANNOTATION_PREFIX, type IngressObject, type IngressPath, type IngressRule } from './ingress-object.js';
import { Problems } from './problem.js';
import { RegexBudget, RegexMemo } from './regex-budget.js';
import { parseBackend, type RouteBackend } from './route-backend.js';
import { covers, parseRouteHost } from './route-host.js';
import { parseRoutePath, pathKey } from './route-path.js';

export interface ParseOptions {
  /** Paths that are `ImplementationSpecific` are regular expressions, as all are in Linkerd 1.x. */
  readonly pathRegex: boolean;
  readonly ignoreDefaultBackends: boolean;
}

export interface ParsedIngress {
  readonly object: IngressObject;
  /** `ingress shop/web`. */
  readonly origin: string;
  /** Of rules with a host; all others are for callers inside alone. */
  readonly exposure: Exposure;
  /** It adds to the rules of others, and owns no host. */
  readonly isCanary: boolean;
  readonly canary: CanarySettings | undefined;
  /** Nothing of it is served; what it claims stays its own. */
  readonly isRefused: boolean;
  readonly problems: Problems;
  /** Of its rules, each once; undefined: any. */
  readonly hosts: readonly (string | undefined)[];
  readonly paths: readonly ParsedPath[];
  readonly defaultBackend: RouteBackend | undefined;
  readonly tls: readonly ParsedTls[];
  readonly settings: IngressSettings;
  /** What holds for requests for `host`. */
  readonly optionsFor: (host: string | undefined) => RouteOptions;
}

export interface ParsedPath {
  /** `spec.rules[2].http.paths[0]`. */
  readonly at: string;
  /** Equal for two that take the same requests. */
  readonly key: string;
  readonly backend: RouteBackend;
  /** One object for as long as the Ingress stays the same. */
  readonly rule: RouteRule;
}

export interface ParsedTls {
  /** `spec.tls[0]`. */
  readonly at: string;
  readonly secretName: string;
  /** `shop/tls`. */
  readonly id: string;
  /** Undefined: those of the certificate. */
  readonly hosts: readonly string[] | undefined;
}

/** Remembers what it answers for as long as anyone has the Ingress. */
export function makeIngressParser(options: ParseOptions) {
  const regexes = options.pathRegex ? new RegexMemo() : undefined;
  const parsed = new WeakMap<IngressObject, Partial<Record<Exposure, ParsedIngress>>>();
  return (object: IngressObject, classExposure: Exposure): ParsedIngress => {
    const known = parsed.get(object) ?? {};
    parsed.set(object, known);
    known[classExposure] ??= parseIngress(object, classExposure, options, regexes && new RegexBudget(regexes));
    return known[classExposure];
  };
}

function parseIngress(
  object: IngressObject,
  classExposure: Exposure,
  options: ParseOptions,
  regexes: RegexBudget | undefined,
): ParsedIngress {
  const problems = new Problems();
  for (const { reason, message } of object.problems) problems.add(reason, message);
  const settings = readAnnotations(object.annotations, problems);
  const isRefused = !problems.isEmpty;
  const isCanary = settings.canary !== undefined || isMeantAsCanary(object, isRefused);
  const exposure = settings.exposure ?? classExposure;
  const origin = `ingress ${object.id}`;
  const optionsFor = routeOptions(object, settings);
  const { hosts, paths } = parseRules(object, { settings, exposure, origin, optionsFor }, regexes, problems);
  const defaultBackend = parseDefault(object, isCanary, options, problems);
  const tls = parseTls(object, problems);
  if (exposure === 'external' && !isCanary) requireHosts(hosts, defaultBackend, problems);
  const { canary } = settings;
  return {
    object,
    origin,
    exposure,
    isCanary,
    canary,
    isRefused,
    problems,
    hosts,
    paths,
    defaultBackend,
    tls,
    settings,
    optionsFor,
  };
}

function parseRules(
  { rules, namespace }: IngressObject,
  { settings, exposure, origin, optionsFor }: Pick<ParsedIngress, 'settings' | 'exposure' | 'origin' | 'optionsFor'>,
  regexes: RegexBudget | undefined,
  problems: Problems,
): Pick<ParsedIngress, 'hosts' | 'paths'> {
  const hosts = new Set<string | undefined>();
  const paths: ParsedPath[] = [];
  for (const rule of rules) {
    // As in 1.x. A host without paths is still named, and has the default backend.
    if (rule.paths.length === 0 && rule.host === undefined) continue;
    const host = parseHost(rule, problems);
    if (host === INVALID) continue;
    hosts.add(host);
    const common = {
      host,
      canary: undefined,
      options: optionsFor(host),
      exposure: host === undefined ? 'internal' : exposure,
      origin,
    };
    for (const one of rule.paths) {
      const path = parseRoutePath(one, regexes, problems);
      const backend = parseBackend(one.backend, namespace, problems);
      if (!path || !backend || !canRewrite(settings, path, one, problems)) continue;
      const key = `${host ?? ''} ${pathKey(path)}`;
      paths.push({ at: one.at, key, backend, rule: { ...common, path, backend: backend.name } });
    }
  }
  return { hosts: [...hosts], paths };
}

const INVALID = Symbol('invalid');

function parseHost({ at, host }: IngressRule, problems: Problems): string | undefined | typeof INVALID {
  try {
    return host === undefined ? undefined : parseRouteHost(host);
  } catch (error) {
    problems.add('InvalidHost', `${at}: ${(error as Error).message}; the rule is left out`);
    return INVALID;
  }
}

/** Groups of nothing would be empty: all requests would get the same path. */
function canRewrite(settings: IngressSettings, { type }: RoutePath, { at }: IngressPath, problems: Problems): boolean {
  const { rewriteTarget } = settings;
  if (type === 'regex' || rewriteTarget === undefined || !/\$\d/.test(rewriteTarget)) return true;
  const is = `annotation ${ANNOTATION_PREFIX}rewrite-target "${rewriteTarget}" has groups, and the path is no regular expression`;
  problems.add('RewriteNeedsRegex', `${at}: ${is}; it is left out`);
  return false;
}

function requireHosts(
  hosts: ParsedIngress['hosts'],
  defaultBackend: RouteBackend | undefined,
  problems: Problems,
): void {
  const isForAny = hosts.includes(undefined);
  if (!isForAny && (hosts.length > 0 || !defaultBackend)) return;
  const what = isForAny ? 'spec.rules: one without a host' : `${defaultBackend?.at}: without any host`;
  const why = 'callers outside are served only for hosts that are published by name';
  const message = `${what} in an Ingress of exposure external: ${why}; it is served to callers inside alone`;
  problems.add('HostRequired', message);
}

/** `canary: ture` is no primary: it would stand in the way of one. */
function isMeantAsCanary({ annotations }: IngressObject, isRefused: boolean): boolean {
  return isRefused && annotations.has('canary') && annotations.get('canary') !== 'false';
}

function parseDefault(
  object: IngressObject,
  isCanary: boolean,
  { ignoreDefaultBackends }: ParseOptions,
  problems: Problems,
): RouteBackend | undefined {
  const { defaultBackend, namespace } = object;
  if (defaultBackend === undefined || ignoreDefaultBackends) return undefined;
  if (!isCanary) return parseBackend(defaultBackend, namespace, problems);
  problems.add('UnsupportedBackend', `${defaultBackend.at}: a canary has no default backend; it is left out`);
  return undefined;
}

/** Entries that name a secret: what the others say, `optionsFor` knows. */
function parseTls({ tls, namespace }: IngressObject, problems: Problems): readonly ParsedTls[] {
  return tls.flatMap(({ at, secretName, hosts }) => {
    if (secretName === undefined) return [];
    // It becomes part of a path of the API.
    if (!isSubdomainName(secretName)) {
      const message = `${at}.secretName: no secret can be called so; the routes are served without a certificate`;
      problems.add('SecretNotFound', message);
      return [];
    }
    const own =
      hosts.length === 0 ? undefined : hosts.flatMap((host, i) => parseTlsHost(host, `${at}.hosts[${i}]`, problems));
    return [{ at, secretName, id: `${namespace}/${secretName}`, hosts: own }];
  });
}

function parseTlsHost(written: string, at: string, problems: Problems): readonly string[] {
  try {
    return [parseRouteHost(written)];
  } catch (error) {
    problems.add('InvalidHost', `${at}: ${(error as Error).message}; the certificate is not served for it`);
    return [];
  }
}

/** Two objects at most, shared by the rules. */
function routeOptions({ tls }: IngressObject, settings: IngressSettings): ParsedIngress['optionsFor'] {
  const { policy, rewriteTarget, allowedSources, sslRedirect } = settings;
  const plain: RouteOptions = { policy, rewriteTarget, allowedSources, httpsRedirect: false };
  const redirected: RouteOptions = { ...plain, httpsRedirect: true };
  // By what spec.tls says and not by what secrets there are: a secret that is deleted must not open plain text.
  const hasTls = (host: string): boolean =>
    tls.some(({ hosts }) => hosts.length === 0 || hosts.some((one) => covers(one, host)));
  return (host) => ((sslRedirect ?? (host !== undefined && hasTls(host))) ? redirected : plain);
}
