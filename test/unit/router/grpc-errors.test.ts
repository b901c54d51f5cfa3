import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ERROR_CODES, GatewayError, type GatewayErrorOptions } from '../../../src/base/errors.js';
import { makeErrorResponder } from '../../../src/router/error-responder.js';
import { ERROR_GRPC_STATUS, GRPC_STATUS, grpcStatusOf, isGrpc } from '../../../src/router/grpc-errors.js';
import { Headers } from '../../../src/service/headers.js';
import { StreamReset } from '../../../src/service/stream-reset.js';
import { requestHead } from '../../support/requests.js';

function answer(message: string, { clearContext = false, maxHeaderBytes = 8192, ...options }: Answered = {}) {
  const respond = makeErrorResponder({ maxHeaderBytes, maxBodyBytes: 1000 }, clearContext);
  const request = requestHead([['content-type', 'application/grpc']], { method: 'POST', hasBody: true });
  const { head, body } = respond(new GatewayError('no-hosts', message, options), request);
  return { head, body, field: (name: string) => head.headers.get(name) };
}

interface Answered extends GatewayErrorOptions {
  readonly clearContext?: boolean;
  readonly maxHeaderBytes?: number;
}

describe('gRPC errors', () => {
  it('have a status for every code, and none is a success', () => {
    assert.deepEqual(Object.keys(ERROR_GRPC_STATUS).sort(), Object.keys(ERROR_CODES).sort());
    for (const status of Object.values(ERROR_GRPC_STATUS)) assert.ok(GRPC_STATUS[status] > 0);
  });

  it('are one head with status and message, and what else a response to an error has', () => {
    const { head, body, field } = answer('no way', { resend: 'safe', retryAfterMs: 1500 });
    assert.deepEqual([head.status, head.hasBody, body.length], [200, false, 0]);
    assert.deepEqual(
      ['content-type', 'grpc-status', 'grpc-message', 'l5d-err', 'l5d-retryable', 'retry-after'].map(field),
      ['application/grpc', '14', 'no way', 'no+way', 'true', '2'],
    );
  });

  it('have their message percent-encoded, and cut to maxHeadersKB between two characters', () => {
    assert.equal(answer('50% of\n"ä"').field('grpc-message'), '50%25 of%0A"%C3%A4"');
    assert.equal(answer('ab\ncd', { maxHeaderBytes: 4 }).field('grpc-message'), 'ab');
  });

  it('say nothing of names behind clearContext', () => {
    const { field } = answer('/svc/web', { clearContext: true });
    assert.deepEqual([field('grpc-status'), field('grpc-message'), field('l5d-err')], ['14', undefined, undefined]);
  });

  it('go by the code with which the upstream reset a stream', () => {
    const status = (code: string): string =>
      grpcStatusOf(new GatewayError('upstream-reset', 'x', { cause: new StreamReset(code) }));
    assert.deepEqual(['NO_ERROR', 'INTERNAL_ERROR', 'REFUSED_STREAM', 'ENHANCE_YOUR_CALM', 'CANCEL'].map(status), [
      'INTERNAL',
      'INTERNAL',
      'UNAVAILABLE',
      'RESOURCE_EXHAUSTED',
      'CANCELLED',
    ]);
    assert.equal(status('HTTP_1_1_REQUIRED'), 'UNAVAILABLE');
    assert.equal(grpcStatusOf(new GatewayError('upstream-reset', 'connection lost')), 'UNAVAILABLE');
  });

  it('are for requests of gRPC alone', () => {
    const of = (type: string): boolean => isGrpc(Headers.from([['content-type', type]]));
    assert.deepEqual(['application/grpc', 'application/grpc+proto', 'application/grpc-web+proto'].map(of), [
      true,
      true,
      true,
    ]);
    assert.deepEqual(['application/json', 'text/plain'].map(of), [false, false]);
    assert.equal(isGrpc(new Headers()), false);
  });
});
