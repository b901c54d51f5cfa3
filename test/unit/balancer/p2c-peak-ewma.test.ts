import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { p2cPeakEwma } from '../../../src/balancer/p2c-peak-ewma.js';
import { PeakEwma } from '../../../src/balancer/peak-ewma.js';
import { testBalancer } from '../../support/balancer-conformance.js';
import { makeKind } from '../../support/make-kind.js';

testBalancer('ewma', (context) => makeKind(p2cPeakEwma, {}, context));

const DECAY_MS = 10_000;

describe('balancer kind ewma', () => {
  it('has the defaults of Linkerd', () => {
    assert.equal(p2cPeakEwma.kind, 'ewma');
    assert.deepEqual(p2cPeakEwma.config.parse({}), { maxEffort: 5, decayTimeMs: DECAY_MS, enableProbation: false });
    assert.equal(p2cPeakEwma.config.safeParse({ decayTimeMs: 0 }).success, false);
  });
});

describe('peak ewma', () => {
  it('costs nothing idle and more than any endpoint with history once a first request is out', () => {
    const fresh = new PeakEwma(DECAY_MS, 0);
    assert.equal(fresh.load(0), 0);
    fresh.start();
    const slow = meterWithLatency(60_000);
    for (let i = 0; i < 1000; i++) slow.start();
    assert.ok(fresh.load(60_000) > slow.load(60_000));
  });

  it('is the average times the requests out, the next one included', () => {
    const meter = meterWithLatency(40);
    assert.equal(meter.load(40), 40);
    meter.start();
    meter.start();
    assert.equal(meter.load(40), 120);
  });

  it('takes a higher sample at once', () => {
    const meter = meterWithLatency(40);
    meter.start();
    meter.finish(540, 40);
    assert.equal(meter.load(540), 500);
  });

  it('moves towards a lower sample only with time: by 1 - 1/e in decayTimeMs', () => {
    const meter = meterWithLatency(100);
    meter.start();
    meter.finish(100 + DECAY_MS, 100 + DECAY_MS - 10);
    assert.ok(Math.abs(meter.load(100 + DECAY_MS) - (100 / Math.E + 10 * (1 - 1 / Math.E))) < 1e-9);
  });

  it('decays while nothing is observed', () => {
    const meter = meterWithLatency(100);
    assert.ok(Math.abs(meter.load(100 + DECAY_MS) - 100 / Math.E) < 1e-9);
    assert.ok(Math.abs(meter.load(100 + 2 * DECAY_MS) - 100 / Math.E ** 2) < 1e-9);
  });

  it('reads a clock that stands still or goes back as no time passed', () => {
    const meter = meterWithLatency(100);
    meter.start();
    meter.finish(50, 60);
    assert.equal(meter.load(50), 100);
  });
});

/** A meter that has seen one request, from 0 to `latencyMs`. */
function meterWithLatency(latencyMs: number): PeakEwma {
  const meter = new PeakEwma(DECAY_MS, 0);
  meter.start();
  meter.finish(latencyMs, 0);
  return meter;
}
