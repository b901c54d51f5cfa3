// Address ranges: CIDR blocks in, whether an IP address is within one of them out.

import { BlockList, isIP, isIPv4 } from 'node:net';

export interface AddressRanges {
  /** As they were written. */
  readonly shown: readonly string[];
  /** `address`: textual IP address. False for anything else. */
  has(address: string): boolean;
}

/**
 * `10.0.0.0/8`, `fe80::/10`, or one address. Bits behind the prefix are ignored. An IPv4 address that is written as one of IPv6
 * (`::ffff:10.0.0.1`, RFC 4291 §2.5.5.2) counts as the IPv4 address that it is. Throws `RangeError` for what is no range.
 */
export function parseAddressRanges(ranges: readonly string[]): AddressRanges {
  const list = new BlockList();
  for (const range of ranges) addRange(list, range);
  return {
    shown: ranges,
    has: (address) => {
      const bare = withoutZone(address);
      const family = isIP(bare);
      return family !== 0 && list.check(bare, family === 4 ? 'ipv4' : 'ipv6');
    },
  };
}

export function isAddressRange(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || address.includes('%')) return false;
  return bits === undefined || (/^(0|[1-9][0-9]{0,2})$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function addRange(list: BlockList, range: string): void {
  if (!isAddressRange(range)) throw new RangeError(`"${range}" is no range of addresses, want 10.0.0.0/8 or fe80::/10`);
  const [address = '', bits] = range.split('/');
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  if (bits === undefined) list.addAddress(address, family);
  else list.addSubnet(address, Number(bits), family);
}

/** `fe80::1%eth0`: the interface is no part of the address. */
function withoutZone(address: string): string {
  const percent = address.indexOf('%');
  return percent < 0 ? address : address.slice(0, percent);
}
