import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { constantBackoff } from '../../../src/base/backoff.js';
import { retryableIdempotent5XX } from '../../../src/classifier/retryable-5xx.js';
import { FakeBreaker } from '../../support/fake-breaker.js';
import { makeKind } from '../../support/make-kind.js';
import { RouterScene, type RouterSceneOptions } from '../../support/router-scene.js';

const HEADER = 'l5d-ctx-deadline';
const retryable = { classifier: makeKind(retryableIdempotent5XX, {}, undefined) };

/** One service of two endpoints, `web`. Instants are written in milliseconds after its start. */
function setUp(options: RouterSceneOptions = {}) {
  const scene = new RouterScene(options);
  scene.bind('web', '10.0.0.1:1', '10.0.0.1:2');
  const startedAt = scene.clock.epochMs();
  const ns = (ms: number): string => String(BigInt(startedAt) * 1_000_000n + BigInt(Math.round(ms * 1e6)));
  /** A header line: set at `from`, over at `to`. */
  const deadline = (to: number, from = 0): [string, string] => [HEADER, `${ns(from)} ${ns(to)}`];
  /** What the last upstream was told, as `[from, to]`. */
  const told = (): number[] | undefined => {
    const text = scene.attempt.headers.get(HEADER);
    return text?.split(' ').map((at) => Number(BigInt(at) - BigInt(startedAt) * 1_000_000n) / 1e6);
  };
  return { scene, deadline, told };
}

