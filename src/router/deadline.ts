// Deadlines as requests carry them: the text of `l5d-ctx-deadline` in and out, and how one is tightened on the way.

/** Both since 1970, in nanoseconds: more than a double holds. */
export interface Deadline {
  /** When the deadline was set. */
  readonly timestampNs: bigint;
  readonly deadlineNs: bigint;
}

/** Java's `Long.MaxValue`: Linkerd cannot read more. */
const MAX_NS = 2n ** 63n - 1n;
const NS_PER_MS = 1_000_000n;

/** Reads `<timestamp ns> <deadline ns>`; undefined for anything else. */
export function parseDeadline(text: string): Deadline | undefined {
  const match = /^(\d{1,19}) (\d{1,19})$/.exec(text);
  if (!match) return undefined;
  const timestampNs = BigInt(match[1] as string);
  const deadlineNs = BigInt(match[2] as string);
  return timestampNs > MAX_NS || deadlineNs > MAX_NS ? undefined : { timestampNs, deadlineNs };
}

/** The strictest of both, as Finagle combines them: the earlier deadline, and the later of the times it was set. */
export function strictest(a: Deadline, b: Deadline): Deadline {
  const later = a.timestampNs > b.timestampNs ? a : b;
  const earlier = a.deadlineNs < b.deadlineNs ? a : b;
  return { timestampNs: later.timestampNs, deadlineNs: earlier.deadlineNs };
}

/** `before`, if any, for who has `ms` from now on (Finagle's TimeoutFilter). */
export function tightened(before: Deadline | undefined, epochMs: number, ms: number): Deadline {
  const own = { timestampNs: nsFromMs(epochMs), deadlineNs: nsFromMs(epochMs + ms) };
  return before ? strictest(before, own) : own;
}

/** Milliseconds that are left, with a fraction; below 0 when it has passed. */
export function msLeft({ deadlineNs }: Deadline, epochMs: number): number {
  return Number(deadlineNs - nsFromMs(epochMs)) / 1e6;
}

/** As a header has it. */
export function showDeadline({ timestampNs, deadlineNs }: Deadline): string {
  return `${timestampNs} ${deadlineNs}`;
}

/** For people: `2023-11-14T22:13:20.500Z`. */
export function showInstant({ deadlineNs }: Deadline): string {
  return new Date(Number(deadlineNs / NS_PER_MS)).toISOString();
}

function nsFromMs(ms: number): bigint {
  return BigInt(Math.trunc(ms)) * NS_PER_MS;
}
