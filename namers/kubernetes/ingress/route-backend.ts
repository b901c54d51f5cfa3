// Route backend: the service of a rule in; the name that requests get, and whether that service is there, out.

import { type Path, pathFromText } from '../../../src/base/path.js';
import { show } from '../../shared/members.js';
import { isLabelName } from '../object-names.js';
import type { ServiceObject } from '../service-object.js';
import type { IngressBackend } from './ingress-object.js';
import type { Problems } from './problem.js';

/** Something that an Ingress refers to; undefined: it does not exist; `unknown`: that cannot be told (it may not be read). */
export type Lookup<T> = (namespace: string, name: string) => T | undefined | 'unknown';

export type ServiceLookup = Lookup<Pick<ServiceObject, 'ports' | 'externalName'>>;

export interface RouteBackend {
  /** `spec.rules[2].http.paths[0].backend`. */
  readonly at: string;
  readonly namespace: string;
  readonly service: string;
  /** A number, or the name of a port of the service. */
  readonly port: string | number;
  /** `/<namespace>/<port>/<service>`, as in 1.x: what `/#/io.l5d.k8s` binds. */
  readonly name: Path;
}

/** Undefined, and a problem added, when it is none. */
export function parseBackend(backend: IngressBackend, namespace: string, problems: Problems): RouteBackend | undefined {
  const { at, service, isResource } = backend;
  if (isResource) {
    problems.add('UnsupportedBackend', `${at}.resource: resources are not served, want a service; it is left out`);
    return undefined;
  }
  if (service === undefined || !isLabelName(service)) {
    problems.add('InvalidBackend', `${at}: ${show(service)} is no name of a service; it is left out`);
    return undefined;
  }
  const port = parsePort(backend.port);
  if (port === undefined) {
    const want = 'want a number in 1-65535 or the name of a port of the service';
    problems.add('InvalidBackend', `${at}: port ${show(backend.port)} of service ${service}: ${want}; it is left out`);
    return undefined;
  }
  return { at, namespace, service, port, name: pathFromText(namespace, String(port), service) };
}

/** Digits are a number also as text, as v1beta1 may have them. Names: RFC 6335 §5.1, in any case as the API server is asked without. */
function parsePort(port: IngressBackend['port']): string | number | undefined {
  if (typeof port === 'string' && /^(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(port)) return port;
  const number = typeof port === 'string' && /^[1-9]\d{0,4}$/.test(port) ? Number(port) : port;
  return typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= 65535 ? number : undefined;
}

/** False, and a problem added, when there is no such service or port now. */
export function isThere(backend: RouteBackend, services: ServiceLookup, problems: Problems): boolean {
  const { at, namespace, service, port } = backend;
  const found = services(namespace, service);
  if (found === 'unknown') return true;
  if (found === undefined) {
    problems.add(
      'ServiceNotFound',
      `${at}: there is no service ${namespace}/${service}; it is left out until there is`,
    );
    return false;
  }
  if (hasPort(found, port)) return true;
  const is = `service ${namespace}/${service} has no TCP port ${show(port)}`;
  problems.add('ServicePortNotFound', `${at}: ${is}, it has ${showPorts(found)}; it is left out until there is`);
  return false;
}

/** ExternalName and headless services need no ports, and any number will do then. */
function hasPort({ ports }: Pick<ServiceObject, 'ports'>, port: string | number): boolean {
  if (typeof port === 'number') return ports.length === 0 || ports.some((one) => one.port === port);
  const name = port.toLowerCase();
  return ports.some((one) => one.name === name);
}

function showPorts({ ports }: Pick<ServiceObject, 'ports'>): string {
  const shown = ports.slice(0, 10).map(({ name, port }) => (name === '' ? `${port}` : `${port} (${name})`));
  return shown.length === 0 ? 'none' : shown.join(', ');
}
