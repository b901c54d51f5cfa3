// Exposure report: the listeners for callers outside in, what these callers can reach and why out, host by host, as far as it is
// known in time.

import { computed, effect, type ReadonlySignal, signal } from '@preact/signals-core';
import type { Clock } from '../base/clock.js';
import { WILDCARD } from '../base/dtab.js';
import { Path } from '../base/path.js';
import type { PublishedHost } from '../naming/publication.js';
import { deadRules, hostsOfRules, rulesBelow, warningsOf } from './dtab-findings.js';
import { type ExposedName, exposedNames, type NamedBy, namedBy, nameOfUnpublished } from './exposed-names.js';
import type { ExposedListener, ExposureReport, HostReport, ListenerReport, NameReport } from './exposure.js';
import { type Reached, reachedTargets } from './reached-targets.js';

export interface ExposureOptions {
  readonly listeners: readonly ExposedListener[];
  readonly clock: Clock;
  /** Registries that have not answered by then are told of, and what is known is reported without them. */
  readonly timeoutMs: number;
}

/** What is bound at once to answer one question: each may be a watch of its own. */
const MAX_NAMES = 1000;
const POLL_MS = 20;
/** Of what did not answer: the first say enough. */
const MAX_UNANSWERED = 20;

export async function exposureReport({ listeners, clock, timeoutMs }: ExposureOptions): Promise<ExposureReport> {
  const deadline = clock.now() + timeoutMs;
  // Names want their share of the time, also where somebody who publishes never answers.
  const publishedBy = clock.now() + timeoutMs / 2;
  const publishers = new Set(listeners.flatMap((listener) => listener.publishers));
  // Until the end: what nobody observes is forgotten.
  const stop = effect(() => {
    for (const { published } of publishers) published?.value;
  });
  let forget = (): void => {};
  try {
    const pending = (): readonly string[] => [...publishers].flatMap((publisher) => publisher.pending() ?? []);
    while (pending().length > 0 && clock.now() < publishedBy) await sleep(POLL_MS, clock);
    const late = pending();
    const known = listeners.map(knownOf);
    const asked = askedOf(known);
    const wanted = [...[...asked.values()].map(({ reached }) => reached), ...known.map(({ warnings }) => warnings)];
    forget = await observedUntilKnown(wanted, deadline - clock.now(), clock);
    const unanswered = bounded([...late, ...silent(asked)]);
    return { listeners: known.map((one) => listenerReport(one, asked)), unanswered };
  } finally {
    forget();
    stop();
  }
}

/** What is known of a listener before any name is bound. */
interface Known {
  readonly listener: ExposedListener;
  readonly namedBy: NamedBy;
  readonly hosts: readonly {
    readonly host: string;
    readonly by: readonly string[];
    readonly names: readonly ExposedName[];
  }[];
  readonly warnings: ReadonlySignal<Warnings>;
}

interface Warnings {
  readonly isKnown: boolean;
  readonly lines: readonly string[];
}

function knownOf(listener: ExposedListener): Known {
  const routes = listener.sources
    .flatMap((source) => source.routes?.() ?? [])
    .filter(({ exposure }) => exposure === 'external');
  const by = namedBy(listener);
  const likely = hostsOfRules(listener);
  const hosts = [...publishedAt(listener)].map(([host, publishedBy]) => {
    const names = by === 'path' ? namesOfPaths(listener) : exposedNames(listener, host, routes, likely);
    return { host, by: publishedBy, names };
  });
  return { listener, namedBy: by, hosts, warnings: liveWarnings(listener, by) };
}

/** Sorted, each with all who publish it. */
function publishedAt({ externalHosts, publishers }: ExposedListener): ReadonlyMap<string, readonly string[]> {
  const own = externalHosts.map((host): PublishedHost => ({ host, by: 'externalHosts' }));
  const all = [...own, ...publishers.flatMap(({ published }) => published?.peek() ?? [])];
  const hosts = new Map<string, Set<string>>();
  for (const { host, by } of all.toSorted((a, b) => (a.host < b.host ? -1 : a.host > b.host ? 1 : 0))) {
    const known = hosts.get(host);
    if (known) known.add(by);
    else hosts.set(host, new Set([by]));
  }
  return new Map(Array.from(hosts, ([host, by]) => [host, [...by]]));
}

/** Callers choose names by the path: those that rules are for are what they find. */
function namesOfPaths(listener: ExposedListener): readonly ExposedName[] {
  const names = rulesBelow(listener).flatMap(([{ prefix }]) => {
    const elements = prefix.filter((element) => element !== WILDCARD);
    return elements.length === prefix.length ? [new Path(elements)] : [];
  });
  return names.map((name) => ({ path: `/${name.elements.slice(listener.dstPrefix.size).join('/')}*`, by: null, name }));
}

