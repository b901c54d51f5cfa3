// Settings: the keys of `service` and `client` that the scenarios run with, here and in their forms on the manual clock, and what
// they must reach.

const RETRIED = { kind: 'io.l5d.http.retryableIdempotent5XX' };

/** How long failure accrual keeps an endpoint out before each probe. Constant, so that what is measured has one limit. */
export const BACKOFF_MS = 1000;
const FAILURE_ACCRUAL = {
  kind: 'io.l5d.consecutiveFailures',
  failures: 5,
  backoff: { kind: 'constant', ms: BACKOFF_MS },
};

/** One of five backends is bad. Retries have the budget that they have by default. */
export const BAD_ENDPOINT = {
  attemptTimeoutMs: 250,
  service: { totalTimeoutMs: 1000, responseClassifier: RETRIED },
  client: { requestAttemptTimeoutMs: 250, failureAccrual: FAILURE_ACCRUAL },
  limits: {
    /** Share of the requests that succeed, from the second second of a fault on. */
    success: 0.999,
    /** Share of the requests that the bad one is sent, from then on. */
    badShare: 0.001,
  },
};

/** Without a reserve: retries are a share of the requests and nothing else. */
const NO_RESERVE = { minRetriesPerSec: 0, percentCanRetry: 0.2, ttlSecs: 10 };

/** All backends are bad. */
export const ALL_DOWN = {
  totalTimeoutMs: 500,
  service: { totalTimeoutMs: 500, responseClassifier: RETRIED, retries: { budget: NO_RESERVE } },
  client: { requestAttemptTimeoutMs: 200, requeueBudget: NO_RESERVE, failureAccrual: FAILURE_ACCRUAL },
  limits: {
    /** Attempts beyond the first, for each request. */
    extra: 0.2,
  },
};

/**
 * How soon an endpoint must be asked again once it is well: after one backoff, and what a probe that was out at that moment
 * needs to fail, as it began before.
 */
export function recoveryLimitMs(fault: string): number {
  return BACKOFF_MS + (fault === 'hangs' || fault === 'accepts' ? BAD_ENDPOINT.attemptTimeoutMs : 0);
}
