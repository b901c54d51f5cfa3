// Explain: a bound name in, what `l5d-explain` tells of it out: where it leads, and how old what is known of that is.

import type { BoundLeaf } from './name-tree-service.js';

/**
 * `/#/io.l5d.consul/dc1/web; registry="Consul 127.0.0.1:8500"; age=0.31; updates=4; error="connect ECONNREFUSED …"`, as
 * a header value (RFC 9110 §5.6.6 parameters). `age` is in seconds; it is missing where the registry has never answered,
 * `error` where it can be heard, and all of it where no registry is asked.
 */
export function explainBinding({ client, freshness }: Pick<BoundLeaf, 'client' | 'freshness'>): string {
  const id = client.id.show();
  if (!freshness) return id;
  const { registry, ageMs, updates, error } = freshness();
  const parameters = [`registry=${quoted(registry)}`];
  if (ageMs !== undefined) parameters.push(`age=${(ageMs / 1000).toFixed(2)}`);
  parameters.push(`updates=${updates}`);
  if (error !== undefined) parameters.push(`error=${quoted(error)}`);
  return [id, ...parameters].join('; ');
}

/** Printable ASCII alone: an error may quote what a registry said. */
function quoted(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
}
