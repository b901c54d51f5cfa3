// Location rewriting: when an endpoint was asked under another Host, its redirects must name the Host the caller used.

import type { Headers } from '../service/headers.js';

/**
 * Replaces every occurrence of `authority` in `Location` and `Refresh` by `host`, which the caller chose and
 * may have written `$&` in.
 */
export function rewriteLocation(headers: Headers, authority: string, host: string): void {
  for (const name of ['location', 'refresh']) {
    const value = headers.get(name);
    if (value?.includes(authority))
      headers.set(
        name === 'location' ? 'Location' : 'Refresh',
        value.replaceAll(authority, () => host),
      );
  }
}
