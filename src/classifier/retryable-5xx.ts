// Response classifiers of HTTP that ask for a retry of failed requests, by their method.

import { z } from 'zod';
import { defineKind, type Kind } from '../base/kind.js';
import { isUpstreamError, type ResponseClassifier } from './classifier.js';

const READ = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];
const IDEMPOTENT = [...READ, 'PUT', 'DELETE'];
/** All that Linkerd knows: a method of somebody's own may do anything, so it is not sent twice even here. */
const ALL = [...IDEMPOTENT, 'POST', 'PATCH'];

export const retryableRead5XX = retryable('io.l5d.http.retryableRead5XX', READ);
export const retryableIdempotent5XX = retryable('io.l5d.http.retryableIdempotent5XX', IDEMPOTENT);
export const retryableAll5XX = retryable('io.l5d.http.retryableAll5XX', ALL);
export const h2RetryableRead5XX = retryable('io.l5d.h2.retryableRead5XX', READ);
export const h2RetryableIdempotent5XX = retryable('io.l5d.h2.retryableIdempotent5XX', IDEMPOTENT);
export const h2RetryableAll5XX = retryable('io.l5d.h2.retryableAll5XX', ALL);

function retryable(kind: string, methods: readonly string[]): Kind<Record<string, never>, unknown, ResponseClassifier> {
  const eligible = new Set(methods);
  return defineKind({
    kind,
    description: `A status of 500 and above is a failure, retried for ${methods.join(', ')}.`,
    config: z.strictObject({}),
    make: (): ResponseClassifier => ({
      classifyResponse: (request, response) => {
        if (response.status < 500) return 'success';
        return eligible.has(request.method) ? 'retryableFailure' : 'nonRetryableFailure';
      },
      classifyError: (request, error) =>
        eligible.has(request.method) && isUpstreamError(error) ? 'retryableFailure' : 'nonRetryableFailure',
    }),
  });
}
