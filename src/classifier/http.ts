// Response classifiers of HTTP that never ask for a retry: by status, and none at all.

import { z } from 'zod';
import { defineKind } from '../base/kind.js';
import type { ResponseClassifier } from './classifier.js';

/** The default of `http` routers. */
export const nonRetryable5XX = defineKind({
  kind: 'io.l5d.http.nonRetryable5XX',
  description: 'A status of 500 and above is a failure, and is not retried.',
  config: z.strictObject({}),
  make: (): ResponseClassifier => ({
    classifyResponse: (_request, response) => (response.status < 500 ? 'success' : 'nonRetryableFailure'),
    classifyError: () => 'nonRetryableFailure',
  }),
});

export const allSuccessful = defineKind({
  kind: 'io.l5d.http.allSuccessful',
  description: 'Any response is a success, whatever its status.',
  config: z.strictObject({}),
  make: (): ResponseClassifier => ({
    classifyResponse: () => 'success',
    // Where there was no response, Linkerd's default decides.
    classifyError: () => 'nonRetryableFailure',
  }),
});
