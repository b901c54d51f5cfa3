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
