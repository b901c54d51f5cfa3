import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { constantBackoff } from '../../../src/base/backoff.js';
import { GatewayError } from '../../../src/base/errors.js';
import { retryableIdempotent5XX } from '../../../src/classifier/retryable-5xx.js';
import type { ServiceSettings } from '../../../src/router/settings.js';
import { FakeBreaker } from '../../support/fake-breaker.js';
import { makeKind } from '../../support/make-kind.js';
import { RouterScene } from '../../support/router-scene.js';

const retryable: Partial<ServiceSettings> = { classifier: makeKind(retryableIdempotent5XX, {}, undefined) };

/** Services `a`, `b` …: each bound to its own address, with the breaker of its name, if any. */
function setUp(breakers: Readonly<Record<string, FakeBreaker>>, settings: Partial<ServiceSettings> = {}) {
  const scene = new RouterScene({
    service: (name) => {
      const breaker = breakers[name.slice('/svc/'.length)];
      return { ...settings, makeBreaker: breaker && (() => breaker) };
    },
  });
  for (const [i, name] of ['a', 'b', 'c'].entries()) scene.bind(name, `10.0.0.1:${i + 1}`);
  return scene;
}

function open(fallback?: string): FakeBreaker {
  const breaker = new FakeBreaker(fallback);
  breaker.state = 'open';
  return breaker;
}

describe('circuit breaker of a request', () => {
  it('is told once how the request ended', () => {
    const breaker = new FakeBreaker();
    const scene = setUp({ a: breaker });
    for (const status of [200, 404, 500]) {
      scene.ask('a');
      scene.attempt.answer(status);
    }
    assert.deepEqual(breaker.outcomes, [true, true, false]);
  });

  it('is told of the last attempt alone, and is asked once', () => {
    const breaker = new FakeBreaker();
    const scene = setUp({ a: breaker }, retryable);
    const exchange = scene.ask('a');
    scene.attempt.answer(500);
    scene.attempt.answer(503);
    assert.deepEqual([breaker.outcomes, breaker.admitted], [[], 1]);
    scene.attempt.answer(200);
    assert.deepEqual([breaker.outcomes, breaker.admitted, exchange.status], [[true], 1, 200]);
  });

  it('is told of a failure when the gateway answers in place of the service', () => {
    const breaker = new FakeBreaker();
    const scene = setUp({ a: breaker });
    scene.bind('a');
    assert.equal(scene.ask('a').status, 502);
    scene.bind('a', '10.0.0.1:1');
    scene.ask('a');
    scene.attempt.sink.fail(new GatewayError('upstream-reset', 'gone'));
    assert.deepEqual(breaker.outcomes, [false, false]);
  });

  it('is told of a failure when a response breaks off', () => {
    const breaker = new FakeBreaker();
    const scene = setUp({ a: breaker });
    const exchange = scene.ask('a');
    scene.attempt.answerHead(200);
    scene.attempt.sink.fail(new GatewayError('upstream-reset', 'gone'));
    assert.deepEqual([breaker.outcomes, exchange.over], [[false], 'fail']);
  });

  it('is told that nothing can be said when the caller goes away, whatever the request waits for', () => {
    const breaker = new FakeBreaker();
    const scene = setUp({ a: breaker }, { ...retryable, retryBackoff: constantBackoff(100) });
    const gone = new GatewayError('caller-gone', 'gone');
    scene.ask('a').goAway(gone);
    const waiting = scene.ask('a');
    scene.attempt.answer(500);
    waiting.goAway(gone);
    assert.deepEqual(breaker.outcomes, [undefined, undefined]);
    assert.equal(breaker.underWay, 0);
  });

  it('that refuses answers the request with its error: nothing is sent', () => {
    const scene = setUp({ a: open() });
    const exchange = scene.ask('a');
    assert.deepEqual([exchange.status, exchange.text, exchange.over], [503, 'circuit is open', 'end']);
    assert.equal(scene.attempts.length, 0);
    assert.equal(scene.metric('service', 'svc/a', 'requests'), 1);
    assert.equal(scene.metric('service', 'svc/a', 'failures', 'over-capacity'), 1);
    assert.equal(scene.metric('service', 'svc/a', 'pending'), 0);
    assert.equal(scene.metric('server', 'failures'), 1);
  });
});

