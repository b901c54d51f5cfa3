// Registration: the value of an etcd key in, the endpoint that it registers out.

import type { AddressMeta } from '../../src/base/addr.js';
import { quote } from '../shared/http-api.js';
import { checkHost, checkPort, checkWeight, parseHostPort } from '../shared/members.js';
import type { ServiceEndpoint } from '../shared/service-trees.js';

/**
 * What is written there decides how it is read:
 * - `10.0.0.1:8080`, `[::1]:8080`, `name:8080`
 * - `{"host": "10.0.0.1", "port": 8080, "weight": 2, "metadata": {…}}`, the last two optional: SkyDNS and CoreDNS
 * - `{"Addr": "10.0.0.1:8080", "Metadata": …}`: gRPC's naming convention; its Op says nothing in a stored key
 *
 * Other fields are ignored. Throws what is wrong, with the beginning of the value.
 */
export function parseRegistration(value: Buffer): ServiceEndpoint {
  if (value.length > MAX_VALUE_BYTES) {
    throw new Error(`its value of ${value.length} bytes is larger than the limit of ${MAX_VALUE_BYTES}`);
  }
  const text = value.toString('utf8').trim();
  try {
    return text.startsWith('{') ? fromObject(parseObject(text)) : parseHostPort(text);
  } catch (error) {
    throw new Error(`value ${quote(text) || '""'}: ${(error as Error).message}`);
  }
}

/** An address and a page of metadata are far below. */
const MAX_VALUE_BYTES = 64 * 1024;

type JsonObject = Readonly<Record<string, unknown>>;

function parseObject(text: string): JsonObject {
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    throw new Error('is not JSON');
  }
}

function fromObject(registered: JsonObject): ServiceEndpoint {
  if (typeof registered.Addr === 'string') {
    return { ...parseHostPort(registered.Addr), ...metaOf('Metadata', registered.Metadata) };
  }
  if (registered.host === undefined) throw new Error('has neither "host" and "port" nor "Addr"');
  const { weight, metadata } = registered;
  return {
    host: checkHost(registered.host),
    port: checkPort(registered.port),
    ...(weight !== undefined && weight !== null && { weight: checkWeight(weight) }),
    ...metaOf('metadata', metadata),
  };
}

/** The fields of an object under their own names; anything else under the name of the field that it stands in. */
function metaOf(field: string, metadata: unknown): { readonly meta?: AddressMeta } {
  if (metadata === undefined || metadata === null) return {};
  if (typeof metadata !== 'object' || Array.isArray(metadata)) return { meta: { [field]: metadata } };
  const entries = Object.entries(metadata).filter(([name]) => !OURS.has(name));
  return entries.length > 0 ? { meta: Object.fromEntries(entries) } : {};
}

/** These change what the gateway does with an address (`AddressMeta`); who fills in metadata for others does not mean that. */
const OURS: ReadonlySet<string> = new Set(['authority', 'nodeName']);
