// Marked hosts: what registrations are marked with to be published in, the hosts of each of them out, and the lists of all
// of them as one.

import { computed } from '@preact/signals-core';
import type { Activity } from '../../src/base/activity.js';
import { parseHostPattern } from '../../src/base/host-pattern.js';
import { EXTERNAL_MARK, type Publications, type PublishedHost } from '../../src/naming/publication.js';

/** Of one registry: far above what one gateway serves, far below what harms it. */
const MAX_HOSTS = 10_000;

/** Of one service or registration. */
const MAX_HOSTS_OF_ONE = 100;

/** What a namer that was told to publish has for its `published` and `publishedPending`. */
export interface Publishing {
  readonly published: Publications;
  pending(): string | undefined;
}

/** `registry` as messages call it; `hosts` is the value of a watch, which keeps what was last known through an outage. */
export function makePublishing(registry: string, hosts: Activity<readonly PublishedHost[]>): Publishing {
  return {
    published: computed(() => (hosts.value.state === 'ok' ? hosts.value.value : NONE)),
    pending: () => {
      const now = hosts.peek();
      if (now.state === 'ok') return undefined;
      return now.state === 'failed' ? now.error.message : `${registry}: has not answered yet`;
    },
  };
}

const NONE: readonly PublishedHost[] = [];

/**
 * The hosts that `marks` name, each once. What names none is left out, as all behind the hundredth is; `complain` hears of it.
 * `by` says who marks them.
 */
export function markedHosts(
  marks: readonly string[],
  by: string,
  complain: (message: string) => void,
): readonly PublishedHost[] {
  const hosts = new Set<string>();
  for (const mark of marks.slice(0, MAX_HOSTS_OF_ONE)) {
    const host = parseHostPattern(mark.trim());
    if (host === undefined) {
      complain(
        `${by}: ${EXTERNAL_MARK} is ${JSON.stringify(mark.slice(0, 100))}, want shop.example.com or *.example.com`,
      );
    } else hosts.add(host);
  }
  if (marks.length > MAX_HOSTS_OF_ONE) {
    complain(
      `${by}: ${EXTERNAL_MARK} names ${marks.length} hosts; those behind the first ${MAX_HOSTS_OF_ONE} are left out`,
    );
  }
  return Array.from(hosts, (host) => ({ host, by }));
}

/** All of a registry, in an order that does not depend on its own; behind the ten thousandth they are left out. */
export function allMarkedHosts(
  lists: Iterable<readonly PublishedHost[]>,
  complain: (message: string) => void,
): readonly PublishedHost[] {
  const all = [...lists].flat().sort((a, b) => compare(a.host, b.host) || compare(a.by, b.by));
  if (all.length <= MAX_HOSTS) return all;
  complain(`${all.length} hosts are marked ${EXTERNAL_MARK}; those behind the first ${MAX_HOSTS} are left out`);
  return all.slice(0, MAX_HOSTS);
}

export function samePublishedHosts(a: readonly PublishedHost[], b: readonly PublishedHost[]): boolean {
  return a.length === b.length && a.every(({ host, by }, i) => host === b[i]?.host && by === b[i]?.by);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
