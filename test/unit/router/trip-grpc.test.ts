import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { grpcDefault } from '../../../src/classifier/grpc.js';
import { Headers } from '../../../src/service/headers.js';
import { makeKind } from '../../support/make-kind.js';
import { RouterScene, type RouterSceneOptions } from '../../support/router-scene.js';

const classifier = makeKind(grpcDefault, {}, undefined);
const GRPC: [string, string] = ['content-type', 'application/grpc'];

function setUp(options: RouterSceneOptions = {}): RouterScene {
  const scene = new RouterScene(options);
  scene.bind('web', '10.0.0.1:1', '10.0.0.1:2');
  return scene;
}

function trailers(status: string): Headers {
  return Headers.from([['grpc-status', status]]);
}

describe('gRPC deadline of a trip', () => {
  it('ends the wait for a response with DEADLINE_EXCEEDED, and says nothing of the endpoint', () => {
    const scene = setUp();
    const exchange = scene.ask('web', [GRPC, ['grpc-timeout', '250m']]);
    scene.clock.advance(249);
    assert.equal(exchange.over, undefined);
    scene.clock.advance(1);
    const head = exchange.heads.at(-1);
    assert.deepEqual([exchange.status, head?.headers.get('grpc-status'), head?.hasBody], [200, '4', false]);
    assert.equal(head?.headers.get('grpc-message'), 'exceeded the 250 ms that the caller gave it (grpc-timeout)');
    assert.ok(scene.attempt.cancelled);
    assert.equal(scene.metric('server', 'failures', 'request-timed-out'), 1);
    assert.equal(scene.requestTimers, 0);
  });

  it('is passed on, less what it took until the attempt', () => {
    const scene = setUp({
      service: { classifier: makeKind(grpcDefault, {}, undefined), retryBackoff: () => ({ next: () => 40 }) },
    });
    scene.ask('web', [GRPC, ['grpc-timeout', '1S']]);
    assert.equal(scene.attempt.headers.get('grpc-timeout'), '1000m');
    scene.clock.advance(60);
    scene.attempt.answer(200, [['grpc-status', '14']]);
    scene.clock.advance(40);
    assert.equal(scene.attempts.length, 2);
    assert.equal(scene.attempt.headers.get('grpc-timeout'), '900m');
  });

  it('is that of the attempt where that is less, and of a timeout where the caller has none', () => {
    const scene = setUp({ client: { requestAttemptTimeoutMs: 300 } });
    for (const [sent, told] of [
      ['1S', '300m'],
      ['200m', '200m'],
      [undefined, '300m'],
    ] as const) {
      scene.ask('web', sent === undefined ? [GRPC] : [GRPC, ['grpc-timeout', sent]]);
      assert.equal(scene.attempt.headers.get('grpc-timeout'), told);
    }
  });

  it('is not told to upstreams of other requests', () => {
    const scene = setUp({ client: { requestAttemptTimeoutMs: 300 } });
    scene.ask('web', [['content-type', 'text/plain']]);
    assert.equal(scene.attempt.headers.get('grpc-timeout'), undefined);
  });

  it('is left to the upstream when it cannot be read', () => {
    const scene = setUp();
    scene.ask('web', [GRPC, ['grpc-timeout', 'soon']]);
    assert.equal(scene.attempt.headers.get('grpc-timeout'), 'soon');
    assert.equal(scene.requestTimers, 0);
  });
});

describe('verdict at the end of a trip', () => {
  const service = { classifier, classificationTimeoutMs: 100 };

  it('retries a response that was held back, and leaves no timer', () => {
    const scene = setUp({ service });
    const exchange = scene.ask('web', [GRPC]);
    scene.attempt.answerHead(200, { hasBody: true });
    scene.attempt.sink.end(trailers('14'));
    assert.deepEqual([scene.attempts.length, exchange.heads.length], [2, 0]);
    scene.attempt.answerHead(200, { hasBody: true });
    scene.attempt.sink.data(Buffer.from('done'));
    scene.attempt.sink.end(trailers('0'));
    assert.deepEqual([exchange.status, exchange.text, exchange.over], [200, 'done', 'end']);
    assert.equal(exchange.heads[0]?.headers.get('l5d-success-class'), '1.0');
    assert.deepEqual([scene.metric('service', 'svc/web', 'retries', 'total'), scene.requestTimers], [1, 0]);
  });

  it('counts what each attempt was answered with', () => {
    const scene = setUp({ service });
    scene.ask('web', [GRPC]);
    scene.attempt.answerHead(200, { hasBody: true });
    scene.attempt.sink.end(trailers('14'));
    scene.attempt.answer(200, [['grpc-status', '0']]);
    const client = (...name: string[]): number => scene.metric('client', '#/fake/web', ...name);
    assert.deepEqual([client('status', '200'), client('success'), client('failures')], [2, 1, 1]);
  });

  it('is a failure of the service though the response has gone out', () => {
    const scene = setUp({ service });
    const exchange = scene.ask('web', [GRPC]);
    scene.attempt.answerHead(200, { hasBody: true });
    scene.clock.advance(100);
    assert.equal(exchange.status, 200);
    assert.equal(exchange.heads[0]?.headers.get('l5d-success-class'), undefined);
    scene.attempt.sink.end(trailers('14'));
    assert.deepEqual([exchange.over, scene.attempts.length], ['end', 1]);
    assert.equal(scene.metric('service', 'svc/web', 'failures'), 1);
  });

  it('is not waited for when the caller goes away or its time is over', () => {
    for (const end of ['gone', 'timeout'] as const) {
      const scene = setUp({ service: { ...service, totalTimeoutMs: 50 } });
      const exchange = scene.ask('web', [GRPC]);
      scene.attempt.answerHead(200, { hasBody: true });
      if (end === 'gone') exchange.goAway(new Error('gone'));
      else scene.clock.advance(50);
      assert.ok(scene.attempt.cancelled, end);
      scene.clock.advance(1000);
      assert.equal(scene.metric('service', 'svc/web', 'retries', 'classification_timeout'), 0, end);
      assert.equal(exchange.heads.length, end === 'gone' ? 0 : 1);
      assert.equal(exchange.heads.at(-1)?.headers.get('grpc-status'), end === 'gone' ? undefined : '4');
    }
  });
});

describe('a trip of an h2 router', () => {
  it('resets what fails, but not gRPC', () => {
    const scene = setUp({ server: { resetsFailures: true, timeoutMs: 10 } });
    const plain = scene.ask('web');
    const grpc = scene.ask('web', [GRPC]);
    scene.clock.advance(10);
    assert.deepEqual([plain.over, plain.status], ['fail', undefined]);
    assert.deepEqual([grpc.over, grpc.heads[0]?.headers.get('grpc-status')], ['end', '4']);
    assert.equal(scene.metric('server', 'failures', 'request-timed-out'), 2);
  });
});
