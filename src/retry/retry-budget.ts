// Retry budget: requests deposit, retries withdraw, so that retries stay a bounded share of the traffic (Finagle's RetryBudget).
//
// A leaky bucket: each request puts in a token and each retry takes out 1 / percentCanRetry of them; both are forgotten
// after `ttlSecs`. The reserve lets `minRetriesPerSec` through where there is hardly any traffic.

import type { RetryBudgetConfig } from '../../config/schema/retry-budget.js';
import type { Clock } from '../base/clock.js';
import type { RetryBudget } from './retry.js';

/** Tokens of one request. Whole tokens: a third of one, added up, would not be a whole retry again. */
const DEPOSIT = 1000;
/** The window moves in steps of a tenth of `ttlSecs`. */
const SLICES = 10;

/** Hot path: neither method allocates. */
export function makeRetryBudget(config: RetryBudgetConfig, clock: Clock): RetryBudget {
  return new LeakyBucketBudget(config, clock);
}

class LeakyBucketBudget implements RetryBudget {
  // First what every request needs.
  #slice: number;
  readonly #sliceMs: number;
  /** Requests of the current slice that are not in the sums yet: counting one changes one place in memory. */
  #requests = 0;
  readonly #clock: Clock;
  readonly #deposit: number;
  readonly #cost: number;
  readonly #reserve: number;
  /** Net deposits of each slice of the window; `#slice` is the one being written, its numbers a running count. */
  readonly #slices = new Float64Array(SLICES);
  /** Sum of `#slices`: exact, since all are whole numbers. */
  #sum = 0;

  constructor({ minRetriesPerSec, percentCanRetry, ttlSecs }: RetryBudgetConfig, clock: Clock) {
    this.#clock = clock;
    // With no share of the traffic only time gives credit.
    this.#deposit = percentCanRetry === 0 ? 0 : DEPOSIT;
    this.#cost = percentCanRetry === 0 ? 1 : Math.max(1, Math.trunc(DEPOSIT / percentCanRetry));
    this.#reserve = minRetriesPerSec * ttlSecs * this.#cost;
    this.#sliceMs = (ttlSecs * 1000) / SLICES;
    this.#slice = Math.floor(clock.now() / this.#sliceMs);
  }

  deposit(now: number): void {
    const slice = Math.floor(now / this.#sliceMs);
    // A request is counted at the time when it came, which others may have gone past.
    if (slice > this.#slice) this.#expire(slice);
    this.#requests += 1;
  }

  tryWithdraw(): boolean {
    this.#settle();
    if (this.#reserve + this.#sum < this.#cost) return false;
    this.#add(-this.#cost);
    return true;
  }

  get balance(): number {
    this.#settle();
    return Math.max(0, Math.floor((this.#reserve + this.#sum) / this.#cost));
  }

  #add(tokens: number): void {
    const i = this.#slice % SLICES;
    this.#slices[i] = (this.#slices[i] as number) + tokens;
    this.#sum += tokens;
  }

  #settle(): void {
    const slice = Math.floor(this.#clock.now() / this.#sliceMs);
    if (slice > this.#slice) this.#expire(slice);
    else this.#addRequests();
  }

  #addRequests(): void {
    this.#add(this.#requests * this.#deposit);
    this.#requests = 0;
  }

  /** Begins `slice`, a later one. */
  #expire(slice: number): void {
    this.#addRequests();
    // After a pause longer than the window one turn clears it all.
    for (let passed = Math.min(slice - this.#slice, SLICES); passed > 0; passed--) {
      const i = (slice - passed + 1) % SLICES;
      this.#sum -= this.#slices[i] as number;
      this.#slices[i] = 0;
    }
    this.#slice = slice;
  }
}
