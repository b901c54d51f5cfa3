// Ingress scene: Ingresses as the API has them and what they refer to in, as short as a test can say it; what they compile to out.

import {
  type CompiledIngresses,
  type CompileOptions,
  makeIngressCompiler,
  type Verdict,
} from '../../namers/kubernetes/ingress/compile.js';
import { CONTROLLER, projectIngressClass } from '../../namers/kubernetes/ingress/ingress-class.js';
import { type IngressObject, projectIngress } from '../../namers/kubernetes/ingress/ingress-object.js';
import type { ProblemReason } from '../../namers/kubernetes/ingress/problem.js';
import type { ServiceLookup } from '../../namers/kubernetes/ingress/route-backend.js';
import type { TlsSecret } from '../../namers/kubernetes/ingress/tls-secret.js';
import type { JsonObject } from '../../namers/kubernetes/json.js';
import { projectService } from '../../namers/kubernetes/service-object.js';

/** `10:00` plus this many minutes is when it was made. */
export interface IngressWords {
  /** Default 0. */
  readonly age?: number;
  readonly annotations?: Readonly<Record<string, unknown>>;
  readonly spec?: object;
  /** In place of `spec`: `shop.example.com/cart` to service `web` port 80; no host before the slash: any. */
  readonly routes?: readonly string[];
}

/** `id` is `namespace/name`; without a slash of namespace `shop`. Annotations without a slash are ours. */
export function ingress(id: string, { age = 0, annotations, spec, routes = [] }: IngressWords = {}): JsonObject {
  const [namespace, name] = id.includes('/') ? id.split('/') : ['shop', id];
  const full = Object.entries(annotations ?? {}).map(([key, value]) => [
    key.includes('/') ? key : `linkgate.io/${key}`,
    value,
  ]);
  return {
    metadata: {
      namespace,
      name,
      uid: `uid of ${id}`,
      creationTimestamp: new Date(Date.UTC(2026, 0, 1, 10, age)).toISOString(),
      ...(annotations && { annotations: Object.fromEntries(full) }),
    },
    spec: { rules: routes.map(rule), ...spec },
  };
}

export function rule(route: string): object {
  const slash = route.indexOf('/');
  const host = route.slice(0, slash);
  return { ...(host && { host }), http: { paths: [path(route.slice(slash))] } };
}

export function path(value: string | undefined, pathType = 'Prefix', service = 'web', port: object = { number: 80 }) {
  return { path: value, pathType, backend: { service: { name: service, port } } };
}

export function backend(service: string, port: object = { number: 80 }): object {
  return { service: { name: service, port } };
}

export interface ClassWords {
  readonly controller?: string;
  readonly isDefault?: boolean;
  readonly exposure?: string;
}

export function ingressClass(
  name: string,
  { controller = CONTROLLER, isDefault, exposure }: ClassWords = {},
): JsonObject {
  const annotations = {
    ...(isDefault && { 'ingressclass.kubernetes.io/is-default-class': 'true' }),
    ...(exposure !== undefined && { 'linkgate.io/exposure': exposure }),
  };
  return { metadata: { name, annotations }, spec: { controller } };
}

export interface SceneWords {
  readonly classes?: readonly JsonObject[];
  /** By `namespace/name`: `spec`. Undefined: all exist, with whatever port is asked for. */
  readonly services?: Readonly<Record<string, object>>;
  /** By `namespace/name`. */
  readonly secrets?: Readonly<Record<string, TlsSecret | 'unknown'>>;
  readonly nowMs?: number;
}

const OPTIONS: CompileOptions = {
  ingressClass: undefined,
  ingressClassAnnotation: 'linkerd',
  pathRegex: false,
  hostOwnership: 'first',
  ignoreDefaultBackends: false,
};

/** One compiler over changes of its scene, with options other than the defaults. */
export class IngressScene {
  readonly #compile;

  constructor(options: Partial<CompileOptions> = {}) {
    this.#compile = makeIngressCompiler({ ...OPTIONS, ...options });
  }

  compile(ingresses: readonly (JsonObject | IngressObject)[], words: SceneWords = {}): SeenIngresses {
    const { classes = [], services, secrets = {}, nowMs = Date.UTC(2026, 5) } = words;
    const known = new Map(
      Object.entries(services ?? {}).map(([id, spec]) => [id, projectService(undefined)({ spec })]),
    );
    const lookup: ServiceLookup = (namespace, name) =>
      services === undefined ? 'unknown' : known.get(`${namespace}/${name}`);
    const input = {
      ingresses: ingresses.map((one) => ('metadata' in one ? projectIngress(one) : (one as IngressObject))),
      classes: classes.map(projectIngressClass),
      services: lookup,
      secrets: (namespace: string, name: string) => secrets[`${namespace}/${name}`],
      nowMs,
    };
    return new SeenIngresses(this.#compile(input));
  }
}

export function compile(
  ingresses: readonly JsonObject[],
  words: SceneWords & Partial<CompileOptions> = {},
): SeenIngresses {
  return new IngressScene(words).compile(ingresses, words);
}

/** What was compiled, as tests look at it. */
export class SeenIngresses {
  readonly compiled: CompiledIngresses;

  constructor(compiled: CompiledIngresses) {
    this.compiled = compiled;
  }

  /** `shop.example.com prefix /cart -> /shop/80/web`, in order. */
  get rules(): readonly string[] {
    return this.compiled.routes.rules.map(
      ({ host = '*', path: { type, value }, backend: name }) => `${host} ${type} ${value} -> ${name}`,
    );
  }

  /** `a.example.com,b.example.com -> /shop/80/web`, in order. */
  get defaults(): readonly string[] {
    return this.compiled.routes.defaults.map(({ hosts, backend: name }) => `${hosts?.join() ?? '*'} -> ${name}`);
  }

  /** `shop.example.com,… of secret shop/tls`. */
  get certificates(): readonly string[] {
    return this.compiled.certificates.map(({ hosts, origin }) => `${hosts.join()} of ${origin}`);
  }

  get published(): readonly string[] {
    return this.compiled.published.map(({ host, by }) => `${host} by ${by}`);
  }

  verdict(id: string): Verdict {
    const verdict = this.compiled.verdicts.get(id.includes('/') ? id : `shop/${id}`);
    if (verdict) return verdict;
    throw new Error(`no verdict on ${id}`);
  }

  reasons(id: string): readonly ProblemReason[] {
    return this.verdict(id).problems.map(({ reason }) => reason);
  }

  messages(id: string): readonly string[] {
    return this.verdict(id).problems.map(({ message }) => message);
  }
}
