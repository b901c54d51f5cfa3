import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_RETRY_BUDGET } from '../../../config/schema/retry-budget.js';
import { noFailureAccrual } from '../../../src/accrual/none.js';
import { constantBackoff } from '../../../src/base/backoff.js';
import { GatewayError } from '../../../src/base/errors.js';
import { retryableIdempotent5XX } from '../../../src/classifier/retryable-5xx.js';
import { makeRetryBudget } from '../../../src/retry/retry-budget.js';
import { makeKind } from '../../support/make-kind.js';
import { ManualClock } from '../../support/manual-clock.js';
import type { RoutedExchange } from '../../support/routed-exchange.js';
import { RouterScene } from '../../support/router-scene.js';

const classifier = makeKind(retryableIdempotent5XX, {}, undefined);
const reset = new GatewayError('upstream-reset', 'reset');
const refused = new GatewayError('connect-failed', 'refused', { resend: 'safe' });

describe('retry', () => {
  it('takes another endpoint than the one that has just failed, as long as there is one', () => {
    const scene = new RouterScene({
      service: { classifier },
      client: { accrual: makeKind(noFailureAccrual, {}, undefined) },
    });
    scene.bind('web', '10.0.0.1:1', '10.0.0.1:2');
    for (let i = 0; i < 20; i++) {
      scene.ask('web');
      const first = scene.attempt.endpoint;
      scene.attempt.answer(503);
      assert.notEqual(scene.attempt.endpoint, first);
      scene.attempt.answer(200);
    }
  });

  it('is not made once the head of a response went to the caller, however that ends', () => {
    const scene = new RouterScene({ service: { classifier } });
    scene.bind('web', '10.0.0.1:1', '10.0.0.1:2');
    const exchange = scene.ask('web');
    scene.attempt.answerHead(200, { hasBody: true, contentLength: 10 });
    scene.attempt.sink.fail(new GatewayError('upstream-reset', 'half', { resend: 'safe' }));
    assert.deepEqual([exchange.heads.length, exchange.over, scene.attempts.length], [1, 'fail', 1]);
    assert.equal(scene.metric('service', 'svc/web', 'retries', 'total'), 0);
    assert.equal(scene.metric('client', '#/fake/web', 'retries', 'requeues'), 0);
  });

  it('of a response whose rest never comes whole is made all the same', () => {
    const scene = new RouterScene({ service: { classifier } });
    scene.bind('web', '10.0.0.1:1', '10.0.0.1:2');
    const exchange = scene.ask('web');
    scene.attempt.answerHead(500, { hasBody: true, contentLength: 10 });
    scene.attempt.sink.fail(reset);
    scene.attempt.answer(200);
    assert.deepEqual([exchange.status, scene.attempts.length, scene.requestTimers], [200, 2, 0]);
  });

  it('is another request to the client, whose latency begins with it', () => {
    const scene = new RouterScene({ service: { classifier, retryBackoff: constantBackoff(1000) } });
    scene.bind('web', '10.0.0.1:1');
    scene.ask('web');
    scene.clock.advance(30);
    scene.attempt.sink.fail(reset);
    scene.clock.advance(1000);
    scene.clock.advance(50);
    scene.attempt.answer(200);
    scene.roll();
    assert.deepEqual(scene.latencies('client', '#/fake/web'), { count: 2, sum: 80 });
    assert.deepEqual(scene.latencies('service', 'svc/web'), { count: 1, sum: 1080 });
  });

  it('is counted of every request, also of those that need none', () => {
    const scene = new RouterScene({ service: { classifier, retryBackoff: constantBackoff(0) } });
    scene.bind('web', '10.0.0.1:1');
    const ask = (failures: number): void => {
      scene.ask('web');
      for (let i = 0; i < failures; i++) {
        scene.attempt.answer(500);
        scene.clock.advance(0);
      }
      scene.attempt.answer(200);
    };
    const minute = (): unknown => {
      scene.roll();
      const { count, sum, max } = scene.stat('service', 'svc/web', 'retries', 'per_request');
      return { count, sum, max };
    };
    for (const failures of [0, 2, 0, 1]) ask(failures);
    assert.deepEqual(minute(), { count: 4, sum: 3, max: 2 });
    ask(0);
    assert.deepEqual(minute(), { count: 1, sum: 0, max: 0 });
    assert.deepEqual(minute(), { count: 0, sum: 0, max: 0 });
  });

  it('waits for its name no longer than bindingTimeoutMs, also when the first attempt had waited', () => {
    const scene = new RouterScene({
      service: { classifier, retryBackoff: constantBackoff(10) },
      bindingTimeoutMs: 500,
    });
    const exchange = scene.ask('web');
    scene.clock.advance(499);
    scene.bind('web', '10.0.0.1:1');
    scene.attempt.sink.fail(reset);
    // While it waits for its retry, the name is bound to something else of unknown addresses.
    scene.bindPending('web');
    scene.clock.advance(10);
    scene.clock.advance(499);
    assert.equal(exchange.over, undefined);
    scene.clock.advance(1);
    assert.deepEqual([exchange.status, exchange.over], [502, 'end']);
    assert.match(exchange.text, /^Exceeded 500\.milliseconds binding timeout while connecting to/);
  });
});

