// Instances: Consul's list of the instances of one service in, of its catalog or its health endpoint, endpoints out.

import type { AddressMeta } from '../../src/base/addr.js';
import { parseJson } from '../shared/http-api.js';
import { checkHost, checkPort, Members, show } from '../shared/members.js';
import { GarbageError } from '../shared/registry-watch.js';
import type { ServiceEndpoint, ServiceSet } from '../shared/service-trees.js';
import { type HealthStatus, worstStatus } from './health.js';

export interface InstanceOptions {
  /** True: the service's own address where it has one, else the node's. False: always the node's. */
  readonly preferServiceAddress: boolean;
  /** By tag, as it is written; the highest counts. */
  readonly weights: ReadonlyMap<string, number>;
  /** True: the service's Meta becomes metadata of its addresses. */
  readonly transferMetadata: boolean;
  /** Instances in any other state are left out. Absent: nothing is known of their health. */
  readonly statuses?: ReadonlySet<HealthStatus> | undefined;
  /** The Host to send, if not the caller's. */
  readonly authority?: string | undefined;
}

/** What of Consul's two shapes is used. */
interface Instance {
  readonly node: unknown;
  readonly nodeAddress: unknown;
  readonly id: unknown;
  readonly address: unknown;
  readonly port: unknown;
  readonly tags: unknown;
  readonly meta: unknown;
  readonly checks: unknown;
}

/** Metadata with a meaning to the gateway: who registers an instance must not set the Host of requests by it. */
const OWN_METADATA: ReadonlySet<string> = new Set(['authority', 'nodeName']);

/** Of one service, answer after answer. */
export class Instances {
  readonly #options: InstanceOptions;
  readonly #members: Members<Instance>;

  constructor(options: InstanceOptions) {
    this.#options = options;
    this.#members = new Members((instance) => this.#endpoint(instance));
  }

  /**
   * Undefined when there is no instance in a wanted state: to Consul a service is its instances. One with bad instances
   * alone exists and has no endpoints. Throws GarbageError for what is no list.
   */
  read(body: Buffer, complain: (message: string) => void): ServiceSet | undefined {
    const list = parseJson(body, 'instances');
    if (!Array.isArray(list)) throw new GarbageError(`instances: want a list, got ${show(list)}`);
    let bad = false;
    const endpoints = this.#members.endpoints(list.map(instanceEntry), (message) => {
      bad = true;
      complain(message);
    });
    return endpoints.length === 0 && !bad ? undefined : { endpoints };
  }

  #endpoint(instance: Instance): ServiceEndpoint | undefined {
    const { preferServiceAddress, statuses } = this.#options;
    if (statuses && !statuses.has(worstStatus(instance.checks))) return undefined;
    const meta = this.#meta(instance);
    return {
      host: checkHost(preferServiceAddress && instance.address ? instance.address : instance.nodeAddress),
      port: checkPort(instance.port),
      weight: this.#weight(instance.tags),
      ...(meta && { meta }),
    };
  }

  #weight(tags: unknown): number {
    const { weights } = this.#options;
    if (weights.size === 0 || !Array.isArray(tags)) return 1;
    const matching = [...weights].filter(([tag]) => tags.includes(tag)).map(([, weight]) => weight);
    return matching.length === 0 ? 1 : Math.max(...matching);
  }

  #meta({ meta }: Instance): AddressMeta | undefined {
    const { authority, transferMetadata } = this.#options;
    const own = authority === undefined ? undefined : { authority };
    if (!transferMetadata || !isObject(meta)) return own;
    return { ...Object.fromEntries(Object.entries(meta).filter(([key]) => !OWN_METADATA.has(key))), ...own };
  }
}

/** The id names it in messages and is unique in the list: a node has one service of an id. */
function instanceEntry(raw: unknown, place: number): readonly [id: string, instance: Instance] {
  const instance = isObject(raw) ? (isObject(raw.Service) ? fromHealth(raw, raw.Service) : fromCatalog(raw)) : NOTHING;
  const { id, node } = instance;
  return [typeof id === 'string' && typeof node === 'string' ? `${id} on ${node}` : `instance ${place + 1}`, instance];
}

function fromHealth(entry: Fields, service: Fields): Instance {
  const node = isObject(entry.Node) ? entry.Node : {};
  return {
    node: node.Node,
    nodeAddress: node.Address,
    id: service.ID,
    address: service.Address,
    port: service.Port,
    tags: service.Tags,
    meta: service.Meta,
    checks: entry.Checks,
  };
}

function fromCatalog(entry: Fields): Instance {
  return {
    node: entry.Node,
    nodeAddress: entry.Address,
    id: entry.ServiceID,
    address: entry.ServiceAddress,
    port: entry.ServicePort,
    tags: entry.ServiceTags,
    meta: entry.ServiceMeta,
    checks: undefined,
  };
}

type Fields = Readonly<Record<string, unknown>>;

const NOTHING: Instance = fromCatalog({});

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
