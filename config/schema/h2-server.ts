// servers of an h2 router: the keys of an http router's servers, but for those of HTTP/1.1, and the settings of HTTP/2.

import type { z } from 'zod';
import { checkExposure } from './exposure.js';
import { h2SettingsKeys } from './h2-settings.js';
import { count, port } from './scalars.js';
import { checkHttps, serverKeysSchema } from './server.js';

export const DEFAULT_H2_PORT = 4142;

/** A server of either protocol: what the rest of the program sees. */
export type ServerKeys = z.output<ReturnType<typeof serverKeysSchema>> & {
  /** Of an h2 router alone, whose servers take no HTTP/1.1. */
  readonly h2Settings?: H2ServerSettings;
};

export interface H2ServerSettings {
  readonly maxConcurrentStreamsPerConnection: number;
  readonly headerTableBytes: number | undefined;
  readonly initialStreamWindowBytes: number | undefined;
  readonly maxFrameBytes: number | undefined;
  readonly maxHeaderListBytes: number | undefined;
}

export function h2ServerSchema() {
  return serverKeysSchema()
    .omit({ h2: true, timestampHeader: true })
    .safeExtend({
      port: port().default(DEFAULT_H2_PORT).describe('Port to listen on; 0 lets the system choose. Default 4142.'),
      ...h2SettingsKeys,
      maxConcurrentStreamsPerConnection: count(1)
        .max(100_000)
        .default(1000)
        .describe('Requests of one connection at a time; more are refused. Default 1000.'),
    })
    .superRefine(checkHttps)
    .superRefine(checkExposure)
    .transform((server): ServerKeys => {
      const {
        windowUpdateRatio: _,
        maxConcurrentStreamsPerConnection,
        headerTableBytes,
        initialStreamWindowBytes,
        maxFrameBytes,
        maxHeaderListBytes,
        ...keys
      } = server;
      return {
        ...keys,
        h2: true,
        h2Settings: {
          maxConcurrentStreamsPerConnection,
          headerTableBytes,
          initialStreamWindowBytes,
          maxFrameBytes,
          maxHeaderListBytes,
        },
      };
    });
}
