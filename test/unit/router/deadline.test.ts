import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { msLeft, parseDeadline, showDeadline, showInstant, tightened } from '../../../src/router/deadline.js';

/** 2023-11-14T22:13:20Z. */
const NOW_MS = 1_700_000_000_000;
const deadline = (timestamp: string, at: string) => ({ timestampNs: BigInt(timestamp), deadlineNs: BigInt(at) });

describe('deadline', () => {
  it('of a timeout begins now', () => {
    assert.equal(showDeadline(tightened(undefined, NOW_MS, 250)), '1700000000000000000 1700000000250000000');
  });

  it('is tightened to the earlier end, with the later time that it was set', () => {
    const callers = deadline('1699999999000000001', '1700000000100000001');
    assert.equal(showDeadline(tightened(callers, NOW_MS, 250)), '1700000000000000000 1700000000100000001');
    assert.equal(showDeadline(tightened(callers, NOW_MS, 100)), '1700000000000000000 1700000000100000000');
  });

  it('has whole milliseconds also where the clock has fractions', () => {
    assert.equal(showDeadline(tightened(undefined, NOW_MS + 0.9, 1)), '1700000000000000000 1700000000001000000');
  });

  it('tells to the nanosecond how long is left, or for how long it has passed', () => {
    assert.equal(msLeft(deadline('0', '1700000000100000001'), NOW_MS), 100.000001);
    assert.equal(msLeft(deadline('0', '1699999999999500000'), NOW_MS), -0.5);
    assert.equal(msLeft(deadline('0', '0'), NOW_MS), -NOW_MS);
  });

  it('shows as the time that it is, however late', () => {
    assert.equal(showInstant(deadline('0', '1700000000500999999')), '2023-11-14T22:13:20.500Z');
    const last = parseDeadline('0 9223372036854775807');
    assert.equal(last && showInstant(last), '2262-04-11T23:47:16.854Z');
  });
});
