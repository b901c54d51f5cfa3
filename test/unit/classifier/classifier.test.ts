import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classifyResponse } from '../../../src/classifier/classifier.js';
import { allSuccessful, nonRetryable5XX } from '../../../src/classifier/http.js';
import { Headers } from '../../../src/service/headers.js';
import { requestHead, responseHead } from '../../support/requests.js';

const post = requestHead([], { method: 'POST' });
const classifier = nonRetryable5XX.make({}, undefined);

function response(status: number, retryable: string) {
  return responseHead(status, { headers: Headers.from([['L5d-Retryable', retryable]]) });
}

describe('classifyResponse', () => {
  it('takes a failure for retryable whose upstream says so, whatever the method', () => {
    assert.equal(classifyResponse(classifier, post, response(503, 'true')), 'retryableFailure');
    assert.equal(classifyResponse(classifier, post, response(503, 'True')), 'retryableFailure');
  });

  it('takes no other word for it', () => {
    for (const value of ['false', '', '1', 'true, true']) {
      assert.equal(classifyResponse(classifier, post, response(503, value)), 'nonRetryableFailure');
    }
    assert.equal(classifyResponse(classifier, post, responseHead(503)), 'nonRetryableFailure');
  });

  it('leaves a success a success', () => {
    assert.equal(classifyResponse(classifier, post, response(200, 'true')), 'success');
    assert.equal(classifyResponse(allSuccessful.make({}, undefined), post, response(503, 'true')), 'success');
  });

  it('does not look where the codec saw no such header', () => {
    const unseen = response(503, 'true');
    unseen.headers.mayHaveGatewayFields = false;
    assert.equal(classifyResponse(classifier, post, unseen), 'nonRetryableFailure');
  });
});
