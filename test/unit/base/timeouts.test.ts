import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Timeouts } from '../../../src/base/timeouts.js';
import { ManualClock } from '../../support/manual-clock.js';

/** `start` begins one; `calls` are the names of those that ended, with the time. */
function setUp() {
  const clock = new ManualClock();
  const timeouts = new Timeouts(clock);
  const calls: string[] = [];
  const start = (name: string, ms: number, elapsedMs = 0) =>
    timeouts.after(ms, elapsedMs, () => calls.push(`${name} ${clock.now()}`));
  return { clock, timeouts, calls, start };
}

describe('timeouts', () => {
  it('call each when its time has come, whatever the durations', () => {
    const { clock, calls, start } = setUp();
    start('a', 100);
    start('b', 50);
    clock.advance(10);
    start('c', 100);
    start('d', 50);
    clock.advance(1000);
    assert.deepEqual(calls, ['b 50', 'd 60', 'a 100', 'c 110']);
  });

  it('have one timer for all of a duration, and none when nothing waits', () => {
    const { clock, start } = setUp();
    const many = Array.from({ length: 100 }, (_, i) => start(`${i}`, 100));
    assert.equal(clock.pendingTimers, 1);
    for (const one of many) one.cancel();
    clock.advance(100);
    assert.equal(clock.pendingTimers, 0);
    start('again', 100);
    assert.equal(clock.pendingTimers, 1);
  });

  it('do not call what was cancelled, also by one that is called before it, also twice', () => {
    const { clock, timeouts, calls, start } = setUp();
    const a = start('a', 100);
    timeouts.after(100, 0, () => b.cancel());
    const b = start('b', 100);
    start('c', 100);
    a.cancel();
    a.cancel();
    clock.advance(100);
    assert.deepEqual(calls, ['c 100']);
  });

  it('end earlier what began earlier', () => {
    const { clock, calls, start } = setUp();
    start('a', 100);
    start('b', 100, 70);
    start('c', 100, 40);
    start('d', 100, 70);
    clock.advance(1000);
    assert.deepEqual(calls, ['b 30', 'd 30', 'c 60', 'a 100']);
  });

  it('are called by runDue where their timer is late, each once', () => {
    const { clock, timeouts, calls, start } = setUp();
    start('a', 100);
    start('b', 50);
    start('c', 200);
    clock.stall(120);
    assert.deepEqual(calls, []);
    timeouts.runDue(clock.now());
    assert.deepEqual(calls, ['a 120', 'b 120']);
    clock.advance(1000);
    assert.deepEqual(calls, ['a 120', 'b 120', 'c 200']);
  });

  it('can be begun by one that ends', () => {
    const { clock, timeouts, calls, start } = setUp();
    timeouts.after(100, 0, () => start('after', 100));
    clock.advance(1000);
    assert.deepEqual(calls, ['after 200']);
  });
});
