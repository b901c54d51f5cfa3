import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ERROR_CODES, type ErrorCode, GatewayError } from '../../../src/base/errors.js';
import type { ResponseClassifier } from '../../../src/classifier/classifier.js';
import { retryableAll5XX, retryableIdempotent5XX, retryableRead5XX } from '../../../src/classifier/retryable-5xx.js';
import { requestHead, responseHead } from '../../support/requests.js';

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'POST', 'PATCH', 'PURGE', 'get'];
const RETRYABLE: readonly ErrorCode[] = [
  'connect-failed',
  'tls-failed',
  'upstream-reset',
  'upstream-malformed',
  'request-timed-out',
];

for (const [kind, name, eligible] of [
  [retryableRead5XX, 'io.l5d.http.retryableRead5XX', METHODS.slice(0, 4)],
  [retryableIdempotent5XX, 'io.l5d.http.retryableIdempotent5XX', METHODS.slice(0, 6)],
  [retryableAll5XX, 'io.l5d.http.retryableAll5XX', METHODS.slice(0, 8)],
] as const) {
  describe(`classifier ${name}`, () => {
    const classifier: ResponseClassifier = kind.make({}, undefined);

    it('goes by the name of Linkerd and has no keys', () => {
      assert.equal(kind.kind, name);
      assert.equal(kind.config.safeParse({}).success, true);
      assert.equal(kind.config.safeParse({ methods: ['GET'] }).success, false);
    });

    for (const method of METHODS) {
      const failure = eligible.includes(method) ? 'retryableFailure' : 'nonRetryableFailure';
      const request = requestHead([], { method });

      it(`calls a 5xx to ${method} a ${failure}`, () => {
        for (const status of [500, 502, 503, 599]) {
          assert.equal(classifier.classifyResponse(request, responseHead(status)), failure);
        }
      });

      it(`calls anything below 500 to ${method} a success`, () => {
        for (const status of [101, 200, 404, 429, 499]) {
          assert.equal(classifier.classifyResponse(request, responseHead(status)), 'success');
        }
      });

      it(`calls an upstream that failed ${method} without a response a ${failure}`, () => {
        for (const code of RETRYABLE)
          assert.equal(classifier.classifyError(request, new GatewayError(code, '')), failure);
      });
    }

    it('never asks for a retry of what is not the doing of an upstream', () => {
      const request = requestHead([]);
      for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
        if (RETRYABLE.includes(code)) continue;
        assert.equal(classifier.classifyError(request, new GatewayError(code, '')), 'nonRetryableFailure', code);
      }
      assert.equal(classifier.classifyError(request, new Error('unknown')), 'nonRetryableFailure');
    });
  });
}
