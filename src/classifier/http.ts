// Response classifiers of HTTP that never ask for a retry: by status, and none at all.

import { z } from 'zod';
import { defineKind, type Kind } from '../base/kind.js';
import type { ResponseClassifier } from './classifier.js';

type ClassifierKind = Kind<Record<string, never>, unknown, ResponseClassifier>;

/** The default of `http` routers. */
export const nonRetryable5XX = nonRetryable('io.l5d.http.nonRetryable5XX');
/** The default of `h2` routers. */
export const h2NonRetryable5XX = nonRetryable('io.l5d.h2.nonRetryable5XX');

function nonRetryable(kind: string): ClassifierKind {
  return defineKind({
    kind,
    description: 'A status of 500 and above is a failure, and is not retried.',
    config: z.strictObject({}),
    make: (): ResponseClassifier => ({
      classifyResponse: (_request, response) => (response.status < 500 ? 'success' : 'nonRetryableFailure'),
      classifyError: () => 'nonRetryableFailure',
    }),
  });
}

export const allSuccessful = successful('io.l5d.http.allSuccessful');
export const h2AllSuccessful = successful('io.l5d.h2.allSuccessful');

function successful(kind: string): ClassifierKind {
  return defineKind({
    kind,
    description: 'Any response is a success, whatever its status.',
    config: z.strictObject({}),
    make: (): ResponseClassifier => ({
      classifyResponse: () => 'success',
      // Where there was no response, Linkerd's default decides.
      classifyError: () => 'nonRetryableFailure',
    }),
  });
}
