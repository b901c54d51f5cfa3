// Embedded IPv4: an IPv6 address in, the IPv4 address that a packet to it may end at out.

import { isIPv6 } from 'node:net';

/** One form of embedding: an address that begins with these groups has the IPv4 address in the groups at `at`. */
interface Embedding {
  readonly prefix: readonly number[];
  readonly at: number;
}

const EMBEDDINGS: readonly Embedding[] = [
  // IPv4-mapped (RFC 4291 §2.5.5.2): the socket connects to the IPv4 address itself.
  { prefix: [0, 0, 0, 0, 0, 0xffff], at: 6 },
  // IPv4-compatible (RFC 4291 §2.5.5.1, deprecated).
  { prefix: [0, 0, 0, 0, 0, 0], at: 6 },
  // IPv4-translated (RFC 2765 §2.1).
  { prefix: [0, 0, 0, 0, 0xffff, 0], at: 6 },
  // NAT64: the well-known prefix (RFC 6052 §2.1), and the one for local use (RFC 8215), as far as it is used as a /96.
  { prefix: [0x64, 0xff9b, 0, 0, 0, 0], at: 6 },
  { prefix: [0x64, 0xff9b, 1], at: 6 },
  // 6to4 (RFC 3056 §2).
  { prefix: [0x2002], at: 1 },
];

/** Dotted. Undefined for an IPv6 address without one, and for all that is no IPv6 address. `::` and `::1` have none. */
export function embeddedIpv4(address: string): string | undefined {
  if (!isIPv6(address)) return undefined;
  const groups = groupsOf(address);
  const found = EMBEDDINGS.find(({ prefix }) => prefix.every((group, i) => groups[i] === group));
  if (!found) return undefined;
  const high = groups[found.at] as number;
  const low = groups[found.at + 1] as number;
  // Of ::/96 the lowest addresses are those of IPv6 itself.
  if (found.prefix.every((group) => group === 0) && high === 0 && low <= 1) return undefined;
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

/** The eight groups of an address that is one; its zone is not looked at. */
function groupsOf(address: string): readonly number[] {
  const [head = '', tail] = address.replace(/%.*/, '').split('::');
  const before = groupsIn(head);
  if (tail === undefined) return before;
  const after = groupsIn(tail);
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function groupsIn(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}
