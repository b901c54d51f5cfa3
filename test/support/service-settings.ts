// Service settings as a test wants them: those that it names, Linkerd's defaults for the rest.

import { DEFAULT_RETRY_BUDGET } from '../../config/schema/retry-budget.js';
import { constantBackoff } from '../../src/base/backoff.js';
import { nonRetryable5XX } from '../../src/classifier/http.js';
import { makeRetryBudget } from '../../src/retry/retry-budget.js';
import type { ServiceSettings } from '../../src/router/settings.js';
import { makeKind } from './make-kind.js';
import { ManualClock } from './manual-clock.js';

export function serviceSettings(overrides: Partial<ServiceSettings> = {}): ServiceSettings {
  const clock = new ManualClock();
  return {
    totalTimeoutMs: undefined,
    classifier: makeKind(nonRetryable5XX, {}, undefined),
    makeRetryBudget: () => makeRetryBudget(DEFAULT_RETRY_BUDGET, clock),
    retryBackoff: constantBackoff(0),
    retryBufferBytes: 64 * 1024,
    holdBackBytes: 16_383,
    classificationTimeoutMs: 100,
    makeBreaker: undefined,
    breakerWords: '',
    ...overrides,
  };
}
