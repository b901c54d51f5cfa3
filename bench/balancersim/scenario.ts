// Scenarios: backends with something wrong, and the requests that they get.

/** One backend. Times are ms since the start of the run. */
export interface BackendModel {
  /** Requests that it works on at once; others wait in its queue. */
  readonly workers: number;
  /** Mean time that one request takes, without waiting. */
  meanServiceMs(now: number): number;
  /** Whether what it begins now ends in an error. Default: never. */
  fails?(now: number): boolean;
  /** In the set from then on. Default: from the start. */
  readonly joinsAt?: number;
  /** What the scenario is about: its share of the requests is in the table. */
  readonly isOdd?: boolean;
}

export interface Scenario {
  /** Ends the name of its plot: `balancer-<name>.svg`. */
  readonly name: string;
  /** One line above the plot. */
  readonly title: string;
  readonly backends: readonly BackendModel[];
  /** Whether the default failure accrual takes backends out. */
  readonly accrual: boolean;
  readonly requestsPerSecond: number;
  readonly durationMs: number;
}

const LOAD = { accrual: true, requestsPerSecond: 1000, durationMs: 30_000 };
const COLD_AT = 10_000;
const WARM_UP_MS = 10_000;
const FAILS_FROM = 10_000;
const FAILS_UNTIL = 20_000;

/** With sound backends every request takes 10 ms, and ten of four workers could take four times the load. */
const SOUND: BackendModel = { workers: 4, meanServiceMs: () => 10 };

const SLOW: BackendModel = { ...SOUND, meanServiceMs: () => 100, isOdd: true };

const COLD: BackendModel = {
  ...SOUND,
  meanServiceMs: (now) => 10 + 190 * Math.max(0, 1 - (now - COLD_AT) / WARM_UP_MS),
  joinsAt: COLD_AT,
  isOdd: true,
};

const FAILING: BackendModel = {
  ...SOUND,
  meanServiceMs: (now) => (isFailing(now) ? 1 : 10),
  fails: isFailing,
  isOdd: true,
};

const SMALL: BackendModel = { workers: 2, meanServiceMs: () => 20, isOdd: true };

function isFailing(now: number): boolean {
  return now >= FAILS_FROM && now < FAILS_UNTIL;
}

export const SCENARIOS: readonly Scenario[] = [
  {
    ...LOAD,
    name: 'slow',
    title: 'One of ten backends is ten times slower',
    backends: [SLOW, ...times(9, SOUND)],
  },
  {
    ...LOAD,
    name: 'cold',
    title: 'Two cold backends join eight, 20 times slower at first, warm after 10 s',
    backends: [COLD, COLD, ...times(8, SOUND)],
  },
  {
    ...LOAD,
    name: 'failing',
    title: 'One of ten backends answers errors at once for 10 s; default failure accrual',
    backends: [FAILING, ...times(9, SOUND)],
  },
  {
    ...LOAD,
    name: 'failing-without-accrual',
    title: 'One of ten backends answers errors at once for 10 s; no failure accrual',
    backends: [FAILING, ...times(9, SOUND)],
    accrual: false,
  },
  {
    ...LOAD,
    name: 'heterogeneous',
    title: 'Five of ten backends are half as fast with half the workers',
    backends: [...times(5, SMALL), ...times(5, SOUND)],
  },
];

function times(count: number, model: BackendModel): readonly BackendModel[] {
  return Array.from({ length: count }, () => model);
}
