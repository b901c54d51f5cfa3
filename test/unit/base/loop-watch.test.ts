import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LoopWatch } from '../../../src/base/loop-watch.js';
import { ManualClock } from '../../support/manual-clock.js';

function setUp() {
  const clock = new ManualClock();
  const loop = new LoopWatch(clock);
  const waitedMs = (): number => loop.waitedMs(clock.now());
  return { clock, waitedMs };
}

describe('loop watch', () => {
  it('says 0 as long as turns are short, collections of some 40 ms included', () => {
    const { clock, waitedMs } = setUp();
    const answers: number[] = [];
    for (let i = 0; i < 1000; i++) {
      answers.push(waitedMs());
      if (i % 100 === 0) clock.stall(40);
      clock.advance(7);
    }
    assert.deepEqual([...new Set(answers)], [0]);
  });

  it('says how long it is since the turn before began to read, from 50 ms on', () => {
    const { clock, waitedMs } = setUp();
    waitedMs();
    clock.advance(20);
    waitedMs();
    clock.advance(20);
    clock.stall(49);
    assert.equal(waitedMs(), 0);
    clock.stall(1);
    assert.equal(waitedMs(), 70);
    clock.stall(100);
    assert.equal(waitedMs(), 170);
  });

  it('counts the whole of a long turn for what the next one reads, and nothing for the one after', () => {
    const { clock, waitedMs } = setUp();
    waitedMs();
    clock.stall(300);
    clock.advance(0);
    clock.stall(10);
    assert.equal(waitedMs(), 310);
    clock.advance(1);
    assert.equal(waitedMs(), 0);
  });

  it('goes on through turns that are all long', () => {
    const { clock, waitedMs } = setUp();
    waitedMs();
    for (let turn = 0; turn < 5; turn++) {
      clock.stall(200);
      clock.advance(0);
      assert.equal(waitedMs(), 200);
    }
  });

  it('has a timer only while it is asked, and a pause in which nobody came says nothing', () => {
    const { clock, waitedMs } = setUp();
    assert.equal(clock.pendingTimers, 0);
    waitedMs();
    assert.equal(clock.pendingTimers, 1);
    clock.advance(40);
    assert.equal(clock.pendingTimers, 0);
    clock.stall(10_000);
    assert.equal(waitedMs(), 0);
  });
});
