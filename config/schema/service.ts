// service: how requests of a logical name are timed, classified and retried.

import { z } from 'zod';
import { type BackoffConfig, backoffConfig } from '../../src/base/backoff-config.js';
import { circuitBreakerSchema } from './circuit-breaker.js';
import { type PluginSchemas, usePlugin } from './plugins.js';
import { DEFAULT_RETRY_BUDGET, retryBudgetSchema } from './retry-budget.js';
import { count } from './scalars.js';
import { scopedSchema } from './scoped.js';

const NO_BACKOFF: BackoffConfig = { kind: 'constant', ms: 0 };

/** Output: `Scoped<ServiceKeys>`, matched against service names such as `/svc/web`. */
export function serviceSchema(plugins: PluginSchemas) {
  return scopedSchema<ServiceKeys>(serviceKeysSchema(plugins), serviceDefaults(plugins), 'service name');
}

function serviceKeysSchema(plugins: PluginSchemas) {
  return z.strictObject({
    totalTimeoutMs: z
      .int()
      .exactOptional()
      .describe(
        'Longest time for a request with all its attempts, in milliseconds. 0 or less: unlimited, the default.',
      ),
    retries: z
      .strictObject({
        budget: retryBudgetSchema()
          .default(DEFAULT_RETRY_BUDGET)
          .describe('How many failed requests may be sent again; each service has its own.'),
        backoff: backoffConfig.default(NO_BACKOFF).describe('Waits before retries. Default: none.'),
      })
      .exactOptional()
      .describe('How requests are retried that the classifier calls retryable.'),
    retryBufferKB: count()
      .exactOptional()
      .describe(
        'Kilobytes of a request body that are kept to send it again; a request with a longer one is not retried. New. Default 64.',
      ),
    circuitBreaker: circuitBreakerSchema()
      .exactOptional()
      .describe('Refuses requests of a service while too many of them fail. New. Default: none.'),
    responseClassifier: plugins.classifier
      .exactOptional()
      .describe('What counts as a failure and may be retried. Default kind io.l5d.http.nonRetryable5XX.'),
  });
}

type ServiceKeysSet = z.output<ReturnType<typeof serviceKeysSchema>>;

/** Service keys in force: those with a default are always there. */
export type ServiceKeys = Readonly<
  ServiceKeysSet & Required<Pick<ServiceKeysSet, 'retries' | 'retryBufferKB' | 'responseClassifier'>>
>;

function serviceDefaults(plugins: PluginSchemas): ServiceKeys {
  return {
    retries: { budget: DEFAULT_RETRY_BUDGET, backoff: NO_BACKOFF },
    retryBufferKB: 64,
    responseClassifier: usePlugin(plugins.classifier, { kind: 'io.l5d.http.nonRetryable5XX' }),
  };
}
