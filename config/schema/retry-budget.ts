// Retry budgets: how many requests may be sent again.

import { z } from 'zod';
import { count } from './scalars.js';

export function retryBudgetSchema() {
  return z.strictObject({
    minRetriesPerSec: count().default(10).describe('Retries a second that are always allowed. Default 10.'),
    percentCanRetry: z
      .number()
      .min(0)
      .max(1000)
      .default(0.2)
      .describe('Retries allowed for each request, as a fraction: 0.2 is one in five. 0 to 1000, default 0.2.'),
    ttlSecs: count(1)
      .max(60)
      .default(10)
      .describe('Seconds for which a request counts in the budget. 1 to 60, default 10.'),
  });
}

export type RetryBudgetConfig = Readonly<z.output<ReturnType<typeof retryBudgetSchema>>>;

export const DEFAULT_RETRY_BUDGET: RetryBudgetConfig = { minRetriesPerSec: 10, percentCanRetry: 0.2, ttlSecs: 10 };
