import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricsScope } from '../../../src/base/metrics.js';
import type { ResponseClassifier, Verdict } from '../../../src/classifier/classifier.js';
import { grpcDefault, grpcNeverRetryable } from '../../../src/classifier/grpc.js';
import { RetryMetrics } from '../../../src/router/request-metrics.js';
import { type ClassifiedTrip, StreamVerdict } from '../../../src/router/stream-verdict.js';
import { Headers } from '../../../src/service/headers.js';
import type { ResponseHead } from '../../../src/service/message.js';
import { makeKind } from '../../support/make-kind.js';
import { ManualClock } from '../../support/manual-clock.js';
import { metricValue } from '../../support/metric-value.js';
import { requestHead, responseHead } from '../../support/requests.js';

const OK = Headers.from([['grpc-status', '0']]);
const UNAVAILABLE = Headers.from([['grpc-status', '14']]);

/** What a trip was told, in words. */
class FakeTrip implements ClassifiedTrip {
  readonly told: string[] = [];
  isReplayable = true;
  retries = false;
  takes = true;

  informational({ status }: ResponseHead): void {
    this.told.push(`interim ${status}`);
  }
  head(): void {
    assert.fail('told of a head that was to be classified');
  }
  classified(_response: ResponseHead, verdict: Verdict | undefined): void {
    this.told.push(`head ${verdict}`);
  }
  classifiedAtEnd(verdict: Verdict, trailers: Headers | undefined): Headers | undefined {
    this.told.push(`verdict ${verdict}`);
    return trailers;
  }
  retryInstead(): boolean {
    this.told.push('retry?');
    return this.retries;
  }
  data(chunk: Buffer): boolean {
    this.told.push(`data ${chunk}`);
    return this.takes;
  }
  flush(): void {
    this.told.push('flush');
  }
  end(trailers: Headers | undefined): void {
    this.told.push(`end ${trailers?.get('grpc-status')}`);
  }
  fail({ message }: Error): void {
    this.told.push(`fail ${message}`);
  }
}

function start(classifier: ResponseClassifier = makeKind(grpcDefault, {}, undefined)) {
  const clock = new ManualClock();
  const trip = new FakeTrip();
  const scope = new MetricsScope();
  const { classifyEnd } = classifier;
  assert.ok(classifyEnd);
  const metrics = new RetryMetrics(scope, { deposit: () => {}, tryWithdraw: () => true, balance: 1 }, { count: 0 });
  const request = requestHead([]);
  const options = { classifier, classifyEnd, request, holdBackBytes: 10, timeoutMs: 100, clock, metrics };
  const count = (name: string): number => metricValue(scope, name);
  return { verdict: new StreamVerdict(options, trip), trip, clock, count };
}

const HEAD = responseHead(200, { hasBody: true });

describe('stream verdict', () => {
  it('holds a response back until its end tells that it is a success', () => {
    const { verdict, trip, clock } = start();
    verdict.informational(responseHead(103));
    verdict.head(HEAD);
    assert.equal(verdict.data(Buffer.from('abc')), true);
    verdict.flush();
    assert.deepEqual(trip.told, ['interim 103']);
    verdict.end(OK);
    assert.deepEqual(trip.told, ['interim 103', 'head success', 'data abc', 'end 0']);
    clock.advance(1000);
    assert.equal(trip.told.length, 4);
  });

  it('keeps what it holds, whatever becomes of the bytes that it was given', () => {
    const { verdict, trip } = start();
    verdict.head(HEAD);
    const chunk = Buffer.from('abc');
    verdict.data(chunk);
    chunk.fill('x');
    verdict.end(OK);
    assert.ok(trip.told.includes('data abc'));
  });

  it('passes nothing on of a failure that is sent again', () => {
    const { verdict, trip } = start();
    trip.retries = true;
    verdict.head(HEAD);
    verdict.data(Buffer.from('abc'));
    verdict.end(UNAVAILABLE);
    assert.deepEqual(trip.told, ['retry?']);
  });

  it('passes on a failure that could be sent again and is not', () => {
    const { verdict, trip } = start();
    verdict.head(HEAD);
    verdict.end(UNAVAILABLE);
    assert.deepEqual(trip.told, ['retry?', 'head nonRetryableFailure', 'end 14']);
  });

  it('tells at once what the head tells', () => {
    const { verdict, trip } = start();
    verdict.head(responseHead(200, { headers: Headers.from([['grpc-status', '14']]) }));
    verdict.end(undefined);
    assert.deepEqual(trip.told, ['head retryableFailure', 'end undefined']);
  });

  it('holds nothing back of a request that cannot be sent again', () => {
    const { verdict, trip } = start();
    trip.isReplayable = false;
    verdict.head(HEAD);
    trip.takes = false;
    assert.equal(verdict.data(Buffer.from('abc')), false);
    verdict.flush();
    verdict.end(UNAVAILABLE);
    assert.deepEqual(trip.told, ['head undefined', 'data abc', 'flush', 'verdict retryableFailure', 'end 14']);
  });

  it('holds nothing back for a classifier that calls nothing retryable', () => {
    const { verdict, trip } = start(makeKind(grpcNeverRetryable, {}, undefined));
    verdict.head(HEAD);
    assert.deepEqual(trip.told, ['head undefined']);
    verdict.end(UNAVAILABLE);
    assert.deepEqual(trip.told.slice(1), ['verdict nonRetryableFailure', 'end 14']);
  });

  it('holds back no longer than classificationTimeoutMs, and counts it', () => {
    const { verdict, trip, clock, count } = start();
    verdict.head(HEAD);
    verdict.data(Buffer.from('abc'));
    clock.advance(99);
    assert.deepEqual(trip.told, []);
    clock.advance(1);
    assert.deepEqual(trip.told, ['head undefined', 'data abc', 'flush']);
    assert.equal(count('classification_timeout'), 1);
    verdict.end(UNAVAILABLE);
    assert.deepEqual(trip.told.slice(3), ['verdict retryableFailure', 'end 14']);
  });

  it('holds back no more than retryBufferSize says, and counts it', () => {
    const { verdict, trip, clock, count } = start();
    verdict.head(HEAD);
    verdict.data(Buffer.from('0123456789'));
    assert.deepEqual(trip.told, []);
    verdict.data(Buffer.from('a'));
    assert.deepEqual(trip.told, ['head undefined', 'data 0123456789', 'data a']);
    assert.equal(count('response_stream_too_long'), 1);
    clock.advance(1000);
    assert.equal(trip.told.length, 3);
  });

  it('forgets what it holds when the upstream fails, or the attempt is over', () => {
    for (const end of ['fail', 'stop'] as const) {
      const { verdict, trip, clock } = start();
      verdict.head(HEAD);
      verdict.data(Buffer.from('abc'));
      if (end === 'fail') verdict.fail(new Error('reset'));
      else verdict.stop();
      clock.advance(1000);
      assert.deepEqual(trip.told, end === 'fail' ? ['fail reset'] : []);
    }
  });
});
