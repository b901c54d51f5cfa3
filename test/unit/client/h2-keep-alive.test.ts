import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ticker } from '../../../src/base/ticker.js';
import { KeepAlive, makePingTimes } from '../../../src/client/h2-keep-alive.js';
import { ManualClock } from '../../support/manual-clock.js';

/** Ticks are seconds. */
const times = makePingTimes(new Ticker(new ManualClock(), [4000]));

/** The ticks of the PINGs within so many seconds, all of them answered in their own tick, and nothing else heard. */
function pings(keepAlive: KeepAlive, seconds: number, hasStreams: boolean, slowness = 1): number[] {
  const at: number[] = [];
  let heardAt = 0;
  for (let now = 1; now <= seconds; now += 1) {
    const step = keepAlive.step(now, heardAt, hasStreams, slowness);
    assert.notEqual(step, 'dead');
    if (step !== 'ping') continue;
    at.push(now);
    heardAt = now;
  }
  return at;
}

test('keep-alive pings a silent connection after 30 s, 60 s more, and then so rarely that no gRPC server minds', () => {
  assert.deepEqual(pings(new KeepAlive(times), 1000, true), [31, 92, 403, 714]);
});

test('keep-alive pings a connection without a stream three times, and again once there has been one', () => {
  const keepAlive = new KeepAlive(times);
  assert.equal(pings(keepAlive, 20_000, false).length, 3);
  assert.equal(pings(keepAlive, 20_000, false).length, 0);
  keepAlive.active();
  assert.equal(pings(keepAlive, 20_000, false).length, 3);
});

test('keep-alive waits longer where the upstream has complained', () => {
  assert.deepEqual(pings(new KeepAlive(times), 200, true, 2), [62, 184]);
});

test('keep-alive sends none while bytes come', () => {
  const keepAlive = new KeepAlive(times);
  for (let now = 1; now < 1000; now += 1) assert.equal(keepAlive.step(now, now - (now % 30), true, 1), 'wait');
});

test('keep-alive gives a connection up that says nothing for 10 s after a PING', () => {
  const keepAlive = new KeepAlive(times);
  assert.equal(keepAlive.step(31, 0, true, 1), 'ping');
  for (let now = 32; now < 42; now += 1) assert.equal(keepAlive.step(now, 0, true, 1), 'wait');
  assert.equal(keepAlive.step(42, 0, true, 1), 'dead');
});
