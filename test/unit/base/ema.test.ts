import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ema } from '../../../src/base/ema.js';

describe('ema', () => {
  it('is its first sample', () => {
    assert.equal(new Ema(10).update(1000, 7), 7);
  });

  it('keeps 1/e of what was, one window later', () => {
    const ema = new Ema(10);
    ema.update(0, 1);
    assert.ok(Math.abs(ema.update(10, 0) - 1 / Math.E) < 1e-12);
    assert.ok(Math.abs(ema.update(20, 1) - (1 / Math.E ** 2 + 1 - 1 / Math.E)) < 1e-12);
  });

  it('is not moved by a sample of no duration, nor by a clock that goes back', () => {
    const ema = new Ema(10);
    ema.update(5, 1);
    assert.equal(ema.update(5, 0), 1);
    assert.equal(ema.update(3, 0), 1);
  });

  it('knows nothing after a reset', () => {
    const ema = new Ema(10);
    ema.update(0, 1);
    ema.reset();
    assert.equal(ema.update(1, 0), 0);
  });
});
