// Open connections: a port of loopback in, how many connections to it this machine's clients hold out, as the kernel counts them.
//
// What a client has closed is gone from the count at once, even where the server goes on with it: Consul notices only when its
// blocking query ends.

import { readFileSync } from 'node:fs';

/** The client's end is in use: established, or closed by the server and not yet by the client. */
const IN_USE = new Set(['01', '08']);

export function openConnectionsTo(port: number): number {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/self/net/tcp', 'latin1').split('\n').slice(1);
  return lines.filter((line) => {
    const [, , remote = '', state = ''] = line.trim().split(/\s+/);
    return remote.endsWith(wanted) && IN_USE.has(state);
  }).length;
}
