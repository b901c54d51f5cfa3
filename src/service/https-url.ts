// HTTPS URL: a request that came without TLS in, the URL of the same with TLS out.

import { hostName } from '../base/host-name.js';
import type { RequestHead } from './message.js';

/** Undefined for a request that has no such URL: it names no host, or it is CONNECT and has no path. */
export function httpsUrl({ headers, target, method }: RequestHead, port: number): string | undefined {
  const host = headers.get('host');
  if (!host || method === 'CONNECT') return undefined;
  const ending = port === 443 ? '' : `:${port}`;
  return `https://${hostName(host)}${ending}${target === '*' ? '/' : target}`;
}
