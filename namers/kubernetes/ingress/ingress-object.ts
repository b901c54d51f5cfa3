// Ingress object: an Ingress of the API in, what is kept of it out; what cannot be read is kept as a problem that says why.

import { show } from '../../shared/members.js';
import { type JsonObject, listIn, objectIn, textIn } from '../json.js';
import { isLabelName, isSubdomainName } from '../object-names.js';
import { type Problem, Problems } from './problem.js';

/** `networking.k8s.io/v1`, or `v1beta1` of that group or of `extensions`: both are read as what they say in v1. */
export interface IngressObject {
  /** `default` where it has none. */
  readonly namespace: string;
  readonly name: string;
  /** `shop/web`. */
  readonly id: string;
  readonly uid: string | undefined;
  /** Epoch milliseconds; one without is younger than all others. */
  readonly createdAtMs: number;
  readonly className: string | undefined;
  /** Of the annotation `kubernetes.io/ingress.class`; empty text is a value. */
  readonly classAnnotation: string | undefined;
  /** Those under `linkgate.io/`, without it. Values that are no text are not among them, see `problems`. */
  readonly annotations: ReadonlyMap<string, string>;
  readonly rules: readonly IngressRule[];
  readonly defaultBackend: IngressBackend | undefined;
  readonly tls: readonly IngressTls[];
  /** What could not be read; with any of them nothing of the Ingress is served but its hosts stay its own. */
  readonly problems: readonly Problem[];
}

export interface IngressRule {
  /** `spec.rules[2]`. */
  readonly at: string;
  /** As it was written. */
  readonly host: string | undefined;
  readonly paths: readonly IngressPath[];
}

export interface IngressPath {
  /** `spec.rules[2].http.paths[0]`. */
  readonly at: string;
  /** Undefined as well when empty. */
  readonly path: string | undefined;
  /** `Exact`, `Prefix`, or anything else. */
  readonly pathType: string | undefined;
  readonly backend: IngressBackend;
}

export interface IngressBackend {
  readonly at: string;
  readonly service: string | undefined;
  /** As it was written. */
  readonly port: string | number | undefined;
  /** It names a resource in place of a service. */
  readonly isResource: boolean;
}

export interface IngressTls {
  /** `spec.tls[0]`. */
  readonly at: string;
  /** Empty: those of the certificate. */
  readonly hosts: readonly string[];
  readonly secretName: string | undefined;
}

/** More: the whole Ingress is refused. */
export const MAX_PATHS = 5000;
/** Of rules and of `spec.tls`, each. */
export const MAX_HOSTS = 2000;
const MAX_TLS_ENTRIES = 1000;
/** A list of a few hundred source ranges is as long as this. */
const MAX_ANNOTATION_LENGTH = 16_384;
/** Of what follows the slash, as the API has it. */
const MAX_ANNOTATION_NAME = 63;
const MAX_ANNOTATIONS = 50;

/** Of annotations that are ours. */
export const ANNOTATION_PREFIX = 'linkgate.io/';
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';
/** Names of objects are shorter: no class is called like what is cut off. */
const MAX_CLASS_LENGTH = 300;

/** Throws only when it has no name that an object can have. */
export function projectIngress(object: JsonObject): IngressObject {
  const metadata = objectIn(object.metadata, 'metadata');
  const name = checkName(metadata.name, 'name', isSubdomainName);
  const namespace = checkName(metadata.namespace ?? 'default', 'namespace', isLabelName);
  const reading = new Reading();
  const annotations = objectIn(metadata.annotations, 'annotations');
  const classAnnotation = annotations[CLASS_ANNOTATION];
  const spec = reading.spec(object.spec);
  return {
    namespace,
    name,
    id: `${namespace}/${name}`,
    uid: typeof metadata.uid === 'string' ? metadata.uid : undefined,
    createdAtMs: epochMs(metadata.creationTimestamp),
    classAnnotation: typeof classAnnotation === 'string' ? classAnnotation.slice(0, MAX_CLASS_LENGTH) : undefined,
    annotations: reading.annotations(annotations),
    ...spec,
    problems: reading.problems.list(),
  };
}

/** Reads the parts of one Ingress, and keeps what is wrong with them. */
class Reading {
  readonly problems = new Problems();

  spec(value: unknown): Pick<IngressObject, 'className' | 'rules' | 'defaultBackend' | 'tls'> {
    let className: string | undefined;
    try {
      const spec = objectIn(value, 'spec');
      className = textIn(spec.ingressClassName, 'spec.ingressClassName')?.slice(0, MAX_CLASS_LENGTH);
      const backend = spec.defaultBackend ?? spec.backend;
      const at = spec.defaultBackend ? 'spec.defaultBackend' : 'spec.backend';
      return {
        className,
        rules: this.#rules(listIn(spec.rules, 'spec.rules')),
        defaultBackend: backend === undefined || backend === null ? undefined : readBackend(backend, at),
        tls: this.#tls(listIn(spec.tls, 'spec.tls')),
      };
    } catch (error) {
      // The schema of a real API server rules this out.
      this.problems.add('InvalidIngress', `${(error as Error).message}; nothing of the Ingress is served`);
      return { className, rules: [], defaultBackend: undefined, tls: [] };
    }
  }