/** A rule for all names is seen by what it makes of one that no host has. */
function liveWarnings(listener: ExposedListener, by: NamedBy): ReadonlySignal<Warnings> {
  const prefix = listener.dstPrefix.show();
  if (by === 'path') {
    const line = `names come from the path and not from the host: each published host reaches all below ${prefix}`;
    return signal({ isKnown: true, lines: [line] });
  }
  const name = nameOfUnpublished(listener);
  const delegation = name && listener.interpreter.delegate?.(name, undefined);
  return computed(() => {
    const now = delegation?.value;
    return { isKnown: now?.state !== 'pending', lines: name && now ? warningsOf(listener, name, now) : [] };
  });
}

// ---- binding ----

/** A name at a listener, once however many hosts have it. */
type Asked = ReadonlyMap<string, AskedName>;

interface AskedName {
  readonly name: Path;
  readonly reached: ReadonlySignal<Reached>;
}

function askedOf(known: readonly Known[]): Asked {
  const asked = new Map<string, AskedName>();
  for (const { listener, hosts } of known) {
    for (const name of hosts.flatMap(({ names }) => names.flatMap((one) => one.name ?? []))) {
      if (asked.size >= MAX_NAMES) return asked;
      const key = keyOf(listener, name);
      if (!asked.has(key)) asked.set(key, { name, reached: reachedTargets(listener, name) });
    }
  }
  return asked;
}

function keyOf({ router, address }: ExposedListener, name: Path): string {
  return `${router} ${address} ${name.show()}`;
}

/**
 * Resolves when all are known, or the time is over. They are observed until the function is called that it resolves with:
 * addresses that nobody observes are forgotten.
 */
async function observedUntilKnown(
  values: readonly ReadonlySignal<{ readonly isKnown: boolean }>[],
  timeoutMs: number,
  clock: Clock,
): Promise<() => void> {
  const unknown = new Set(values);
  const stops: (() => void)[] = [];
  if (unknown.size === 0) return () => {};
  await new Promise<void>((resolve) => {
    const timer = clock.after(Math.max(0, timeoutMs), resolve);
    const look = (value: (typeof values)[number]): void => {
      if (value.value.isKnown) unknown.delete(value);
      if (unknown.size > 0) return;
      timer.cancel();
      resolve();
    };
    for (const value of values) stops.push(effect(() => look(value)));
  });
  return () => {
    for (const stop of stops) stop();
  };
}

function silent(asked: Asked): readonly string[] {
  return [...asked.values()].flatMap(({ name, reached }) => {
    const { isKnown, failures } = reached.peek();
    return isKnown ? failures : [`${name.show()}: what it is bound to is not known yet`];
  });
}

// ---- words ----

function listenerReport(known: Known, asked: Asked): ListenerReport {
  const { listener, hosts, warnings } = known;
  const names = hosts.flatMap((host) => host.names.flatMap(({ name }) => name ?? []));
  return {
    router: listener.router,
    listener: listener.address,
    dstPrefix: listener.dstPrefix.show(),
    denyAddresses: listener.denyAddresses,
    hosts: hosts.map(({ host, by, names: own }): HostReport => {
      return { host, publishedBy: by, names: own.map((one) => nameReport(listener, one, asked)) };
    }),
    deadRules: deadRules(
      listener,
      hosts.map(({ host }) => host),
      names,
    ),
    warnings: warnings.peek().lines,
  };
}

function nameReport(listener: ExposedListener, exposed: ExposedName, asked: Asked): NameReport {
  const { path, by, name } = exposed;
  if (name === undefined) return { path, by, name: null, outcome: 'nothing', note: exposed.why, targets: [] };
  const { outcome, note, targets } = asked.get(keyOf(listener, name))?.reached.peek() ?? TOO_MANY;
  return { path, by, name: name.show(), outcome, note, targets };
}

const TOO_MANY = {
  outcome: 'unknown',
  note: `not asked for: there are more than ${MAX_NAMES} names`,
  targets: [],
} as const;

function bounded(lines: readonly string[]): readonly string[] {
  const once = [...new Set(lines)];
  return once.length <= MAX_UNANSWERED
    ? once
    : [...once.slice(0, MAX_UNANSWERED), `and ${once.length - MAX_UNANSWERED} more`];
}

function sleep(ms: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}
