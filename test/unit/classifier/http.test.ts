import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allSuccessful, nonRetryable5XX } from '../../../src/classifier/http.js';
import { requestHead, responseHead } from '../../support/requests.js';

const request = requestHead([['Host', 'shop']]);

describe('classifier io.l5d.http.nonRetryable5XX', () => {
  const classifier = nonRetryable5XX.make({}, undefined);

  for (const [status, verdict] of [
    [101, 'success'],
    [200, 'success'],
    [404, 'success'],
    [499, 'success'],
    [500, 'nonRetryableFailure'],
    [503, 'nonRetryableFailure'],
    [599, 'nonRetryableFailure'],
  ] as const) {
    it(`calls ${status} ${verdict}`, () => {
      assert.equal(classifier.classifyResponse(request, responseHead(status)), verdict);
    });
  }

  it('calls an attempt without a response a failure', () => {
    assert.equal(classifier.classifyError(request, new Error('reset')), 'nonRetryableFailure');
  });
});

describe('classifier io.l5d.http.allSuccessful', () => {
  const classifier = allSuccessful.make({}, undefined);

  it('calls every response a success', () => {
    for (const status of [200, 404, 500, 503]) {
      assert.equal(classifier.classifyResponse(request, responseHead(status)), 'success');
    }
  });

  it('calls an attempt without a response a failure', () => {
    assert.equal(classifier.classifyError(request, new Error('reset')), 'nonRetryableFailure');
  });
});

describe('classifiers', () => {
  it('go by the names of Linkerd and have no keys', () => {
    assert.equal(nonRetryable5XX.kind, 'io.l5d.http.nonRetryable5XX');
    assert.equal(allSuccessful.kind, 'io.l5d.http.allSuccessful');
    for (const { config } of [nonRetryable5XX, allSuccessful]) {
      assert.equal(config.safeParse({}).success, true);
      assert.equal(config.safeParse({ successStatusCodes: [0] }).success, false);
    }
  });
});
