import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { circuitBreakerSchema } from '../../../config/schema/circuit-breaker.js';
import { setLogLevel } from '../../../src/base/log.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import type { Admission, Refusal } from '../../../src/breaker/breaker.js';
import { makeServiceBreakers } from '../../../src/breaker/service-breaker.js';
import { captureLog } from '../../support/captured-log.js';
import { ManualClock } from '../../support/manual-clock.js';
import { metricValue } from '../../support/metric-value.js';

setLogLevel('breaker', 'OFF');

const QUICK = { errorPercent: 50, volumeThreshold: 4, windowMs: 1000, resetTimeoutMs: 5000 };

/** A breaker of `/svc/web` whose time moves with `pass`: our clock and opossum's timers together. */
function start(t: TestContext, keys: object = QUICK) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const clock = new ManualClock();
  const metrics = new MetricsScope();
  const make = makeServiceBreakers(circuitBreakerSchema().parse(keys), clock);
  const breaker = make(parsePath('/svc/web'), metrics);
  t.after(() => breaker.close());
  const admit = (): Admission => {
    const answer = breaker.admit();
    if (!answer.admitted) assert.fail(`refused: ${answer.error.message}`);
    return answer;
  };
  const refused = (): Refusal['error'] => {
    const answer = breaker.admit();
    if (answer.admitted) assert.fail('admitted');
    return answer.error;
  };
  return {
    make,
    breaker,
    clock,
    metrics,
    admit,
    refused,
    count: (name: string) => metricValue(metrics, name),
    /** One request after the other; resolves when all of them have been counted. */
    requests: async (...outcomes: (boolean | undefined)[]): Promise<void> => {
      for (const outcome of outcomes) admit().ended(outcome);
      await counted();
    },
    pass: (ms: number): void => {
      clock.advance(ms);
      t.mock.timers.tick(ms);
    },
  };
}

