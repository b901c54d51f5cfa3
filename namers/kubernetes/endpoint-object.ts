// Endpoint objects: an EndpointSlice or an Endpoints of the API in, the addresses and ports that it holds out.

import { checkHost, checkPort } from '../shared/members.js';
import type { ServiceEndpoint } from '../shared/service-trees.js';
import { type JsonObject, listIn, objectIn, textIn } from './json.js';

/** What is kept of one object. A service has one Endpoints, or any number of slices. */
export interface EndpointObject {
  /** Lower-cased. */
  readonly service: string;
  /** Value of the label that the namer selects by. */
  readonly label: string | undefined;
  readonly groups: readonly EndpointGroup[];
}

/** Addresses that serve the same ports: a slice, or a subset of an Endpoints. */
export interface EndpointGroup {
  /** TCP alone. */
  readonly ports: readonly EndpointPort[];
  readonly addresses: readonly EndpointAddress[];
}

export interface EndpointPort {
  /** Of the port of the service, lower-cased; empty when that has none, being its only one. */
  readonly name: string;
  readonly port: number;
}

export interface EndpointAddress extends Pick<ServiceEndpoint, 'host'> {
  readonly nodeName?: string;
  /** Not ready because it is about to end, and still able to serve. */
  readonly isDraining?: boolean;
}

export type Projection = (
  object: JsonObject,
  before: EndpointObject | undefined,
  complain: (message: string) => void,
) => EndpointObject | undefined;

/** The label by which a slice says whose it is. */
const SERVICE_LABEL = 'kubernetes.io/service-name';

/** Of a discovery.k8s.io/v1 or v1beta1 EndpointSlice. A slice of no service is nothing. */
export function endpointSlices(labelSelector: string | undefined): Projection {
  return (slice, before, complain) => {
    const labels = labelsOf(slice);
    const service = textIn(labels[SERVICE_LABEL], SERVICE_LABEL);
    if (service === undefined) return undefined;
    const reading = new Reading(complain);
    const addresses = reading.addresses(listIn(slice.endpoints, 'endpoints'), readSliceEndpoint);
    const group = { ports: reading.ports(slice.ports), addresses };
    return reading.result(
      { service: service.toLowerCase(), label: labelIn(labels, labelSelector), groups: [group] },
      before,
    );
  };
}

/** Of a v1 Endpoints, whose name is that of its service. Each subset keeps its own ports: 1.x merged them. */
export function endpointsSubsets(labelSelector: string | undefined): Projection {
  return (endpoints, before, complain) => {
    const reading = new Reading(complain);
    const groups = listIn(endpoints.subsets, 'subsets').map((value): EndpointGroup => {
      const subset = objectIn(value, 'a subset');
      const addresses = reading.addresses(listIn(subset.addresses, 'addresses'), readSubsetAddress);
      return { ports: reading.ports(subset.ports), addresses };
    });
    const name = textIn(objectIn(endpoints.metadata, 'metadata').name, 'name') ?? '';
    const label = labelIn(labelsOf(endpoints), labelSelector);
    return reading.result({ service: name.toLowerCase(), label, groups }, before);
  };
}

export function labelsOf(object: JsonObject): JsonObject {
  return objectIn(objectIn(object.metadata, 'metadata').labels, 'labels');
}

export function labelIn(labels: JsonObject, labelSelector: string | undefined): string | undefined {
  return labelSelector === undefined ? undefined : textIn(labels[labelSelector], `label ${labelSelector}`);
}

/**
 * One object being read. An address that cannot be used costs itself alone; a port that cannot, or no address that can,
 * makes the object useless: what was known of it before stays.
 */
class Reading {
  readonly #complain: (message: string) => void;
  readonly #problems: string[] = [];
  #isUseless = false;

  constructor(complain: (message: string) => void) {
    this.#complain = complain;
  }

  ports(value: unknown): readonly EndpointPort[] {
    const ports: EndpointPort[] = [];
    for (const entry of listIn(value, 'ports')) {
      try {
        const { name, port, protocol = 'TCP' } = objectIn(entry, 'a port');
        // A port without a number stands for every port: no address can be made of it.
        if (protocol !== 'TCP' || port === undefined || port === null) continue;
        ports.push({ name: (textIn(name, 'name of a port') ?? '').toLowerCase(), port: checkPort(port) });
      } catch (error) {
        this.#isUseless = true;
        this.#problems.push((error as Error).message);
      }
    }
    return ports;
  }

  addresses(
    entries: readonly unknown[],
    read: (entry: JsonObject) => EndpointAddress | undefined,
  ): readonly EndpointAddress[] {
    const addresses: EndpointAddress[] = [];
    let unusable = 0;
    for (const entry of entries) {
      try {
        const address = read(objectIn(entry, 'an endpoint'));
        if (address) addresses.push(address);
      } catch (error) {
        unusable += 1;
        this.#problems.push((error as Error).message);
      }
    }
    if (unusable > 0 && addresses.length === 0) this.#isUseless = true;
    return addresses;
  }

  result(now: EndpointObject, before: EndpointObject | undefined): EndpointObject {
    const keepsBefore = this.#isUseless && before !== undefined;
    const consequence = keepsBefore ? 'its last good addresses stay in use' : 'it is left out';
    for (const problem of this.#problems) this.#complain(`${problem}; ${consequence}`);
    return keepsBefore ? before : now;
  }
}

/** Undefined: not ready. */
function readSliceEndpoint(endpoint: JsonObject): EndpointAddress | undefined {
  const { ready, serving, terminating } = objectIn(endpoint.conditions, 'conditions');
  // Unknown counts as ready, as the API says. Endpoints on their way out are never ready, and may still serve.
  const isReady = ready !== false;
  const isDraining = !isReady && terminating === true && serving === true;
  if (!isReady && !isDraining) return undefined;
  // Several addresses of one endpoint are one and the same: consumers are to use the first.
  const [address] = listIn(endpoint.addresses, 'addresses');
  const topology = objectIn(endpoint.topology, 'topology');
  return {
    ...addressOf(address, endpoint.nodeName ?? topology['kubernetes.io/hostname']),
    ...(isDraining && { isDraining }),
  };
}

function readSubsetAddress(address: JsonObject): EndpointAddress {
  return addressOf(address.ip, address.nodeName);
}

function addressOf(host: unknown, nodeName: unknown): EndpointAddress {
  const node = textIn(nodeName, 'nodeName');
  return { host: checkHost(host), ...(node !== undefined && { nodeName: node }) };
}
