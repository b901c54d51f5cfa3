// Route host: the host of a rule as it was written in; as routes have it, and which hosts it covers, out.

import { show } from '../../shared/members.js';
import { isSubdomainName } from '../object-names.js';

/** In lower case, exact or `*.example.com`. Throws what it is instead. */
export function parseRouteHost(written: string): string {
  const host = written.toLowerCase();
  const name = host.startsWith('*.') ? host.slice(2) : host;
  // The last label of a name is never a number: 10.0.0.300 is a mistake, and 10.0.0.3 an address, which a Host may be but no rule.
  if (isSubdomainName(name) && !/(^|\.)\d+$/.test(name)) return host;
  throw new Error(
    `host ${show(written)} is ${whatIs(host)}, want a DNS name such as shop.example.com or *.example.com`,
  );
}

function whatIs(host: string): string {
  if (/^[\d.]+$|^\[|:.*:/.test(host)) return 'an IP address';
  if (/:\d*$/.test(host)) return 'a name with a port';
  if (host.includes('*')) return 'no wildcard that there is (the * stands for the whole first label)';
  if (/\.\.|^\.|\.$/.test(host)) return 'a name with an empty label';
  return 'no DNS name';
}

/** `pattern` is `host`, or a wildcard that `host` is directly below. */
export function covers(pattern: string, host: string): boolean {
  return pattern === host || (pattern.startsWith('*.') && wildcardOf(host) === pattern);
}

/** `*.example.com` for `shop.example.com` (RFC 9525 §6.3: a `*` is one label). */
export function wildcardOf(host: string): string {
  const dot = host.indexOf('.');
  return dot < 0 ? '' : `*${host.slice(dot)}`;
}