describe('fallback', () => {
  it('takes the requests that the breaker refuses, as requests of its own', () => {
    const [a, b] = [open('/svc/b'), new FakeBreaker()];
    const scene = setUp({ a, b });
    const exchange = scene.ask('a');
    assert.equal(scene.attempt.endpoint, '10.0.0.1:2');
    scene.attempt.answer(200);
    assert.equal(exchange.status, 200);
    assert.deepEqual([a.fallbacks, a.admitted, a.outcomes], [1, 0, []]);
    assert.deepEqual([b.fallbacks, b.admitted, b.outcomes], [0, 1, [true]]);
    const counted = (name: string) =>
      ['requests', 'success', 'failures', 'pending'].map((what) => scene.metric('service', `svc/${name}`, what));
    assert.deepEqual(counted('a'), [1, 0, 1, 0]);
    assert.deepEqual(counted('b'), [1, 1, 0, 0]);
    assert.deepEqual([scene.metric('server', 'requests'), scene.metric('server', 'success')], [1, 1]);
  });

  it('is not asked while the breaker lets requests through, however they end', () => {
    const a = new FakeBreaker('/svc/b');
    const scene = setUp({ a });
    const exchange = scene.ask('a');
    scene.attempt.answer(500);
    assert.deepEqual([exchange.status, a.fallbacks, scene.attempts.length], [500, 0, 1]);
  });

  it('has its own settings: the time of the service that refused does not count', () => {
    const scene = new RouterScene({
      service: (name) =>
        name === '/svc/a' ? { totalTimeoutMs: 100, makeBreaker: () => open('/svc/b') } : { totalTimeoutMs: 300 },
    });
    scene.bind('b', '10.0.0.1:2');
    const exchange = scene.ask('a');
    scene.clock.advance(299);
    assert.equal(exchange.over, undefined);
    scene.clock.advance(1);
    assert.deepEqual(
      [exchange.status, exchange.text],
      [503, 'exceeded 300.milliseconds to /svc/b while waiting for a response'],
    );
  });

  it('goes through the dtab, that of the caller included', () => {
    const scene = setUp({ a: open('/svc/b') });
    scene.ask('a', [['l5d-dtab', '/x=>/y']]);
    // Asked for with the caller's dtab, to which this interpreter has no answer yet.
    assert.ok(scene.interpreter.watched.includes('/svc/b /x=>/y'));
  });

  it('may have a fallback of its own', () => {
    const [a, b] = [open('/svc/b'), open('/svc/c')];
    const scene = setUp({ a, b });
    scene.ask('a');
    assert.equal(scene.attempt.endpoint, '10.0.0.1:3');
    assert.deepEqual([a.fallbacks, b.fallbacks], [1, 1]);
  });

  it('that refuses too and has none answers with its own refusal', () => {
    const scene = setUp({ a: open('/svc/b'), b: open() });
    assert.equal(scene.ask('a').text, 'circuit is open');
    assert.equal(scene.metric('service', 'svc/b', 'failures'), 1);
  });

  for (const [what, breakers, chain] of [
    ['that is the service itself', { a: '/svc/a' }, '/svc/a -> /svc/a'],
    ['that leads back to it', { a: '/svc/b', b: '/svc/a' }, '/svc/a -> /svc/b -> /svc/a'],
    ['that leads into a circle', { a: '/svc/b', b: '/svc/c', c: '/svc/b' }, '/svc/a -> /svc/b -> /svc/c -> /svc/b'],
  ] as const) {
    it(`${what} ends in the loop error, with the chain`, () => {
      const all = Object.fromEntries(Object.entries(breakers).map(([name, to]) => [name, open(to)]));
      const scene = setUp(all);
      const exchange = scene.ask('a');
      assert.deepEqual([exchange.status, exchange.over, scene.attempts.length], [400, 'end', 0]);
      assert.ok(exchange.text.endsWith(`: ${chain}`), exchange.text);
      assert.equal(scene.metric('server', 'requests'), 1);
      // The last one led nowhere.
      const fallbacks = Object.values(all).reduce((sum, breaker) => sum + breaker.fallbacks, 0);
      assert.equal(fallbacks, Object.keys(all).length - 1);
    });
  }

  it('that leads into a circle is none while one of it lets requests through', () => {
    const scene = setUp({ a: open('/svc/b'), b: new FakeBreaker('/svc/a') });
    const exchange = scene.ask('a');
    scene.attempt.answer(200);
    assert.equal(exchange.status, 200);
  });
});
