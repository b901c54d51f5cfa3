// Published addresses: where callers reach this gateway, of the configuration or of a Service, as `status.loadBalancer.ingress` has it.

import { isIP } from 'node:net';
import { checkHost } from '../../shared/members.js';
import { type JsonObject, listIn, objectIn, textIn } from '../json.js';

/** One place where callers reach the gateway. */
export type PublishedAddress = { readonly ip: string } | { readonly hostname: string };

/** Of an IP address or a host name. */
export function publishedAddress(host: string): PublishedAddress {
  return isIP(host) === 0 ? { hostname: host } : { ip: host };
}

/**
 * Of a Service: its load balancers, or else its external addresses; none while it has neither. Throws what is no address.
 */
export function addressesOfService(object: JsonObject): readonly PublishedAddress[] {
  const balancer = objectIn(objectIn(object.status, 'status').loadBalancer, 'loadBalancer');
  const balancers = listIn(balancer.ingress, 'ingress').flatMap((entry) => {
    const { hostname, ip } = objectIn(entry, 'ingress');
    return textIn(ip, 'ip') ?? textIn(hostname, 'hostname') ?? [];
  });
  const hosts = balancers.length > 0 ? balancers : listIn(objectIn(object.spec, 'spec').externalIPs, 'externalIPs');
  return hosts.map((host) => publishedAddress(checkHost(host)));
}
