import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Calm } from '../../../src/client/calm.js';
import { ManualClock } from '../../support/manual-clock.js';

function setUp() {
  const clock = new ManualClock();
  let wait = 500;
  let runs = 0;
  const calm = new Calm(() => {
    runs += 1;
    wait = 500;
    return {
      next: () => {
        wait *= 2;
        return wait;
      },
    };
  }, clock);
  return { clock, calm, runs: () => runs };
}

test('calm is over at once when nobody asked for it', () => {
  assert.equal(setUp().calm.msLeft, 0);
});

test('calm lasts as long as the backoff says, and longer each time', () => {
  const { clock, calm } = setUp();
  calm.asked();
  assert.equal(calm.msLeft, 1000);
  clock.advance(400);
  // The other connections of the endpoint, told the same.
  calm.asked();
  assert.equal(calm.msLeft, 600);
  clock.advance(600);
  assert.equal(calm.msLeft, 0);
  calm.asked();
  assert.equal(calm.msLeft, 2000);
});

test('calm starts over at the shortest wait for who has not asked for a minute', () => {
  const { clock, calm, runs } = setUp();
  calm.asked();
  clock.advance(1000);
  calm.asked();
  clock.advance(2000 + 60_001);
  calm.asked();
  assert.equal(calm.msLeft, 1000);
  assert.equal(runs(), 2);
});