  annotations(all: JsonObject): ReadonlyMap<string, string> {
    const ours = new Map<string, string>();
    for (const [key, value] of Object.entries(all)) {
      if (!key.startsWith(ANNOTATION_PREFIX)) continue;
      if (ours.size === MAX_ANNOTATIONS) {
        const want = `want at most ${MAX_ANNOTATIONS}; nothing of the Ingress is served`;
        this.problems.add(
          'InvalidAnnotation',
          `metadata.annotations: too many begin with ${ANNOTATION_PREFIX}, ${want}`,
        );
        break;
      }
      const name = key.slice(ANNOTATION_PREFIX.length);
      if (typeof value === 'string' && value.length <= MAX_ANNOTATION_LENGTH && name.length <= MAX_ANNOTATION_NAME) {
        ours.set(name, value);
        continue;
      }
      const is = typeof value === 'string' ? `${value.length} characters long` : 'no text';
      const want = `want at most ${MAX_ANNOTATION_LENGTH} characters of text; nothing of the Ingress is served`;
      this.problems.add('InvalidAnnotation', `annotation ${show(key.slice(0, 200))} is ${is}, ${want}`);
    }
    return ours;
  }

  #rules(list: readonly unknown[]): readonly IngressRule[] {
    let paths = 0;
    const hosts = new Set<string>();
    const rules: IngressRule[] = [];
    for (const [i, value] of list.entries()) {
      const at = `spec.rules[${i}]`;
      const { host, http } = objectIn(value, at);
      const written = textIn(host, `${at}.host`);
      if (written !== undefined && hosts.size < MAX_HOSTS) hosts.add(written);
      if (written !== undefined && !hosts.has(written)) {
        this.problems.add('TooManyHosts', `spec.rules: more than ${MAX_HOSTS} hosts; ${SPLIT_IT}`);
        return rules;
      }
      const entries = listIn(objectIn(http, `${at}.http`).paths, `${at}.http.paths`);
      paths += entries.length;
      // Hosts are kept all the same: a resource that is refused does not lose them to another namespace.
      rules.push({ at, host: written, paths: paths > MAX_PATHS ? [] : readPaths(entries, `${at}.http.paths`) });
    }
    if (paths <= MAX_PATHS) return rules;
    this.problems.add('TooManyPaths', `spec.rules: ${paths} paths, want at most ${MAX_PATHS}; ${SPLIT_IT}`);
    return rules.map((rule) => ({ ...rule, paths: [] }));
  }

  #tls(list: readonly unknown[]): readonly IngressTls[] {
    let hosts = 0;
    const entries: IngressTls[] = [];
    for (const [i, value] of list.entries()) {
      const at = `spec.tls[${i}]`;
      const entry = objectIn(value, at);
      const names = listIn(entry.hosts, `${at}.hosts`);
      hosts += names.length;
      if (hosts > MAX_HOSTS || i === MAX_TLS_ENTRIES) {
        const is = `more than ${MAX_HOSTS} hosts or ${MAX_TLS_ENTRIES} entries`;
        this.problems.add('TooManyHosts', `spec.tls: ${is}; ${SPLIT_IT}`);
        return entries;
      }
      entries.push({
        at,
        hosts: names.flatMap((host, j) => textIn(host, `${at}.hosts[${j}]`)?.toLowerCase() ?? []),
        secretName: textIn(entry.secretName, `${at}.secretName`),
      });
    }
    return entries;
  }
}

const SPLIT_IT = 'nothing of the Ingress is served, split it into several';

function checkName(value: unknown, what: string, isName: (name: string) => boolean): string {
  if (typeof value === 'string' && isName(value)) return value;
  throw new Error(`metadata.${what} ${show(value)} is no ${what} that an object can have`);
}

function epochMs(timestamp: unknown): number {
  const ms = typeof timestamp === 'string' ? Date.parse(timestamp) : Number.NaN;
  return Number.isNaN(ms) ? Number.POSITIVE_INFINITY : ms;
}

function readPaths(entries: readonly unknown[], at: string): readonly IngressPath[] {
  return entries.map((value, i) => {
    const here = `${at}[${i}]`;
    const { path, pathType, backend } = objectIn(value, here);
    return {
      at: here,
      path: textIn(path, `${here}.path`),
      pathType: textIn(pathType, `${here}.pathType`),
      backend: readBackend(backend, `${here}.backend`),
    };
  });
}

function readBackend(value: unknown, at: string): IngressBackend {
  const { service, serviceName, servicePort, resource } = objectIn(value, at);
  const isResource = resource !== undefined && resource !== null;
  if (service === undefined || service === null) {
    return { at, service: textIn(serviceName, `${at}.serviceName`), port: readPort(servicePort, at), isResource };
  }
  const { name, port } = objectIn(service, `${at}.service`);
  const { number, name: portName } = objectIn(port, `${at}.service.port`);
  return { at, service: textIn(name, `${at}.service.name`), port: readPort(portName || number, at), isResource };
}

/** 0 and the empty text are what Go's encoder makes of an absent one. */
function readPort(value: unknown, at: string): string | number | undefined {
  if (value === undefined || value === null || value === 0 || value === '') return undefined;
  if (typeof value === 'number' || typeof value === 'string') return value;
  throw new Error(`${at}: port ${show(value)} is neither a number nor a name`);
}
