import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GatewayError } from '../../../src/base/errors.js';
import type { ResponseClassifier, Verdict } from '../../../src/classifier/classifier.js';
import {
  grpcAlwaysRetryable,
  grpcCompliant,
  grpcDefault,
  grpcNeverRetryable,
  grpcRetryableStatusCodes,
} from '../../../src/classifier/grpc.js';
import { Headers } from '../../../src/service/headers.js';
import { makeKind } from '../../support/make-kind.js';
import { requestHead, responseHead } from '../../support/requests.js';

const REQUEST = requestHead([]);
const SUCCESS = 'success';
const RETRY = 'retryableFailure';
const FAILURE = 'nonRetryableFailure';

function atEnd(classifier: ResponseClassifier, status: string | undefined): Verdict | undefined {
  const trailers = status === undefined ? undefined : Headers.from([['grpc-status', status]]);
  return classifier.classifyEnd?.(REQUEST, responseHead(200, { hasBody: true }), trailers);
}

function byStatus(classifier: ResponseClassifier, status: number): Verdict | undefined {
  return classifier.classifyResponse(REQUEST, responseHead(status, { hasBody: true }));
}

const reset = new GatewayError('upstream-reset', 'reset');
const refused = new GatewayError('upstream-reset', 'refused', { resend: 'safe' });

const KINDS = {
  default: makeKind(grpcDefault, {}, undefined),
  compliant: makeKind(grpcCompliant, {}, undefined),
  always: makeKind(grpcAlwaysRetryable, {}, undefined),
  never: makeKind(grpcNeverRetryable, {}, undefined),
  codes: makeKind(grpcRetryableStatusCodes, { retryableStatusCodes: [10, 4] }, undefined),
};

describe('gRPC classifiers', () => {
  const table: readonly [what: string, of: (one: ResponseClassifier) => Verdict | undefined, ...Verdict[]][] = [
    ['OK', (one) => atEnd(one, '0'), SUCCESS, SUCCESS, SUCCESS, SUCCESS, SUCCESS],
    ['UNAVAILABLE', (one) => atEnd(one, '14'), RETRY, RETRY, RETRY, FAILURE, FAILURE],
    ['ABORTED', (one) => atEnd(one, '10'), FAILURE, FAILURE, RETRY, FAILURE, RETRY],
    ['a status that is no number', (one) => atEnd(one, 'x'), FAILURE, FAILURE, RETRY, FAILURE, FAILURE],
    ['an end without status', (one) => atEnd(one, undefined), FAILURE, FAILURE, FAILURE, FAILURE, FAILURE],
    ['HTTP 404', (one) => byStatus(one, 404), FAILURE, FAILURE, RETRY, FAILURE, FAILURE],
    ['HTTP 503', (one) => byStatus(one, 503), FAILURE, RETRY, RETRY, FAILURE, FAILURE],
    ['HTTP 429', (one) => byStatus(one, 429), FAILURE, RETRY, RETRY, FAILURE, FAILURE],
    ['a reset', (one) => one.classifyError(REQUEST, reset), FAILURE, FAILURE, RETRY, FAILURE, FAILURE],
    ['a refused stream', (one) => one.classifyError(REQUEST, refused), FAILURE, RETRY, RETRY, FAILURE, FAILURE],
  ];
  for (const [what, of, ...verdicts] of table) {
    it(`judge ${what}`, () => assert.deepEqual(Object.values(KINDS).map(of), verdicts));
  }

  it('leave a response that goes on to its end', () => {
    for (const one of Object.values(KINDS)) assert.equal(byStatus(one, 200), undefined);
  });

  it('judge a response without body by its head', () => {
    const judge = (headers: Headers): Verdict | undefined =>
      KINDS.default.classifyResponse(REQUEST, responseHead(200, { headers }));
    assert.equal(judge(Headers.from([['grpc-status', '0']])), SUCCESS);
    assert.equal(judge(Headers.from([['grpc-status', '14']])), RETRY);
    assert.equal(judge(new Headers()), FAILURE);
  });

  it('take other statuses for successes where successStatusCodes says so', () => {
    const one = makeKind(grpcDefault, { successStatusCodes: [0, 5, 14] }, undefined);
    assert.deepEqual([atEnd(one, '5'), atEnd(one, '14'), atEnd(one, '6')], [SUCCESS, SUCCESS, FAILURE]);
  });

  it('want numbers for statuses', () => {
    const { config } = grpcRetryableStatusCodes;
    assert.equal(config.safeParse({ retryableStatusCodes: ['UNAVAILABLE'] }).success, false);
    assert.equal(config.safeParse({ retryableStatusCodes: [-1] }).success, false);
    assert.equal(config.safeParse({}).success, false);
  });
});
