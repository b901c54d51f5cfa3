// service: how requests of a logical name are timed, classified and retried.

import { z } from 'zod';
import { type BackoffConfig, backoffConfig } from '../../src/base/backoff-config.js';
import { circuitBreakerSchema } from './circuit-breaker.js';
import { type PluginSchemas, usePlugin } from './plugins.js';
import { DEFAULT_RETRY_BUDGET, retryBudgetSchema } from './retry-budget.js';
import { count } from './scalars.js';
import { scopedSchema } from './scoped.js';

const NO_BACKOFF: BackoffConfig = { kind: 'constant', ms: 0 };

/** Linkerd's, which has it in bytes. */
const H2_RETRY_BUFFER_BYTES = 16_383;

/** What the protocol of a router decides. */
interface ServiceProtocol {
  readonly classifier: string;
  readonly retryBufferKB: number;
}

export const HTTP_SERVICE: ServiceProtocol = { classifier: 'io.l5d.http.nonRetryable5XX', retryBufferKB: 64 };
export const H2_SERVICE: ServiceProtocol = {
  classifier: 'io.l5d.h2.nonRetryable5XX',
  retryBufferKB: H2_RETRY_BUFFER_BYTES / 1024,
};

/** Output: `Scoped<ServiceKeys>`, matched against service names such as `/svc/web`. */
export function serviceSchema(plugins: PluginSchemas, protocol: ServiceProtocol) {
  const keys = serviceKeysSchema(plugins, protocol);
  return scopedSchema<ServiceKeys>(keys, serviceDefaults(plugins, protocol), 'service name');
}

function serviceKeysSchema(plugins: PluginSchemas, { classifier }: ServiceProtocol) {
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
        'Kilobytes of a request body that are kept to send it again; a request with a longer one is not retried. New. Default 64, in h2 routers 16383 bytes.',
      ),
    retryBufferSize: z
      .strictObject({
        requestBytes: count()
          .exactOptional()
          .describe('Bytes of a request body that are kept to send it again. Default: what retryBufferKB says.'),
        responseBytes: count()
          .exactOptional()
          .describe('Bytes of a response that are held back until its end tells whether to retry. Default 16383.'),
      })
      .exactOptional()
      .describe('How much of a request and of its response is kept while it may be retried.'),
    classificationTimeoutMs: count()
      .exactOptional()
      .describe(
        'Longest time that a response is held back until its end tells whether to retry, in milliseconds. Default 100.',
      ),
    circuitBreaker: circuitBreakerSchema()
      .exactOptional()
      .describe('Refuses requests of a service while too many of them fail. New. Default: none.'),
    responseClassifier: plugins.classifier
      .exactOptional()
      .describe(`What counts as a failure and may be retried. Default kind ${classifier}.`),
  });
}

type ServiceKeysSet = z.output<ReturnType<typeof serviceKeysSchema>>;

/** Service keys in force: those with a default are always there. */
export type ServiceKeys = Readonly<
  ServiceKeysSet &
    Required<Pick<ServiceKeysSet, 'retries' | 'retryBufferKB' | 'classificationTimeoutMs' | 'responseClassifier'>>
>;

function serviceDefaults(plugins: PluginSchemas, { classifier, retryBufferKB }: ServiceProtocol): ServiceKeys {
  return {
    retries: { budget: DEFAULT_RETRY_BUDGET, backoff: NO_BACKOFF },
    retryBufferKB,
    classificationTimeoutMs: 100,
    responseClassifier: usePlugin(plugins.classifier, { kind: classifier }),
  };
}
