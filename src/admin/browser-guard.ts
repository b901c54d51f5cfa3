// Request headers go in; why a browser must not be obeyed comes out. The admin port has no passwords, so a web page that
// an operator happens to have open must not be able to use the operator's browser against it.
//
// Two attacks. Request forgery: a page of evil.example makes the browser POST /logging.json, or load /admin/shutdown as
// an image. DNS rebinding: evil.example first resolves to its own server and then to 127.0.0.1, so that the browser takes
// the admin port for a part of evil.example and lets the page read everything.
//
// Only browsers can be used so; curl, scripts and scrapers are never refused.

import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

export interface GuardedRequest {
  readonly headers: IncomingHttpHeaders;
  /** Address that the connection came in on. */
  readonly localAddress: string;
  readonly secure: boolean;
  readonly changesState: boolean;
}

/** The reason for refusing `request`, or undefined. */
export function browserRefusal(request: GuardedRequest): string | undefined {
  const { headers } = request;
  if (!isBrowser(headers)) return undefined;
  const host = headers.host ?? '';
  const name = hostName(host);
  // A name in Host means that DNS was asked, and whoever answers for that name decides. An address cannot be rebound.
  if (isLoopback(request.localAddress) && !isLoopbackName(name)) {
    return `Host is "${host}", but this port listens on loopback: open it as http://127.0.0.1 or http://localhost`;
  }
  if (!request.changesState) return undefined;
  if (isIP(name) === 0 && !isLoopbackName(name)) {
    return `Host is "${host}": a browser may change state only through an IP address or localhost (DNS rebinding)`;
  }
  const origin = headers.origin;
  if (origin !== undefined) {
    const own = `${request.secure ? 'https' : 'http'}://${host}`;
    return origin === own
      ? undefined
      : `Origin is "${origin}", want "${own}": a page of another site may not change state`;
  }
  const site = headers['sec-fetch-site'];
  if (site === 'same-origin' || site === 'none') return undefined;
  // Browsers tell the site only over TLS and to loopback, so an image tag aimed at a LAN address comes without it.
  return 'a browser sent this without saying for which site; use curl -X POST';
}

/** Every browser sends the last; pages cannot take any of these away. */
function isBrowser(headers: IncomingHttpHeaders): boolean {
  return (
    headers.origin !== undefined ||
    headers['sec-fetch-site'] !== undefined ||
    (headers['user-agent']?.startsWith('Mozilla/') ?? false)
  );
}

/** `Host` without port and IPv6 brackets, in lower case. */
function hostName(host: string): string {
  const name = host.startsWith('[') ? host.slice(1).replace(/\](:\d*)?$/, '') : host.replace(/:\d*$/, '');
  return name.toLowerCase();
}

function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || isLoopback(name);
}

/** IPv4-mapped addresses are what a dual-stack socket reports. */
function isLoopback(address: string): boolean {
  return isIP(address) !== 0 && /^(::ffff:)?127\.|^::1$/.test(address);
}
