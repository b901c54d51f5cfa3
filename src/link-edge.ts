// A listener of `exposure: external` of the configuration in; what it does with requests before they are named out.
// Nothing of what it follows is observed before `commit`.

import { externalKeys } from '../config/schema/exposure.js';
import type { RouterConfig, ServerConfig } from '../config/schema/linkerd.js';
import { parseAddressRanges } from './base/address-ranges.js';
import type { Clock } from './base/clock.js';
import type { MetricsScope } from './base/metrics.js';
import type { Random } from './base/random.js';
import { linkForwarded } from './link-settings.js';
import type { PartsDraft } from './parts.js';
import { Edge } from './router/edge.js';
import { PublishedHosts, type Publisher } from './router/published-hosts.js';

export interface LinkEdgeContext {
  readonly router: RouterConfig;
  /** Of the namers of the file, and of the router's route sources. */
  readonly publishers: readonly Publisher[];
  readonly parts: PartsDraft;
  readonly clock: Clock;
  readonly random: Random;
  /** `rt/<label>/server/<ip>/<port>`. */
  readonly metrics: MetricsScope;
}

export interface LinkedEdge {
  readonly edge: Edge;
  /** From here on it follows what is published. */
  commit(): void;
}

/** @param place which listener it is. Undefined for one whose callers are inside. */
export function linkEdge(config: ServerConfig, place: string, context: LinkEdgeContext): LinkedEdge | undefined {
  const keys = externalKeys(config);
  if (!keys) return undefined;
  const { parts, clock, random, metrics } = context;
  const published = parts.use(`hosts published at ${place}`, () => {
    return new PublishedHosts({ listener: place, clock, metrics });
  });
  const edge = new Edge({
    published,
    encodedSlashes: keys.encodedSlashes,
    trustedProxies: keys.trustedProxies.length > 0 ? parseAddressRanges(keys.trustedProxies) : undefined,
    addForwarded: linkForwarded(config, context),
    random,
    metrics,
  });
  return { edge, commit: () => published.follow(keys.externalHosts, context.publishers) };
}
