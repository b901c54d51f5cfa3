import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricsScope } from '../../../src/base/metrics.js';
import { Ticker } from '../../../src/base/ticker.js';
import type { ClientMetrics } from '../../../src/client/client.js';
import { makeConnectionLimits } from '../../../src/client/connection-limits.js';
import { makeStallLimits, type Owed, StallWatch } from '../../../src/client/stall-watch.js';
import { ManualClock } from '../../support/manual-clock.js';

const TICK_MS = 1000;

function setUp(keys: Parameters<typeof makeConnectionLimits>[0] = {}) {
  const clock = new ManualClock();
  const limits = makeConnectionLimits(keys);
  const ticker = new Ticker(clock, Object.values(limits));
  const scope = new MetricsScope();
  const now = { connections: 0, idle: 0, waiters: 0 };
  const counter = scope.counter('unused');
  const stat = scope.stat('unused stat');
  const metrics: ClientMetrics = {
    connects: counter,
    closes: counter,
    connectLatencyMs: stat,
    failedConnectLatencyMs: stat,
    sentBytes: counter,
    receivedBytes: counter,
    poolWaited: counter,
    poolTooManyWaiters: counter,
    readTimeouts: scope.counter('read_timeout'),
    writeTimeouts: scope.counter('write_timeout'),
    expiredIdle: counter,
    expiredLifetime: counter,
    now,
    get h2(): never {
      throw new Error('not of HTTP/1.1');
    },
  };
  const watch = new StallWatch(makeStallLimits(limits, ticker, metrics));
  const writes = { isHeld: false, takenBytes: 0 };
  let owed: Owed = 'start';
  const faults: string[] = [];
  ticker.add({
    tick: () => {
      const fault = watch.stalled(owed, writes);
      if (fault !== undefined) faults.push(fault);
    },
  });
  return {
    watch,
    writes,
    faults,
    /** So many seconds during which this is owed; every fault found at each of their ends. */
    during: (what: Owed, seconds: number): number => {
      owed = what;
      faults.length = 0;
      clock.advance(seconds * TICK_MS);
      return faults.length;
    },
    hear: () => {
      watch.heardAt = ticker.now;
    },
    beginHead: () => {
      watch.headAt = ticker.now;
    },
    counts: () => [metrics.readTimeouts.value, metrics.writeTimeouts.value],
  };
}

describe('stall watch', () => {
  it('waits for ever for a response to begin, without readTimeoutMs', () => {
    const { during } = setUp();
    assert.equal(during('start', 100_000), 0);
  });

  it('waits for readTimeoutMs for a response to begin', () => {
    const { during, faults, counts } = setUp({ readTimeoutMs: 5000 });
    assert.equal(during('start', 5), 0);
    assert.equal(during('start', 1), 1);
    assert.deepEqual(faults, ['sent no byte for 5000 ms while its response was awaited']);
    assert.deepEqual(counts(), [1, 0]);
  });

  it('begins anew when nothing was owed for a while', () => {
    const { during } = setUp({ readTimeoutMs: 5000 });
    assert.equal(during('start', 5), 0);
    assert.equal(during('nothing', 100), 0);
    assert.equal(during('start', 5), 0);
    assert.equal(during('start', 1), 1);
  });

  it('begins anew when it is excused between two ticks', () => {
    const { during, watch } = setUp();
    assert.equal(during('body', 600), 0);
    watch.excuse();
    assert.equal(during('body', 600), 0);
    assert.equal(during('body', 1), 1);
  });

  it('gives a head 30 s from its first byte, however many more come', () => {
    const { during, faults, hear, beginHead, counts } = setUp();
    during('start', 100);
    hear();
    beginHead();
    for (let i = 0; i < 30; i++) {
      assert.equal(during('head', 1), 0);
      hear();
    }
    assert.equal(during('head', 1), 1);
    assert.deepEqual(faults, ['did not complete the head of its response within 30000 ms']);
    assert.deepEqual(counts(), [1, 0]);
  });

  it('gives a head no more than readTimeoutMs between two bytes', () => {
    const { during, faults, hear, beginHead } = setUp({ readTimeoutMs: 5000 });
    hear();
    beginHead();
    assert.equal(during('head', 5), 0);
    hear();
    assert.equal(during('head', 5), 0);
    assert.equal(during('head', 1), 1);
    assert.deepEqual(faults, ['sent no byte for 5000 ms within its response']);
  });

  it('gives a body ten minutes between two bytes', () => {
    const { during, faults, hear } = setUp();
    for (let i = 0; i < 3; i++) {
      hear();
      assert.equal(during('body', 600), 0);
    }
    assert.equal(during('body', 1), 1);
    assert.deepEqual(faults, ['sent no byte for 600000 ms within its response']);
  });

  it('gives a request 60 s between two bytes taken, a byte at a time if need be', () => {
    const { during, faults, writes, counts } = setUp();
    writes.isHeld = true;
    for (let i = 1; i <= 10; i++) {
      writes.takenBytes = i;
      assert.equal(during('nothing', 60), 0);
    }
    // The tick at which it saw the last byte was one later than the byte.
    assert.equal(during('nothing', 2), 1);
    assert.deepEqual(faults, ['took no byte of the request for 60000 ms']);
    assert.deepEqual(counts(), [0, 1]);
  });

  it('does not mind that nothing is taken where nothing is left to take', () => {
    const { during, writes } = setUp();
    writes.takenBytes = 1000;
    assert.equal(during('nothing', 1000), 0);
    writes.isHeld = true;
    assert.equal(during('nothing', 59), 0);
  });

  it('takes a byte of the response for life of the one that does not take the request', () => {
    const { during, writes, hear } = setUp();
    writes.isHeld = true;
    for (let i = 0; i < 10; i++) {
      assert.equal(during('body', 50), 0);
      hear();
    }
    assert.equal(during('body', 62), 2);
  });
});
