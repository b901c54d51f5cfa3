import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ticker } from '../../../src/base/ticker.js';
import { ManualClock } from '../../support/manual-clock.js';

/** A ticker for these limits, and how often its members were called. */
function setUp(...limitsMs: number[]) {
  const clock = new ManualClock();
  const ticker = new Ticker(clock, limitsMs);
  const calls: string[] = [];
  const member = (name: string) => ({ tick: () => calls.push(name) });
  return { clock, ticker, calls, member };
}

describe('ticker', () => {
  it('has no timer without members, one for any number of them, and none again after the last has left', () => {
    const { clock, ticker, calls, member } = setUp(4000);
    const [a, b] = [member('a'), member('b')];
    assert.equal(clock.pendingTimers, 0);
    ticker.add(a);
    ticker.add(b);
    assert.equal(clock.pendingTimers, 1);
    clock.advance(1000);
    ticker.delete(a);
    clock.advance(1000);
    assert.deepEqual(calls, ['a', 'b', 'b']);
    ticker.delete(b);
    clock.advance(1000);
    assert.equal(clock.pendingTimers, 0);
    ticker.add(a);
    clock.advance(1000);
    assert.deepEqual(calls, ['a', 'b', 'b', 'a']);
    assert.equal(clock.pendingTimers, 1);
  });

  for (const [what, limits, tickMs] of [
    ['a quarter of the shortest limit', [600_000, 2000], 500],
    ['a second at most', [600_000, Number.POSITIVE_INFINITY], 1000],
    ['a second without any limit', [], 1000],
    ['ten milliseconds at least', [1, 600_000], 10],
    ['made for limits that need one', [0, 2000], 500],
  ] as const) {
    it(`has a tick that is ${what}`, () => {
      const { clock, ticker, member } = setUp(...limits);
      ticker.add(member('a'));
      clock.advance(tickMs - 1);
      assert.equal(ticker.now, 0);
      clock.advance(1);
      assert.equal(ticker.now, 1);
    });
  }

  for (const beginAtMs of [0, 1, 499, 500, 999]) {
    it(`finds that a limit has passed not before it has, and soon after it: begun at ${beginAtMs} ms`, () => {
      const { clock, ticker } = setUp(2000);
      let passedAt = Number.NaN;
      let begunAt = 0;
      const enough = ticker.ticksOf(2000);
      ticker.add({
        tick: () => {
          if (Number.isNaN(passedAt) && ticker.now - begunAt >= enough) passedAt = clock.now();
        },
      });
      clock.advance(beginAtMs);
      begunAt = ticker.now;
      clock.advance(5000);
      const waited = passedAt - beginAtMs;
      assert.ok(waited >= 2000 && waited <= 2500, `passed after ${waited} ms`);
    });
  }

  it('makes no ticks of 0, and never an end of Infinity', () => {
    const { ticker } = setUp(2000);
    assert.deepEqual(
      [0, Number.POSITIVE_INFINITY, 1, 500, 501].map((ms) => ticker.ticksOf(ms)),
      [0, Number.POSITIVE_INFINITY, 2, 2, 3],
    );
  });

  it('bears members that leave and come within a tick', () => {
    const { clock, ticker, calls, member } = setUp();
    const b = member('b');
    const a = {
      tick: () => {
        ticker.delete(b);
        ticker.delete(a);
        ticker.add(member('c'));
      },
    };
    ticker.add(a);
    ticker.add(b);
    clock.advance(2000);
    assert.deepEqual(calls, ['c', 'c']);
    assert.equal(clock.pendingTimers, 1);
  });
});
