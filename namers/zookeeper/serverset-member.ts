// Serverset member: the JSON of a `member_` node in, its endpoints by name out; and the same the other way for the announcer.

import { checkHost, checkPort, show } from '../shared/members.js';
import type { ServiceEndpoint } from '../shared/service-trees.js';

/** One instance that takes requests. */
export interface ServersetMember {
  /** `serviceEndpoint`; undefined for a member that has only named ones. */
  readonly service: ServiceEndpoint | undefined;
  /** `additionalEndpoints`. */
  readonly named: ReadonlyMap<string, ServiceEndpoint>;
  readonly shard: number | undefined;
  /** Equal for equal members. */
  readonly key: string;
}

/** Children of other names, such as the `vector_` ones of weights, are no members. */
export const MEMBER_PREFIX = 'member_';

/** Undefined: its status is another one than ALIVE. Throws what is wrong with it. */
export function parseServersetMember(content: Buffer): ServersetMember | undefined {
  const json = parseObject(content);
  if (json.status !== 'ALIVE') {
    if (typeof json.status === 'string' && OTHER_STATUSES.has(json.status)) return undefined;
    throw new Error(`status ${show(json.status)} is not one of ALIVE, ${[...OTHER_STATUSES].join(', ')}`);
  }
  const service = json.serviceEndpoint == null ? undefined : parseEndpoint('serviceEndpoint', json.serviceEndpoint);
  const named = new Map(
    Object.entries(asObject('additionalEndpoints', json.additionalEndpoints ?? {})).map(([name, endpoint]) => {
      return [name, parseEndpoint(`additionalEndpoints.${name}`, endpoint)];
    }),
  );
  if (!service && named.size === 0) throw new Error('it has no endpoints');
  const shard = json.shard ?? undefined;
  if (shard !== undefined && !(typeof shard === 'number' && Number.isInteger(shard))) {
    throw new Error(`shard ${show(shard)} is not a whole number`);
  }
  return { service, named, shard, key: JSON.stringify([service, [...named], shard]) };
}

/** As Twitter's `ServerSet` writes it, which Linkerd and Finagle read. */
export function showServersetMember({ host, port }: { readonly host: string; readonly port: number }): string {
  return JSON.stringify({ serviceEndpoint: { host, port }, additionalEndpoints: {}, status: 'ALIVE' });
}

/** `com.twitter.thrift.Status` */
const OTHER_STATUSES: ReadonlySet<string> = new Set(['DEAD', 'STARTING', 'STOPPING', 'STOPPED', 'WARNING']);

/** The JSON object that a node holds. Throws with the beginning of what is none. */
export function parseObject(content: Buffer): Readonly<Record<string, unknown>> {
  const text = content.toString('utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error(`not JSON: ${show(text)}`);
  }
  return asObject('it', json);
}

function asObject(what: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error(`${what} is ${show(value)}, want a JSON object`);
}

function parseEndpoint(what: string, value: unknown): ServiceEndpoint {
  const { host, port } = asObject(what, value);
  try {
    return { host: checkHost(host), port: checkPort(port) };
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`);
  }
}
