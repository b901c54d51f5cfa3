// IP literals: the text of a host in, the address that it spells out, without asking anybody.

import { isIP, isIPv6 } from 'node:net';

/**
 * The address that `host` spells: dotted IPv4, IPv4 with fewer parts (`127.1` is 127.0.0.1, the form of Linkerd's own
 * examples), or IPv6, also in brackets. Undefined for everything else, which is then a name.
 *
 * Parts with a leading zero are no literal: inet_aton reads them as octal, Java as decimal, so an access rule could see
 * another address than the connection gets.
 */
export function parseIpLiteral(host: string): string | undefined {
  const bracketed = /^\[(.*)\]$/.exec(host)?.[1];
  if (bracketed !== undefined) return isIPv6(bracketed) ? bracketed : undefined;
  return isIP(host) === 0 ? shortIpv4(host) : host;
}

/** One to three decimal numbers; the last one fills the bytes that are left. */
function shortIpv4(host: string): string | undefined {
  if (!/^(?:0|[1-9]\d{0,9})(?:\.(?:0|[1-9]\d{0,9})){0,2}$/.test(host)) return undefined;
  const numbers = host.split('.').map(Number);
  const last = numbers.pop() as number;
  const bytesLeft = 4 - numbers.length;
  if (last >= 256 ** bytesLeft || numbers.some((byte) => byte > 255)) return undefined;
  for (let shift = bytesLeft - 1; shift >= 0; shift--) numbers.push(Math.floor(last / 256 ** shift) % 256);
  return numbers.join('.');
}
