// Retry: the contract of what says how many requests may be sent again.

/** Counts requests and retries of them. Hot path: no allocation. */
export interface RetryBudget {
  /** A request was made (not a retry of it), at `now` of the clock. */
  deposit(now: number): void;
  /** True: one retry may be made now, and has been paid for. */
  tryWithdraw(): boolean;
  /** How many retries could be made now; never negative. */
  readonly balance: number;
}
