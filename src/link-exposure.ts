// Exposure of a listener of the configuration in; what names its requests, and the realm that its names are bound in, out.

import { createHash } from 'node:crypto';
import { externalKeys } from '../config/schema/exposure.js';
import type { ServerConfig } from '../config/schema/linkerd.js';
import { parseAddressRanges } from './base/address-ranges.js';
import { canonicalJson } from './base/canonical-json.js';
import type { MetricsScope } from './base/metrics.js';
import { pathFromText } from './base/path.js';
import type { LinkedIdentifiers } from './link-identifiers.js';
import { EXTERNAL_PREFIX, makeDenyAddresses } from './naming/deny-addresses.js';
import { withoutPort } from './router/edge.js';
import type { Realm } from './router/realm.js';
import type { ServerStackOptions } from './router/server-stack.js';

export interface LinkExposureContext {
  readonly identifiers: LinkedIdentifiers;
  /** Where this gateway's admin listens: callers outside never reach it. */
  readonly admin: { readonly ip: string; readonly port: number };
  /** `rt/<label>`. */
  readonly metrics: MetricsScope;
}

export type LinkedExposure = Pick<ServerStackOptions, 'identify' | 'realm'>;

export function linkExposure(server: ServerConfig, context: LinkExposureContext): LinkedExposure {
  const external = externalKeys(server);
  if (!external) return { identify: undefined, realm: undefined };
  const identify = context.identifiers.identifier(external.dstPrefix, 'external');
  return { identify: withoutPort(identify), realm: externalRealm(external.denyAddresses, context) };
}

function externalRealm(denyAddresses: readonly string[], { admin, metrics }: LinkExposureContext): Realm {
  const words = canonicalJson({ denyAddresses, admin });
  return {
    words,
    transformer: makeDenyAddresses({
      ranges: parseAddressRanges(denyAddresses),
      admin: admin.port === 0 ? undefined : admin,
      // Listeners that deny other addresses have other clients.
      prefix: EXTERNAL_PREFIX.concat(pathFromText(createHash('sha256').update(words).digest('hex').slice(0, 8))),
      metrics,
    }),
  };
}
