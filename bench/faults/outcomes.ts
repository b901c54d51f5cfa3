// Outcomes: what became of each request of a load, by its number.

/** In place of a status: why there is no whole answer. */
export const OUTCOME = {
  /** Not ended yet when the load did. */
  pending: 0,
  /** No connection: nothing listens. */
  refused: -1,
  /** Its connection was closed or reset before any byte of an answer. */
  closed: -2,
  /** The answer ended in the middle. */
  broken: -3,
} as const;

/** One number a request; times by `nowMs`, NaN where it did not happen. */
export interface Outcomes {
  readonly dueMs: Float64Array;
  /** Handed to the socket of an open connection. */
  readonly writtenMs: Float64Array;
  readonly endedMs: Float64Array;
  /** Of the answer, or an `OUTCOME`. */
  readonly status: Int16Array;
  /** The backend that answered 200; -1 when none did. */
  readonly backend: Int8Array;
  /** The longest time by which the load itself was late to look at its schedule or its sockets, in ms. */
  readonly lateMs: number;
  /** The beginnings of some answers that were not 200, as examples. */
  readonly examples: readonly string[];
}

/** Numbers of the requests that were due from `fromMs` to before `toMs`. */
export function dueBetween({ dueMs }: Outcomes, fromMs: number, toMs: number): number[] {
  const numbers: number[] = [];
  for (const [number, due] of dueMs.entries()) if (due >= fromMs && due < toMs) numbers.push(number);
  return numbers;
}

/** Share of `numbers` for which `test` holds; NaN of none. */
export function share(numbers: readonly number[], test: (number: number) => boolean): number {
  return numbers.filter(test).length / numbers.length;
}

/** How often each status, or lack of one, came: `200: 1999, refused: 1`. */
export function showStatuses({ status }: Outcomes, numbers: readonly number[]): string {
  const counts = new Map<string, number>();
  for (const number of numbers) {
    const name = nameOf(status[number] as number);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${name}: ${count}`).join(', ');
}

function nameOf(status: number): string {
  return Object.entries(OUTCOME).find(([, outcome]) => outcome === status)?.[0] ?? String(status);
}
