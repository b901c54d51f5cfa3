// Response classifiers of gRPC: the status in the trailers (in the head of a response without body) in, the verdict out.

import { z } from 'zod';
import { GatewayError } from '../base/errors.js';
import { defineKind } from '../base/kind.js';
import type { Headers } from '../service/headers.js';
import { isUpstreamError, type ResponseClassifier, type Verdict } from './classifier.js';

const OK = 0;
const UNKNOWN = 2;
const UNAVAILABLE = 14;

/** Statuses of HTTP that say of a request that it was not served, by the mapping of gRPC over HTTP to UNAVAILABLE. */
const UNAVAILABLE_HTTP: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const successStatusCodes = statusCodes().default([OK]).describe('Statuses that are successes. Default: 0 (OK) alone.');

/** Source: Linkerd's `GrpcClassifiers`. */
export const grpcDefault = defineKind({
  kind: 'io.l5d.h2.grpc.default',
  description: 'gRPC status UNAVAILABLE is a failure that is retried, other failures are not.',
  config: z.strictObject({ successStatusCodes }),
  make: ({ successStatusCodes }): ResponseClassifier =>
    makeGrpcClassifier({ ...NEVER, successes: successStatusCodes, isRetryable: isUnavailable }),
});

/** What Linkerd's documents say; in 1.7.5 the kind is wired to the default by mistake. */
export const grpcCompliant = defineKind({
  kind: 'io.l5d.h2.grpc.compliant',
  description:
    'As io.l5d.h2.grpc.default, and retries what gRPC calls unavailable too: streams refused, HTTP 429, 502, 503, 504.',
  config: z.strictObject({ successStatusCodes }),
  make: ({ successStatusCodes }): ResponseClassifier =>
    makeGrpcClassifier({
      successes: successStatusCodes,
      isRetryable: isUnavailable,
      isRetryableHttp: (status) => UNAVAILABLE_HTTP.has(status),
      // Of a refused stream nothing has been processed (RFC 9113 §8.7).
      isRetryableError: (error) => error instanceof GatewayError && error.resend === 'safe',
    }),
});

export const grpcAlwaysRetryable = defineKind({
  kind: 'io.l5d.h2.grpc.alwaysRetryable',
  description: 'Every gRPC failure is retried.',
  config: z.strictObject({ successStatusCodes }),
  make: ({ successStatusCodes }): ResponseClassifier =>
    makeGrpcClassifier({
      successes: successStatusCodes,
      isRetryable: () => true,
      isRetryableHttp: () => true,
      isRetryableError: isUpstreamError,
    }),
});

export const grpcNeverRetryable = defineKind({
  kind: 'io.l5d.h2.grpc.neverRetryable',
  description: 'No gRPC failure is retried.',
  config: z.strictObject({ successStatusCodes }),
  make: ({ successStatusCodes }): ResponseClassifier => ({
    ...makeGrpcClassifier({ ...NEVER, successes: successStatusCodes, isRetryable: () => false }),
    mayRetryAtEnd: false,
  }),
});

export const grpcRetryableStatusCodes = defineKind({
  kind: 'io.l5d.h2.grpc.retryableStatusCodes',
  description: 'gRPC failures of some statuses are retried.',
  config: z.strictObject({
    successStatusCodes,
    retryableStatusCodes: statusCodes().describe('Statuses that are retried, e.g. [14, 10].'),
  }),
  make: ({ successStatusCodes, retryableStatusCodes }): ResponseClassifier =>
    makeGrpcClassifier({
      ...NEVER,
      successes: successStatusCodes,
      isRetryable: (status) => retryableStatusCodes.includes(status),
    }),
});

function statusCodes() {
  return z.array(z.int('a number is wanted: 0 is OK, 14 UNAVAILABLE').min(0));
}

function isUnavailable(status: number): boolean {
  return status === UNAVAILABLE;
}

interface GrpcPolicy {
  readonly successes: readonly number[];
  isRetryable(status: number): boolean;
  /** Of a status of HTTP of 400 and above. */
  isRetryableHttp(status: number): boolean;
  isRetryableError(error: Error): boolean;
}

const NEVER = { isRetryableHttp: () => false, isRetryableError: () => false };

function makeGrpcClassifier(policy: GrpcPolicy): ResponseClassifier {
  const verdict = (status: number): Verdict =>
    policy.successes.includes(status) ? 'success' : failure(policy.isRetryable(status));
  return {
    classifyResponse: (_request, response) => {
      if (response.status >= 400) return failure(policy.isRetryableHttp(response.status));
      const status = grpcStatus(response.headers);
      if (status !== undefined) return verdict(status);
      return response.hasBody ? undefined : 'nonRetryableFailure';
    },
    classifyError: (_request, error) => failure(policy.isRetryableError(error)),
    classifyEnd: (_request, _response, trailers) => {
      const status = trailers && grpcStatus(trailers);
      return status === undefined ? 'nonRetryableFailure' : verdict(status);
    },
  };
}

function failure(isRetryable: boolean): Verdict {
  return isRetryable ? 'retryableFailure' : 'nonRetryableFailure';
}

/** Undefined where there is none. What is no number counts as UNKNOWN, as in grpc-java. */
function grpcStatus(headers: Headers): number | undefined {
  const text = headers.get('grpc-status');
  if (text === undefined) return undefined;
  return /^\d{1,9}$/.test(text) ? Number(text) : UNKNOWN;
}
