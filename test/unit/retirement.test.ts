import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Retirement } from '../../src/retirement.js';
import { ManualClock } from '../support/manual-clock.js';

const GRACE_MS = 1000;

function scene() {
  const clock = new ManualClock();
  const closed: string[] = [];
  const part = (name: string) => ({
    close: async () => {
      await Promise.resolve();
      closed.push(name);
    },
  });
  const retirement = new Retirement([part('router'), part('namer')], GRACE_MS, clock);
  return { clock, closed, retirement };
}

describe('retirement', () => {
  test('closes its parts when the grace is over, not before, in their order', async () => {
    const { clock, closed, retirement } = scene();
    let ended = false;
    void retirement.ended.then(() => {
      ended = true;
    });
    clock.advance(GRACE_MS - 1);
    await new Promise(setImmediate);
    assert.deepEqual([closed, ended], [[], false]);
    clock.advance(1);
    await retirement.ended;
    assert.deepEqual(closed, ['router', 'namer']);
  });

  test('closes them at once when it is closed itself, and leaves no timer', async () => {
    const { clock, closed, retirement } = scene();
    await retirement.close();
    assert.deepEqual(closed, ['router', 'namer']);
    assert.equal(clock.pendingTimers, 0);
  });

  test('closes nothing twice, however often it is told to', async () => {
    const { clock, closed, retirement } = scene();
    await Promise.all([retirement.close(), retirement.close()]);
    clock.advance(GRACE_MS);
    await retirement.close();
    assert.deepEqual(closed, ['router', 'namer']);
  });

  test('that ended by itself is closed without further ado', async () => {
    const { clock, closed, retirement } = scene();
    clock.advance(GRACE_MS);
    await retirement.close();
    assert.deepEqual(closed, ['router', 'namer']);
  });
});
