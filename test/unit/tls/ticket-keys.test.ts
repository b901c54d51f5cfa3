import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TicketKeys } from '../../../src/tls/ticket-keys.js';
import { ManualClock } from '../../support/manual-clock.js';

const DAY_MS = 24 * 60 * 60 * 1000;

test('ticket keys last a day, and no longer', () => {
  const clock = new ManualClock();
  const keys = new TicketKeys(clock);
  const first = keys.current;
  assert.equal(first.length, 48);
  clock.advance(DAY_MS - 1);
  assert.equal(keys.current, first);
  clock.advance(1);
  const second = keys.current;
  assert.notDeepEqual(second, first);
  assert.equal(keys.current, second);
});
