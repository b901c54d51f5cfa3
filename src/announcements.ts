// Announcements: the announcers of a router and the listeners that want to be found in; registrations that live as long as
// the listener takes requests out.

import { networkInterfaces } from 'node:os';
import type { AnnouncedAddress, Announcer } from './announcer/announcer.js';
import type { Closable } from './base/closable.js';
import type { Path } from './base/path.js';

/** Throws when no announcer of the router has the prefix of `name`. */
export function findAnnouncer(announcers: readonly Announcer[], name: Path): Announcer {
  // As with namers, the last one of the file that fits.
  const announcer = announcers.findLast(({ prefix }) => name.startsWith(prefix));
  if (announcer) return announcer;
  const known = announcers.map(({ prefix }) => prefix.show()).join(', ');
  throw new Error(
    `Cannot announce a server at ${name.show()}: ${known ? `announcers are ${known}` : 'the router has no announcers'}`,
  );
}

/** Registers `address` under every name, whose announcers must exist. Closing takes all of it back. */
export function announce(
  announcers: readonly Announcer[],
  names: readonly Path[],
  address: AnnouncedAddress,
): Closable {
  const registered = names.flatMap((name) => {
    const announcer = findAnnouncer(announcers, name);
    return announcedAddresses(address).map((one) => announcer.announce(name.drop(announcer.prefix.size), one));
  });
  return {
    close: async () => {
      await Promise.all(registered.map((one) => one.close()));
    },
  };
}

/** A wildcard address stands for every address of an interface that others can reach. */
function announcedAddresses({ host, port }: AnnouncedAddress): readonly AnnouncedAddress[] {
  if (host !== '0.0.0.0' && host !== '::') return [{ host, port }];
  const reachable = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, family, scopeid }) => !internal && !scopeid && (host === '::' || family === 'IPv4'));
  return reachable.map(({ address }) => ({ host: address, port }));
}
