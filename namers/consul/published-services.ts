// Published services: Consul's catalog of services with their tags in, the hosts that those tags publish out.

import { EXTERNAL_MARK, type PublishedHost } from '../../src/naming/publication.js';
import { parseJson, quote } from '../shared/http-api.js';
import { allMarkedHosts, markedHosts } from '../shared/marked-hosts.js';
import { show } from '../shared/members.js';
import { GarbageError } from '../shared/registry-watch.js';
import type { ConsulAnswer, ConsulQuery } from './client.js';

/** Names and tags of every service of a datacenter; wants the right service:read. */
export const CATALOG_PATH = '/v1/catalog/services';

const TAG = `${EXTERNAL_MARK}=`;

export function catalogQuery(datacenter: string, parameters: ConsulQuery['parameters']): ConsulQuery {
  return { path: CATALOG_PATH, parameters, datacenter };
}

/**
 * A tag `linkgate.io/external=<host>` publishes the host, whatever the health of who has it. `complain` hears of tags without
 * a host. Throws GarbageError for what is no catalog, Error for an empty one that may not be the whole.
 *
 * @param by who the services belong to, for messages: `Consul 127.0.0.1:8500`
 */
export function publishedServices(
  { body, header }: ConsulAnswer,
  by: string,
  complain: (message: string) => void,
): readonly PublishedHost[] {
  const catalog = parseJson(body, CATALOG_PATH);
  if (typeof catalog !== 'object' || catalog === null || Array.isArray(catalog)) {
    throw new GarbageError(`${CATALOG_PATH}: want services with their tags, got ${show(catalog)}`);
  }
  const services = Object.entries(catalog);
  // To withdraw all that is published takes more than an answer which says itself that it may not be the whole one.
  if (services.length === 0) refuseToBelieve(header);
  return allMarkedHosts(
    services.map(([service, tags]) => markedHosts(marksOf(tags), `${by} service ${shownName(service)}`, complain)),
    complain,
  );
}

function refuseToBelieve(header: ConsulAnswer['header']): void {
  if (header('results-filtered-by-acls') === 'true') {
    throw new Error(`${CATALOG_PATH}: the token may not see any service (right service:read)`);
  }
  if (header('knownleader') === 'false')
    throw new Error(`${CATALOG_PATH}: no services, said by a server without a leader`);
}

function marksOf(tags: unknown): readonly string[] {
  if (!Array.isArray(tags)) return [];
  return tags
    .filter((tag): tag is string => typeof tag === 'string' && tag.startsWith(TAG))
    .map((tag) => tag.slice(TAG.length));
}

/** Consul takes any text for the name of a service. */
function shownName(service: string): string {
  return /^[\w.-]{1,100}$/.test(service) ? service : quote(service);
}
