// Sources of routes in; what is missing before there are any, and the wait of a reload for those that it brings, out.

import type { Clock } from './base/clock.js';
import type { LinkedSource } from './link-identifiers.js';

const POLL_MS = 20;

/** One sentence for each source that has no routes yet. */
export function missingRoutes(label: string, sources: readonly LinkedSource[]): readonly string[] {
  return sources.flatMap(({ kind, source }) => {
    const { pending } = source;
    return pending === undefined ? [] : [`router ${label} has no routes of ${kind} yet: ${pending}`];
  });
}

/**
 * Starts `sources` and resolves when they have routes, or `isGivenUp`: until then the routes of the configuration before are
 * served. Rejects after `timeoutMs`.
 */
export async function awaitRoutes(
  label: string,
  sources: readonly LinkedSource[],
  timeoutMs: number,
  clock: Clock,
  isGivenUp: () => boolean,
): Promise<void> {
  for (const { source } of sources) source.start();
  const endsAt = clock.now() + timeoutMs;
  for (;;) {
    const missing = missingRoutes(label, sources);
    if (missing.length === 0 || isGivenUp()) return;
    if (clock.now() >= endsAt) throw new Error(`after ${timeoutMs} ms ${missing.join('; ')}`);
    await new Promise<void>((resolve) => clock.after(POLL_MS, resolve));
  }
}
