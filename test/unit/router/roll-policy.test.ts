import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nextRollMs, parseRollPolicy, type RollPolicy, rolledStamp } from '../../../src/router/roll-policy.js';

/** Local time; months from 1. */
function local(year: number, month: number, day: number, hours = 0, minutes = 0, seconds = 0): number {
  return new Date(year, month - 1, day, hours, minutes, seconds).getTime();
}

describe('roll policy', () => {
  for (const [text, policy] of [
    ['never', { type: 'never' }],
    ['Hourly', { type: 'hourly' }],
    ['DAILY', { type: 'daily' }],
    ['weekly(1)', { type: 'weekly', day: 0 }],
    ['Weekly(7)', { type: 'weekly', day: 6 }],
    ['3.megabytes', { type: 'size', bytes: 3 * 1024 * 1024 }],
    ['1.Megabyte', { type: 'size', bytes: 1024 * 1024 }],
    ['512.bytes', { type: 'size', bytes: 512 }],
    ['10.kilobytes', { type: 'size', bytes: 10 * 1024 }],
    ['2.gigabytes', { type: 'size', bytes: 2 * 1024 ** 3 }],
  ] as [string, RollPolicy][]) {
    it(`reads ${text}`, () => assert.deepEqual(parseRollPolicy(text), policy));
  }

  for (const text of [
    '',
    'sometimes',
    'weekly',
    'weekly(0)',
    'weekly(8)',
    'weekly(11)',
    '100',
    '100megabytes',
    '1.5.megabytes',
    '0.bytes',
    '-1.bytes',
    '3.furlongs',
    ' daily',
  ]) {
    it(`refuses "${text}" and says what it wants`, () => {
      assert.throws(() => parseRollPolicy(text), {
        name: 'RangeError',
        message:
          `Invalid log roll policy: "${text}", want never, hourly, daily, weekly(n) with n from 1 (Sunday) to 7, ` +
          'or a size such as 100.megabytes',
      });
    });
  }

  for (const [text, next] of [
    ['never', Number.POSITIVE_INFINITY],
    ['1.megabyte', Number.POSITIVE_INFINITY],
    ['hourly', local(2026, 1, 31, 24)],
    ['daily', local(2026, 2, 1)],
    // The 31st of January 2026 is a Saturday.
    ['weekly(1)', local(2026, 2, 1)],
    ['weekly(6)', local(2026, 2, 6)],
    ['weekly(7)', local(2026, 2, 7)],
  ] as const) {
    it(`${text} is next due after 23:30 on Saturday the 31st at ${new Date(next)}`, () => {
      assert.equal(nextRollMs(parseRollPolicy(text), local(2026, 1, 31, 23, 30)), next);
    });
  }

  it('is due again after, not at, a boundary', () => {
    assert.equal(nextRollMs({ type: 'hourly' }, local(2026, 1, 1, 5)), local(2026, 1, 1, 6));
    assert.equal(nextRollMs({ type: 'daily' }, local(2026, 1, 1)), local(2026, 1, 2));
  });

  for (const [text, stamp] of [
    ['hourly', '20260102-03'],
    ['daily', '20260102'],
    ['weekly(2)', '20260102'],
    ['1.megabyte', '20260102-030405'],
  ] as const) {
    it(`${text} stamps a file begun at 2026-01-02 03:04:05 ${stamp}`, () => {
      assert.equal(rolledStamp(parseRollPolicy(text), local(2026, 1, 2, 3, 4, 5)), stamp);
    });
  }
});
