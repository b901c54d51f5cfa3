// ResponseClassifier: the contract of what says whether an exchange went well. Its verdict feeds failure accrual, retries,
// the success metrics and `l5d-success-class`.

import { type ErrorCode, GatewayError } from '../base/errors.js';
import type { Headers } from '../service/headers.js';
import type { RequestHead, ResponseHead } from '../service/message.js';

export type Verdict = 'success' | 'nonRetryableFailure' | 'retryableFailure';

export interface ResponseClassifier {
  /**
   * Of a response, from its head alone. Called once an attempt, on the hot path. Undefined: only its end will tell, which
   * `classifyEnd` is asked then; without that the response counts as a success.
   */
  classifyResponse(request: RequestHead, response: ResponseHead): Verdict | undefined;
  /** Of an attempt that brought no response (connection lost, timeout, malformed). */
  classifyError(request: RequestHead, error: Error): Verdict;
  /** Where it is there responses may be held back until they have ended, within `retryBufferSize` and `classificationTimeoutMs`. */
  readonly classifyEnd?: ClassifyEnd;
  /** False: `classifyEnd` calls nothing retryable, so that no response need be held back for it. Default true. */
  readonly mayRetryAtEnd?: boolean;
}

/** Of a response that is complete: the verdict of those whose trailers tell how it went, as gRPC's do. */
export type ClassifyEnd = (request: RequestHead, response: ResponseHead, trailers: Headers | undefined) => Verdict;

/**
 * The verdict on a response in force, whatever the classifier: an upstream that says `l5d-retryable: true` of its failure
 * has done nothing, so even a POST may be sent again. Hot path.
 */
export function classifyResponse(
  classifier: ResponseClassifier,
  request: RequestHead,
  response: ResponseHead,
): Verdict | undefined {
  const verdict = classifier.classifyResponse(request, response);
  if (verdict !== 'nonRetryableFailure' || !response.headers.mayHaveGatewayFields) return verdict;
  return response.headers.get('l5d-retryable')?.toLowerCase() === 'true' ? 'retryableFailure' : verdict;
}

/** Failures of an upstream, where another attempt may fare better; not of the caller's, of the name's or of our own. */
const UPSTREAM_ERRORS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'connect-failed',
  'tls-failed',
  'upstream-reset',
  'upstream-malformed',
  'request-timed-out',
]);

/** Whether an attempt that brought no response failed by its upstream. */
export function isUpstreamError(error: Error): boolean {
  return error instanceof GatewayError && UPSTREAM_ERRORS.has(error.code);
}
