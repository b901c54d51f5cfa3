// What the tests of accrual kinds share: a listener that records, and failures.

import type { AccrualListener, FailureAccrual } from '../../../src/accrual/accrual.js';

/** A number: dead for so many ms. */
export type Transition = 'probed' | 'revived' | 'refused' | number;

export function recordTransitions(): { listener: AccrualListener; events: Transition[] } {
  const events: Transition[] = [];
  const listener: AccrualListener = {
    removed: (forMs) => events.push(forMs),
    probed: () => events.push('probed'),
    revived: () => events.push('revived'),
    ejectionRefused: () => events.push('refused'),
  };
  return { listener, events };
}

export function fail(accrual: FailureAccrual, now: number, times = 1): void {
  for (let i = 0; i < times; i++) {
    accrual.started(now);
    accrual.failed(now);
  }
}

export function succeed(accrual: FailureAccrual, now: number, times = 1): void {
  for (let i = 0; i < times; i++) {
    accrual.started(now);
    accrual.succeeded(now);
  }
}