describe('with all backends down', () => {
  const SECONDS = 20;
  const PER_SECOND = 50;

  /** Endpoints that fail each attempt as `fail` says, under a steady load of the method. */
  function outage(fail: (attempt: RouterScene['attempt']) => void, method = 'GET') {
    const clock = new ManualClock();
    const budget = () => makeRetryBudget(DEFAULT_RETRY_BUDGET, clock);
    const scene = new RouterScene({
      clock,
      service: { classifier, makeRetryBudget: budget, retryBackoff: constantBackoff(1), totalTimeoutMs: 200 },
      client: { makeRequeueBudget: budget, requestAttemptTimeoutMs: 50 },
    });
    scene.bind('web', '10.0.0.1:1', '10.0.0.1:2', '10.0.0.1:3');
    scene.onAttempt = fail;
    const exchanges: RoutedExchange[] = [];
    for (let i = 0; i < SECONDS * PER_SECOND; i++) {
      exchanges.push(scene.ask('web', [], { method }));
      scene.clock.advance(1000 / PER_SECOND);
    }
    return { scene, exchanges };
  }

  const requests = SECONDS * PER_SECOND;
  /** A fifth of the requests, 10 a second besides, and what the window of ten seconds holds of those at first. */
  const most = requests * 0.2 + 10 * SECONDS + 10 * 10;

  for (const [what, fail, method] of [
    ['answers 500', (attempt) => attempt.answer(500), 'GET'],
    ['resets', (attempt) => attempt.sink.fail(reset), 'GET'],
    ['refuses connections', (attempt) => attempt.sink.fail(refused), 'GET'],
    ['refuses connections, also those of a POST', (attempt) => attempt.sink.fail(refused), 'POST'],
    ['hangs', () => {}, 'GET'],
  ] as [string, (attempt: RouterScene['attempt']) => void, string][]) {
    it(`each ${what}: a fifth more attempts, and the reserve, are made`, () => {
      const { scene, exchanges } = outage(fail, method);
      const extra = scene.attempts.length - requests;
      assert.ok(
        extra > requests * 0.2 && extra <= most,
        `${extra} more attempts than ${requests} requests, want up to ${most}`,
      );
      scene.clock.advance(200);
      for (const { status, over } of exchanges) assert.deepEqual([(status ?? 0) >= 500, over], [true, 'end']);
    });
  }

  it('the answer comes within totalTimeoutMs, however many attempts there could be', () => {
    const { scene } = outage(() => {});
    const exchange = scene.ask('web');
    const { attempts } = scene;
    scene.clock.advance(200);
    assert.equal(exchange.status, 503);
    assert.ok(attempts.every(({ cancelled }) => cancelled));
    scene.clock.advance(200);
    assert.equal(scene.requestTimers, 0);
  });

  it('requeues stop with the budget of the service, and the caller is told why the last attempt failed', () => {
    const scene = new RouterScene({
      service: { classifier, makeRetryBudget: () => ({ deposit: () => {}, tryWithdraw: () => false, balance: 0 }) },
    });
    scene.bind('web', '10.0.0.1:1', '10.0.0.1:2');
    const exchange = scene.ask('web');
    scene.attempt.sink.fail(refused);
    assert.deepEqual([exchange.status, scene.attempts.length], [502, 1]);
    assert.match(exchange.text, /^Unable to establish connection to 10\.0\.0\.1:\d\./);
    assert.equal(scene.metric('service', 'svc/web', 'retries', 'budget_exhausted'), 1);
    assert.equal(scene.metric('client', '#/fake/web', 'retries', 'requeues'), 0);
  });
});
