// Response classifiers of HTTP that ask for a retry of failed requests, by their method.

import { z } from 'zod';
import { type ErrorCode, GatewayError } from '../base/errors.js';
import { defineKind, type Kind } from '../base/kind.js';
import type { ResponseClassifier } from './classifier.js';

const READ = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];
const IDEMPOTENT = [...READ, 'PUT', 'DELETE'];
/** All that Linkerd knows: a method of somebody's own may do anything, so it is not sent twice even here. */
const ALL = [...IDEMPOTENT, 'POST', 'PATCH'];

export const retryableRead5XX = retryable('io.l5d.http.retryableRead5XX', READ);
export const retryableIdempotent5XX = retryable('io.l5d.http.retryableIdempotent5XX', IDEMPOTENT);
export const retryableAll5XX = retryable('io.l5d.http.retryableAll5XX', ALL);

/** Failures of an upstream, where another attempt may fare better; not of the caller's, of the name's or of our own. */
const RETRYABLE_ERRORS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'connect-failed',
  'upstream-reset',
  'upstream-malformed',
  'request-timed-out',
]);

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
        eligible.has(request.method) && error instanceof GatewayError && RETRYABLE_ERRORS.has(error.code)
          ? 'retryableFailure'
          : 'nonRetryableFailure',
    }),
  });
}
