// ResponseClassifier: the contract of what says whether an exchange went well. Its verdict feeds failure accrual, retries,
// the success metrics and `l5d-success-class`.

import type { RequestHead, ResponseHead } from '../service/message.js';

export type Verdict = 'success' | 'nonRetryableFailure' | 'retryableFailure';

export interface ResponseClassifier {
  /** Of a response, from its head alone. Called once an attempt, on the hot path. */
  classifyResponse(request: RequestHead, response: ResponseHead): Verdict;
  /** Of an attempt that brought no response (connection lost, timeout, malformed). */
  classifyError(request: RequestHead, error: Error): Verdict;
}

/**
 * The verdict on a response in force, whatever the classifier: an upstream that says `l5d-retryable: true` of its failure
 * has done nothing, so even a POST may be sent again. Hot path.
 */
export function classifyResponse(
  classifier: ResponseClassifier,
  request: RequestHead,
  response: ResponseHead,
): Verdict {
  const verdict = classifier.classifyResponse(request, response);
  if (verdict !== 'nonRetryableFailure' || !response.headers.mayHaveGatewayFields) return verdict;
  return response.headers.get('l5d-retryable')?.toLowerCase() === 'true' ? 'retryableFailure' : verdict;
}
