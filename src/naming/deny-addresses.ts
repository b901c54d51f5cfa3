// Address filter of listeners for callers outside: ranges in, the transformer that keeps bound names from reaching them out.

import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type Address, addrBound, showAddress } from '../base/addr.js';
import type { AddressRanges } from '../base/address-ranges.js';
import { embeddedIpv4 } from '../base/embedded-ipv4.js';
import { makeLogger } from '../base/log.js';
import type { MetricsScope } from '../base/metrics.js';
import { type Path, pathFromText } from '../base/path.js';
import { type BoundAddr, makeAddressTransformer } from './transformed-addr.js';
import type { Transformer } from './transformer.js';

/** What ids of names that callers outside ask for begin with. */
export const EXTERNAL_PREFIX = pathFromText('%', 'linkgate.external');

export interface DenyAddressesOptions {
  readonly ranges: AddressRanges;
  /** Of ids: by default EXTERNAL_PREFIX, with which it has to begin. */
  readonly prefix?: Path;
  /** Where this gateway's admin listens; `0.0.0.0` and `::` are all addresses of this machine. */
  readonly admin: { readonly ip: string; readonly port: number } | undefined;
  /** Gets the counter `denied_addresses`. */
  readonly metrics: MetricsScope;
}

const log = makeLogger('external');
const MAX_SHOWN = 5;

/**
 * An address within the ranges is left out whatever a registry or dtab says of it, also in the forms of IPv6 that embed IPv4;
 * so is a host that is no IP address, which could be resolved to anything when it is connected to. Of a name that has no other
 * addresses nothing is left but an empty set: there is no fallback from a filter.
 */
export function makeDenyAddresses({
  ranges,
  admin,
  metrics,
  prefix = EXTERNAL_PREFIX,
}: DenyAddressesOptions): Transformer {
  const denied = metrics.counter('denied_addresses');
  const isAdmin = admin ? makeAdminTest(admin) : () => false;
  const isAllowed = (address: Address): boolean => {
    if (isIP(address.host) === 0 || ranges.has(address.host) || isAdmin(address)) return false;
    const embedded = embeddedIpv4(address.host);
    return embedded === undefined || !(ranges.has(embedded) || isAdmin({ host: embedded, port: address.port }));
  };
  return makeAddressTransformer({
    name: 'linkgate.external',
    prefix,
    change: (addr) => {
      const refused = addr.addresses.filter((address) => !isAllowed(address));
      if (refused.length === 0) return addr;
      denied.add(refused.length);
      warn(addr, refused);
      return addrBound(addr.addresses.filter(isAllowed), addr.meta);
    },
  });
}

/** Once a change of the addresses: who asks next is told from what is remembered. */
function warn({ addresses }: BoundAddr, refused: readonly Address[]): void {
  const shown = refused.slice(0, MAX_SHOWN).map(showAddress).join(', ');
  const more = refused.length > MAX_SHOWN ? ` and ${refused.length - MAX_SHOWN} more` : '';
  const left = refused.length === addresses.length ? '; none is left' : '';
  log.warn(`${shown}${more}: never reached from outside (denyAddresses)${left}`, { event: 'addresses-denied' });
}

/** Interfaces come and go: they are looked at when an address has the port. */
function makeAdminTest({ ip, port }: NonNullable<DenyAddressesOptions['admin']>) {
  const isWildcard = ip === '0.0.0.0' || isIP(ip) === 0 || /^[0:]+$/.test(ip);
  return (address: Pick<Address, 'host' | 'port'>): boolean => {
    if (address.port !== port) return false;
    if (!isWildcard) return address.host === ip || isUnspecified(address.host);
    return isOwn(address.host);
  };
}

function isOwn(host: string): boolean {
  if (host === '::1' || /^127\./.test(host) || isUnspecified(host)) return true;
  return Object.values(networkInterfaces()).some((addresses = []) => addresses.some(({ address }) => address === host));
}

/** Connecting to it ends at the machine itself. */
function isUnspecified(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
