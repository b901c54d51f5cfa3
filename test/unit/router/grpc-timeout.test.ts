import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readGrpcTimeout, removeGrpcTimeout, writeGrpcTimeout } from '../../../src/router/grpc-timeout.js';
import { Headers } from '../../../src/service/headers.js';

function read(text: string): number | undefined {
  return readGrpcTimeout(Headers.from([['grpc-timeout', text]]));
}

function write(ms: number, type = 'application/grpc+proto'): string | undefined {
  const headers = Headers.from([['content-type', type]]);
  writeGrpcTimeout(headers, ms);
  return headers.get('grpc-timeout');
}

describe('grpc-timeout', () => {
  it('is read in every unit', () => {
    assert.deepEqual(['1H', '2M', '3S', '4m', '5u', '6n'].map(read), [3_600_000, 120_000, 3000, 4, 0.005, 6e-6]);
  });

  it('is not read when it is no timeout', () => {
    for (const text of ['', '1', 'm', '-1m', '1.5S', '123456789m', '1s', '1 m', '1m '])
      assert.equal(read(text), undefined);
    assert.equal(readGrpcTimeout(new Headers()), undefined);
  });

  it('is written in milliseconds, and in seconds where those are too many digits', () => {
    assert.deepEqual(
      [1500.9, 99_999_999, 100_000_000, 1e15].map((ms) => write(ms)),
      ['1500m', '99999999m', '100000S', '99999999S'],
    );
  });

  it('is never written as none at all', () => assert.deepEqual([write(0.2), write(-5)], ['1m', '1m']));

  it('is neither written to nor removed from what is not gRPC', () => {
    assert.equal(write(5, 'text/plain'), undefined);
    const headers = Headers.from([
      ['content-type', 'text/plain'],
      ['grpc-timeout', '1S'],
    ]);
    removeGrpcTimeout(headers);
    assert.equal(headers.get('grpc-timeout'), '1S');
  });
});
