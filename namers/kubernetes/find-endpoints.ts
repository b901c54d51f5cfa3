// Find endpoints: a port and a name as a path has them and what the API says in, the endpoints that are meant out.

import { isIPv4, isIPv6 } from 'node:net';
import { failed, ok, PENDING, type State } from '../../src/base/activity.js';
import type { AddressMeta } from '../../src/base/addr.js';
import type { ServiceEndpoint, ServiceSet } from '../shared/service-trees.js';
import type { EndpointAddress, EndpointObject, EndpointPort } from './endpoint-object.js';
import type { ServiceObject, ServicePort } from './service-object.js';

/** The service that a path asks for. */
export interface WantedService {
  /** Number of a port of the service, or name of a port. Lower-cased. */
  readonly port: string;
  /** Value that the label must have; undefined where the namer does not select. */
  readonly label: string | undefined;
}

/** What is known of one service. Asking is what makes it watched: nothing is asked for in vain. */
export interface KnownService {
  /** Its Endpoints or its slices. */
  endpoints(): State<readonly EndpointObject[] | undefined>;
  service(): State<ServiceObject | undefined>;
}

/** Undefined when there is no such service or port. */
export function findEndpoints(wanted: WantedService, known: KnownService): State<ServiceSet | undefined> {
  return /^\d+$/.test(wanted.port) ? findNumbered(wanted, known) : findNamed(wanted, known);
}

/** The service is asked only when no endpoint has the port: for most gateways the right to read endpoints is enough. */
function findNamed(wanted: WantedService, known: KnownService): State<ServiceSet | undefined> {
  const endpoints = known.endpoints();
  if (endpoints.state !== 'ok') return endpoints;
  const set = atPort(selected(endpoints.value, wanted), ({ name }) => name === wanted.port);
  if (set) return ok(set);
  const service = known.service();
  if (service.state !== 'ok') return service.state === 'failed' ? needsServices(wanted, service.error) : PENDING;
  const external = service.value;
  if (external?.externalName === undefined || !hasLabel(external, wanted)) return ok(undefined);
  const port = external.ports.find(({ name }) => name === wanted.port);
  return ok(port && externalSet(external.externalName, targetNumber(port)));
}

function findNumbered(wanted: WantedService, known: KnownService): State<ServiceSet | undefined> {
  const service = known.service();
  if (service.state !== 'ok') return service.state === 'failed' ? needsServices(wanted, service.error) : PENDING;
  if (service.value === undefined) return ok(undefined);
  const { externalName, ports, isHeadless } = service.value;
  const number = Number(wanted.port);
  const port = ports.find((one) => one.port === number);
  if (externalName !== undefined) {
    // It needs no ports, and any number will do then.
    if (!hasLabel(service.value, wanted) || !isPort(number) || (ports.length > 0 && !port)) return ok(undefined);
    return ok(externalSet(externalName, port ? targetNumber(port) : number));
  }
  const isBare = isHeadless && ports.length === 0 && isPort(number);
  if (!port && !isBare) return ok(undefined);
  const endpoints = known.endpoints();
  if (endpoints.state !== 'ok') return endpoints;
  const objects = selected(endpoints.value, wanted);
  const set = port ? atServicePort(objects, port) : atNumber(objects, number);
  // The service exists: it has no endpoints, as in 1.x, also when nothing has made an object for them yet.
  return ok(set ?? { endpoints: [] });
}

function needsServices({ port }: WantedService, cause: Error): State<never> {
  return failed(
    new Error(`port ${port} is looked for in the service, which cannot be read: ${cause.message}`, { cause }),
  );
}

function selected(objects: readonly EndpointObject[] = [], { label }: WantedService): readonly EndpointObject[] {
  return label === undefined ? objects : objects.filter((object) => object.label?.toLowerCase() === label);
}

function hasLabel(service: ServiceObject, { label }: WantedService): boolean {
  return label === undefined || service.label?.toLowerCase() === label;
}

/**
 * As kube-proxy finds it: by the name of the service's port, which is also where named target ports come out as the number
 * that each pod has for it. Endpoints made by hand may not care for names: then, as in 1.x, by the target.
 */
function atServicePort(objects: readonly EndpointObject[], port: ServicePort): ServiceSet | undefined {
  const byName = atPort(objects, ({ name }) => name === port.name);
  if (byName) return byName;
  const { target } = port;
  return typeof target === 'number' ? atNumber(objects, target) : atPort(objects, ({ name }) => name === target);
}

/** Every address with the ports of its own group that will do; undefined when no group has one. */
function atPort(objects: readonly EndpointObject[], isMeant: (port: EndpointPort) => boolean): ServiceSet | undefined {
  const found: Found[] = [];
  let exists = false;
  for (const { ports, addresses } of objects.flatMap(({ groups }) => groups)) {
    for (const { port } of ports.filter(isMeant)) {
      exists = true;
      for (const address of addresses) found.push({ address, port });
    }
  }
  return exists ? { endpoints: usable(found) } : undefined;
}

function atNumber(objects: readonly EndpointObject[], port: number): ServiceSet {
  const addresses = objects.flatMap(({ groups }) => groups).flatMap((group) => group.addresses);
  return { endpoints: usable(addresses.map((address) => ({ address, port }))) };
}

interface Found {
  readonly address: EndpointAddress;
  readonly port: number;
}

/**
 * Those that are ready; when none is, those that are ending and still serve, as kube-proxy does. Of a service with both
 * families only IPv4: the slices of each hold the same pods.
 */
function usable(found: readonly Found[]): readonly ServiceEndpoint[] {
  const ready = found.filter(({ address }) => !address.isDraining);
  const serving = ready.length > 0 ? ready : found;
  const isDual = serving.some(({ address }) => isIPv4(address.host));
  const kept = isDual ? serving.filter(({ address }) => !isIPv6(address.host)) : serving;
  // One endpoint may be in two slices while it moves from one to the other.
  const endpoints = new Map<string, ServiceEndpoint>();
  for (const { address, port } of kept) endpoints.set(`${address.host} ${port}`, endpointOf(address, port));
  return [...endpoints.values()];
}

function endpointOf({ host, nodeName }: EndpointAddress, port: number): ServiceEndpoint {
  return { host, port, ...(nodeName !== undefined && { meta: { nodeName } }) };
}

/** Requests get the external host's own name: it would not know that of the service. */
function externalSet(host: string, port: number): ServiceSet {
  const meta: AddressMeta = { authority: port === 80 || port === 443 ? host : `${host}:${port}` };
  return { endpoints: [{ host, port, meta }] };
}

/** Names of ports of pods mean nothing outside. */
function targetNumber({ port, target }: ServicePort): number {
  return typeof target === 'number' ? target : port;
}

function isPort(number: number): boolean {
  return number >= 1 && number <= 65535;
}