/** A success is counted some microtasks after it was told. */
function counted(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const [good, bad, gaveUp] = [true, false, undefined];

describe('closed circuit', () => {
  test('opens when the share of failures is reached, not below it', async (t) => {
    const { breaker, requests } = start(t);
    await requests(good, good, good, bad, bad);
    assert.deepEqual([breaker.state, breaker.window], ['closed', { requests: 5, failures: 2 }]);
    await requests(bad);
    assert.equal(breaker.state, 'open');
  });

  test('does not open below the volume threshold, and does at it', async (t) => {
    const { breaker, requests } = start(t);
    await requests(bad, bad, bad);
    assert.equal(breaker.state, 'closed');
    await requests(bad);
    assert.equal(breaker.state, 'open');
  });

  test('counts nothing of requests that are under way or whose callers gave up', async (t) => {
    const { breaker, admit, requests } = start(t);
    for (let i = 0; i < 10; i++) admit();
    await requests(gaveUp, gaveUp, gaveUp, bad, bad, bad);
    assert.deepEqual([breaker.state, breaker.window], ['closed', { requests: 3, failures: 3 }]);
    assert.equal(breaker.underWay, 10);
    await requests(bad);
    assert.equal(breaker.state, 'open');
  });

  test('forgets what ended before the window', async (t) => {
    const { breaker, requests, pass } = start(t);
    await requests(bad, bad, bad);
    pass(900);
    assert.deepEqual(breaker.window, { requests: 3, failures: 3 });
    pass(100);
    assert.deepEqual(breaker.window, { requests: 0, failures: 0 });
    await requests(bad, bad, bad);
    assert.equal(breaker.state, 'closed');
  });

  test('opens by whole numbers for any percentage, threshold and run of outcomes', async (t) => {
    const percent = fc.integer({ min: 1, max: 100 });
    const threshold = fc.integer({ min: 1, max: 30 });
    const outcomes = fc.array(fc.boolean(), { maxLength: 120 });
    t.mock.timers.enable({ apis: ['setTimeout'] });
    await fc.assert(
      fc.asyncProperty(percent, threshold, outcomes, async (errorPercent, volumeThreshold, run) => {
        const keys = circuitBreakerSchema().parse({ errorPercent, volumeThreshold });
        const breaker = makeServiceBreakers(keys, new ManualClock())(parsePath('/svc/web'), new MetricsScope());
        let failures = 0;
        for (const [i, success] of run.entries()) {
          const answer = breaker.admit();
          assert.ok(answer.admitted);
          answer.ended(success);
          failures += success ? 0 : 1;
          const requests = i + 1;
          const opens = !success && requests >= volumeThreshold && failures * 100 >= errorPercent * requests;
          assert.equal(breaker.state, opens ? 'open' : 'closed');
          if (opens) break;
        }
        breaker.close();
      }),
      { numRuns: 200 },
    );
  });
});

describe('open circuit', () => {
  test('refuses with the reason and the time until the next try, in whole seconds', async (t) => {
    const { requests, refused, pass, count } = start(t);
    await requests(good, good, bad, bad);
    const { code, message, retryAfterMs, resend } = refused();
    assert.equal(message, 'The circuit of /svc/web is open: 2 of 4 requests failed.');
    assert.deepEqual([code, retryAfterMs, resend], ['circuit-open', 5000, 'no']);
    pass(4100);
    assert.equal(refused().retryAfterMs, 1000);
    assert.deepEqual([count('rejected'), count('opens'), count('state')], [2, 1, 2]);
  });

  test('says the same with one error object', async (t) => {
    const { requests, refused, pass } = start(t);
    await requests(bad, bad, bad, bad);
    const first = refused();
    pass(1);
    assert.equal(refused(), first);
    pass(1000);
    assert.notEqual(refused(), first);
  });

  test('is not changed by requests that were admitted before it opened', async (t) => {
    const { breaker, admit, requests } = start(t);
    const early = [admit(), admit()];
    await requests(bad, bad, bad, bad);
    early[0]?.ended(good);
    early[1]?.ended(bad);
    await counted();
    assert.deepEqual([breaker.state, breaker.underWay], ['open', 0]);
  });

  test('lets a request through when the reset timeout is over, not before', async (t) => {
    const { breaker, requests, refused, admit, pass, count } = start(t);
    await requests(bad, bad, bad, bad);
    pass(4999);
    refused();
    pass(1);
    assert.deepEqual([breaker.state, count('state'), count('half_opens')], ['halfOpen', 1, 1]);
    admit();
  });
});

describe('half-open circuit', () => {
  async function halfOpen(t: TestContext, keys: object = QUICK) {
    const scene = start(t, keys);
    await scene.requests(bad, bad, bad, bad);
    scene.pass(5000);
    assert.equal(scene.breaker.state, 'halfOpen');
    return scene;
  }

  test('lets exactly one request through', async (t) => {
    const { admit, refused } = await halfOpen(t);
    admit();
    const { code, retryAfterMs, message } = refused();
    assert.equal(message, 'The circuit of /svc/web is half-open: one request is trying the service.');
    assert.deepEqual([code, retryAfterMs], ['circuit-open', 1000]);
    refused();
  });

  test('closes when its probe succeeds, with an empty window', async (t) => {
    const { breaker, requests, count } = await halfOpen(t, { ...QUICK, windowMs: 60_000 });
    await requests(good);
    assert.deepEqual([breaker.state, breaker.window], ['closed', { requests: 0, failures: 0 }]);
    assert.deepEqual([count('closes'), count('state')], [1, 0]);
    await requests(bad, bad, bad);
    assert.equal(breaker.state, 'closed');
    await requests(bad);
    assert.equal(breaker.state, 'open');
  });

  test('opens again when its probe fails, for the whole reset timeout', async (t) => {
    const { breaker, admit, refused, pass, count } = await halfOpen(t);
    admit().ended(bad);
    assert.equal(breaker.state, 'open');
    assert.equal(refused().message, 'The circuit of /svc/web is open: it was tried and still fails.');
    pass(4999);
    refused();
    pass(1);
    assert.equal(breaker.state, 'halfOpen');
    assert.deepEqual([count('opens'), count('half_opens'), count('closes')], [2, 2, 0]);
  });

  test('takes another probe when the caller of the first gave up', async (t) => {
    const { breaker, admit, refused, requests } = await halfOpen(t);
    const probe = admit();
    refused();
    probe.ended(gaveUp);
    assert.equal(breaker.state, 'halfOpen');
    await requests(good);
    assert.equal(breaker.state, 'closed');
  });

  test('takes another probe when the first hangs for the reset timeout, and believes whichever ends first', async (t) => {
    const { breaker, admit, refused, pass } = await halfOpen(t);
    const hanging = admit();
    pass(4999);
    refused();
    pass(1);
    const second = admit();
    refused();
    hanging.ended(bad);
    assert.equal(breaker.state, 'open');
    pass(5000);
    second.ended(good);
    await counted();
    assert.equal(breaker.state, 'halfOpen');
  });

  test('is not decided by requests that were admitted before', async (t) => {
    const { breaker, admit, requests, pass } = start(t);
    const early = [admit(), admit()];
    await requests(bad, bad, bad, bad);
    pass(5000);
    early[0]?.ended(good);
    early[1]?.ended(bad);
    await counted();
    assert.equal(breaker.state, 'halfOpen');
  });
});

describe('capacity', () => {
  test('refuses what is over it and takes more when a request ends, however it ends', async (t) => {
    const { admit, refused, count } = start(t, { ...QUICK, capacity: 2 });
    const [first, second] = [admit(), admit()];
    const { code, message, retryAfterMs, resend } = refused();
    assert.equal(message, '/svc/web already has 2 requests under way, the capacity of its circuit breaker.');
    assert.deepEqual([code, retryAfterMs, resend], ['circuit-full', 1000, 'no']);
    first.ended(gaveUp);
    const third = admit();
    refused();
    second.ended(bad);
    third.ended(good);
    admit();
    admit();
    refused();
    assert.deepEqual([count('over_capacity'), count('rejected')], [3, 0]);
  });

  test('is no failure of the service', async (t) => {
    const { breaker, admit, refused } = start(t, { ...QUICK, capacity: 1 });
    admit();
    for (let i = 0; i < 20; i++) refused();
    assert.deepEqual([breaker.state, breaker.window], ['closed', { requests: 0, failures: 0 }]);
  });

  test('holds in a half-open circuit and costs it no probe', async (t) => {
    const { breaker, admit, refused, requests, pass } = start(t, { ...QUICK, capacity: 2 });
    const slow = admit();
    await requests(bad, bad, bad, bad);
    pass(5000);
    const probe = admit();
    pass(5000);
    assert.equal(refused().code, 'circuit-full');
    slow.ended(good);
    admit();
    probe.ended(good);
    await counted();
    assert.equal(breaker.state, 'closed');
  });
});

describe('forced circuit', () => {
  test('stays open whatever time passes, until it is given back', (t) => {
    const { breaker, refused, admit, pass, count } = start(t);
    breaker.force('open');
    pass(60_000);
    const { message, retryAfterMs } = refused();
    assert.equal(message, 'The circuit of /svc/web is open: forced open through the admin port.');
    assert.equal(retryAfterMs, 5000);
    assert.deepEqual([breaker.state, breaker.forced, count('state')], ['open', 'open', 2]);
    breaker.force(undefined);
    assert.deepEqual([breaker.state, breaker.forced, count('state')], ['closed', undefined, 0]);
    admit();
  });

  test('stays closed whatever fails, and counts nothing until it is given back', async (t) => {
    const { breaker, requests, admit, refused } = start(t, { ...QUICK, capacity: 2 });
    breaker.force('closed');
    const early = admit();
    await requests(bad, bad, bad, bad, bad, bad);
    assert.deepEqual([breaker.state, breaker.forced], ['closed', 'closed']);
    assert.deepEqual(breaker.window, { requests: 0, failures: 0 });
    admit();
    assert.equal(refused().code, 'circuit-full', 'the capacity holds');
    breaker.force(undefined);
    early.ended(bad);
    assert.deepEqual(breaker.window, { requests: 0, failures: 0 });
    await requests(bad, bad, bad, bad);
    assert.equal(breaker.state, 'open');
  });

  test('leaves an open state at once, and its timer with it', async (t) => {
    const { breaker, requests, pass, count } = start(t);
    await requests(bad, bad, bad, bad);
    breaker.force(undefined);
    assert.equal(breaker.state, 'closed');
    pass(60_000);
    assert.deepEqual([breaker.state, count('half_opens'), count('opens'), count('closes')], ['closed', 0, 1, 0]);
  });
});

describe('closed breaker', () => {
  test('has no timer, in whatever state it was', async (t) => {
    for (const state of ['closed', 'open', 'halfOpen', 'forced'] as const) {
      await t.test(state, async (t) => {
        const { breaker, clock, requests, pass, count } = start(t);
        if (state === 'forced') breaker.force('open');
        else if (state !== 'closed') await requests(bad, bad, bad, bad);
        if (state === 'halfOpen') pass(5000);
        const halfOpens = count('half_opens');
        breaker.close();
        breaker.close();
        assert.equal(clock.pendingTimers, 0);
        pass(60_000);
        assert.equal(count('half_opens'), halfOpens);
        assert.equal(count('state'), 0);
      });
    }
  });

  test('admits what is still on its way, and cannot be forced', async (t) => {
    const { breaker, admit, requests } = start(t);
    const early = admit();
    breaker.close();
    early.ended(bad);
    await requests(bad, bad, bad, bad, bad);
    breaker.force('open');
    assert.deepEqual([breaker.state, breaker.forced, breaker.underWay], ['closed', undefined, 0]);
    admit();
  });
});

describe('breakers of one block', () => {
  test('share one timer, 2,000 of them, which ends with the last', (t) => {
    const { make, breaker, clock } = start(t);
    const timeouts = t.mock.method(globalThis, 'setTimeout');
    const intervals = t.mock.method(globalThis, 'setInterval');
    const others = Array.from({ length: 1999 }, (_, i) => make(parsePath(`/svc/${i}`), new MetricsScope()));
    assert.equal(clock.pendingTimers, 1);
    assert.deepEqual([timeouts.mock.callCount(), intervals.mock.callCount()], [0, 0]);
    for (const other of others) other.close();
    assert.equal(clock.pendingTimers, 1);
    breaker.close();
    assert.equal(clock.pendingTimers, 0);
  });

  test('of one name share the metrics: the gauge has the worst state, the counters their sums', async (t) => {
    const { make, breaker, metrics, requests, count } = start(t);
    const other = make(parsePath('/svc/web'), metrics);
    await requests(bad, bad, bad, bad);
    assert.deepEqual([breaker.state, other.state, count('state'), count('opens')], ['open', 'closed', 2, 1]);
    other.force('open');
    breaker.close();
    assert.equal(count('state'), 2);
    other.close();
    assert.equal(count('state'), 0);
  });

  test('have the fallback of the block, and count who goes there', (t) => {
    const { breaker, count } = start(t, { ...QUICK, fallback: '/svc/backup' });
    assert.equal(breaker.fallback?.show(), '/svc/backup');
    breaker.fellBack();
    assert.equal(count('fallbacks'), 1);
  });
});

test('breaker logs each change of its circuit, with what it counted', async (t) => {
  setLogLevel('breaker', 'INFO');
  t.after(() => setLogLevel('breaker', 'OFF'));
  const lines = captureLog(t);
  const { breaker, requests, admit, pass } = start(t);
  await requests(good, bad, bad, bad);
  pass(5000);
  admit().ended(bad);
  pass(5000);
  await requests(good);
  breaker.force('open');
  breaker.force(undefined);
  const of = { logger: 'breaker', service: '/svc/web' };
  assert.deepEqual(
    lines.map(({ time: _, ...line }: (typeof lines)[number] & { time?: string }) => line),
    [
      { level: 'warn', ...of, failures: 3, requests: 4, windowMs: 1000, resetTimeoutMs: 5000, msg: 'circuit open' },
      { level: 'warn', ...of, resetTimeoutMs: 5000, msg: 'circuit open again' },
      { level: 'info', ...of, msg: 'circuit closed' },
      { level: 'warn', ...of, msg: 'circuit forced open' },
      { level: 'warn', ...of, msg: 'circuit no longer forced' },
    ],
  );
});
