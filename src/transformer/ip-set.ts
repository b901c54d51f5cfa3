// IP addresses in, a test for being one of them out, whatever way each is written.

import { BlockList, isIP } from 'node:net';

/** `::1` is `0:0:0:0:0:0:0:1`, and `::ffff:10.0.0.1` is `10.0.0.1`. The zone of an IPv6 address (`%eth0`) does not count. */
export function makeIpSet(ips: Iterable<string>): (ip: string) => boolean {
  // Node's own set of addresses; what its owner does with those in it is not its business.
  const list = new BlockList();
  for (const ip of ips) {
    const { text, family } = parse(ip);
    if (family !== undefined) list.addAddress(text, family);
  }
  return (ip) => {
    const { text, family } = parse(ip);
    return family !== undefined && list.check(text, family);
  };
}

function parse(ip: string): { readonly text: string; readonly family: 'ipv4' | 'ipv6' | undefined } {
  const text = ip.replace(/%.*/, '');
  const version = isIP(text);
  return { text, family: version === 4 ? 'ipv4' : version === 6 ? 'ipv6' : undefined };
}
