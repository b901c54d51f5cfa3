// A router of the gateway in, its listeners for callers outside out, with all that says what these callers reach.

import { externalKeys } from '../config/schema/exposure.js';
import type { ExposedListener, Publisher } from './exposure/exposure.js';
import type { LinkedRouter, LinkedServer } from './link-router.js';
import type { Namer } from './naming/namer.js';

/** @param addressOf `ip:port` of a listener */
export function exposedListeners(
  { config, interpreter, servers, sources }: LinkedRouter,
  namers: readonly Namer[],
  addressOf: (server: LinkedServer) => string,
): readonly ExposedListener[] {
  const publishers = [...namers.flatMap(publishingNamer), ...sources.map(({ source }) => publishingSource(source))];
  return servers.flatMap((server): readonly ExposedListener[] => {
    const keys = externalKeys(server.config);
    const { identify, realm } = server.exposure;
    if (!keys || !identify || !realm) return [];
    return [
      {
        ...keys,
        address: addressOf(server),
        router: config.label,
        protocol: config.protocol,
        internalPrefix: config.dstPrefix,
        publishers,
        sources: sources.map(({ source }) => source),
        identify,
        interpreter,
        dtab: config.dtab,
        denied: realm.transformer,
      },
    ];
  });
}

function publishingNamer(namer: Namer): readonly Publisher[] {
  const { published } = namer;
  return published ? [{ published, pending: () => namer.publishedPending?.() }] : [];
}

function publishingSource(source: LinkedRouter['sources'][number]['source']): Publisher {
  return { published: source.published, pending: () => source.pending };
}
