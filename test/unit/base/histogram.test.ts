import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Histogram } from '../../../src/base/histogram.js';

const anyValue = fc.oneof(
  fc.constant(0),
  fc.double({ min: 0.2, max: 4, noNaN: true }),
  fc.double({ min: 4, max: 40, noNaN: true }),
  fc.double({ min: 40, max: 2e8, noNaN: true }),
);

describe('histogram', () => {
  it('tells count, sum, extremes and quantiles of any values, in whatever order they come', () => {
    const histogram = new Histogram();
    fc.assert(
      fc.property(
        fc.array(anyValue, { minLength: 1, maxLength: 60 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, q) => {
          for (const value of values) histogram.record(value);
          // The same histogram again: nothing of the values before is left in it.
          const snapshot = histogram.takeSnapshot();
          const sorted = values.toSorted((a, b) => a - b);
          assert.deepEqual([snapshot.count, snapshot.min, snapshot.max], [values.length, sorted[0], sorted.at(-1)]);
          const sum = values.reduce((total, value) => total + value, 0);
          assert.ok(Math.abs(snapshot.sum - sum) <= sum * 1e-9);
          const exact = sorted[Math.max(1, Math.ceil(q * values.length)) - 1] as number;
          const error = Math.abs(snapshot.quantile(q) - exact);
          // Within 3 %, and within the resolution of an eighth.
          assert.ok(error <= Math.max(exact * 0.035, 1 / 16), `quantile ${q}: ${snapshot.quantile(q)}, not ${exact}`);
        },
      ),
      { seed: 20_261_123, numRuns: 2000 },
    );
  });

  it('fills up with values of 0 as far as it is told', () => {
    const histogram = new Histogram();
    for (const value of [3, 0, 5]) histogram.record(value);
    const filled = histogram.takeSnapshot(10);
    assert.deepEqual([filled.count, filled.sum, filled.min, filled.max], [10, 8, 0, 5]);
    assert.deepEqual([filled.quantile(0.8), filled.quantile(0.81), filled.quantile(1)], [0, 3, 5]);
    for (const value of [3, 0, 5]) histogram.record(value);
    assert.equal(histogram.takeSnapshot(1).count, 3);
    assert.equal(histogram.takeSnapshot(2).count, 2);
  });

  it('of nothing is 0', () => {
    const snapshot = new Histogram().takeSnapshot();
    const { count, sum, min, max, avg } = snapshot;
    assert.deepEqual([count, sum, min, max, avg, snapshot.quantile(0.5)], [0, 0, 0, 0, 0, 0]);
  });

  it('counts what is no duration as 0, and the largest as the largest that it can tell', () => {
    const histogram = new Histogram();
    for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY]) histogram.record(value);
    histogram.record(1e12);
    const snapshot = histogram.takeSnapshot();
    assert.deepEqual([snapshot.count, snapshot.min, snapshot.max, snapshot.quantile(0.5)], [4, 0, 1e12, 0]);
    assert.ok(snapshot.quantile(1) > 2.5e8);
  });
});