describe("caller's deadline", () => {
  it('ends the wait for a response: 503 that names it, the upstream is reset', () => {
    const { scene, deadline } = setUp();
    const exchange = scene.ask('web', [deadline(500)]);
    scene.clock.advance(499);
    assert.equal(exchange.over, undefined);
    scene.clock.advance(1);
    assert.deepEqual([exchange.status, exchange.over], [503, 'end']);
    assert.equal(
      exchange.text,
      "exceeded the caller's deadline (l5d-ctx-deadline) of 2023-11-14T22:13:20.500Z while waiting for a response",
    );
    assert.ok(scene.attempt.cancelled);
    assert.equal(scene.metric('server', 'failures', 'request-timed-out'), 1);
  });

  it('is over with the head of the response: a slow body is not cut', () => {
    const { scene, deadline } = setUp();
    const exchange = scene.ask('web', [deadline(500)]);
    scene.attempt.answerHead(200);
    scene.clock.advance(5000);
    scene.attempt.sink.end(undefined);
    assert.deepEqual([exchange.status, exchange.over, scene.requestTimers], [200, 'end', 0]);
  });

  it('ends the wait for a name too', () => {
    const { scene, deadline } = setUp();
    const exchange = scene.ask('nowhere', [deadline(500)]);
    scene.clock.advance(500);
    assert.equal(exchange.status, 503);
    assert.equal(scene.requestTimers, 0);
  });

  it('blames neither the endpoint nor the service: a caller in a hurry must not take them out', () => {
    const breaker = new FakeBreaker();
    const { scene, deadline } = setUp({ service: { makeBreaker: () => breaker } });
    for (let i = 0; i < 10; i++) {
      scene.ask('web', [deadline(scene.clock.now() + 1)]);
      scene.clock.advance(1);
    }
    assert.deepEqual(
      breaker.outcomes,
      Array.from({ length: 10 }, () => undefined),
    );
    assert.equal(scene.metric('client', '#/fake/web', 'failure_accrual', 'removals'), 0);
    assert.equal(scene.metric('client', '#/fake/web', 'failures', 'request-timed-out'), 10);
  });

  it('is followed by no retry, whether an attempt is under way, a wait, or the rest of a failed response', () => {
    const { scene, deadline } = setUp({ service: { ...retryable, retryBackoff: constantBackoff(300) } });
    const underWay = scene.ask('web', [deadline(100)]);
    const waiting = scene.ask('web', [deadline(100)]);
    scene.attempt.answer(500);
    const draining = scene.ask('web', [deadline(100)]);
    scene.attempt.answerHead(500, { hasBody: true, contentLength: 10 });
    scene.clock.advance(100);
    for (const exchange of [underWay, waiting, draining]) assert.equal(exchange.status, 503);
    scene.clock.advance(10_000);
    assert.equal(scene.attempts.length, 3);
    assert.ok(scene.attempts[0]?.cancelled);
    assert.ok(scene.attempts[2]?.cancelled);
    assert.equal(scene.requestTimers, 0);
  });

  it('holds whatever longer timeouts are configured, and shorter ones hold in its place', () => {
    const { scene, deadline } = setUp({ service: { totalTimeoutMs: 300 }, server: { timeoutMs: 200 } });
    const byDeadline = scene.ask('web', [deadline(100)]);
    scene.clock.advance(100);
    assert.match(byDeadline.text, /caller's deadline/);
    const byTimeout = scene.ask('web', [deadline(400)]);
    scene.clock.advance(200);
    assert.match(byTimeout.text, /exceeded 200\.milliseconds to the server/);
    assert.equal(scene.requestTimers, 0);
  });

  it('of several is the strictest', () => {
    const { scene, deadline } = setUp();
    const exchange = scene.ask('web', [deadline(900), deadline(100), deadline(500)]);
    scene.clock.advance(100);
    assert.equal(exchange.status, 503);
  });

  it('further away than timers reach ends nothing', () => {
    const { scene } = setUp();
    const exchange = scene.ask('web', [[HEADER, '0 9223372036854775807']]);
    assert.equal(scene.requestTimers, 0);
    scene.attempt.answer(200);
    assert.equal(exchange.status, 200);
  });
});

describe("caller's deadline that has passed on arrival", () => {
  for (const late of [0, 0.4, 170]) {
    it(`${late} ms ago: 503 at once, nothing is sent`, () => {
      const { scene, deadline } = setUp();
      const exchange = scene.ask('web', [deadline(-late, -1000)]);
      assert.deepEqual([exchange.status, exchange.over, scene.attempts.length], [503, 'end', 0]);
      assert.match(
        exchange.text,
        new RegExp(`^the caller's deadline \\(l5d-ctx-deadline\\) of 2023-\\S+Z passed ${Math.ceil(late)} ms before`),
      );
      assert.equal(scene.metric('server', 'admission_control', 'deadline', 'rejected'), 1);
      assert.equal(scene.clock.pendingTimers, 0);
    });
  }

  it('longer ago than clocks agree is passed on unchanged and bounds nothing, whatever timeouts there are', () => {
    const { scene, deadline, told } = setUp({
      service: { totalTimeoutMs: 300 },
      client: { requestAttemptTimeoutMs: 100 },
    });
    const exchange = scene.ask('web', [deadline(-170.1, -1000)]);
    assert.deepEqual(told(), [-1000, -170.1]);
    assert.equal(scene.metric('server', 'admission_control', 'deadline', 'exceeded_beyond_tolerance'), 1);
    scene.attempt.answer(200);
    assert.equal(exchange.status, 200);
  });
});

describe('deadline that an upstream is told', () => {
  it('is none where there is none', () => {
    const { scene, told } = setUp();
    scene.ask('web');
    assert.equal(told(), undefined);
    assert.equal(scene.requestTimers, 0);
  });

  it("is the caller's, to the nanosecond, where no timeout is configured", () => {
    const { scene, deadline, told } = setUp();
    scene.clock.advance(7);
    scene.ask('web', [deadline(500.000_001, 1)]);
    assert.deepEqual(told(), [1, 500.000_001]);
  });

  for (const [what, options, to] of [
    ['timeoutMs of the server', { server: { timeoutMs: 200 } }, 205],
    ['totalTimeoutMs', { service: { totalTimeoutMs: 300 } }, 305],
    ['requestAttemptTimeoutMs', { client: { requestAttemptTimeoutMs: 100 } }, 105],
    [
      'the shortest of all',
      {
        server: { timeoutMs: 250 },
        service: { totalTimeoutMs: 150 },
        client: { requestAttemptTimeoutMs: 300 },
      },
      155,
    ],
  ] as [string, RouterSceneOptions, number][]) {
    it(`is that of ${what}, without one of the caller's and with a later one`, () => {
      const { scene, deadline, told } = setUp(options);
      scene.clock.advance(5);
      scene.ask('web');
      assert.deepEqual(told(), [5, to]);
      scene.ask('web', [deadline(10_000, 1)]);
      assert.deepEqual(told(), [5, to]);
      scene.ask('web', [deadline(50, 1)]);
      assert.deepEqual(told(), [5, 50]);
    });
  }

  it('is new for each attempt, within that of the request', () => {
    const { scene, told } = setUp({
      service: { ...retryable, totalTimeoutMs: 250 },
      client: { requestAttemptTimeoutMs: 100 },
    });
    const exchange = scene.ask('web');
    assert.deepEqual(told(), [0, 100]);
    scene.clock.advance(100);
    assert.deepEqual(told(), [100, 200]);
    scene.clock.advance(100);
    assert.deepEqual(told(), [200, 250]);
    assert.equal(scene.attempts.length, 3);
    scene.clock.advance(50);
    assert.equal(exchange.status, 503);
    assert.deepEqual(scene.attempt.headers.getAll(HEADER).length, 1);
  });

  it('replaces one that cannot be read', () => {
    const { scene } = setUp({ server: { timeoutMs: 200 } });
    scene.ask('web', [[HEADER, 'soon']]);
    assert.equal(scene.attempt.headers.getAll(HEADER).length, 1);
    assert.notEqual(scene.attempt.headers.get(HEADER), 'soon');
  });

  it('behind a clearContext listener is ours alone', () => {
    const { scene, deadline, told } = setUp({ server: { clearContext: true } });
    const exchange = scene.ask('web', [deadline(100)]);
    assert.equal(told(), undefined);
    scene.clock.advance(1000);
    assert.equal(exchange.over, undefined);
    const other = setUp({ server: { clearContext: true, timeoutMs: 200 } });
    other.scene.ask('web', [other.deadline(100)]);
    assert.deepEqual(other.told(), [0, 200]);
  });
});

describe('timeouts of the configuration', () => {
  it('end each request within totalTimeoutMs, all attempts together', () => {
    const { scene } = setUp({
      service: { ...retryable, totalTimeoutMs: 1000, retryBackoff: constantBackoff(400) },
    });
    scene.onAttempt = (attempt) => attempt.answer(500);
    const exchange = scene.ask('web');
    scene.clock.advance(999);
    assert.equal(exchange.over, undefined);
    scene.clock.advance(1);
    assert.deepEqual([exchange.status, exchange.over, scene.attempts.length], [503, 'end', 3]);
    assert.equal(scene.requestTimers, 0);
  });

  it('longer than timers reach never end a request', () => {
    const days25 = 25 * 24 * 3600 * 1000;
    const { scene } = setUp({
      server: { timeoutMs: days25 },
      service: { totalTimeoutMs: days25 },
      client: { requestAttemptTimeoutMs: days25 },
    });
    const exchange = scene.ask('web');
    scene.clock.advance(1000);
    assert.deepEqual([exchange.over, scene.requestTimers], [undefined, 0]);
  });
});

describe('a gateway that is held up', () => {
  /** The loop has just read a request of `web`, which hangs, and goes on reading for `ms`. */
  function heldUp(ms: number, options: RouterSceneOptions = { service: { totalTimeoutMs: 500 } }) {
    const { scene } = setUp(options);
    const first = scene.ask('web');
    scene.clock.stall(ms);
    return { scene, first };
  }

  it('counts what a request may have waited to be read as part of totalTimeoutMs', () => {
    const { scene } = heldUp(300);
    const exchange = scene.ask('web');
    scene.clock.advance(199);
    assert.equal(exchange.over, undefined);
    scene.clock.advance(1);
    assert.deepEqual([exchange.status, exchange.over], [503, 'end']);
    assert.equal(exchange.text, 'exceeded 500.milliseconds to /svc/web while waiting for a response');
  });

  it('tells the upstream of a deadline that counts it too', () => {
    const { scene } = heldUp(300, { server: { timeoutMs: 500 } });
    scene.ask('web');
    const [from, to] = (scene.attempt.headers.get(HEADER) as string)
      .split(' ')
      .map((ns) => Number(BigInt(ns) / 1_000_000n));
    assert.equal((to as number) - (from as number), 200);
  });

  for (const [what, options] of [
    ['totalTimeoutMs of the service', { service: { totalTimeoutMs: 500 } }],
    ['timeoutMs of the server', { server: { timeoutMs: 500 } }],
  ] as [string, RouterSceneOptions][]) {
    it(`answers a request that has waited for ${what} at once, and no upstream hears of it`, () => {
      const { scene } = heldUp(500, options);
      const exchange = scene.ask('web');
      assert.deepEqual([exchange.status, exchange.over, scene.attempts.length], [503, 'end', 1]);
      assert.match(
        exchange.text,
        /^exceeded 500\.milliseconds to (\/svc\/web|the server) before the request was read: /,
      );
      assert.equal(scene.metric('server', 'failures', 'request-timed-out'), 2);
    });
  }

  it('ends what is out of time as the next request is read, though its timer is late', () => {
    const { scene, first } = heldUp(500);
    assert.equal(first.over, undefined);
    scene.ask('web');
    assert.deepEqual([first.status, first.over], [503, 'end']);
    assert.ok(scene.attempts[0]?.cancelled);
  });

  it('ends what is out of time as an attempt fails, and does not send it again', () => {
    const { scene, first } = heldUp(500, { service: { ...retryable, totalTimeoutMs: 500 } });
    scene.attempt.sink.fail(new Error('reset'));
    assert.deepEqual([first.status, first.over, scene.attempts.length], [503, 'end', 1]);
  });

  it('gives requests all of their time again once it has caught up', () => {
    const { scene } = heldUp(300);
    scene.clock.advance(1);
    const exchange = scene.ask('web');
    scene.clock.advance(499);
    assert.equal(exchange.over, undefined);
    scene.clock.advance(1);
    assert.equal(exchange.status, 503);
  });

  it('tells the circuit breaker nothing by a request that was not sent', () => {
    const breaker = new FakeBreaker();
    const { scene } = heldUp(600, { service: { makeBreaker: () => breaker, totalTimeoutMs: 500 } });
    scene.ask('web');
    assert.deepEqual(breaker.outcomes, [false, undefined]);
  });
});
